/**
 * Who sends again what has been settled already gets the settled result: nothing happens twice.
 *
 * The broker's decision about a publish (PUB-6, PUB-7, PUB-9), by its id and its seq. `ring` are the last 256 settled seqs,
 * `next` is the seq after the last settled one. The id wins over the seq:
 *
 * | id | seq below the ring | seq in the ring | seq = next | seq above |
 * | --- | --- | --- | --- | --- |
 * | in the ring | duplicate | duplicate | duplicate, and uses the seq up | duplicate |
 * | not in the ring | forgotten | conflict | append | out-of-order |
 *
 * - *Duplicate under any seq*: a client that renumbered after a lost log and stopped before that was stored comes back with
 *   old seqs. A conflict would make it publish stored messages again from a new session.
 * - *Uses the seq up*: that client counts on from the seq it was answered for. If `next` stayed, it would wait for ever.
 */

import { ProtocolError, UsageError } from "../errors.ts";
import { maxSafeInteger, producerRing } from "../wire/limits.ts";
import { messageIdKey, messageIdOfKey } from "./message-id.ts";

/** What the broker must do with a publish. */
export type Decision<R> =
  /** New and in order: store it, or reject it finally, and {@link ProducerWindow.record} which. */
  | { readonly type: "append" }
  /** Settled before, with this result: answer with it again (PUB-7). */
  | { readonly type: "duplicate"; readonly result: R }
  /** Another id used this seq up: SEQ_CONFLICT, the outbox is a copy (PUB-7). */
  | { readonly type: "conflict" }
  /** `next` is missing: OUT_OF_ORDER, nothing is stored (PUB-6). */
  | { readonly type: "out-of-order"; readonly next: number }
  /** Used up too long ago to say by what: SEQ_FORGOTTEN, processed maybe (PUB-9). */
  | { readonly type: "forgotten" };

/** All that a {@link ProducerWindow} knows, for a broker with storage. */
export interface ProducerSnapshot<R> {
  /** The seq that is expected: 1 to 2^53−1. */
  readonly nextSeq: number;
  /** The settled publishes with the seqs before `nextSeq`, ascending; at most the capacity. */
  readonly settled: readonly { readonly id: Uint8Array; readonly result: R }[];
}

/** One settled seq, and the one settled after it. */
interface Settled<R> {
  readonly key: string;
  readonly result: R;
  later: Settled<R> | undefined;
}

const append: Decision<never> = { type: "append" };
const conflict: Decision<never> = { type: "conflict" };
const forgotten: Decision<never> = { type: "forgotten" };

/**
 * What the broker knows of one producer: a (principal, session, room). Each call takes constant time.
 *
 * The decision, the append and the record MUST be one atomic step; a final rejection and a void are recorded as results are,
 * before they are told (PUB-11, PUB-12). A broker with storage stores the snapshot, or its change, in the same step whenever
 * `nextSeq` has moved: that is after each `record`, and after a duplicate at `nextSeq`.
 *
 * @example
 * ```ts
 * const window = new ProducerWindow<number>();
 * window.decide(1, id); // { type: "append" }
 * window.record(1, id, 41); // stored at offset 41
 * window.decide(1, id); // { type: "duplicate", result: 41 }
 * ```
 */
export class ProducerWindow<R> {
  readonly #capacity: number;
  readonly #byId = new Map<string, Settled<R>>();
  #nextSeq: number;
  #size = 0;
  #oldest: Settled<R> | undefined;
  #latest: Settled<R> | undefined;

  /**
   * A producer that has published nothing.
   *
   * @param capacity - settled seqs that are remembered, at least 1; no less than the window of publishes in flight (PUB-10).
   * @throws UsageError OPTION_INVALID
   */
  constructor(capacity: number = producerRing) {
    this.#capacity = requirePositive(capacity, "capacity");
    this.#nextSeq = 1;
  }

  /**
   * The window that this is a snapshot of.
   *
   * @throws UsageError OPTION_INVALID where the snapshot contradicts itself.
   */
  static restore<R>(snapshot: ProducerSnapshot<R>, capacity: number = producerRing): ProducerWindow<R> {
    const window = new ProducerWindow<R>(capacity);
    const first = requirePositive(snapshot.nextSeq, "nextSeq") - snapshot.settled.length;
    if (first < 1) throw new UsageError("OPTION_INVALID", "more settled seqs than there are before nextSeq");
    window.#nextSeq = first;
    for (const { id, result } of snapshot.settled) window.#settle(messageIdKey(id), result);
    return window;
  }

  /** The seq that is expected: 1 to 2^53−1. It is what `Joined.next_seq` tells (PUB-8). */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /**
   * What to do with a publish, by the table above. A duplicate at `nextSeq` uses the seq up.
   *
   * @param seq - 1 to 2^53−1.
   * @throws ProtocolError FIELD_INVALID where `seq` is out of range, or `id` has not 16 bytes.
   * @throws UsageError COUNTER_EXHAUSTED where the answer would use up seq 2^53−1: no next seq could be told.
   */
  decide(seq: number, id: Uint8Array): Decision<R> {
    if (!Number.isSafeInteger(seq) || seq < 1) throw new ProtocolError("FIELD_INVALID", "seq out of range", { field: "seq" });
    const key = messageIdKey(id);
    const known = this.#byId.get(key);
    if (known !== undefined) {
      if (seq === this.#nextSeq) this.#settle(key, known.result);
      return { type: "duplicate", result: known.result };
    }
    if (seq > this.#nextSeq) return { type: "out-of-order", next: this.#nextSeq };
    if (seq === this.#nextSeq) {
      this.#requireNotExhausted();
      return append;
    }
    return seq >= this.#nextSeq - this.#size ? conflict : forgotten;
  }

  /**
   * Remembers what became of the publish that {@link decide} answered with `append`; `nextSeq` goes up by one.
   *
   * @param result - what to answer whenever it comes again: its place in the log, a void, or a final rejection.
   * @throws UsageError STATE_INVALID where `seq` is not `nextSeq`, or `id` is known: the caller did not ask first.
   * @throws UsageError COUNTER_EXHAUSTED at seq 2^53−1.
   */
  record(seq: number, id: Uint8Array, result: R): void {
    const key = messageIdKey(id);
    if (seq !== this.#nextSeq || this.#byId.has(key)) {
      throw new UsageError("STATE_INVALID", `seq ${seq} is recorded where ${this.#nextSeq} is next, or its id is known`);
    }
    this.#settle(key, result);
  }

  /** A copy of all that is known, to be stored. */
  snapshot(): ProducerSnapshot<R> {
    const settled: { id: Uint8Array; result: R }[] = [];
    for (let entry = this.#oldest; entry !== undefined; entry = entry.later) {
      settled.push({ id: messageIdOfKey(entry.key), result: entry.result });
    }
    return { nextSeq: this.#nextSeq, settled };
  }

  #settle(key: string, result: R): void {
    this.#requireNotExhausted();
    const entry: Settled<R> = { key, result, later: undefined };
    if (this.#latest === undefined) this.#oldest = entry;
    else this.#latest.later = entry;
    this.#latest = entry;
    this.#byId.set(key, entry);
    this.#nextSeq++;
    if (this.#size < this.#capacity) {
      this.#size++;
      return;
    }
    const evicted = this.#oldest;
    this.#oldest = evicted?.later;
    // An id that was sent under two seqs stays known as long as the later one.
    if (evicted !== undefined && this.#byId.get(evicted.key) === evicted) this.#byId.delete(evicted.key);
  }

  #requireNotExhausted(): void {
    if (this.#nextSeq >= maxSafeInteger) throw new UsageError("COUNTER_EXHAUSTED", "the producer has no seq left");
  }
}

/** Bounds of an {@link IdWindow}. */
export interface IdWindowOptions {
  /** Most ids that are remembered, at least 1. */
  readonly maxIds: number;
  /** How long an id is remembered, in ms, at least 1. */
  readonly maxAgeMs: number;
}

interface Remembered<R> {
  readonly key: string;
  readonly result: R;
  readonly atMs: number;
  later: Remembered<R> | undefined;
}

/**
 * Ids that were seen lately, each with a result: for receivers, which show a message once also where it was published again
 * after a reset (LOG-3), and for backends, whose publishes have no seq (PUB-14). Each call takes constant time, amortised.
 * Where the clock steps back, the window stays at its latest time: an id is then remembered longer, never more of them.
 *
 * @example
 * ```ts
 * const seen = new IdWindow<true>({ maxIds: 1000, maxAgeMs: 3_600_000 });
 * if (seen.get(chat.id, nowMs) === undefined) {
 *   seen.remember(chat.id, true, nowMs);
 *   show(chat);
 * }
 * ```
 */
export class IdWindow<R> {
  readonly #maxIds: number;
  readonly #maxAgeMs: number;
  readonly #byId = new Map<string, Remembered<R>>();
  #oldest: Remembered<R> | undefined;
  #latest: Remembered<R> | undefined;
  #nowMs = Number.NEGATIVE_INFINITY;

  /** @throws UsageError OPTION_INVALID */
  constructor(options: IdWindowOptions) {
    this.#maxIds = requirePositive(options?.maxIds, "maxIds");
    this.#maxAgeMs = requirePositive(options?.maxAgeMs, "maxAgeMs");
  }

  /** How many ids are held: at most `maxIds`. */
  get size(): number {
    return this.#byId.size;
  }

  /**
   * The result that was remembered with this id less than `maxAgeMs` ago; undefined where none was, or newer ids took its place.
   *
   * @throws ProtocolError FIELD_INVALID unless the id has 16 bytes.
   */
  get(id: Uint8Array, nowMs: number): R | undefined {
    this.#expire(nowMs);
    return this.#byId.get(messageIdKey(id))?.result;
  }

  /**
   * Remembers a result; an id that is remembered already keeps its first result and its age.
   *
   * @throws ProtocolError FIELD_INVALID unless the id has 16 bytes.
   */
  remember(id: Uint8Array, result: R, nowMs: number): void {
    this.#expire(nowMs);
    const key = messageIdKey(id);
    if (this.#byId.has(key)) return;
    const entry: Remembered<R> = { key, result, atMs: this.#nowMs, later: undefined };
    if (this.#latest === undefined) this.#oldest = entry;
    else this.#latest.later = entry;
    this.#latest = entry;
    this.#byId.set(key, entry);
    if (this.#byId.size > this.#maxIds) this.#forgetOldest();
  }

  #expire(nowMs: number): void {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs;
    while (this.#oldest !== undefined && this.#nowMs - this.#oldest.atMs >= this.#maxAgeMs) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const entry = this.#oldest;
    if (entry === undefined) return;
    this.#oldest = entry.later;
    if (this.#oldest === undefined) this.#latest = undefined;
    this.#byId.delete(entry.key);
  }
}

function requirePositive(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new UsageError("OPTION_INVALID", `${name} must be an integer from 1 to 2^53-1`);
  }
  return value;
}
