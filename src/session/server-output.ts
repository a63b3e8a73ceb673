/**
 * All that a relay sends on one connection, and in which order: pong, ping, acks and other control, ephemeral frames, chats; then the
 * close. Chats wait for credit (CRD-1) and go out by ascending offset without a hole (RES-8); nothing else waits for credit (CRD-6).
 */

import { AckCoalescer } from "../delivery/ack-tracker.ts";
import { errorCodeName } from "../errors.ts";
import { createFrame, type Frame, GapReason } from "../wire/codec.ts";
import { clientFrameBytes } from "../wire/limits.ts";
import { Coalescer } from "./server-coalescer.ts";
import type { Delivery, ServerEvent } from "./server-events.ts";
import { ackFrame } from "./server-frames.ts";
import { ChatQueue, ControlQueue } from "./server-queues.ts";
import type { ServerRoom } from "./server-room.ts";
import { count, type Tally } from "./tally.ts";
import { type Data, type FrameCodec, SharedFrame, type Transmit } from "./transmit.ts";

/** Acks that may wait to be joined; above it they are encoded, and count for the bound of control frames (CRD-6, LIM-6). */
const waitingAcks = 256;

/** Bounds of what waits. */
export interface OutputOptions {
  readonly codec: FrameCodec;
  /** Least time between two ephemeral frames of a kind and room, in ms. */
  readonly coalesceMs: number;
  /** Bytes of chats that may wait for the transport. One chat may always. */
  readonly chatQueueBytes: number;
  /** Bytes of control frames that may wait; above it `onBacklog` is called (CRD-6). */
  readonly controlQueueBytes: number;
  readonly onBacklog: () => void;
  /** Entries that one read asks for. */
  readonly readEntries: number;
  readonly tally: Tally;
}

/** The sending half of a connection. */
export class ServerOutput {
  readonly #options: OutputOptions;
  readonly #control = new ControlQueue();
  readonly #chats = new ChatQueue();
  readonly #coalescer: Coalescer;
  readonly #acks = new AckCoalescer();
  /** Sent before everything else (LIV-2). */
  #pong: Frame | undefined;
  #close: { readonly code: number; readonly reason: string } | undefined;
  /** `ended`: nothing is taken any more. */
  #intake: "open" | "ended" = "open";
  /** Credit: the total that is granted, and the bytes of chats that are sent or queued. */
  #granted = 0;
  #spent = 0;
  /** Rooms with entries to be read from the log. */
  readonly #behind = new Set<ServerRoom>();
  /** `stuck`: none of them could be read, and nothing has changed since. */
  #reading: "possible" | "stuck" = "possible";
  #reads = 0;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.#coalescer = new Coalescer(options.coalesceMs, options.tally);
  }

  /** Whether there is room for long answers: half of what may wait. */
  get hasRoom(): boolean {
    return this.#control.bytes <= this.#options.controlQueueBytes / 2;
  }

  /** May call `onBacklog`, which ends the connection: what a caller does after it must hold then too. */
  control(frame: Frame): void {
    if (this.#intake === "ended") return;
    // Answers about a room's publishes keep the order of the broker's decisions (PUB-19).
    this.#encodeAcks();
    this.#push(frame);
    this.#checkBacklog();
  }

  /** Joined with others until something is sent after it, or too many wait. */
  ack(room: ServerRoom, seq: number, offset: number, timeMs: number): void {
    if (this.#intake === "ended") return;
    this.#acks.add(room.handle, seq, offset, timeMs);
    if (this.#acks.waiting <= waitingAcks) return;
    this.#encodeAcks();
    this.#checkBacklog();
  }

  /** Of several pings that wait the latest is answered (LIV-2). */
  pong(frame: Frame): void {
    if (this.#intake === "open") this.#pong = frame;
  }

  ephemeral(frame: SharedFrame, now: number): void {
    if (this.#intake === "open") this.#coalescer.put(frame, now);
  }

  /** When an ephemeral frame that waits may go. */
  get coalesceDue(): number | undefined {
    return this.#coalescer.due;
  }

  /** A total at or below an earlier one changes nothing (CRD-3). */
  grant(total: number): void {
    if (total <= this.#granted) return;
    this.#granted = total;
    this.#reading = "possible";
  }

  /** A live entry: goes out if it is the next one and fits; otherwise the room is behind. */
  deliver(room: ServerRoom, { offset, frame }: Delivery): void {
    if (room.mode === "publishOnly" || room.state === "closed") return;
    if (offset > room.head) room.head = offset;
    if (offset === room.next && room.reading === 0) this.#queue(room, offset, frame);
    if (!room.isBehind) return;
    count(this.#options.tally.dropped, "behind");
    this.catchUp(room);
  }

  /** Entries from the log, ascending. What does not fit is read again when it does. */
  fill(room: ServerRoom, entries: readonly Delivery[], log: { readonly firstRetained: number; readonly head: number }): void {
    room.reading = 0;
    if (log.head > room.head) room.head = log.head;
    this.#trim(room, log.firstRetained);
    for (const { offset, frame } of entries) {
      if (offset < room.next) continue;
      if (offset > room.next || !this.#queue(room, offset, frame)) break;
    }
    // A log that has less than was announced would be asked without end; the next live entry asks again.
    if (entries.length > 0) this.catchUp(room);
  }

  /** Has the room read from the log, if it is behind. */
  catchUp(room: ServerRoom): void {
    if (!room.isBehind || this.#intake === "ended") this.#behind.delete(room);
    else if (!this.#behind.has(room)) {
      this.#behind.add(room);
      this.#reading = "possible";
    }
  }

  /** Takes back what waits of a room: it is left, or joined anew (RES-8). Delivery stands where it stood before that. */
  takeBack(room: ServerRoom): void {
    const { first, bytes } = this.#chats.purge(room);
    this.#spent -= bytes;
    this.#reading = "possible";
    if (first !== undefined) room.next = first;
    room.reading = 0;
    this.#behind.delete(room);
    this.#coalescer.purge(room.handle);
  }

  /** A read that is wanted now: a room is behind, and there is credit and room for its next chat. The rooms take turns. */
  takeRead(): (ServerEvent & { readonly type: "read" }) | undefined {
    if (this.#reading === "stuck") return undefined;
    const queued = this.#chats.bytes;
    const capacity = this.#options.chatQueueBytes - queued;
    if (capacity <= 0) return undefined;
    for (const room of this.#behind) {
      const credit = this.#granted - this.#spent;
      if (credit < Math.max(room.need, 1) || (queued > 0 && capacity < room.need)) continue;
      this.#behind.delete(room);
      room.reading = ++this.#reads;
      return {
        type: "read",
        room: room.handle,
        token: room.reading,
        after: room.next - 1,
        limit: this.#options.readEntries,
        maxBytes: Math.min(capacity, credit, clientFrameBytes),
      };
    }
    this.#reading = "stuck";
    return undefined;
  }

  /** Nothing is sent after what waits now but this: the last frame, if there is one, and the close. */
  close(last: Frame | undefined, code: number, reason: string): void {
    this.#intake = "ended";
    this.#chats.clear();
    this.#coalescer.clear();
    this.#behind.clear();
    this.#pong = undefined;
    this.#encodeAcks();
    // What ends the connection is told, whatever waits before it.
    if (last !== undefined) this.#push(last);
    this.#close = { code, reason };
  }

  /** Forgets all that waits, and takes nothing more. */
  clear(): void {
    this.#intake = "ended";
    this.#control.clear();
    this.#chats.clear();
    this.#coalescer.clear();
    this.#acks.flush();
    this.#behind.clear();
    this.#pong = undefined;
    this.#close = undefined;
  }

  take(now: number): Transmit | undefined {
    const data = this.#next(now);
    if (data !== undefined) return { type: "send", data };
    if (this.#close === undefined) return undefined;
    const transmit: Transmit = { type: "close", ...this.#close };
    this.#close = undefined;
    return transmit;
  }

  #next(now: number): Data | undefined {
    const { codec } = this.#options;
    if (this.#pong !== undefined) {
      const pong = codec.encode(this.#pong);
      this.#pong = undefined;
      count(this.#options.tally.framesSent, "pong");
      return pong;
    }
    this.#encodeAcks();
    const first = this.#control.shift();
    if (first !== undefined) return first;
    const ephemeral = this.#coalescer.take(now);
    if (ephemeral === undefined) this.#reading = "possible";
    const frame = ephemeral ?? this.#chats.shift();
    if (frame === undefined) return undefined;
    this.#countSent(frame.frame);
    return frame.in(codec);
  }

  #push(frame: Frame): void {
    this.#countSent(frame);
    this.#control.push(this.#options.codec.encode(frame));
  }

  #countSent({ body }: Frame): void {
    const { framesSent, errorsTold } = this.#options.tally;
    if (body.case === undefined) return;
    count(framesSent, body.case);
    if (body.case === "error") count(errorsTold, errorCodeName(body.value.code));
  }

  #encodeAcks(): void {
    if (this.#acks.waiting === 0) return;
    for (const run of this.#acks.flush()) this.#push(ackFrame(run));
  }

  #checkBacklog(): void {
    if (this.#control.bytes > this.#options.controlQueueBytes) this.#options.onBacklog();
  }

  /** Entries that the log has lost are told as a gap, in their place among the chats (RES-7). */
  #trim(room: ServerRoom, firstRetained: number): void {
    if (firstRetained <= room.next) return;
    const gap = createFrame("gap", {
      room: room.handle,
      first: BigInt(room.next),
      last: BigInt(firstRetained - 1),
      reason: GapReason.TRIMMED,
    });
    this.#chats.push(room, room.next, new SharedFrame(gap), 0);
    room.next = firstRetained;
    room.need = 0;
    if (room.head < firstRetained - 1) room.head = firstRetained - 1;
  }

  /** Queues a chat, if credit and the bound allow. */
  #queue(room: ServerRoom, offset: number, frame: SharedFrame): boolean {
    const { bytes } = frame;
    room.need = bytes;
    const fits = this.#chats.bytes === 0 || this.#chats.bytes + bytes <= this.#options.chatQueueBytes;
    if (!fits || this.#spent + bytes > this.#granted) return false;
    this.#spent += bytes;
    this.#chats.push(room, offset, frame, bytes);
    room.next = offset + 1;
    room.need = 0;
    return true;
  }
}
