/**
 * Acks at both ends. Sender: a seq is in flight from `sent` until it is settled once, however acks come (PUB-10, ACK-4).
 * Relay: the acks of one turn become the fewest frames that say the same, in the same order (ACK-1).
 */

import { ProtocolError, UsageError } from "../errors.ts";
import { maxSafeInteger } from "../wire/limits.ts";

/** Most publishes that one ack settles: `max_items` of `Ack.offset_deltas`. */
export const ackRunLength: number = 1024;

const settled = -1;

/** The publishes of one room that are in flight on this connection: sent, neither acknowledged nor finally rejected (PUB-10). */
export class AckTracker {
  /** Ascending. Those before `#head` are done with; one behind it that is settled has size -1. The last is in flight. */
  #seqs: number[] = [];
  #sizes: number[] = [];
  #head = 0;
  #inFlight = 0;
  #bytesInFlight = 0;

  /** How many publishes are in flight. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** The sum of their bytes. */
  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  /** The highest seq in flight. */
  get highest(): number | undefined {
    return this.#seqs.at(-1);
  }

  /**
   * A publish goes out.
   *
   * @param seq - 1 to 2^53−1, above all that are in flight.
   * @param bytes - what it counts against `Limits.window_bytes`, at least 0.
   * @throws UsageError STATE_INVALID where `seq` is not above {@link highest}, or either is out of range.
   */
  sent(seq: number, bytes: number): void {
    if (!Number.isSafeInteger(seq) || seq <= (this.highest ?? 0) || !Number.isFinite(bytes) || bytes < 0) {
      throw new UsageError("STATE_INVALID", `seq ${seq} (${bytes} bytes) cannot be sent after ${this.highest ?? 0}`);
    }
    this.#seqs.push(seq);
    this.#sizes.push(bytes);
    this.#inFlight++;
    this.#bytesInFlight += bytes;
  }

  /**
   * Seqs `firstSeq` to `firstSeq + count − 1` are settled.
   *
   * @returns those of them that were in flight, ascending; unknown ones and those settled before are passed over (ACK-4).
   * @throws UsageError OPTION_INVALID for what is no whole number.
   */
  settle(firstSeq: number, count: number): number[] {
    if (!Number.isSafeInteger(firstSeq) || !Number.isSafeInteger(count))
      throw new UsageError("OPTION_INVALID", "firstSeq, count: must be whole numbers");
    const news: number[] = [];
    const end = firstSeq + count;
    for (let i = this.#indexOf(firstSeq); i < this.#seqs.length; i++) {
      const seq = this.#seqs[i] ?? 0;
      if (seq >= end) break;
      if (this.#settleAt(i)) news.push(seq);
    }
    this.#trim();
    return news;
  }

  /** Seq `seq` is settled. @returns whether it was in flight. */
  settleOne(seq: number): boolean {
    const i = this.#indexOf(seq);
    const news = this.#seqs[i] === seq && this.#settleAt(i);
    this.#trim();
    return news;
  }

  /**
   * Takes `seq` and all above as never sent on this connection: the relay dropped them and waits for `seq` (PUB-6, ERR-3).
   *
   * @returns how many of them were in flight.
   */
  rewind(seq: number): number {
    const from = this.#indexOf(seq);
    let count = 0;
    for (let i = from; i < this.#seqs.length; i++) if (this.#settleAt(i)) count++;
    this.#trim();
    return count;
  }

  /** Nothing is in flight: the connection is gone. */
  clear(): void {
    this.#seqs = [];
    this.#sizes = [];
    this.#head = 0;
    this.#inFlight = 0;
    this.#bytesInFlight = 0;
  }

  #settleAt(index: number): boolean {
    const bytes = this.#sizes[index] ?? settled;
    if (bytes === settled) return false;
    this.#sizes[index] = settled;
    this.#inFlight--;
    this.#bytesInFlight -= bytes;
    return true;
  }

  /** Index of the first seq that is not below `seq`. */
  #indexOf(seq: number): number {
    let low = this.#head;
    let high = this.#seqs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#seqs[middle] ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Keeps both ends in flight. What is done with is cut off when it is half of the list, so that a seq costs constant time. */
  #trim(): void {
    while (this.#seqs.length > this.#head && this.#sizes.at(-1) === settled) {
      this.#seqs.pop();
      this.#sizes.pop();
    }
    while (this.#sizes[this.#head] === settled) this.#head++;
    if (this.#head * 2 >= this.#seqs.length) {
      this.#seqs.splice(0, this.#head);
      this.#sizes.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

/** The fields of an `Ack` frame: what became of publishes with consecutive seqs. */
export interface AckRun {
  /** Handle of the room. */
  room: number;
  /** Seq of the first one. */
  firstSeq: number;
  /** The offset of each, less that of the stored one before it; 0: a void (ACK-3). */
  offsetDeltas: number[];
  /** The time of each in ms, coded in the same way; 0 for a void. */
  timeDeltas: number[];
}

interface OpenRun {
  readonly run: AckRun;
  offset: number;
  timeMs: number;
}

/**
 * Joins acks that are to be sent.
 *
 * @example
 * ```ts
 * const acks = new AckCoalescer();
 * acks.add(7, 1, 40, 1_700_000_000_000);
 * acks.add(7, 2, 42, 1_700_000_000_005);
 * acks.flush(); // [{ room: 7, firstSeq: 1, offsetDeltas: [40, 2], timeDeltas: [1_700_000_000_000, 5] }]
 * ```
 */
export class AckCoalescer {
  #runs: AckRun[] = [];
  readonly #open = new Map<number, OpenRun>();
  #waiting = 0;

  /** How many publishes were added since the last flush. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * The publish `seq` is settled.
   *
   * @param offset - where it is stored; 0: it is a void, and `timeMs` does not matter.
   * @param timeMs - when it was stored, ms since 1970.
   */
  add(room: number, seq: number, offset: number, timeMs: number): void {
    let open = this.#open.get(room);
    if (open === undefined || !continues(open, seq, offset, timeMs)) {
      open = { run: { room, firstSeq: seq, offsetDeltas: [], timeDeltas: [] }, offset: 0, timeMs: 0 };
      this.#open.set(room, open);
      this.#runs.push(open.run);
    }
    this.#waiting++;
    const { run } = open;
    if (offset === 0) {
      run.offsetDeltas.push(0);
      run.timeDeltas.push(0);
      return;
    }
    run.offsetDeltas.push(offset - open.offset);
    run.timeDeltas.push(timeMs - open.timeMs);
    open.offset = offset;
    open.timeMs = timeMs;
  }

  /** The acks to send now, in the order in which their first publishes were added. */
  flush(): AckRun[] {
    const runs = this.#runs;
    this.#runs = [];
    this.#waiting = 0;
    this.#open.clear();
    return runs;
  }
}

/** Deltas are not negative, and one of 0 is a void: a run cannot say an offset that does not rise, nor a time that falls. */
function continues(
  { run, offset: lastOffset, timeMs: lastTimeMs }: OpenRun,
  seq: number,
  offset: number,
  timeMs: number,
): boolean {
  const length = run.offsetDeltas.length;
  if (length >= ackRunLength || seq !== run.firstSeq + length) return false;
  return offset === 0 || (offset > lastOffset && timeMs >= lastTimeMs);
}

/** What an ack says of one publish. */
export interface AckedSeq {
  readonly seq: number;
  /** Where it is stored. 0: nowhere, its seq was used up by a void (ACK-3). */
  readonly offset: number;
  /** When it was stored, ms since 1970; 0 for a void. */
  readonly timeMs: number;
}

/** An {@link AckRun} that may not be changed. */
export interface AckRunView {
  readonly firstSeq: number;
  readonly offsetDeltas: readonly number[];
  readonly timeDeltas: readonly number[];
}

/**
 * What an ack says, seq by seq: the reverse of {@link AckCoalescer}.
 *
 * @throws ProtocolError FIELD_INVALID (remote) where the lists differ in length, a void has a time, or a seq, offset or time
 * is above 2^53−1 (ACK-5). Nothing of such an ack holds.
 * @throws UsageError OPTION_INVALID for what is no run at all.
 */
export function expandAck(run: AckRunView): AckedSeq[] {
  const { firstSeq, offsetDeltas, timeDeltas } = Object(run) as AckRunView;
  if (typeof firstSeq !== "number" || !Array.isArray(offsetDeltas) || !Array.isArray(timeDeltas))
    throw new UsageError("OPTION_INVALID", "run: must have firstSeq, offsetDeltas and timeDeltas");
  if (offsetDeltas.length !== timeDeltas.length) throw invalid("ack.time_deltas", "as many times as offsets are needed");
  if (firstSeq > maxSafeInteger - offsetDeltas.length + 1) throw invalid("ack.first_seq", "the run goes beyond the last seq");
  const acked: AckedSeq[] = [];
  let offset = 0;
  let timeMs = 0;
  for (let i = 0; i < offsetDeltas.length; i++) {
    const offsetDelta = offsetDeltas[i] ?? 0;
    const timeDelta = timeDeltas[i] ?? 0;
    const seq = firstSeq + i;
    if (offsetDelta === 0) {
      if (timeDelta !== 0) throw invalid("ack.time_deltas", `seq ${seq} has a time and no entry`);
      acked.push({ seq, offset: 0, timeMs: 0 });
      continue;
    }
    // Compared before they are added: a sum above 2^53 may be rounded.
    if (offsetDelta > maxSafeInteger - offset) throw invalid("ack.offset_deltas", `the offset of seq ${seq} is too great`);
    if (timeDelta > maxSafeInteger - timeMs) throw invalid("ack.time_deltas", `the time of seq ${seq} is too great`);
    offset += offsetDelta;
    timeMs += timeDelta;
    acked.push({ seq, offset, timeMs });
  }
  return acked;
}

function invalid(field: string, message: string): ProtocolError {
  return new ProtocolError("FIELD_INVALID", message, { origin: "remote", field });
}
