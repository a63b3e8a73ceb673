/** A TCP connection that does not bring a request in time is ended (TRN-11). Node's own check looks only every 30 s. */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

/** See {@link boundRequestHeader}. */
export interface RequestHeaderBound {
  /** An upgrade has come on this socket. (Requests are seen here; a listener for upgrades would hide that nobody else listens.) */
  upgraded(socket: Duplex): void;
  /** Watches no new connections. */
  stop(): void;
}

/** Watches the server's new connections, up to their first request. */
export function boundRequestHeader(server: Server, timeoutMs: number): RequestHeaderBound {
  const deadlines = new WeakMap<Duplex, NodeJS.Timeout>();
  const opened = (socket: Duplex): void => {
    const timer = setTimeout(() => socket.destroy(), timeoutMs).unref();
    deadlines.set(socket, timer);
    socket.once("close", () => clearTimeout(timer));
  };
  const arrived = (socket: Duplex): void => clearTimeout(deadlines.get(socket));
  const requested = ({ socket }: IncomingMessage): void => arrived(socket);
  // Over TLS the requests come on another socket than the one that "connection" tells of.
  const connection = "setSecureContext" in server ? "secureConnection" : "connection";
  server.on(connection, opened);
  server.on("request", requested);
  return {
    upgraded: arrived,
    stop: () => {
      server.off(connection, opened);
      server.off("request", requested);
    },
  };
}
