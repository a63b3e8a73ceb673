/** `chappe serve`: a relay with its broker in memory. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { isLoopback } from "../../client/loopback.ts";
import { MemoryBroker } from "../../relay/memory-broker.ts";
import { Relay } from "../../relay/relay.ts";
import { nodeClock, nodeRandom } from "../host.ts";
import { loadWs } from "../load-ws.ts";
import { isOrigin } from "../origin.ts";
import { attachRelay } from "../ws-server.ts";
import type { Command, Given } from "./command.ts";
import { choice } from "./input.ts";
import { CliError, systemReason } from "./io.ts";
import { jsonLog, levels } from "./log.ts";
import { developmentTokens, tokensOf } from "./tokens.ts";

export const serve: Command = {
  name: "serve",
  summary: "runs a relay",
  args: "",
  maxArgs: 0,
  about: [
    "Serves WebSocket clients under the subprotocols chappe.v1 and chappe.v1.json. Logs are in memory, and end with the process: " +
      "clients are told, and publish again what was not stored. Writes one line of JSON for each event to standard error; no tokens, " +
      "and nothing that people write.",
    "One of --tokens and --dev says who may connect. The file of --tokens is a JSON object from tokens to user ids. The connection is " +
      "not encrypted: put something that speaks TLS before a relay that others than this machine reach.",
    "SIGTERM and SIGINT: says goodbye to all clients, sends the acks that are due, and ends with exit code 0; a second one ends at once.",
  ],
  options: {
    host: { value: "ADDRESS", default: "127.0.0.1", help: "Address to listen on." },
    port: { value: "PORT", default: "7900", help: "Port to listen on; 0: any that is free." },
    path: { value: "PATH", default: "/", help: "Path of the endpoint." },
    tokens: { value: "FILE", help: "Who may connect: tokens and their users." },
    dev: { help: "For development: anyone may connect from this machine, and the token is the user's name." },
    origin: {
      value: "ORIGIN",
      multiple: true,
      help: "Origin of web pages that may connect. Without: pages of this host and port.",
    },
    retention: { value: "ENTRIES", default: "1000", help: "Entries that are kept of each room." },
    "max-connections": { value: "NUMBER", default: "10000", help: "Connections at a time." },
    drain: { value: "MS", default: "5000", help: "How long clients have to leave after the goodbye." },
    log: { value: "LEVEL", default: "info", help: `What is logged: ${levels.join(", ")}.` },
  },
  examples: ["chappe serve --dev", "chappe serve --tokens tokens.json --host 0.0.0.0 --origin https://chat.example.org"],
  run: async (given, io) => {
    const host = given.text("host") ?? "";
    const port = given.number("port", 0, 65_535);
    const path = given.text("path") ?? "/";
    const drainMs = given.number("drain", 0, 600_000);
    const maxConnections = given.number("max-connections", 1, 10_000_000);
    const maxEntries = given.number("retention", 1, 10_000_000);
    const listed = given.texts("origin").map(originOf);
    const authenticate = authenticationOf(given, host);
    const clock = nodeClock();
    const log = jsonLog(io.stderr, choice(given, "log", levels), clock.wall);

    const broker = new MemoryBroker({ clock, random: nodeRandom, retention: { maxEntries } });
    const relay = new Relay({ broker, clock, random: nodeRandom, authenticate, log });
    const server = createServer((_request, response) => {
      response.writeHead(426, { "Content-Type": "text/plain; charset=utf-8", Connection: "Upgrade", Upgrade: "websocket" });
      response.end("A Chappe relay: connect with a WebSocket.\n");
    });
    // What the upgrade needs is there before anybody can ask for it.
    await loadWs();
    const address = await listen(server, host, port);
    const origins = listed.length === 0 && given.has("dev") ? pagesOf(address.port) : listed;
    const attached = await attachRelay(server, relay, { path, maxConnections, ...(origins.length > 0 && { origins }) }).catch(
      (error: unknown) => {
        server.close();
        throw error;
      },
    );
    const url = `ws://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}${path}`;
    io.stdout.write(`chappe relay: ${url}\n`);
    log.info("listening", { url });
    if (!isLoopback(host)) log.warn("not encrypted: put TLS before this relay", { host });

    const signal = await untilStopped();
    log.info("draining", { signal, connections: attached.connections });
    attached.stopAccepting();
    server.close();
    await relay.drain({ drainMs, afterMinMs: 500, afterMaxMs: 5000 });
    attached.detach();
    server.closeAllConnections();
    log.info("stopped", {});
    return 0;
  },
};

function authenticationOf(given: Given, host: string): ReturnType<typeof tokensOf> {
  const file = given.text("tokens");
  if (given.has("dev")) {
    if (file !== undefined) throw new CliError("give either --tokens or --dev, not both");
    if (!isLoopback(host)) throw new CliError(`--dev lets anyone in, so it listens on this machine alone, not on ${host}`);
    return developmentTokens;
  }
  if (file === undefined) throw new CliError("who may connect? give --tokens FILE, or --dev to let anyone of this machine in");
  return tokensOf(file);
}

/**
 * Pages that this machine itself serves at the port. Under --dev no others may connect: a foreign page's host may have a name that was
 * made to lead here, so that host and origin agree.
 */
function pagesOf(port: number): readonly string[] {
  return ["localhost", "127.0.0.1", "[::1]"].map((host) => `http://${host}:${port}`);
}

function originOf(text: string): string {
  if (isOrigin(text)) return text;
  throw new CliError(`--origin is '${text}': an origin is expected, as https://chat.example.org`);
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(new CliError(`cannot listen on ${host}:${port}: ${systemReason(error)}`)));
    server.listen({ host: host.replace(/^\[|\]$/g, ""), port }, () => resolve(server.address() as AddressInfo));
  });
}

/** The first signal that asks this process to end. The next one is not caught, and ends it. */
function untilStopped(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals): void => {
      process.off("SIGTERM", heard);
      process.off("SIGINT", heard);
      resolve(signal);
    };
    process.on("SIGTERM", heard);
    process.on("SIGINT", heard);
  });
}
