/** A relay behind its doors, from the first connection to the last. */

import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { isLoopback } from "../../client/loopback.ts";
import type { Broker } from "../../relay/broker.ts";
import type { Logger, RelayOptions } from "../../relay/options.ts";
import { Relay } from "../../relay/relay.ts";
import { adminListener } from "../admin.ts";
import { backendApi } from "../api/listener.ts";
import { nodeClock, nodeRandom } from "../host.ts";
import { relayMetrics } from "../metrics.ts";
import { loadWs } from "../optional.ts";
import { type AttachOptions, attachRelay } from "../ws-server.ts";
import { refused } from "./command.ts";
import { CliError, type Io, systemReason } from "./io.ts";
import type { ReadPem } from "./secrets.ts";

/** Where something listens; `prefix` begins the names of its options. */
export interface Place {
  readonly prefix: "" | "admin-" | "api-";
  readonly host: string;
  readonly port: number;
}

/** What a relay is served with. */
export interface Served {
  readonly broker: Broker;
  readonly hooks: Omit<RelayOptions, "broker" | "clock" | "random" | "log">;
  readonly log: Logger;
  readonly place: Place;
  readonly path: string;
  /** Of pages that may connect, where the relay listens at this port; none: pages of its own host and port. */
  readonly origins: (port: number) => readonly string[];
  readonly doors: Pick<AttachOptions, "maxConnections" | "attempts" | "trustedProxies">;
  readonly tls: ReadPem | undefined;
  readonly drainMs: number;
  /** Where those who run it ask, if anywhere. */
  readonly admin: Place | undefined;
  /** Where backends ask, if anywhere. */
  readonly api: (Place & { readonly keys: readonly string[] }) | undefined;
}

type AnyServer = Server | TlsServer;

/** @throws CliError where a door cannot be opened. */
export async function serveUntilStopped(served: Served, io: Io): Promise<void> {
  const { broker, hooks, log, place, path, doors, drainMs, admin, api, tls } = served;
  const relay = new Relay({ broker, clock: nodeClock(), random: nodeRandom, ...hooks, log });
  let state: "serving" | "draining" = "serving";
  const servers: AnyServer[] = [];
  const open = async (at: Place, listener: RequestListener, pem: ReadPem | undefined = undefined): Promise<AddressInfo> => {
    const server = pem === undefined ? createServer(listener) : createTlsServer(pem(), listener);
    const address = await listen(server, at);
    servers.push(server);
    return address;
  };
  // What an upgrade needs is there before anybody can ask for it.
  await loadWs();
  try {
    if (admin !== undefined) {
      const listener = adminListener({ relay, registry: await relayMetrics(relay), isReady: () => state === "serving" });
      const { port } = await open(admin, listener);
      log.info("administration", { host: admin.host, port });
      if (!isLoopback(admin.host)) log.warn("administration is open to others than this machine", { host: admin.host });
    }
    if (api !== undefined) {
      const { port } = await open(api, await backendApi({ relay, keys: api.keys, log }), tls);
      log.info("api", { host: api.host, port });
      if (tls === undefined && !isLoopback(api.host)) log.warn("not encrypted: put TLS before the API", { host: api.host });
    }
    const address = await open(place, upgradeRequired, tls);
    const [server] = servers.slice(-1) as [AnyServer];
    const origins = served.origins(address.port);
    const attached = await attachRelay(server, relay, { path, ...doors, ...(origins.length > 0 && { origins }) });
    const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
    const url = `${tls === undefined ? "ws" : "wss"}://${host}:${address.port}${path}`;
    io.stdout.write(`chappe relay: ${url}\n`);
    log.info("listening", { url });
    if (tls === undefined && !isLoopback(place.host)) log.warn("not encrypted: put TLS before this relay", { host: place.host });

    const endRenewal = tls === undefined ? () => {} : renewOnHangup(tls, servers, log);
    const signal = await untilStopped();
    log.info("draining", { signal, connections: attached.connections });
    state = "draining";
    attached.stopAccepting();
    server.close();
    await relay.drain({ drainMs, afterMinMs: 500, afterMaxMs: 5000 });
    endRenewal();
    attached.detach();
  } finally {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    relay.close();
  }
}

const upgradeRequired: RequestListener = (_request, response) => {
  response.writeHead(426, { "Content-Type": "text/plain; charset=utf-8", Connection: "Upgrade", Upgrade: "websocket" });
  response.end("A Chappe relay: connect with a WebSocket.\n");
};

/** A certificate is renewed without an end of the relay. */
function renewOnHangup(read: ReadPem, servers: readonly AnyServer[], log: Logger): () => void {
  const renew = (): void => {
    try {
      const pem = read();
      for (const server of servers) if ("setSecureContext" in server) server.setSecureContext(pem);
      log.info("certificate", {});
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      // The one there is still serves.
      log.error("the certificate could not be read anew", { error: error.message });
    }
  };
  process.on("SIGHUP", renew);
  return () => process.off("SIGHUP", renew);
}

function listen(server: AnyServer, { prefix, host, port }: Place): Promise<AddressInfo> {
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
