/** A client session by itself: frames go in, frames and events come out, and time is a number. */

import type { ClientEvent, ClientEvents } from "../../src/session/client-events.ts";
import type { ClientSessionOptions } from "../../src/session/client-options.ts";
import { ClientSession } from "../../src/session/client-session.ts";
import { binaryCodec } from "../../src/session/transmit.ts";
import {
  type BodyCase,
  type BodyValue,
  createFrame,
  decodeFrame,
  encodeFrame,
  type Frame,
  type Init,
} from "../../src/wire/codec.ts";
import { defaultRelayLimits, type SessionLimits } from "../../src/wire/limits.ts";

/** Bytes that differ in each call, and are the same in each run. */
export function countingRandom(seed = 1): (into: Uint8Array) => void {
  let state = seed;
  return (into) => {
    for (let i = 0; i < into.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      into[i] = state >>> 24;
    }
  };
}

export class ClientHarness {
  readonly session: ClientSession;
  now = 1000;
  readonly events: ClientEvent[] = [];
  /** Frames that the client has sent, batches opened. */
  readonly sent: Frame[] = [];
  readonly opened: number[] = [];
  readonly closed: { code: number; reason: string }[] = [];
  /** Bytes that the transport holds back. */
  buffered = 0;
  /** Whether it sends nothing by itself. */
  isSlow = false;
  /** Whether writes are confirmed at once. */
  autoStore = true;

  constructor(options: Partial<ClientSessionOptions> = {}) {
    this.session = new ClientSession({ random: countingRandom(), wall: () => this.now, ...options });
  }

  pump(): this {
    for (let again = true; again; ) {
      again = false;
      if (this.autoStore && this.session.pollStore() !== undefined) {
        this.session.handleStored(this.now);
        again = true;
      }
      const poll = () => this.session.pollTransmit(this.now, this.buffered);
      for (let next = poll(); next !== undefined; next = poll()) {
        again = true;
        if (next.type === "open") this.opened.push(this.now);
        else if (next.type === "close") this.closed.push({ code: next.code, reason: next.reason });
        else {
          const frame = decodeFrame(next.data as Uint8Array);
          if (this.isSlow) this.buffered += next.data.length;
          this.sent.push(...(frame.body.case === "batch" ? frame.body.value.frames : [frame]));
        }
      }
      for (let event = this.session.pollEvent(); event !== undefined; event = this.session.pollEvent()) {
        again = true;
        this.events.push(event);
      }
    }
    return this;
  }

  /** Start, open, and the relay's welcome. */
  connect(welcome: { expiresInMs?: number; limits?: SessionLimits } = {}): this {
    if (this.session.state === "idle" || this.session.state === "closed") this.session.start(this.now);
    this.pump();
    this.session.handleOpen(binaryCodec.subprotocol, this.now);
    this.pump();
    return this.welcome(welcome);
  }

  /** Time passes until the next transport is asked for; it opens. */
  reopen(): this {
    const before = this.opened.length;
    while (this.opened.length === before) {
      const at = this.session.pollTimeout(this.now);
      if (at === undefined) throw new Error(`the client does not come back: it is ${this.session.state}`);
      this.now = Math.max(this.now, at);
      this.session.handleTimeout(this.now);
      this.pump();
    }
    this.session.handleOpen(binaryCodec.subprotocol, this.now);
    return this.pump();
  }

  /** As {@link reopen}, and the relay's welcome. */
  reconnect(): this {
    return this.reopen().welcome();
  }

  welcome(welcome: { expiresInMs?: number; limits?: SessionLimits } = {}): this {
    const limits = { ...defaultRelayLimits };
    return this.receive("welcome", { user: "ada", pingMs: 25_000, deadMs: 60_000, limits, ...welcome });
  }

  receive<C extends BodyCase>(body: C, init: Init<BodyValue<C>>, ref = 0): this {
    return this.receiveFrame(createFrame(body, init, { ref }));
  }

  receiveFrame(frame: Frame): this {
    this.session.handleMessage(encodeFrame(frame), this.now);
    return this.pump();
  }

  receiveBytes(bytes: Uint8Array): this {
    this.session.handleMessage(bytes, this.now);
    return this.pump();
  }

  /** The relay's joined, as the answer to the latest join of this room. */
  admit(name: string, init: Init<BodyValue<"joined">> = {}): this {
    const join = this.framesOf("join")
      .filter(({ value }) => value.name === name)
      .at(-1);
    return this.receive("joined", joinedInit(name, init), join?.ref ?? 0);
  }

  /** Time passes; every timer on the way fires. */
  advance(ms: number): this {
    const end = this.now + ms;
    for (;;) {
      const at = this.session.pollTimeout(this.now);
      if (at === undefined || at > end) break;
      this.now = Math.max(this.now, at);
      this.session.handleTimeout(this.now);
      this.pump();
    }
    this.now = end;
    return this;
  }

  lose(code = 1006): this {
    this.session.handleClose(code, this.now);
    return this.pump();
  }

  framesOf<C extends BodyCase>(body: C): { value: BodyValue<C>; ref: number }[] {
    return this.sent.flatMap((frame) =>
      frame.body.case === body ? [{ value: frame.body.value as BodyValue<C>, ref: frame.ref }] : [],
    );
  }

  eventsOf<K extends keyof ClientEvents>(type: K): ClientEvents[K][] {
    return this.events.filter((event) => event.type === type) as unknown as ClientEvents[K][];
  }

  /** Publishes as [room, seq, text]. */
  get published(): [number, number, string][] {
    return this.framesOf("publish").map(({ value }) => [value.room, Number(value.seq), String(value.content?.body.value ?? "")]);
  }

  publish(room: string, text: string): string {
    const id = this.session.nextId(this.now);
    const entry = this.session.rooms.publish({ room, id, content: text, kind: 0, target: new Uint8Array(0) });
    this.pump();
    return entry.id;
  }

  states(id: string): string[] {
    return this.eventsOf("entry").flatMap((change) => (change.id === id ? [change.state] : []));
  }
}

/** A joined that holds together; by default of an empty room. */
export function joinedInit(name: string, init: Init<BodyValue<"joined">> = {}): Init<BodyValue<"joined">> {
  const head = (init.head as bigint | undefined) ?? 0n;
  return {
    name,
    room: 1,
    verdict: 1,
    epoch: 77n,
    head,
    start: head + 1n,
    firstRetained: 1n,
    nextSeq: 1n,
    durability: 1,
    rights: [1, 2, 4],
    receipts: 1,
    roster: 1,
    count: 1,
    ...init,
  };
}

/** 16 bytes that are all the same. */
export const id16 = (n: number): Uint8Array => new Uint8Array(16).fill(n);

/** An ack in room 1 for a run of seqs, stored at these offset deltas; 0 stands for a void. */
export const ackInit = (first: number, ...offsets: number[]): Init<BodyValue<"ack">> => ({
  room: 1,
  firstSeq: BigInt(first),
  offsetDeltas: offsets.map(BigInt),
  timeDeltas: offsets.map((offset) => (offset === 0 ? 0n : 5n)),
});

/** A client that has joined "lobby", with handle 1. */
export function joinedClient(options: ConstructorParameters<typeof ClientHarness>[0] = {}): ClientHarness {
  const client = new ClientHarness(options).connect();
  client.session.rooms.join("lobby", {}, client.now);
  return client.pump().admit("lobby");
}
