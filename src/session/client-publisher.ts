/**
 * What a client publishes, from the outbox to the wire and back: the algorithm of PUB-16.
 *
 * Law: entries of one room go out by ascending seq, under stored seqs, inside the window; every answer settles what it names, or gives it back;
 * what still waits in a batch when its room or connection turns away is given back, and never leaves under an old seq.
 */

import { expandAck } from "../delivery/ack-tracker.ts";
import { Batcher } from "../delivery/batcher.ts";
import type { Lane } from "../delivery/lane.ts";
import type { Outbox, OutboxEntry } from "../delivery/outbox.ts";
import { ProtocolError, UsageError } from "../errors.ts";
import { type Ack, ChatKind, createFrame, type ErrorInfo, encodedSize, type Frame } from "../wire/codec.ts";
import type { SessionLimits } from "../wire/limits.ts";
import { type BackoffOptions, randomDelay } from "./backoff.ts";
import { toError, toUnpublished } from "./client-convert.ts";
import type { ClientEvent, EntryChange } from "./client-events.ts";
import { ClientRetries, type RetryOptions } from "./client-retries.ts";
import type { ClientRoom } from "./client-room.ts";

/** How frames are put together before they leave (BAT-4). */
export interface BatchOptions {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly maxDelayMs: number;
}

/** Bytes of a Publish beyond its content, at most: room, seq, id, kind, target and their tags. */
export const publishOverhead = 64;

/** How often a transport that holds too much is looked at: none tells when it has sent. */
export const bufferPollMs = 20;

/** What a publisher needs from its conversation. */
export interface PublisherHost {
  readonly outbox: Outbox;
  readonly batch: BatchOptions;
  /** While the transport holds so much, nothing more is published. */
  readonly sendBufferBytes: number;
  readonly retry: Partial<RetryOptions>;
  readonly backoff: Pick<BackoffOptions, "base" | "cap">;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly emit: (event: ClientEvent) => void;
}

/** A Publish that waits for others to go out with it. */
interface Waiting {
  readonly room: string;
  readonly seq: number;
  readonly frame: Frame;
}

/** The sending side of a client session. */
export class ClientPublisher {
  readonly #outbox: Outbox;
  readonly #host: PublisherHost;
  #batcher: Batcher<Waiting>;
  /** Open rooms that may have something to send, by name; the order in which they take turns. */
  readonly #open: Map<string, ClientRoom> = new Map();
  #limits: SessionLimits | undefined;
  #inFlight = 0;
  #bytesInFlight = 0;
  /** When a transport that holds too much is asked again. */
  #heldUntil = Number.POSITIVE_INFINITY;
  /** Why entries have ended, where this side alone has decided it: told when storage holds the end (PUB-13). */
  readonly #untold: Map<OutboxEntry, EntryChange> = new Map();
  readonly #retries: ClientRetries;

  constructor(host: PublisherHost) {
    this.#host = host;
    this.#outbox = host.outbox;
    this.#batcher = new Batcher(host.batch);
    this.#retries = new ClientRetries(host.retry);
  }

  /** Publishes in flight (PUB-10). */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether publishes wait for others to go out with them. */
  get isWaiting(): boolean {
    return this.#batcher.deadline !== undefined;
  }

  /** When a batch, or a room that pauses, is due, or the transport is to be asked again; undefined: nothing waits for a time. */
  deadline(now: number): number | undefined {
    let least = Math.min(this.#batcher.deadline ?? Number.POSITIVE_INFINITY, this.#heldUntil);
    for (const room of this.#open.values()) if (room.pausedUntil > now) least = Math.min(least, room.pausedUntil);
    return least === Number.POSITIVE_INFINITY ? undefined : least;
  }

  /** Welcome has told the window. */
  welcome(limits: SessionLimits): void {
    this.#limits = limits;
    const { maxItems, maxBytes, maxDelayMs } = this.#host.batch;
    // What a batch adds to its frames: a tag and a length for each.
    const room = limits.frameBytes - 16 * limits.batchFrames;
    this.#batcher = new Batcher({
      maxItems: Math.min(maxItems, limits.batchFrames),
      maxBytes: Math.max(1, Math.min(maxBytes, room > 0 ? room : maxBytes)),
      maxDelayMs,
    });
  }

  /** A join is answered, or the relay has entered the room: PUB-8. */
  roomOpened(room: ClientRoom, epoch: number, nextSeq: number): void {
    room.isExhausted = false;
    this.#open.set(room.name, room);
    this.takeBack(room);
    this.#counted(room, (lane) => {
      for (const entry of lane.open({ epoch, nextSeq })) this.#settleHere(entry, "doubt");
    });
  }

  /** The room is not open any more: nothing of it is in flight. */
  roomClosed(room: ClientRoom): void {
    this.#open.delete(room.name);
    this.takeBack(room);
    this.#counted(room, (lane) => lane.close());
  }

  /** What of this room is not on its way yet is given back: something has happened after which it must not go out as it is. */
  takeBack(room: ClientRoom): void {
    const [first] = this.#batcher.drop((waiting) => waiting.room === room.name);
    if (first !== undefined) this.#counted(room, (lane) => lane.giveBack(first.seq));
  }

  /** The connection is gone. */
  disconnected(): void {
    for (const lane of [...this.#outbox.lanes()]) {
      lane.close();
      this.#outbox.release(lane.room);
    }
    this.#open.clear();
    this.#limits = undefined;
    this.#inFlight = 0;
    this.#bytesInFlight = 0;
    this.#heldUntil = Number.POSITIVE_INFINITY;
    this.#batcher = new Batcher(this.#host.batch);
  }

  /** A refresh has succeeded: rooms that waited for it go on. */
  resume(): void {
    for (const room of this.#open.values()) if (room.pausedUntil === Number.POSITIVE_INFINITY) room.pausedUntil = 0;
  }

  /** The next frame that is due, bare or a batch; undefined: none. @param buffered - bytes that the transport holds back (PUB-23). */
  poll(now: number, buffered: number): Frame | undefined {
    const isHeld = buffered >= this.#host.sendBufferBytes && this.#outbox.size > this.#inFlight;
    this.#heldUntil = isHeld ? now + bufferPollMs : Number.POSITIVE_INFINITY;
    if (this.#limits !== undefined && !isHeld) this.#fill(this.#limits, buffered, now);
    const group = this.#batcher.poll(now);
    return group === undefined ? undefined : toFrame(group);
  }

  /** All that waits, due or not: what is sent next must not overtake it (PUB-19, ROM-7). */
  flush(): Frame[] {
    return this.#batcher.flush().map(toFrame);
  }

  /** Nothing more is published on this connection (GBY-4); what is in flight is still settled. */
  stop(): void {
    this.#limits = undefined;
    for (const room of this.#open.values()) this.takeBack(room);
  }

  #fill(limits: SessionLimits, buffered: number, now: number): void {
    const { sendBufferBytes } = this.#host;
    for (const [name, room] of this.#open) {
      if (room.pausedUntil > now || room.state !== "joined") continue;
      const lane = this.#outbox.lane(name);
      lane.prepare(limits.windowMessages - this.#inFlight);
      for (let entry = lane.next(); entry !== undefined; entry = lane.next()) {
        if (entry.state !== "voiding" && isAbove(entry.bytes, limits)) {
          this.#tooLarge(entry, limits);
          continue;
        }
        const bytes = entry.state === "voiding" ? publishOverhead : entry.bytes;
        const isFull = this.#inFlight >= limits.windowMessages || this.#bytesInFlight + bytes > limits.windowBytes;
        if (isFull || buffered + this.#batcher.bytes >= sendBufferBytes) {
          // The other rooms come first when there is room again (PUB-21).
          this.#open.delete(name);
          this.#open.set(name, room);
          return;
        }
        const frame = toPublish(entry, room.handle);
        this.#outbox.apply(entry, "send");
        lane.sent(entry, bytes);
        this.#inFlight++;
        this.#bytesInFlight += bytes;
        this.#batcher.add({ room: name, seq: entry.seq, frame }, encodedSize(frame), now);
        this.#emit({ room: name, id: entry.id, state: entry.state });
      }
      this.#checkExhausted(room, lane);
    }
  }

  /** This relay takes less than the one for which the entry was made: it fails, or, where it was sent before, a void takes its place (PUB-21). */
  #tooLarge(entry: OutboxEntry, { contentBytes }: SessionLimits): void {
    const error = new ProtocolError("LIMIT_EXCEEDED", `the limit is ${contentBytes} bytes of content (LIM-1)`, {
      field: "publish.content",
    });
    if (entry.state === "queued") {
      this.#settleHere(entry, "fail", { error });
    } else {
      this.#giveUp(entry, error);
      this.#emit({ room: entry.room, id: entry.id, state: entry.state, error });
    }
  }

  /** It fails by a void that takes its place: its seq must be used up (PUB-24). */
  #giveUp(entry: OutboxEntry, why: ProtocolError): void {
    this.#retries.giveUp(entry.id, why);
    this.#outbox.apply(entry, "cancel");
  }

  /**
   * ACK-1. An ack for what is not in flight is passed over (ACK-4).
   * @throws ProtocolError FIELD_INVALID (remote) for an ack that cannot be (ACK-5).
   */
  ack(room: ClientRoom, ack: Ack): void {
    const run = expandAck({
      firstSeq: Number(ack.firstSeq),
      offsetDeltas: ack.offsetDeltas.map(Number),
      timeDeltas: ack.timeDeltas.map(Number),
    });
    const first = run[0]?.seq ?? 0;
    this.#counted(room, (lane) => {
      for (const entry of lane.settleRun(first, run.length)) {
        const acked = run[entry.seq - first];
        if (acked === undefined) continue;
        room.rejections = 0;
        const verdict = this.#retries.forget(entry.id);
        if (acked.offset === 0 && verdict !== undefined) this.#settleHere(entry, "fail", { error: verdict });
        else if (acked.offset === 0) this.#settle(entry, "voided", {});
        else {
          const cancelFailed = entry.state === "voiding" && verdict === undefined;
          this.#settle(entry, "stored", {
            // After a reset it is that of the new log, whatever the entry was sent under (PUB-19).
            epoch: room.joined?.epoch ?? entry.epoch,
            offset: acked.offset,
            timeMs: acked.timeMs,
            ...(cancelFailed && { cancelFailed }),
          });
        }
      }
    });
  }

  /**
   * An error about a publish (PUB-11).
   * @returns what the session has to do: `rejoin` the room, or nothing.
   */
  reject(room: ClientRoom, info: ErrorInfo, now: number): "rejoin" | undefined {
    const error = toError(info);
    const seq = Number(info.seq);
    const lane = this.#outbox.lane(room.name);
    if (!lane.isInFlight(seq)) {
      this.#outbox.release(room.name);
      return undefined;
    }
    const settles = error.processed !== "no" ? "doubt" : error.retry === "never" ? "fail" : undefined;
    if (settles !== undefined) {
      this.#counted(room, () => {
        const entry = lane.settle(seq);
        if (entry !== undefined) this.#settle(entry, settles, { error });
      });
      return undefined;
    }
    this.takeBack(room);
    if (error.code === "SEQ_CONFLICT") {
      this.#counted(room, () => lane.conflict());
      this.#pause(room, error, now);
      return "rejoin";
    }
    if (error.code === "OUT_OF_ORDER" && info.nextSeq > 0n) {
      this.#counted(room, () => lane.expect(Number(info.nextSeq)));
      return undefined;
    }
    const entry = lane.at(seq);
    this.#counted(room, () => lane.giveBack(seq));
    if (entry !== undefined && this.#retries.rejected(entry, error)) this.#giveUp(entry, error);
    if (entry !== undefined) this.#emit({ room: room.name, id: entry.id, state: entry.state, error });
    this.#pause(room, error, now);
    return error.code === "ROOM_UNKNOWN" ? "rejoin" : undefined;
  }

  /** Nothing of the room is sent for a while, longer each time in a row (PUB-16, 5); also where it has to be joined again first. */
  #pause(room: ClientRoom, error: ProtocolError, now: number): void {
    room.rejections++;
    const { backoff, random } = this.#host;
    if (error.retry === "reauthenticate") room.pausedUntil = Number.POSITIVE_INFINITY;
    else if (error.retryAfterMs > 0) room.pausedUntil = now + error.retryAfterMs;
    else if (error.retry === "now" && room.rejections === 1) room.pausedUntil = now;
    else room.pausedUntil = now + (this.#retries.delayMs ?? randomDelay(room.rejections, backoff, random));
  }

  #checkExhausted(room: ClientRoom, lane: Lane): void {
    if (!lane.isExhausted || room.isExhausted) return;
    room.isExhausted = true;
    const error = new UsageError("COUNTER_EXHAUSTED", "the seqs of the room are used up; the session must be replaced (PUB-5)");
    this.#host.emit({ type: "error", error, room: room.name });
  }

  #emit(change: EntryChange): void {
    this.#host.emit({ type: "entry", ...change });
  }

  /** Drops an entry that was never sent, or notes the wish (PUB-12). @returns whether there was such an entry. */
  cancel(id: string): boolean {
    const entry = this.#outbox.get(id);
    if (entry === undefined) return false;
    if (entry.state === "queued") this.#settleHere(entry, "cancel");
    else {
      this.#retries.forget(id);
      this.#outbox.apply(entry, "cancel");
      this.#emit({ room: entry.room, id, state: entry.state });
    }
    return true;
  }

  /** The session is used by another (SES-7): what was sent is in doubt. */
  leaveSession(): void {
    this.disconnected();
    for (const entry of this.#outbox.leaveSession()) this.#retries.forget(entry.id);
  }

  /** Storage holds the ends of these entries, or has never held them: they can be told (PUB-13). */
  ended(entries: readonly OutboxEntry[]): void {
    for (const entry of entries) {
      this.#emit(this.#untold.get(entry) ?? toChange(entry));
      this.#untold.delete(entry);
    }
  }

  /** The broker has said what became of the entry, and will say the same again. */
  #settle(entry: OutboxEntry, input: "stored" | "voided" | "fail" | "doubt", details: Partial<EntryChange>): void {
    this.#outbox.apply(entry, input);
    this.#retries.forget(entry.id);
    this.#emit({ ...toChange(entry), ...details });
  }

  /** This side alone has decided what became of the entry. */
  #settleHere(entry: OutboxEntry, input: "fail" | "doubt" | "cancel", details: Partial<EntryChange> = {}): void {
    this.#outbox.apply(entry, input, "self");
    this.#retries.forget(entry.id);
    this.#untold.set(entry, { ...toChange(entry), ...details });
  }

  /** Keeps the sums over all rooms true while a lane changes. */
  #counted(room: ClientRoom, change: (lane: Lane) => void): void {
    const lane = this.#outbox.lane(room.name);
    this.#inFlight -= lane.inFlight;
    this.#bytesInFlight -= lane.bytesInFlight;
    change(lane);
    this.#inFlight += lane.inFlight;
    this.#bytesInFlight += lane.bytesInFlight;
    this.#checkExhausted(room, lane);
    this.#outbox.release(room.name);
  }
}

/** Whether a Publish that counts so many bytes is above what the relay takes (LIM-1, PUB-10). */
function isAbove(bytes: number, { contentBytes, windowBytes, frameBytes }: SessionLimits): boolean {
  return bytes - publishOverhead > contentBytes || bytes > windowBytes || bytes > frameBytes;
}

/** What became of an entry; of one that will never be sent again, with what it was. */
function toChange({ room, id, state, kind, content, target }: OutboxEntry): EntryChange {
  if (state !== "failed" && state !== "maybe") return { room, id, state };
  return { room, id, state, unpublished: toUnpublished(kind, content, target) };
}

function toFrame(group: readonly Waiting[]): Frame {
  const [only] = group;
  return group.length === 1 && only !== undefined
    ? only.frame
    : createFrame("batch", { frames: group.map(({ frame }) => frame) });
}

function toPublish(entry: OutboxEntry, room: number): Frame {
  const base = { room, seq: BigInt(entry.seq), id: entry.idBytes };
  if (entry.state === "voiding") return createFrame("publish", { ...base, kind: ChatKind.VOID });
  const { kind, target, content } = entry;
  return createFrame("publish", { ...base, kind, target, ...(content !== undefined && { content }) });
}
