/**
 * Who takes an upgrade, of all that listen on one HTTP server.
 *
 * Law: the relays of a server share one listener, so that each upgrade has one answer: of the relay whose path it names; 404 where nobody
 * else listens; else it is left to those others, and ended where none of them answers in time.
 */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { UsageError } from "../errors.ts";
import { boundRequestHeader, type RequestHeaderBound } from "./header-deadline.ts";
import { pathOf, refuse } from "./upgrade.ts";

/** What one relay takes. */
export interface UpgradeRoute {
  readonly path: string;
  /** How long a connection may take to bring its request, in ms. */
  readonly timeoutMs: number;
  /** Answers the request, one way or another. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

const served = new WeakMap<Server, UpgradeRoutes>();

/**
 * Gives the upgrades of a path to `route`.
 * @returns a function that ends it.
 * @throws UsageError OPTION_INVALID where another relay of this server has the path.
 */
export function routeUpgrades(server: Server, route: UpgradeRoute): () => void {
  let routes = served.get(server);
  if (routes === undefined) {
    routes = new UpgradeRoutes(server);
    served.set(server, routes);
  }
  return routes.add(route);
}

class UpgradeRoutes {
  readonly #server: Server;
  readonly #routes: Map<string, UpgradeRoute> = new Map();
  #header: RequestHeaderBound | undefined;

  constructor(server: Server) {
    this.#server = server;
  }

  add(route: UpgradeRoute): () => void {
    const { path } = route;
    if (this.#routes.has(path)) throw new UsageError("OPTION_INVALID", `another relay is served under the path ${path}`);
    this.#routes.set(path, route);
    if (this.#routes.size === 1) {
      // Nobody knows which path a connection is about to name: the shortest time holds for all.
      this.#header = boundRequestHeader(this.#server, () =>
        Math.min(...[...this.#routes.values()].map(({ timeoutMs }) => timeoutMs)),
      );
      this.#server.on("upgrade", this.#upgrade);
    }
    return () => this.#remove(route);
  }

  #remove(route: UpgradeRoute): void {
    if (this.#routes.get(route.path) !== route) return;
    this.#routes.delete(route.path);
    if (this.#routes.size > 0) return;
    this.#header?.stop();
    this.#server.off("upgrade", this.#upgrade);
  }

  readonly #upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Node takes its own listener away before an upgrade; an error that nobody hears ends the process, and a peer that resets makes one.
    socket.on("error", () => undefined);
    const route = this.#routes.get(pathOf(request));
    if (route === undefined && this.#server.listenerCount("upgrade") > 1) {
      this.#header?.left(socket);
      return;
    }
    this.#header?.taken(socket);
    if (route === undefined) refuse(socket, { status: 404, message: "nothing is here" });
    else route.take(request, socket, head);
  };
}
