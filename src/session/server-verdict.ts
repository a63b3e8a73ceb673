/**
 * What becomes of the position in a join (RES-2): five lines, the first that fits holds. Pure: one step sees epoch, head and first
 * retained offset together.
 */

import type { RoomPosition } from "../delivery/room-cursor.ts";
import { Verdict } from "../wire/codec.ts";

/** What a join asks for (ROM-1). */
export interface JoinWish {
  readonly position: RoomPosition | undefined;
  /** How many of the latest entries are wanted where the position is of no use (RES-3). */
  readonly tail: number;
  /** How many missed entries are wanted at most; 0: as many as the relay allows (RES-6). */
  readonly maxCatchup: number;
  /** No chats are wanted, or allowed (ROM-5). */
  readonly publishOnly: boolean;
}

/** Where a room's log stands. */
export interface LogState {
  /** 1 to 2^53−1, random (LOG-3). */
  readonly epoch: number;
  /** The last offset; 0: the log is empty. */
  readonly head: number;
  /** The first offset that is left; `head + 1` where none is (LOG-5). */
  readonly firstRetained: number;
}

/** The verdict, and the first offset that will be delivered. */
export interface JoinDecision {
  readonly verdict: Verdict;
  readonly start: number;
}

/** The first of the latest `count` entries that the log still holds. */
export function latest(log: LogState, count: number): number {
  return Math.max(log.firstRetained, log.head - count + 1);
}

/**
 * What becomes of a join (RES-2): its verdict, and where delivery begins.
 * @param pageEntries - the most entries that a join replays, at least 1 (RES-6).
 */
export function decideJoin(wish: JoinWish, log: LogState, pageEntries: number): JoinDecision {
  const { position } = wish;
  if (wish.publishOnly) return { verdict: Verdict.FRESH, start: log.head + 1 };
  const tail = Math.min(wish.tail, pageEntries);
  if (position === undefined) return { verdict: Verdict.FRESH, start: latest(log, tail) };
  if (position.epoch !== log.epoch || position.offset > log.head) {
    return { verdict: Verdict.RESET, start: latest(log, tail) };
  }
  const catchup = wish.maxCatchup === 0 ? pageEntries : Math.min(wish.maxCatchup, pageEntries);
  if (position.offset + 1 >= log.firstRetained && log.head - position.offset <= catchup) {
    return { verdict: Verdict.RESUMED, start: position.offset + 1 };
  }
  return { verdict: Verdict.GAP, start: latest(log, catchup) };
}
