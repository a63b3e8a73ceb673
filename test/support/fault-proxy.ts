/**
 * A TCP proxy that does to connections what networks do.
 *
 * Law: of what one side sends, the other gets a beginning, in order and unchanged; nothing that was lost on a connection is made up for.
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";

/** `up`: from the client to the relay. */
export type Direction = "up" | "down";

/** What happens to bytes that pass. */
export interface Weather {
  /** Each piece is held back for so long, in ms, and those behind it too. */
  readonly delayMs: number;
  /** `whole`: as it comes; `bytes`: each byte in a segment of its own; `coalesced`: all that comes within {@link delayMs} as one. */
  readonly pieces: "whole" | "bytes" | "coalesced";
}

export const fair: Weather = { delayMs: 0, pieces: "whole" };

interface Link {
  readonly sockets: readonly Socket[];
  /** Directions in which nothing arrives any more, though both ends take the connection for alive. */
  readonly silent: Set<Direction>;
}

export class FaultProxy {
  weather: Weather = fair;
  /** Whether new connections are ended at once. */
  isClosed = false;
  readonly #target: number;
  readonly #server: Server;
  readonly #links: Set<Link> = new Set();

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** @param target - port of loopback behind it. */
  static async start(target: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Ends all connections, without a word of WebSocket; @returns how many. */
  cut(): number {
    const count = this.#links.size;
    for (const { sockets } of this.#links) for (const socket of sockets) socket.resetAndDestroy();
    return count;
  }

  /** From now on nothing of this direction arrives on the connections there are; @returns on how many it did. */
  silence(direction: Direction): number {
    let count = 0;
    for (const { silent } of this.#links) {
      if (!silent.has(direction)) count++;
      silent.add(direction);
    }
    return count;
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #accept(client: Socket): void {
    if (this.isClosed) {
      client.resetAndDestroy();
      return;
    }
    const relay = connect(this.#target, "127.0.0.1");
    const link: Link = { sockets: [client, relay], silent: new Set() };
    this.#links.add(link);
    for (const socket of link.sockets) {
      socket.setNoDelay(true);
      // An end by a reset is what this proxy is for: close follows.
      socket.on("error", () => undefined);
      socket.once("close", () => {
        this.#links.delete(link);
        for (const other of link.sockets) other.destroy();
      });
    }
    forward(
      client,
      relay,
      () => this.weather,
      () => link.silent.has("up"),
    );
    forward(
      relay,
      client,
      () => this.weather,
      () => link.silent.has("down"),
    );
  }
}

function forward(from: Socket, to: Socket, weather: () => Weather, isSilent: () => boolean): void {
  let waiting: Buffer[] = [];
  let isUnderWay = false;
  const pump = async () => {
    isUnderWay = true;
    for (let bytes = waiting.shift(); bytes !== undefined && !to.destroyed; bytes = waiting.shift()) {
      const { delayMs, pieces } = weather();
      if (delayMs > 0) await sleep(delayMs);
      if (pieces === "coalesced") {
        bytes = Buffer.concat([bytes, ...waiting]);
        waiting = [];
      }
      const step = pieces === "bytes" ? 1 : bytes.length;
      for (let i = 0; i < bytes.length && !isSilent() && !to.destroyed; i += step) {
        to.write(bytes.subarray(i, i + step));
        // The turn lets the segment go before the next one is written.
        if (step === 1) await turn();
      }
    }
    isUnderWay = false;
    if (from.readableEnded && !isSilent()) to.end();
  };
  from.on("data", (bytes: Buffer) => {
    waiting.push(bytes);
    if (!isUnderWay) void pump();
  });
  from.on("end", () => {
    if (!isUnderWay && !isSilent()) to.end();
  });
}
