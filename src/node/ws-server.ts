/** A relay on an existing HTTP server, over WebSockets (TRN). */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { closeCode, UsageError } from "../errors.ts";
import { Relay } from "../relay/relay.ts";
import { jsonCodec } from "../session/json-codec.ts";
import { check, checkedBy, doing, must, type Rules, rate, whole } from "../session/option-rules.ts";
import { type Rate, TokenBuckets } from "../session/token-bucket.ts";
import { binaryCodec, type FrameCodec } from "../session/transmit.ts";
import { addressOf, hostOf, isNetwork, Networks } from "./addresses.ts";
import { loadWs } from "./optional.ts";
import { isOrigin } from "./origin.ts";
import { Turns } from "./turns.ts";
import { judgeUpgrade, type Refusal, refuse } from "./upgrade.ts";
import { routeUpgrades } from "./upgrade-routes.ts";
import { Framing } from "./ws-frames.ts";
import { WsTransport } from "./ws-transport.ts";

/** How a relay is served. */
export interface AttachOptions {
  /**
   * Path of the endpoint, `/` by default: it begins with / and holds neither ? nor #. No two relays of one server have the same. An upgrade of another path gets 404. Where somebody
   * else listens for upgrades too, it is theirs, and its connection is ended if they do not answer it within `timeoutMs`.
   */
  readonly path?: string;
  /**
   * Origins of web pages that may connect, as `https://chat.example.org`; compared as whole strings. By default those whose host and port
   * are those of the request (TRN-8). `null` is the origin of a page that has none.
   */
  readonly origins?: readonly string[];
  /** Connections at a time, at least 1, 10,000 by default; a further one gets 503. */
  readonly maxConnections?: number;
  /** For the header of an upgrade request, and for a message that has begun; in ms: 1 to 2^31−1, 10,000 by default (TRN-11). */
  readonly timeoutMs?: number;
  /**
   * How often one address may ask for an upgrade; beyond it there is 429 (TRN-7). Addresses of one IPv6 network of 64 bits count as one. No
   * limit by default.
   */
  readonly attempts?: Rate;
  /**
   * Addresses and networks of proxies, as `10.0.0.0/8`, whose `X-Forwarded-For` is believed. By default nobody's: behind a proxy all clients
   * have its address.
   */
  readonly trustedProxies?: readonly string[];
}

/** A relay that is served. */
export interface AttachedRelay {
  /** Connections that are open. */
  readonly connections: number;
  /** From now on upgrades get 503; open connections stay. Drain the relay to end them. */
  stopAccepting(): void;
  /** Drops all connections without a word, and leaves the HTTP server as it was. */
  detach(): void;
}

const rules: Rules<AttachOptions> = {
  path: must(
    "a path that begins with / and holds neither ? nor #",
    (value) => typeof value === "string" && /^\/[^?#]*$/.test(value),
  ),
  origins: must("a list of origins, as https://chat.example.org", (value) => Array.isArray(value) && value.every(isOrigin)),
  maxConnections: whole(1),
  // The longest that Node's timers take.
  timeoutMs: whole(1, 0x7fffffff),
  attempts: rate,
  trustedProxies: must(
    "a list of addresses and networks, as 10.0.0.0/8",
    (value) => Array.isArray(value) && value.every(isNetwork),
  ),
};

const codecs: readonly FrameCodec[] = [binaryCodec, jsonCodec];

/** A message in more pieces than this is no honest one: clients cut at 16 KiB, if at all. */
const maxFragments = 256;

/** Reads from the network that may wait for one message to be whole; at 1400 bytes each, more than the longest message takes. */
const maxBufferedChunks = 8192;

/** How long the closing handshake may take, in ms (TRN-13). */
const closeTimeout = 5000;

/** Text takes more room than the binary form that limits count (LIM-4). */
const textFactor = 8;

/**
 * Serves `relay` on an HTTP or HTTPS server, which stays the caller's: it listens, and ends, when the caller says so.
 *
 * ```ts
 * const server = createServer().listen(7900);
 * const attached = await attachRelay(server, relay, { origins: ["https://chat.example.org"] });
 * ```
 *
 * What is wrong rejects the promise: UsageError OPTION_INVALID, with the name of the argument or option; DEPENDENCY_MISSING where the package
 * `ws` is not installed.
 */
export async function attachRelay(server: Server, relay: Relay, options: AttachOptions = {}): Promise<AttachedRelay> {
  check(doing("on", "off", "listenerCount"), "server", server);
  check(
    must("a Relay", (value) => value instanceof Relay),
    "relay",
    relay,
  );
  const {
    path = "/",
    origins,
    maxConnections = 10_000,
    timeoutMs = 10_000,
    attempts,
    trustedProxies = [],
  }: AttachOptions = checkedBy(rules, options, "options", "");

  const { WebSocketServer } = await loadWs();
  const bounds = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxFragments,
    maxBufferedChunks,
    closeTimeout,
  } as const;
  const servers = new Map(
    codecs.map((codec) => {
      const maxPayload = (codec === binaryCodec ? 1 : textFactor) * relay.frameBytes;
      const made = new WebSocketServer({ ...bounds, maxPayload, handleProtocols: () => codec.subprotocol });
      return [codec.subprotocol, { codec, made }];
    }),
  );
  const taken = { origins, subprotocols: [...servers.keys()] };
  const open = new Set<Duplex>();
  const proxies = new Networks(trustedProxies);
  const buckets = attempts && new TokenBuckets(attempts);
  const shared = { turns: new Turns(), framing: new Framing() };
  let isAccepting = true;

  const take = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const waitMs = buckets?.take(hostOf(addressOf(request, proxies)), performance.now()) ?? 0;
    if (waitMs > 0) {
      refuse(socket, tooOften(waitMs));
      return;
    }
    const judged = judgeUpgrade(request, taken);
    if (typeof judged !== "string") {
      refuse(socket, judged);
      return;
    }
    if (!isAccepting || open.size >= maxConnections) {
      refuse(socket, full);
      return;
    }
    const chosen = servers.get(judged);
    chosen?.made.handleUpgrade(request, socket, head, (ws) => {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
      const transport = new WsTransport(ws, socket, shared);
      try {
        transport.attach(relay.accept(transport, { codec: chosen.codec, headers: headersOf(request) }), timeoutMs);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        // The relay was closed, and its server was not.
        transport.close(closeCode("GOING_AWAY"), "GOING_AWAY");
      }
    });
  };

  const leave = routeUpgrades(server, { path, timeoutMs, take });

  return {
    get connections() {
      return open.size;
    },
    stopAccepting: () => {
      isAccepting = false;
    },
    detach: () => {
      leave();
      for (const socket of open) socket.destroy();
    },
  };
}

function tooOften(waitMs: number): Refusal {
  const headers = { "Retry-After": String(Math.ceil(waitMs / 1000)) };
  return { status: 429, message: "too many attempts from this address", headers };
}

const full: Refusal = { status: 503, message: "no further connection is admitted now", headers: { "Retry-After": "10" } };

function headersOf({ headers }: IncomingMessage): ReadonlyMap<string, string> {
  return new Map(Object.entries(headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]));
}
