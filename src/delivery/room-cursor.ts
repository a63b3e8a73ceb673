/**
 * The reader's place in a room's log.
 *
 * Law: within an epoch every offset is delivered once, or said to be missing; the cursor never passes over one in silence
 * (LOG-2, RES-2 to RES-7). It does not look at kinds: an entry of an unknown kind is an entry (LOG-6).
 */

import { ProtocolError, UsageError } from "../errors.ts";
import { maxSafeInteger } from "../wire/limits.ts";

/** A place in a room's log: everything up to `offset` of `epoch` has been seen (RES-1). */
export interface RoomPosition {
  /** The room's epoch, 1 to 2^53−1, random. */
  readonly epoch: number;
  /** The last offset seen. 0: none yet. */
  readonly offset: number;
}

/** What became of a position: the names of `chappe.v1.Verdict` in lower case (RES-2). */
export type VerdictName = "fresh" | "resumed" | "gap" | "reset";

/** What a `Joined` frame says about the log. */
export interface JoinedLog {
  readonly verdict: VerdictName;
  readonly epoch: number;
  /** The first offset that will be delivered. */
  readonly start: number;
  /** The last offset of the log. 0: it is empty. */
  readonly head: number;
  /** The first offset that the log still holds; `head + 1` where it holds none. */
  readonly firstRetained: number;
}

/** What the cursor concludes from it. */
export interface JoinedOutcome {
  /** Offsets that come after the position and will not be delivered. */
  readonly missing?: { readonly first: number; readonly last: number };
  /** Whether the offsets that the reader knows are void. Ids stay good: a message that is published again has the same one. */
  readonly reset: boolean;
}

/** What must hold for a verdict, given the position before it. A verdict without a position is `fresh`, or a `reset` of nothing. */
const rules: Readonly<Record<VerdictName, (log: JoinedLog, position: RoomPosition | undefined) => boolean>> = {
  fresh: (log, position) => position?.epoch !== log.epoch || log.head >= position.offset,
  resumed: (log, position) => position?.epoch === log.epoch && log.start === position.offset + 1,
  gap: (log, position) => position?.epoch === log.epoch && log.start > position.offset + 1,
  reset: (log, position) => position?.epoch !== log.epoch || log.head < position.offset,
};

/**
 * Follows one room.
 *
 * @example
 * ```ts
 * const cursor = new RoomCursor({ epoch: 77, offset: 40 });
 * cursor.joined({ verdict: "gap", epoch: 77, start: 45, head: 46, firstRetained: 45 }); // { missing: { first: 41, last: 44 }, reset: false }
 * cursor.chat(45); // "deliver"
 * cursor.chat(45); // "duplicate"
 * cursor.chat(47); // "hole": 46 is missing
 * ```
 */
export class RoomCursor {
  #epoch: number | undefined;
  /** One more than the last offset seen, or said to be missing. */
  #next = 1;
  /** What the relay delivers next: below `#next` while a new join repeats what was seen (ROM-10). */
  #expected = 1;

  /**
   * @param position - where the reader was, as stored; absent: it knows nothing of the room.
   * @throws UsageError OPTION_INVALID for what no reader can have seen.
   */
  constructor(position?: RoomPosition) {
    if (position === undefined) return;
    if (
      !Number.isSafeInteger(position?.epoch) ||
      position.epoch < 1 ||
      !Number.isSafeInteger(position.offset) ||
      position.offset < 0
    )
      throw new UsageError("OPTION_INVALID", "position: must be an epoch from 1 and an offset from 0, up to 2^53-1");
    this.#epoch = position.epoch;
    this.#next = position.offset + 1;
    this.#expected = this.#next;
  }

  /** The offset that the next chat has; 1 before the first `joined`. */
  get next(): number {
    return this.#next;
  }

  /** What to resume from (RES-1). Undefined before the first `joined`, unless one was given. */
  get position(): RoomPosition | undefined {
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, offset: this.#next - 1 };
  }

  /**
   * The relay has said where delivery begins.
   *
   * @param asked - the position that the join carried which this answers; chats may have moved {@link position} since (ROM-10).
   * @throws ProtocolError OFFSET_INVALID (remote) where the frame contradicts itself or the position (RES-5); nothing has changed.
   */
  joined(log: JoinedLog, asked: RoomPosition | undefined = this.position): JoinedOutcome {
    const { epoch, start, head, firstRetained } = log;
    const before = this.position;
    const within = 1 <= firstRetained && firstRetained <= start && start <= head + 1;
    if (!within || !rules[log.verdict](log, asked)) {
      throw new ProtocolError("OFFSET_INVALID", `joined: ${log.verdict} at ${start} of ${firstRetained}..${head} cannot be`, {
        origin: "remote",
        field: "joined.start",
      });
    }

    this.#expected = start;
    // A reset that was told meanwhile is not told twice by the answer to a join that still carried the old epoch.
    const isReset = log.verdict === "reset" && asked?.epoch === epoch;
    if (before === undefined || before.epoch !== epoch || isReset) {
      this.#epoch = epoch;
      this.#next = start;
      const reset = log.verdict === "reset" || before !== undefined;
      // Nothing of the new log has been seen: what lies before its delivery is missing (RES-4).
      return log.verdict === "reset" && start > 1 ? { missing: { first: 1, last: start - 1 }, reset } : { reset };
    }
    const first = this.#next;
    // It may begin before what was seen: those come as duplicates.
    if (start <= first) return { reset: false };
    this.#next = start;
    return { missing: { first, last: start - 1 }, reset: false };
  }

  /**
   * A chat has come.
   *
   * @returns `deliver`: it is the next one, and the cursor moves on. `duplicate`: it has been seen, or was said to be missing.
   * `hole`: {@link next} up to the one before it never came; the cursor stays, and a join with {@link position} gets them.
   * @throws UsageError STATE_INVALID before the first `joined`.
   */
  chat(offset: number): "deliver" | "duplicate" | "hole" {
    this.#requireJoined();
    if (offset > this.#expected) return "hole";
    if (offset < this.#expected) return "duplicate";
    this.#expected++;
    if (offset < this.#next) return "duplicate";
    this.#next = this.#expected;
    return "deliver";
  }

  /**
   * The relay has said that `first` to `last` will not come (RES-7).
   *
   * @returns `ok`: the cursor moves behind them. `invalid`: they do not begin where the relay goes on, or end before they begin, which
   * is OFFSET_INVALID; the cursor stays.
   * @throws UsageError STATE_INVALID before the first `joined`.
   */
  gap(first: number, last: number): "ok" | "invalid" {
    this.#requireJoined();
    if (first !== this.#expected || last < first || last > maxSafeInteger) return "invalid";
    this.#expected = last + 1;
    this.#next = Math.max(this.#next, this.#expected);
    return "ok";
  }

  #requireJoined(): void {
    if (this.#epoch === undefined) throw new UsageError("STATE_INVALID", "the room is not joined");
  }
}
