/**
 * Clients and relays joined without sockets: messages take time, and a link can be cut at any moment, losing what is under way.
 */

import type { Connect, TransportEvents } from "../../src/client/transport.ts";
import type { Clock } from "../../src/session/host.ts";
import type { Data } from "../../src/session/transmit.ts";

/** What the relay's end of a link is given, and what it gives. */
export type Accept = (
  transport: { send(data: Data): void; close(code: number, reason: string): void; readonly bufferedBytes: number },
  subprotocol: string,
) => { handleMessage(data: Data): void; handleClose(): void };

/** One connection. */
class Link {
  readonly #clock: Clock;
  readonly #delayMs: () => number;
  #isCut = false;
  #timers: Set<unknown> = new Set();
  /** When the last message of each direction arrives: order is kept. */
  readonly #last: { toRelay: number; toClient: number } = { toRelay: 0, toClient: 0 };
  onCut: () => void = () => undefined;

  constructor(clock: Clock, delayMs: () => number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  carry(direction: "toRelay" | "toClient", arrive: () => void): void {
    if (this.#isCut) return;
    const at = Math.max(this.#last[direction], this.#clock.now() + this.#delayMs());
    this.#last[direction] = at;
    const timer = this.#clock.setTimer(at - this.#clock.now(), () => {
      this.#timers.delete(timer);
      if (!this.#isCut) arrive();
    });
    this.#timers.add(timer);
  }

  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const timer of this.#timers) this.#clock.clearTimer(timer);
    this.onCut();
  }
}

/** A network with one delay for all links. */
export class Network {
  readonly #clock: Clock;
  readonly #links: Map<string, Set<Link>> = new Map();
  delayMs: () => number = () => 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What `name` connects by, to the relay that `accept` gives at that time; undefined: nobody listens. */
  connect(name: string, accept: () => Accept | undefined): Connect {
    return (_url, subprotocols, events) => this.#open(name, accept, subprotocols[0] ?? "", events);
  }

  /** Cuts all links of this name. */
  cut(name: string): void {
    for (const link of [...(this.#links.get(name) ?? [])]) link.cut();
  }

  #open(name: string, accept: () => Accept | undefined, subprotocol: string, events: TransportEvents): ReturnType<Connect> {
    const link = new Link(this.#clock, () => this.delayMs());
    const links = this.#links.get(name) ?? new Set();
    this.#links.set(name, links.add(link));
    let relay: ReturnType<Accept> | undefined;
    let isClosed = false;
    const toClient = (code: number) => {
      if (!isClosed) events.close(code);
      isClosed = true;
      links.delete(link);
    };
    link.onCut = () => {
      links.delete(link);
      // Each end learns of it in its own time, on an empty stack.
      this.#clock.setTimer(0, () => relay?.handleClose());
      this.#clock.setTimer(0, () => toClient(1006));
    };
    link.carry("toRelay", () => {
      relay = accept()?.(
        {
          send: (data) => link.carry("toClient", () => !isClosed && events.message(data)),
          close: (code) => {
            link.carry("toClient", () => toClient(code));
            this.#clock.setTimer(0, () => relay?.handleClose());
          },
          bufferedBytes: 0,
        },
        subprotocol,
      );
      link.carry("toClient", () => (relay === undefined ? toClient(1006) : events.open(subprotocol)));
    });
    return {
      send: (data) => link.carry("toRelay", () => relay?.handleMessage(data)),
      close: () => {
        isClosed = true;
        link.carry("toRelay", () => {
          relay?.handleClose();
          link.cut();
        });
      },
    };
  }
}
