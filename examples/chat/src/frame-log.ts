/** The frames that pass, as the pane lists them: the last ones, what each says in a line, and the totals of all. */

import { encodeFrameJson } from "chappe";
import type { ObservedFrame } from "chappe/client";

type Frame = ObservedFrame["frame"];

/** A frame in the list. */
export interface LoggedFrame {
  readonly number: number;
  readonly direction: "in" | "out";
  readonly body: string;
  readonly bytes: number;
  readonly atMs: number;
  readonly summary: string;
  readonly frame: Frame;
}

/** Frames that are kept. */
export const maxFrames = 300;

export class FrameLog {
  /** The last frames, the oldest first. */
  readonly frames: LoggedFrame[] = [];
  /** Of all frames since the page was opened. */
  readonly totals: Record<"in" | "out", { frames: number; bytes: number }> = {
    in: { frames: 0, bytes: 0 },
    out: { frames: 0, bytes: 0 },
  };
  /** Bodies that were seen. */
  readonly bodies: Set<string> = new Set();
  /** Rooms by the handles of this connection (ROM-4). */
  readonly #rooms: Map<number, string> = new Map();

  /** How many frames have passed, which is the number of the last one. */
  get count(): number {
    return this.totals.in.frames + this.totals.out.frames;
  }

  add({ direction, frame, bytes, atMs }: ObservedFrame): LoggedFrame {
    const total = this.totals[direction];
    total.frames++;
    total.bytes += bytes;
    const { body } = frame;
    if (body.case === "hello") this.#rooms.clear();
    if (body.case === "joined") this.#rooms.set(body.value.room, body.value.name);
    const name = body.case ?? "unknown";
    this.bodies.add(name);
    const logged = { number: this.count, direction, body: name, bytes, atMs, summary: this.#summary(frame), frame };
    this.frames.push(logged);
    if (this.frames.length > maxFrames) this.frames.shift();
    return logged;
  }

  /** Forgets the frames; the totals go on. */
  clear(): void {
    this.frames.length = 0;
  }

  #room(handle: number): string {
    const name = this.#rooms.get(handle);
    return name === undefined ? `room ${handle}` : `#${name}`;
  }

  #summary(frame: Frame): string {
    const parts = this.#say(frame);
    if (frame.ref !== 0) parts.push(`ref ${frame.ref}`);
    return parts.join(" · ");
  }

  /** What tells one frame of a body from the next. */
  #say({ body }: Frame): string[] {
    switch (body.case) {
      case "chat":
        return [this.#room(body.value.room), `offset ${body.value.offset}`, `from ${body.value.sender || "the service"}`];
      case "publish":
        return [this.#room(body.value.room), `seq ${body.value.seq}`];
      case "ack": {
        const { room, firstSeq, offsetDeltas } = body.value;
        const last = firstSeq + BigInt(offsetDeltas.length) - 1n;
        return [
          this.#room(room),
          last > firstSeq ? `seq ${firstSeq} to ${last}` : `seq ${firstSeq}`,
          `offset ${offsetDeltas[0]}`,
        ];
      }
      case "batch":
        return [`${body.value.frames.length} frames`, [...new Set(body.value.frames.map((inner) => inner.body.case))].join(", ")];
      case "receipt": {
        const { room, marks, counts } = body.value;
        const own = (user: string) => (user === "" ? "" : `${user} `);
        const said = marks.map(({ user, delivered, read }) => `${own(user)}delivered ${delivered}, read ${read}`);
        return [this.#room(room), ...said, ...counts.map(({ offset, read }) => `offset ${offset} read by ${read}`)];
      }
      case "typing":
        return [
          this.#room(body.value.room),
          ...body.value.marks.map(({ user, ttlMs }) => `${user} ${ttlMs > 0 ? `for ${ttlMs} ms` : "stopped"}`.trim()),
        ];
      case "presence":
        return body.value.marks.map(({ user, state, activity }) => {
          const states = ["unspecified", "online", "away", "busy", "offline"];
          return `${user} ${states[state] ?? state} ${activity}`.replace(/\s+/g, " ").trim();
        });
      case "members":
        return [this.#room(body.value.room), `${body.value.count} here`];
      case "join":
        return [`#${body.value.name}`, body.value.position === undefined ? `tail ${body.value.tail}` : "with its position"];
      case "joined": {
        const { name, verdict, start, head } = body.value;
        const verdicts = ["unspecified", "fresh", "resumed", "gap", "reset"];
        return [`#${name}`, verdicts[verdict] ?? String(verdict), `start ${start}`, `head ${head}`];
      }
      case "history":
        return [this.#room(body.value.room), `${body.value.anchor.case ?? "before"} ${body.value.anchor.value ?? 0}`];
      case "page":
        return [this.#room(body.value.room), `${body.value.entries.length} entries`];
      case "gap":
        return [this.#room(body.value.room), `${body.value.first} to ${body.value.last}`];
      case "leave":
      case "left":
      case "signal":
        return [this.#room(body.value.room)];
      case "welcome":
        return [`user ${body.value.user}`];
      case "hello":
        return [`attempt ${body.value.attempt}`];
      case "watch":
      case "unwatch":
        return [body.value.users.join(", ")];
      case "credit":
        return [`up to ${body.value.totalBytes} B`];
      case "error":
        return [body.value.message, ...(body.value.room === 0 ? [] : [this.#room(body.value.room)])];
      default:
        return [];
    }
  }
}

/** The frame as ProtoJSON, laid out to be read. What authenticates is not shown: people share their screens. */
export function jsonOf(frame: Frame): string {
  try {
    const value: unknown = JSON.parse(encodeFrameJson(frame));
    return JSON.stringify(value, (key, inner) => (key === "token" && inner !== "" ? "(not shown)" : inner), 2);
  } catch (error) {
    return `This frame has no ProtoJSON form: ${error instanceof Error ? error.message : "unknown"}`;
  }
}
