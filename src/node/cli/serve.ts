/** `chappe serve`: a relay with its broker in memory, on disk, or in Redis. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { isLoopback } from "../../client/loopback.ts";
import { UsageError } from "../../errors.ts";
import type { Broker } from "../../relay/broker.ts";
import { MemoryBroker, type MemoryBrokerOptions } from "../../relay/memory-broker.ts";
import type { Logger, RelayOptions } from "../../relay/options.ts";
import { Relay } from "../../relay/relay.ts";
import { must, oneOf } from "../../session/option-rules.ts";
import { isNetwork } from "../addresses.ts";
import { adminListener } from "../admin.ts";
import { DiskBroker } from "../disk-broker.ts";
import { nodeClock, nodeRandom } from "../host.ts";
import { relayMetrics } from "../metrics.ts";
import { loadWs } from "../optional.ts";
import { isOrigin } from "../origin.ts";
import { isRedisUrl, RedisBroker } from "../redis/broker.ts";
import { type AttachOptions, attachRelay } from "../ws-server.ts";
import { type Admitted, aboutAuthentication, authenticationOf, authenticationOptions } from "./authentication.ts";
import { type Command, type Given, refused, wholeFrom } from "./command.ts";
import { CliError, type Io, systemReason } from "./io.ts";
import { jsonLog, type Level, levels } from "./log.ts";

const isPath = must("a path, as /chat, without ? and #", (value) => typeof value === "string" && /^\/[^?#\s]*$/.test(value));

export const serve: Command = {
  name: "serve",
  summary: "runs a relay",
  args: "",
  count: [0, 0],
  about: [
    "Serves WebSocket clients under the subprotocols chappe.v1 and chappe.v1.json. Without --data logs are in memory, and end with the " +
      "process: clients are told, and publish again what was not stored. With it they outlive the process, and what was acknowledged is " +
      "on the disk; one process at a time may hold the folder. With --redis they are in Redis, and several relays share them. Writes one line of JSON for each event to standard error; no tokens, " +
      "and nothing that people write.",
    ...aboutAuthentication,
    "The connection is not encrypted: put something that speaks TLS before a relay that others than this machine reach.",
    "SIGTERM and SIGINT: says goodbye to all clients, sends the acks that are due, and ends with exit code 0; a second one ends at once.",
  ],
  options: {
    host: { value: "ADDRESS", default: "127.0.0.1", help: "Address to listen on." },
    port: { value: "PORT", default: "7900", rule: wholeFrom(0, 65_535), help: "Port to listen on; 0: any that is free." },
    path: { value: "PATH", default: "/", rule: isPath, help: "Path of the endpoint." },
    ...authenticationOptions,
    origin: {
      value: "ORIGIN",
      multiple: true,
      rule: must("an origin, as https://chat.example.org", isOrigin),
      help: "Origin of web pages that may connect. Without: pages of this host and port.",
    },
    data: { value: "FOLDER", help: "Folder for the logs of rooms; made where it is not there. Needs the package lmdb." },
    redis: {
      value: "URL",
      rule: must("an address as redis://host:6379", isRedisUrl),
      help: "Address of Redis, from version 7 on, for the logs of rooms; all relays there share them. Needs the package redis.",
    },
    retention: { value: "ENTRIES", default: "1000", rule: wholeFrom(1, 10_000_000), help: "Entries that are kept of each room." },
    rate: {
      value: "NUMBER",
      default: "200",
      rule: wholeFrom(0, 1_000_000),
      help: "What a connection may ask for per second, in the long run; ten times as much at once. 0: no limit.",
    },
    "user-rate": {
      value: "NUMBER",
      default: "400",
      rule: wholeFrom(0, 1_000_000),
      help: "The same for all connections of a user together.",
    },
    attempts: {
      value: "NUMBER",
      default: "100",
      rule: wholeFrom(0, 1_000_000),
      help: "Connections that one address may open per second, in the long run; ten times as many at once. 0: no limit.",
    },
    "trusted-proxy": {
      value: "NETWORK",
      multiple: true,
      rule: must("an address or network, as 10.0.0.0/8", isNetwork),
      help: "Proxy whose X-Forwarded-For says from where a connection comes. Without: none is believed.",
    },
    "user-connections": {
      value: "NUMBER",
      default: "100",
      rule: wholeFrom(1, 1_000_000),
      help: "Connections of one user at a time.",
    },
    "max-connections": { value: "NUMBER", default: "10000", rule: wholeFrom(1, 10_000_000), help: "Connections at a time." },
    "admin-port": {
      value: "PORT",
      rule: wholeFrom(0, 65_535),
      help: "Port for those who run this: /metrics (Prometheus), /report, /health, /ready. Without: none. Needs the package prom-client.",
    },
    "admin-host": { value: "ADDRESS", default: "127.0.0.1", help: "Address for that." },
    drain: {
      value: "MS",
      default: "5000",
      rule: wholeFrom(0, 600_000),
      help: "How long clients have to leave after the goodbye.",
    },
    log: { value: "LEVEL", default: "info", rule: oneOf(...levels), help: "What is logged: this and what is graver." },
  },
  examples: [
    "chappe serve --dev",
    "chappe serve --dev --data ./logs",
    "chappe serve --dev --redis redis://127.0.0.1:6379",
    "chappe serve --tokens tokens.json --origin https://chat.example.org",
    "chappe serve --jwt-secret key.txt --jwt-issuer any --jwt-audience chat",
  ],
  run: async (given, io) => {
    const host = given.text("host") ?? "";
    const port = given.number("port");
    const path = given.text("path") ?? "/";
    const drainMs = given.number("drain");
    const maxConnections = given.number("max-connections");
    const maxEntries = given.number("retention");
    const listed = given.texts("origin");
    const origins = (at: number): readonly string[] => (listed.length === 0 && given.has("dev") ? pagesOf(at) : listed);
    const [perSecond, userPerSecond] = [given.number("rate"), given.number("user-rate")];
    const rates = {
      ...(perSecond > 0 && { connection: { perSecond, burst: 10 * perSecond }, errorsPerMinute: 600 }),
      ...(userPerSecond > 0 && { user: { perSecond: userPerSecond, burst: 10 * userPerSecond } }),
    };
    const attempts = given.number("attempts");
    const doors = {
      maxConnections,
      trustedProxies: given.texts("trusted-proxy"),
      ...(attempts > 0 && { attempts: { perSecond: attempts, burst: 10 * attempts } }),
    };
    const connectionsPerUser = given.number("user-connections");
    const admin = given.has("admin-port")
      ? { host: given.text("admin-host") ?? "", port: given.number("admin-port") }
      : undefined;
    const admission = await authenticationOf(given, host, io);
    const clock = nodeClock();
    const log = jsonLog(io.stderr, given.text("log") as Level, clock.wall);

    const broker = await brokerOf(given, { clock, random: nodeRandom, retention: { maxEntries } }, log);
    try {
      const bounds = { rates, connectionsPerUser };
      await serveUntilStopped({ broker, admission, bounds, log, host, port, path, origins, doors, drainMs, admin }, io);
    } finally {
      await broker.close();
    }
    log.info("stopped", {});
    return 0;
  },
};

/** What a relay is served with. */
interface Served {
  readonly broker: Broker;
  readonly admission: Admitted;
  readonly bounds: Pick<RelayOptions, "rates" | "connectionsPerUser">;
  readonly log: Logger;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Of pages that may connect, where the relay listens at this port; none: pages of its own host and port. */
  readonly origins: (port: number) => readonly string[];
  readonly doors: Pick<AttachOptions, "maxConnections" | "attempts" | "trustedProxies">;
  readonly drainMs: number;
  /** Where those who run it ask, if anywhere. */
  readonly admin: { readonly host: string; readonly port: number } | undefined;
}

async function serveUntilStopped(served: Served, io: Io): Promise<void> {
  const { broker, admission, bounds, log, host, path, doors, drainMs } = served;
  const relay = new Relay({ broker, clock: nodeClock(), random: nodeRandom, ...admission, ...bounds, log });
  let state: "serving" | "draining" = "serving";
  const server = createServer((_request, response) => {
    response.writeHead(426, { "Content-Type": "text/plain; charset=utf-8", Connection: "Upgrade", Upgrade: "websocket" });
    response.end("A Chappe relay: connect with a WebSocket.\n");
  });
  // What the upgrade needs is there before anybody can ask for it.
  await loadWs();
  const admin = await adminOf(served, relay, () => state === "serving");
  const address = await listen(server, host, served.port).catch((error: unknown) => {
    admin?.close();
    throw error;
  });
  const origins = served.origins(address.port);
  const attached = await attachRelay(server, relay, { path, ...doors, ...(origins.length > 0 && { origins }) }).catch(
    (error: unknown) => {
      server.close();
      admin?.close();
      throw error;
    },
  );
  const url = `ws://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}${path}`;
  io.stdout.write(`chappe relay: ${url}\n`);
  log.info("listening", { url });
  if (!isLoopback(host)) log.warn("not encrypted: put TLS before this relay", { host });

  const signal = await untilStopped();
  log.info("draining", { signal, connections: attached.connections });
  state = "draining";
  attached.stopAccepting();
  server.close();
  await relay.drain({ drainMs, afterMinMs: 500, afterMaxMs: 5000 });
  attached.detach();
  server.closeAllConnections();
  admin?.close();
  admin?.closeAllConnections();
}

async function adminOf({ admin, log }: Served, relay: Relay, isReady: () => boolean): Promise<Server | undefined> {
  if (admin === undefined) return undefined;
  const server = createServer(adminListener({ relay, registry: await relayMetrics(relay), isReady }));
  const { port } = await listen(server, admin.host, admin.port, "admin-");
  log.info("administration", { host: admin.host, port });
  if (!isLoopback(admin.host)) log.warn("administration is open to others than this machine", { host: admin.host });
  return server;
}

/** Where logs live, and what ends it. */
type ServedBroker = Broker & { close(): Promise<void> };

async function brokerOf(given: Given, options: MemoryBrokerOptions, log: Logger): Promise<ServedBroker> {
  const [directory, url] = [given.text("data"), given.text("redis")];
  const onFault = (error: unknown): void => log.error("the log could not be written or read", { error: String(error) });
  if (directory !== undefined && url !== undefined) throw new CliError("give either --data or --redis, not both");
  if (directory !== undefined) return orRefused("data", directory, DiskBroker.open({ ...options, directory, onFault }));
  if (url !== undefined) return orRefused("redis", withoutPassword(url), RedisBroker.open({ ...options, url, onFault }));
  return Object.assign(new MemoryBroker(options), { close: () => Promise.resolve() });
}

async function orRefused(name: string, value: string, opening: Promise<ServedBroker>): Promise<ServedBroker> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const reason = error.cause instanceof Error && "code" in error.cause ? systemReason(error.cause) : error.message;
    throw refused(name, value, reason);
  }
}

/** An error may be seen by others than who has written the address. */
function withoutPassword(address: string): string {
  const url = new URL(address);
  if (url.password !== "") url.password = "...";
  return url.href;
}

/**
 * Pages that this machine itself serves at the port. Under --dev no others may connect: a foreign page's host may have a name that was
 * made to lead here, so that host and origin agree.
 */
function pagesOf(port: number): readonly string[] {
  return ["localhost", "127.0.0.1", "[::1]"].map((host) => `http://${host}:${port}`);
}

function listen(server: Server, host: string, port: number, prefix = ""): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isPort = error.code === "EADDRINUSE" || error.code === "EACCES";
      const [flag, value] = isPort ? ["port", String(port)] : ["host", host];
      reject(refused(prefix + flag, value ?? "", systemReason(error)));
    });
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
