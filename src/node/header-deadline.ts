/** A TCP connection that does not bring a request in time is ended (TRN-11). Node's own check looks only every 30 s. */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

/** See {@link boundRequestHeader}. */
export interface RequestHeaderBound {
  /** An upgrade on this socket is taken, or answered: it has no deadline any more. (Upgrades are no requests to Node.) */
  taken(socket: Duplex): void;
  /** An upgrade on this socket is left to others. It has its time once more, and keeps the connection if it gets any answer in it. */
  left(socket: Duplex): void;
  /** Watches no connection any more. */
  stop(): void;
}

/** Watches the server's new connections, up to their first request. @param timeoutMs - asked at the beginning of each time. */
export function boundRequestHeader(server: Server, timeoutMs: () => number): RequestHeaderBound {
  const deadlines = new Map<Duplex, NodeJS.Timeout>();
  const taken = (socket: Duplex): void => {
    clearTimeout(deadlines.get(socket));
    deadlines.delete(socket);
  };
  const bound = (socket: Duplex, due: () => void): void => {
    taken(socket);
    deadlines.set(socket, setTimeout(due, timeoutMs()).unref());
    socket.once("close", () => taken(socket));
  };
  const opened = (socket: Duplex): void => bound(socket, () => socket.destroy());
  const requested = ({ socket }: IncomingMessage): void => taken(socket);
  // Over TLS the requests come on another socket than the one that "connection" tells of.
  const connection = "setSecureContext" in server ? "secureConnection" : "connection";
  server.on(connection, opened);
  server.on("request", requested);
  return {
    taken,
    left: (socket) => {
      const before = writtenTo(socket);
      bound(socket, () => {
        if (writtenTo(socket) === before) socket.destroy();
      });
    },
    stop: () => {
      server.off(connection, opened);
      server.off("request", requested);
      for (const timer of deadlines.values()) clearTimeout(timer);
      deadlines.clear();
    },
  };
}

/** Bytes that were written to a socket. Those of Node's servers count them. */
function writtenTo(socket: Duplex): number {
  return (socket as Duplex & { readonly bytesWritten?: number }).bytesWritten ?? 0;
}
