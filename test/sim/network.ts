/**
 * The network between clients and relays.
 *
 * Law: what a link carries arrives whole and in order, late, or not at all; each end learns of a link's end in its own time, or never.
 * What was on its way to the relay when a link ended may still arrive, long after the client has come back on another one.
 */

import type { Connect, Transport, TransportEvents } from "../../src/client/transport.ts";
import type { RelayConnection, RelayTransport } from "../../src/relay/transport.ts";
import type { Data } from "../../src/session/transmit.ts";
import type { Process } from "./process.ts";
import type { Rng } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

export type Direction = "up" | "down";

/** Where a client's connection goes. `undefined`: nobody answers. */
export interface Listener {
  readonly process: Process;
  accept(transport: RelayTransport, link: Link): RelayConnection;
}

/** Told of everything that passes: the trace, and the checks. */
export interface NetworkObserver {
  opened(link: Link): void;
  sent(link: Link, direction: Direction, data: Data): void;
  arrived(link: Link, direction: Direction, data: Data): void;
  closed(link: Link, end: "client" | "relay", code: number): void;
}

interface Lane {
  /** No message arrives before the one that was sent before it. */
  lastAt: number;
  /** What is under way arrives no earlier. */
  heldUntil: number;
  state: "open" | "lost";
  /** Bytes after which the link is cut; infinity: not at all. */
  bytesLeft: number;
}

export class Link {
  readonly id: number;
  readonly client: string;
  readonly relay: Listener | undefined;
  readonly #scheduler: Scheduler;
  readonly #clientProcess: Process;
  readonly #random: Rng;
  readonly #observer: NetworkObserver;
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  readonly #events: TransportEvents;
  readonly #latency: () => number;
  readonly #ended: (link: Link) => void;
  #connection: RelayConnection | undefined;
  #clientKnows = false;
  #relayKnows = false;
  /** Extra delay, and until when it holds. */
  #slow = { ms: 0, until: 0 };
  /** The client reads nothing until then. */
  #readsAt = 0;
  readonly #unread: Data[] = [];
  #unreadBytes = 0;

  constructor(
    id: number,
    client: string,
    clientProcess: Process,
    relay: Listener | undefined,
    network: { scheduler: Scheduler; random: Rng; observer: NetworkObserver; latency: () => number; ended: (link: Link) => void },
    events: TransportEvents,
  ) {
    this.id = id;
    this.client = client;
    this.relay = relay;
    this.#clientProcess = clientProcess;
    this.#scheduler = network.scheduler;
    this.#random = network.random;
    this.#observer = network.observer;
    this.#latency = network.latency;
    this.#ended = network.ended;
    this.#events = events;
    this.#lanes = {
      up: { lastAt: 0, heldUntil: 0, state: "open", bytesLeft: Number.POSITIVE_INFINITY },
      down: { lastAt: 0, heldUntil: 0, state: "open", bytesLeft: Number.POSITIVE_INFINITY },
    };
  }

  /** Whether both ends believe in it. */
  get isLive(): boolean {
    return !this.#clientKnows && !this.#relayKnows && this.#connection !== undefined;
  }

  /** Bytes that wait for a client that does not read. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  open(subprotocol: string): Transport {
    const refuse = () => this.#carry("down", 0, () => this.#tellClient(1006));
    this.#carry("up", 0, () => {
      const { relay } = this;
      if (relay === undefined || !relay.process.isAlive) return refuse();
      relay.process.run(() => {
        this.#connection = relay.accept(this.#relayEnd(), this);
        this.#observer.opened(this);
        this.#carry("down", 0, () => this.#toClient(() => this.#events.open(subprotocol)));
      });
    });
    return {
      send: (data) => {
        this.#observer.sent(this, "up", data);
        this.#carry("up", sizeOf(data), () =>
          this.#toRelay(() => {
            this.#observer.arrived(this, "up", data);
            this.#connection?.handleMessage(data);
          }),
        );
      },
      close: (code) => {
        this.#clientKnows = true;
        this.#carry("up", 0, () => this.#tellRelay(code));
        this.#settle();
      },
    };
  }

  /** Ends in the middle of whatever is under way. @param lateUp - what had been sent upwards still arrives, so many ms late. */
  cut(lateUp: number | undefined = undefined): void {
    const { up, down } = this.#lanes;
    down.state = "lost";
    if (lateUp === undefined) {
      up.state = "lost";
      this.#scheduler.after(this.#random.int(0, 50), () => this.#tellRelay(1006));
    } else {
      up.heldUntil = this.#scheduler.now + lateUp;
      this.#scheduler.at(Math.max(up.lastAt, up.heldUntil) + 1, () => this.#tellRelay(1006));
    }
    this.#scheduler.after(this.#random.int(0, 50), () => this.#tellClient(1006));
  }

  /** The link is cut once so many more bytes have arrived this way. */
  cutAfter(direction: Direction, bytes: number): void {
    this.#lanes[direction].bytesLeft = bytes;
  }

  /** Something between the two ends closes the link: the client is given this code. */
  end(code: number): void {
    this.#lanes.up.state = "lost";
    this.#lanes.down.state = "lost";
    this.#scheduler.after(this.#random.int(0, 50), () => this.#tellRelay(1006));
    this.#scheduler.after(this.#random.int(0, 50), () => this.#tellClient(code));
  }

  /** What is sent this way is lost, and nobody is told. */
  halfOpen(direction: Direction): void {
    this.#lanes[direction].state = "lost";
  }

  /** Everything takes so much longer, for so long. */
  slow(ms: number, forMs: number): void {
    this.#slow = { ms, until: this.#scheduler.now + forMs };
  }

  /** The client's end reads nothing for so long. */
  stopReading(forMs: number): void {
    this.#readsAt = this.#scheduler.now + forMs;
    this.#scheduler.at(this.#readsAt, () => this.#read());
  }

  /** One of the processes has ended: the other end learns of it, perhaps. */
  abandon(side: "client" | "relay", heard: boolean): void {
    this.#lanes.up.state = "lost";
    this.#lanes.down.state = "lost";
    if (side === "client") this.#clientKnows = true;
    else this.#relayKnows = true;
    if (heard) {
      this.#scheduler.after(this.#random.int(0, 50), () => (side === "client" ? this.#tellRelay(1006) : this.#tellClient(1006)));
    }
    this.#settle();
  }

  #relayEnd(): RelayTransport {
    const link = this;
    return {
      send(data) {
        link.#observer.sent(link, "down", data);
        link.#carry("down", sizeOf(data), () => link.#deliver(data));
      },
      close(code) {
        link.#relayKnows = true;
        // As a socket does: its own end is told on an empty stack.
        link.relay?.process.setTimer(0, () => link.#connection?.handleClose());
        link.#carry("down", 0, () => link.#tellClient(code));
        link.#settle();
      },
      get bufferedBytes() {
        return link.#unreadBytes;
      },
    };
  }

  #deliver(data: Data): void {
    if (this.#scheduler.now >= this.#readsAt && this.#unread.length === 0) {
      this.#hand(data);
    } else {
      this.#unread.push(data);
      this.#unreadBytes += sizeOf(data);
    }
  }

  #read(): void {
    if (this.#scheduler.now < this.#readsAt) return;
    for (const data of this.#unread.splice(0)) this.#hand(data);
    this.#unreadBytes = 0;
    this.#toRelay(() => this.#connection?.handleWritable());
  }

  #hand(data: Data): void {
    this.#toClient(() => {
      this.#observer.arrived(this, "down", data);
      this.#events.message(data);
    });
  }

  #carry(direction: Direction, bytes: number, arrive: () => void): void {
    const lane = this.#lanes[direction];
    if (lane.state === "lost") return;
    lane.bytesLeft -= bytes;
    // The message in which the link ends is no message; what was sent before it arrives.
    const happen = lane.bytesLeft < 0 ? () => this.cut() : arrive;
    const { now } = this.#scheduler;
    const extra = now < this.#slow.until ? this.#slow.ms : 0;
    lane.lastAt = Math.max(lane.lastAt, now + this.#latency() + extra);
    const pass = () => {
      if (lane.state === "lost") return;
      if (this.#scheduler.now < lane.heldUntil) this.#scheduler.at(lane.heldUntil, pass);
      else happen();
    };
    this.#scheduler.at(lane.lastAt, pass);
  }

  #toClient(call: () => void): void {
    if (!this.#clientKnows) this.#clientProcess.run(() => !this.#clientKnows && call());
  }

  #toRelay(call: () => void): void {
    this.relay?.process.run(() => !this.#relayKnows && call());
  }

  #tellClient(code: number): void {
    this.#toClient(() => {
      this.#clientKnows = true;
      this.#observer.closed(this, "client", code);
      this.#settle();
      this.#events.close(code);
    });
  }

  #tellRelay(code: number): void {
    this.#toRelay(() => {
      this.#relayKnows = true;
      this.#observer.closed(this, "relay", code);
      this.#settle();
      this.#connection?.handleClose();
    });
  }

  #settle(): void {
    if (this.#clientKnows && this.#relayKnows) this.#ended(this);
  }
}

export class Network {
  readonly #scheduler: Scheduler;
  readonly #observer: NetworkObserver;
  readonly #random: (label: string) => Rng;
  readonly #latencyMs: { readonly min: number; readonly max: number };
  readonly links = new Set<Link>();
  #count = 0;

  constructor(
    scheduler: Scheduler,
    observer: NetworkObserver,
    random: (label: string) => Rng,
    latencyMs: { min: number; max: number },
  ) {
    this.#scheduler = scheduler;
    this.#observer = observer;
    this.#random = random;
    this.#latencyMs = latencyMs;
  }

  /** How a client dials. @param route - which relay it reaches, asked at each dial. */
  connect(client: string, process: Process, route: () => Listener | undefined): Connect {
    let dials = 0;
    return (_url, [subprotocol = ""], events) => {
      const random = this.#random(`link/${process.name}/${++dials}`);
      const { min, max } = this.#latencyMs;
      const link = new Link(
        ++this.#count,
        client,
        process,
        route(),
        {
          scheduler: this.#scheduler,
          random,
          observer: this.#observer,
          latency: () => random.int(min, max),
          ended: (over) => this.links.delete(over),
        },
        events,
      );
      this.links.add(link);
      return link.open(subprotocol);
    };
  }

  linksOf(client: string): Link[] {
    return [...this.links].filter((link) => link.client === client);
  }
}

function sizeOf(data: Data): number {
  return data.length;
}
