/** Clients of a relay as a test plays them: frames out, frames in, over a transport that takes as much as the test allows. */

import { encodeFrame as encodeRaw } from "../../gen/chappe/v1/frame_codec.ts";
import { errorCodeName } from "../../src/errors.ts";
import type { Logger, Relay, RelayConnection, RelayOptions, RelayTransport } from "../../src/relay/index.ts";
import { MemoryBroker, Relay as RelayClass } from "../../src/relay/index.ts";
import { binaryCodec, type Data } from "../../src/session/transmit.ts";
import { type BodyCase, type BodyValue, createFrame, type Frame, type Init, parseFrame } from "../../src/wire/codec.ts";
import { maxSafeInteger } from "../../src/wire/limits.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** Random bytes that are the same in every run. */
export function fakeRandom(seed = 1): (into: Uint8Array) => void {
  let state = seed;
  return (into) => {
    for (let i = 0; i < into.length; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      into[i] = state >>> 24;
    }
  };
}

/** 16 bytes that end in this number. */
export function id(n: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, n);
  return bytes;
}

/** Faults of the relay fail the test. */
const strict: Logger = {
  info() {},
  warn() {},
  error: (event, fields) => {
    if (event === "fault") throw fields["error"];
  },
};

export interface World {
  readonly clock: FakeClock;
  readonly broker: MemoryBroker;
  readonly relays: readonly Relay[];
}

/** Relays on one broker. The token is the user id. */
export function world(options: Partial<RelayOptions> = {}, relays = 1): World {
  const clock = new FakeClock(1000);
  const memory = new MemoryBroker({ clock, random: fakeRandom() });
  const made = Array.from({ length: relays }, () => {
    return new RelayClass({
      broker: memory,
      clock,
      random: fakeRandom(),
      authenticate: ({ token }) => ({ user: token }),
      log: strict,
      ...options,
    });
  });
  return { clock, broker: memory, relays: made };
}

export class Peer {
  readonly connection: RelayConnection;
  readonly received: Frame[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  /** Bytes that the transport says it holds. */
  bufferedBytes = 0;
  onData: ((data: Uint8Array) => void) | undefined;
  #refs = 0;

  constructor(relay: Relay) {
    const self = this;
    const transport: RelayTransport = {
      send: (data: Data) => {
        this.onData?.(data as Uint8Array);
        this.received.push(parseFrame(data as Uint8Array));
      },
      close: (code, reason) => {
        this.closed = { code, reason };
      },
      get bufferedBytes() {
        return self.bufferedBytes;
      },
    };
    this.connection = relay.accept(transport, { codec: binaryCodec });
  }

  /** A peer that has said hello and been welcomed. */
  static ready(relay: Relay, user: string, options: { session?: number; attempt?: number; credit?: number } = {}): Peer {
    const peer = new Peer(relay);
    peer.hello(user, options);
    return peer;
  }

  hello(user: string, { session = sessions++, attempt = 1, credit = maxSafeInteger } = {}): void {
    this.send("hello", { session: id(session), attempt: BigInt(attempt), token: user, creditBytes: BigInt(credit) });
  }

  send<C extends BodyCase>(bodyCase: C, init: Init<BodyValue<C>>, ref = 0): void {
    this.raw(createFrame(bodyCase, init, { ref }));
  }

  /** Without any check, also what is not allowed. */
  raw(frame: Frame): void {
    this.connection.handleMessage(encodeRaw(frame));
  }

  /** Sends a request. @returns the answer, or the error, if it is there. */
  ask<C extends BodyCase>(bodyCase: C, init: Init<BodyValue<C>>): Frame | undefined {
    const ref = ++this.#refs;
    this.send(bodyCase, init, ref);
    return this.received.find((frame) => frame.ref === ref);
  }

  /** Joins, and has to be let in. */
  join(name: string, init: Init<BodyValue<"join">> = {}): BodyValue<"joined"> {
    const answer = this.ask("join", { ...init, name });
    if (answer?.body.case !== "joined") throw new Error(`not joined: ${JSON.stringify(codes([answer]))}`);
    return answer.body.value;
  }

  publish(room: number, seq: number, n = seq, init: Init<BodyValue<"publish">> = {}): void {
    const content = { body: { case: "text" as const, value: `m${n}` } };
    this.send("publish", { room, seq: BigInt(seq), id: id(n), content, ...init } as Init<BodyValue<"publish">>);
  }

  /** Frames with this body that have come since the last call for it. */
  take<C extends BodyCase>(bodyCase: C): BodyValue<C>[] {
    const taken: BodyValue<C>[] = [];
    for (let i = 0; i < this.received.length; ) {
      const frame = this.received[i];
      if (frame?.body.case === bodyCase) {
        taken.push(frame.body.value as unknown as BodyValue<C>);
        this.received.splice(i, 1);
      } else i++;
    }
    return taken;
  }

  /** Names of the errors that have come since the last call. */
  errors(): string[] {
    return this.take("error").map((error) => errorCodeName(error.code));
  }

  /** Offsets of the chats that have come since the last call. */
  offsets(): number[] {
    return this.take("chat").map((chat) => Number(chat.offset));
  }

  /** The transport breaks. */
  cut(): void {
    this.connection.handleClose();
  }
}

let sessions = 1000;

/** The bodies of frames, errors by their code. */
export function codes(frames: readonly (Frame | undefined)[]): string[] {
  return frames.map((frame) => {
    if (frame?.body.case === "error") return errorCodeName(frame.body.value.code);
    return frame?.body.case ?? "nothing";
  });
}

/** A world with one relay, and users that are welcome in it. */
export function play(users: readonly string[], options: Partial<RelayOptions> = {}): World & { relay: Relay; peers: Peer[] } {
  const made = world(options);
  const relay = first(made.relays);
  return { ...made, relay, peers: users.map((user) => Peer.ready(relay, user)) };
}

export function first<T>(list: readonly T[]): T {
  if (list[0] === undefined) throw new Error("nothing there");
  return list[0];
}

/** What chats say. */
export function texts(chats: readonly BodyValue<"chat">[]): (string | Uint8Array | undefined)[] {
  return chats.map((chat) => chat.content?.body.value);
}

/** Promises that are kept have gone on. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}
