/** `chappe serve`: a relay with its broker in memory, on disk, or in Redis. Here is what it may be given; serving.ts does it. */

import { must, oneOf } from "../../session/option-rules.ts";
import { isNetwork } from "../addresses.ts";
import { nodeClock } from "../host.ts";
import { isOrigin } from "../origin.ts";
import { isRedisUrl } from "../redis/broker.ts";
import { aboutAuthentication, authenticationOf, authenticationOptions } from "./authentication.ts";
import { type Command, type Given, wholeFrom } from "./command.ts";
import { writeTo } from "./io.ts";
import { jsonLog, type Level, levels } from "./log.ts";
import { apiKeysOf, tlsOf } from "./secrets.ts";
import { brokerOf } from "./served-broker.ts";
import { type Place, serveUntilStopped } from "./serving.ts";
import { printedSettings, settingOptions, settingsOf } from "./settings.ts";

const isPath = must("a path, as /chat, without ? and #", (value) => typeof value === "string" && /^\/[^?#\s]*$/.test(value));

export const serve: Command = {
  name: "serve",
  summary: "runs a relay",
  args: "",
  count: [0, 0],
  about: [
    "Serves WebSocket clients under the subprotocols chappe.v1 and chappe.v1.json. Without --data logs are in memory, and end with the " +
      "process: clients are told, and publish again what was not stored. With it they outlive the process, and what was acknowledged is " +
      "on the disk; one process at a time may hold the folder. With --redis they are in Redis, and several relays share them. Writes one line " +
      "of JSON for each event to standard error; no tokens, and nothing that people write. Needs the packages ws and pino.",
    ...aboutAuthentication,
    "Without --tls-cert the connection is not encrypted: give it, or put something that speaks TLS before a relay that others than this " +
      "machine reach. SIGHUP reads certificate and key anew.",
    "Each option may also stand in the environment, as CHAPPE_ADMIN_PORT for --admin-port (lists with commas, switches as true), or in the " +
      "file of --config. The command line is before the environment, and the environment before the file.",
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
    "api-port": {
      value: "PORT",
      rule: wholeFrom(0, 65_535),
      help: "Port of the HTTP API for backends, as docs/openapi.json has it. Without: none. Needs the package fastify.",
    },
    "api-host": { value: "ADDRESS", default: "127.0.0.1", help: "Address for that." },
    "api-keys": {
      value: "FILE",
      help: "Keys of those who may use it: one in each line, of at least 32 characters.",
    },
    "tls-cert": { value: "FILE", help: "Certificate chain, in PEM: clients and backends then connect with TLS." },
    "tls-key": { value: "FILE", help: "Its private key, in PEM." },
    drain: {
      value: "MS",
      default: "5000",
      rule: wholeFrom(0, 600_000),
      help: "How long clients have to leave after the goodbye.",
    },
    ...settingOptions,
    log: { value: "LEVEL", default: "info", rule: oneOf(...levels), help: "What is logged: this and what is graver." },
  },
  examples: [
    "chappe serve --dev",
    "chappe serve --dev --data ./logs",
    "chappe serve --dev --redis redis://127.0.0.1:6379",
    "chappe serve --tokens tokens.json --origin https://chat.example.org",
    "chappe serve --jwt-secret key.txt --jwt-issuer any --jwt-audience chat",
    "chappe serve --config relay.json --print-config",
  ],
  run: async (flags, io) => {
    const given = await settingsOf(serve, flags, io);
    if (given.has("print-config")) {
      await writeTo(io.stdout, printedSettings(serve, given));
      return 0;
    }
    const place = placeOf(given, "");
    const admission = await authenticationOf(given, place.host, io);
    const tls = tlsOf(given);
    const apiKeys = await apiKeysOf(given, io);
    const clock = nodeClock();
    const log = await jsonLog(io.stderr, given.text("log") as Level, clock.wall);
    const listed = given.texts("origin");
    const broker = await brokerOf(given, log);
    try {
      await serveUntilStopped(
        {
          broker,
          log,
          tls,
          place,
          path: given.text("path") ?? "/",
          origins: (at) => (listed.length === 0 && given.has("dev") ? pagesOf(at) : listed),
          hooks: { ...admission, ...boundsOf(given) },
          doors: doorsOf(given),
          drainMs: given.number("drain"),
          admin: given.has("admin-port") ? placeOf(given, "admin-") : undefined,
          api: apiKeys && { ...placeOf(given, "api-"), keys: apiKeys },
        },
        io,
      );
    } finally {
      await broker.close();
    }
    log.info("stopped", {});
    return 0;
  },
};

function placeOf(given: Given, prefix: Place["prefix"]): Place {
  return { prefix, host: given.text(`${prefix}host`) ?? "", port: given.number(`${prefix}port`) };
}

/** Ten times as much at once as in the long run; 0: no limit. */
function rateOf(given: Given, name: string): { readonly perSecond: number; readonly burst: number } | undefined {
  const perSecond = given.number(name);
  return perSecond > 0 ? { perSecond, burst: 10 * perSecond } : undefined;
}

function boundsOf(given: Given) {
  const [connection, user] = [rateOf(given, "rate"), rateOf(given, "user-rate")];
  const rates = { ...(connection && { connection, errorsPerMinute: 600 }), ...(user && { user }) };
  return { rates, connectionsPerUser: given.number("user-connections") };
}

function doorsOf(given: Given) {
  const attempts = rateOf(given, "attempts");
  return {
    maxConnections: given.number("max-connections"),
    trustedProxies: given.texts("trusted-proxy"),
    ...(attempts && { attempts }),
  };
}

/**
 * Pages that this machine itself serves at the port. Under --dev no others may connect: a foreign page's host may have a name that was
 * made to lead here, so that host and origin agree.
 */
function pagesOf(port: number): readonly string[] {
  return ["localhost", "127.0.0.1", "[::1]"].map((host) => `http://${host}:${port}`);
}
