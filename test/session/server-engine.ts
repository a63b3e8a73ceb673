/** A relay's engine, driven by hand. */

import { encodeFrame as encodeRaw } from "../../gen/chappe/v1/frame_codec.ts";
import { type ErrorCodeName, errorCodeName } from "../../src/errors.ts";
import type { JoinedInfo, PublishEvent, ServerEvent } from "../../src/session/server-events.ts";
import type { ServerSessionOptions } from "../../src/session/server-options.ts";
import { ServerSession } from "../../src/session/server-session.ts";
import { binaryCodec, SharedFrame } from "../../src/session/transmit.ts";
import {
  type BodyCase,
  type BodyValue,
  createFrame,
  Detail,
  Durability,
  type Frame,
  type FrameOf,
  type Init,
  parseFrame,
  Right,
  Verdict,
} from "../../src/wire/codec.ts";
import { defaultRelayLimits, defaultTimes, maxSafeInteger } from "../../src/wire/limits.ts";

const allRights: readonly Right[] = [Right.READ, Right.PUBLISH, Right.REDACT, Right.SIGNAL];

/** A handle that {@link Engine.ready} opens. */
export const room = 7;

export class Engine {
  readonly session: ServerSession;
  now = 1000;
  /** Frames that went out, and are not taken yet. */
  readonly sent: Frame[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly events: ServerEvent[] = [];

  constructor(options: Partial<ServerSessionOptions> = {}) {
    this.session = new ServerSession({
      codec: binaryCodec,
      limits: defaultRelayLimits,
      times: defaultTimes,
      wall: () => 1_700_000_000_000,
      ...options,
    });
    this.session.handleOpen(this.now);
  }

  /** After hello. */
  static authenticating(options: Partial<ServerSessionOptions> = {}, credit = maxSafeInteger): Engine {
    const engine = new Engine(options);
    engine.send("hello", { session: new Uint8Array(16), attempt: 1n, token: "t", creditBytes: BigInt(credit) });
    engine.take("hello");
    return engine;
  }

  /** After welcome, with room {@link room} open. */
  static ready(options: Partial<ServerSessionOptions> = {}, credit = maxSafeInteger): Engine {
    const engine = Engine.authenticating(options, credit);
    engine.session.accept({ user: "ada" }, engine.now);
    engine.open();
    engine.pump();
    engine.sent.length = 0;
    return engine;
  }

  static draining(options: Partial<ServerSessionOptions> = {}): Engine {
    const engine = Engine.ready(options);
    engine.session.drain({ drainMs: 5000, afterMinMs: 1, afterMaxMs: 2 }, engine.now);
    engine.pump();
    engine.sent.length = 0;
    return engine;
  }

  /** Opens a room, unsolicited where no ref is given. */
  open(info: Partial<JoinedInfo> = {}): void {
    const log = info.log ?? { epoch: 5, head: 0, firstRetained: 1 };
    const handle = info.room ?? room;
    this.session.joined({
      ref: 0,
      room: handle,
      name: `room ${handle}`,
      log,
      verdict: Verdict.FRESH,
      start: log.head + 1,
      announced: 0,
      nextSeq: 1,
      durability: Durability.MEMORY,
      rights: allRights,
      publishOnly: false,
      receipts: Detail.ALL,
      roster: Detail.ALL,
      members: [],
      count: 1,
      read: 0,
      marks: [],
      ...info,
    });
  }

  send<C extends BodyCase>(bodyCase: C, init: Init<BodyValue<C>>, ref = 0): this {
    return this.frame(createFrame(bodyCase, init, { ref }));
  }

  frame(frame: Frame): this {
    return this.bytes(encodeRaw(frame));
  }

  bytes(bytes: Uint8Array): this {
    this.session.handleMessage(bytes, this.now);
    this.pump();
    return this;
  }

  /** Takes events and what is sent, until there is no more. */
  pump(): void {
    for (let more = true; more; ) {
      more = false;
      for (let event = this.session.pollEvent(); event !== undefined; event = this.session.pollEvent()) {
        this.events.push(event);
        more = true;
      }
      more = this.transmit() || more;
    }
  }

  transmit(): boolean {
    let any = false;
    for (let next = this.session.pollTransmit(this.now); next !== undefined; next = this.session.pollTransmit(this.now)) {
      any = true;
      if (next.type === "send") this.sent.push(parseFrame(next.data as Uint8Array));
      else if (next.type === "close") this.closed = { code: next.code, reason: next.reason };
    }
    return any;
  }

  /** Time goes on, to each deadline on the way. */
  advance(ms: number): this {
    const end = this.now + ms;
    for (let at = this.session.pollTimeout(); at !== undefined && at <= end; at = this.session.pollTimeout()) {
      this.now = Math.max(this.now, at);
      this.session.handleTimeout(this.now);
      this.pump();
    }
    this.now = end;
    return this;
  }

  /** Events of this type that came since the last call. */
  take<T extends ServerEvent["type"]>(type: T): (ServerEvent & { type: T })[] {
    const taken = this.events.filter((event) => event.type === type) as (ServerEvent & { type: T })[];
    const rest = this.events.filter((event) => event.type !== type);
    this.events.splice(0, this.events.length, ...rest);
    return taken;
  }

  /** Bodies of this kind that went out since the last call. */
  out<C extends BodyCase>(bodyCase: C): BodyValue<C>[] {
    return this.frames(bodyCase).map((frame) => (frame.body as { value: unknown }).value as BodyValue<C>);
  }

  frames<C extends BodyCase>(bodyCase: C): FrameOf<C>[] {
    this.pump();
    const taken = this.sent.filter((frame) => frame.body.case === bodyCase) as FrameOf<C>[];
    const rest = this.sent.filter((frame) => frame.body.case !== bodyCase);
    this.sent.splice(0, this.sent.length, ...rest);
    return taken;
  }

  /** Codes of the errors that went out since the last call. */
  errors(): ErrorCodeName[] {
    return this.out("error").map((error) => errorCodeName(error.code));
  }

  publish(seq: number, init: Init<BodyValue<"publish">> = {}): PublishEvent | undefined {
    const content = { body: { case: "text" as const, value: "hi" } };
    this.send("publish", { room, seq: BigInt(seq), id: new Uint8Array(16).fill(seq), content, ...init } as Init<
      BodyValue<"publish">
    >);
    return this.take("publish").at(-1);
  }

  /** A live entry. */
  deliver(offset: number, text = "hi", handle = room): number {
    const frame = chat(offset, text, handle);
    this.session.deliver(handle, { offset, frame });
    return frame.bytes;
  }

  /** Offsets of the chats, and [first, last] of the gaps, that went out since the last call. */
  delivered(): (number | [number, number])[] {
    this.pump();
    const delivered: (number | [number, number])[] = [];
    for (const { body } of this.sent.splice(0)) {
      if (body.case === "chat") delivered.push(Number(body.value.offset));
      if (body.case === "gap") delivered.push([Number(body.value.first), Number(body.value.last)]);
    }
    return delivered;
  }
}

export function chat(offset: number, text = "hi", handle = room): SharedFrame {
  const content = { body: { case: "text" as const, value: text } };
  return new SharedFrame(
    createFrame("chat", { room: handle, offset: BigInt(offset), id: new Uint8Array(16), sender: "bob", content }),
  );
}
