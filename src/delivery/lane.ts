/**
 * One room's part of the outbox: entries leave in the order in which they came, by ascending seq, without leaving one out (PUB-16).
 *
 * The entries that have a seq stand before those that have none. On a connection, a prefix of them is in flight.
 */

import { UsageError } from "../errors.ts";
import type { ChatKind, Content } from "../wire/codec.ts";
import { maxSafeInteger } from "../wire/limits.ts";
import { AckTracker } from "./ack-tracker.ts";
import type { EntryState } from "./entry-states.ts";

/** A message on its way to the log. Only the outbox changes it. */
export interface OutboxEntry {
  /** Place in the outbox over all rooms; the key in its storage. Ascends. */
  readonly order: number;
  /** Name of the room. */
  readonly room: string;
  /** The message id in text form, and its 16 bytes. */
  readonly id: string;
  readonly idBytes: Uint8Array;
  readonly kind: ChatKind;
  /** Id of the message that this one is about, 16 bytes; empty where it is about none. */
  readonly target: Uint8Array;
  readonly content: Content | undefined;
  /** What it counts against the window, in bytes: at least the size of its Publish. */
  readonly bytes: number;
  readonly state: EntryState;
  /** 0: never sent. */
  readonly seq: number;
  /** The epoch under which `seq` was given; 0 with it. */
  readonly epoch: number;
}

/** As the outbox sees it. */
export type MutableEntry = { -readonly [K in keyof OutboxEntry]: OutboxEntry[K] } & {
  /** Counts the changes that storage must hold before the entry may be sent. */
  version: number;
  storedVersion: number;
};

/** What a `joined` said of this producer (PUB-8). */
export interface ProducerStand {
  readonly epoch: number;
  readonly nextSeq: number;
}

/** One room's queue. */
export class Lane {
  readonly room: string;
  /** Called where storage must learn of a change of an entry. */
  readonly #changed: (entry: MutableEntry) => void;
  readonly #entries: MutableEntry[] = [];
  readonly #tracker: AckTracker = new AckTracker();
  /** How many of the entries are in flight or settled out of order: those before it are not to be sent on this connection. */
  #cursor = 0;
  /** 0 until a `joined` has told it, on each connection. */
  #nextSeq = 0;
  #epoch = 0;
  #conflicted = false;
  #isExhausted = false;

  constructor(room: string, changed: (entry: MutableEntry) => void) {
    this.room = room;
    this.#changed = changed;
  }

  /** How many entries wait or are in flight. */
  get size(): number {
    return this.#entries.length;
  }

  /** Publishes in flight, and their bytes (PUB-10). */
  get inFlight(): number {
    return this.#tracker.inFlight;
  }

  get bytesInFlight(): number {
    return this.#tracker.bytesInFlight;
  }

  /** Whether PUB-8 has been done on this connection, so that entries may be sent. */
  get isOpen(): boolean {
    return this.#nextSeq !== 0;
  }

  /** Whether an entry waits that cannot have a seq any more: the session has to be replaced (PUB-5). */
  get isExhausted(): boolean {
    return this.#isExhausted;
  }

  entries(): readonly OutboxEntry[] {
    return this.#entries;
  }

  /** The entry that has this seq. */
  at(seq: number): OutboxEntry | undefined {
    const index = this.#indexOf(seq);
    return index < 0 ? undefined : this.#entries[index];
  }

  push(entry: MutableEntry): void {
    this.#entries.push(entry);
  }

  /**
   * The room is open (again): decides what becomes of the entries that have a seq (PUB-8).
   * @returns those that are now in doubt; they have left the lane.
   */
  open({ epoch, nextSeq }: ProducerStand): MutableEntry[] {
    this.#unnumber(0);
    const sent = this.#sent();
    this.#rewindTo(0);
    this.#epoch = epoch;
    this.#isExhausted = false;
    const lowest = sent[0]?.seq ?? 0;
    const highest = sent.at(-1)?.seq ?? 0;
    if (sent.length === 0) {
      this.#nextSeq = nextSeq;
    } else if (this.#conflicted) {
      this.#renumber(nextSeq);
    } else if (nextSeq >= lowest) {
      this.#nextSeq = Math.max(nextSeq, highest + 1);
    } else if (epoch !== sent[0]?.epoch) {
      this.#renumber(nextSeq);
    } else {
      this.#entries.splice(0, sent.length);
      this.#nextSeq = nextSeq;
      this.#conflicted = false;
      return sent;
    }
    // What could not be renumbered still must not go out under its old seqs.
    if (!this.#isExhausted) this.#conflicted = false;
    for (const entry of this.#sent()) {
      if (entry.epoch === epoch || !this.isOpen) continue;
      entry.epoch = epoch;
      this.#changed(entry);
    }
    return [];
  }

  /** The connection or the room is gone: nothing is in flight, and nothing is sent until {@link open}. */
  close(): void {
    this.#rewindTo(0);
    this.#nextSeq = 0;
  }

  /** The next entry to be sent, with its seq; undefined where none is, its seq is not stored yet, or the seqs are used up. */
  next(): MutableEntry | undefined {
    const entry = this.#entries[this.#cursor];
    if (entry === undefined || !this.isOpen) return undefined;
    if (entry.seq === 0 && !this.#number(entry)) return undefined;
    return entry.storedVersion === entry.version ? entry : undefined;
  }

  /** Gives the next `count` entries their seqs, so that storage can take them in one write. */
  prepare(count: number): void {
    if (!this.isOpen) return;
    for (let i = this.#cursor; i < this.#entries.length && i < this.#cursor + count; i++) {
      const entry = this.#entries[i];
      if (entry?.seq === 0 && !this.#number(entry)) return;
    }
  }

  /** The entry that {@link next} gave is on its way, as a Publish of so many bytes. */
  sent(entry: MutableEntry, bytes: number = entry.bytes): void {
    this.#tracker.sent(entry.seq, bytes);
    this.#cursor++;
  }

  /** The entries of the run first … first + count − 1 that are in flight; they have left the lane (ACK-4). */
  settleRun(first: number, count: number): MutableEntry[] {
    return this.#tracker.settle(first, count).map((seq) => this.#take(seq));
  }

  /** The same for one. */
  settle(seq: number): MutableEntry | undefined {
    return this.#tracker.settleOne(seq) ? this.#take(seq) : undefined;
  }

  /** Removes an entry that was never sent; it leaves no hole in the seqs. */
  remove(entry: MutableEntry): void {
    const index = this.#lowest((other) => other.order >= entry.order, this.#entries.length);
    if (this.#entries[index] !== entry) return;
    this.#entries.splice(index, 1);
    if (entry.seq === 0) return;
    if (this.isOpen) this.#nextSeq = Math.min(this.#nextSeq, entry.seq);
    this.#unnumber(index);
  }

  /** Whether this seq is in flight; errors about others are ignored (PUB-16). */
  isInFlight(seq: number): boolean {
    const index = this.#indexOf(seq);
    return index >= 0 && index < this.#cursor;
  }

  /** A retryable rejection of `seq`: it and all above are not in flight any more. */
  giveBack(seq: number): void {
    this.#tracker.rewind(seq);
    this.#cursor = Math.min(this.#cursor, this.#lowerBound(seq));
  }

  /** The broker expects another seq: sends again from there, with new numbers where this lane does not hold it (PUB-16, 6). */
  expect(nextSeq: number): void {
    if (this.#indexOf(nextSeq) >= 0) {
      this.giveBack(nextSeq);
    } else {
      this.#rewindTo(0);
      this.#renumber(nextSeq);
    }
  }

  /** The seqs were used by a copy of this outbox: nothing is sent until the room is joined again (PUB-18). */
  conflict(): void {
    this.close();
    this.#conflicted = true;
  }

  /** Takes all entries out: first those that were sent. */
  drain(): { readonly sent: readonly MutableEntry[]; readonly queued: readonly MutableEntry[] } {
    this.#unnumber(0);
    const sent = this.#sent();
    this.close();
    const all = this.#entries.splice(0);
    return { sent, queued: all.slice(sent.length) };
  }

  #sent(): MutableEntry[] {
    return this.#entries.slice(0, this.#sentCount());
  }

  #sentCount(): number {
    return this.#lowest(({ seq }) => seq === 0, this.#entries.length);
  }

  /** Index of the first entry with a seq at or above this one. */
  #lowerBound(seq: number): number {
    return this.#lowest((entry) => entry.seq >= seq, this.#sentCount());
  }

  /** Index of the first of the first `count` entries for which this holds; `count` where there is none. It holds for all behind it. */
  #lowest(holds: (entry: OutboxEntry) => boolean, count: number): number {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle];
      if (entry === undefined || holds(entry)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #indexOf(seq: number): number {
    const index = this.#lowerBound(seq);
    return this.#entries[index]?.seq === seq ? index : -1;
  }

  #take(seq: number): MutableEntry {
    const index = this.#indexOf(seq);
    const [entry] = index < 0 ? [] : this.#entries.splice(index, 1);
    if (entry === undefined) throw new UsageError("STATE_INVALID", `seq ${seq} is in flight, but not in the lane`);
    if (index < this.#cursor) this.#cursor--;
    return entry;
  }

  #rewindTo(cursor: number): void {
    this.#tracker.clear();
    this.#cursor = cursor;
  }

  /** Gives the entry the next seq; where none is left, nothing more is sent but what has one (PUB-5). @returns whether there was one. */
  #number(entry: MutableEntry): boolean {
    if (this.#nextSeq >= maxSafeInteger) {
      this.#isExhausted = true;
      return false;
    }
    entry.seq = this.#nextSeq++;
    entry.epoch = this.#epoch;
    this.#changed(entry);
    return true;
  }

  /** Takes their seqs back from the entries from this index on that have one and were never sent: those stand last among the numbered. */
  #unnumber(from: number): void {
    for (const [index, entry] of this.#sent().entries()) {
      if (index < from || entry.state !== "queued") continue;
      if (this.isOpen) this.#nextSeq = Math.min(this.#nextSeq, entry.seq);
      entry.seq = 0;
      entry.epoch = 0;
      this.#changed(entry);
    }
  }

  #renumber(from: number): void {
    const sent = this.#sent();
    if (from + sent.length > maxSafeInteger) {
      // There are not enough left, and under their old seqs they must not be sent.
      this.close();
      this.#isExhausted = true;
      return;
    }
    this.#nextSeq = from;
    for (const entry of sent) this.#number(entry);
  }
}
