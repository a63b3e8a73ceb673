/**
 * Which frames go out together (BAT-4).
 *
 * Law: order is kept, no group exceeds its bounds, nothing waits longer than `maxDelayMs`, and what comes when nothing went out
 * for that long does not wait at all.
 */

import { UsageError } from "../errors.ts";

/** Bounds of a group. */
export interface BatcherOptions {
  /** Most items of a group, at least 1; 10 by default. */
  readonly maxItems?: number;
  /** Most bytes of a group, at least 1. An item that is larger makes a group of its own. */
  readonly maxBytes: number;
  /** How long an item may wait for others, in ms, at least 0. */
  readonly maxDelayMs: number;
}

interface Group<T> {
  readonly items: T[];
  /** Bytes of each. */
  readonly sizes: number[];
  /** Bytes of all items. */
  bytes: number;
  /** When the group goes out at the latest, in ms. */
  dueMs: number;
}

/**
 * Groups items. Times are in ms of any clock that does not step; the caller polls after each `add`, or each turn, and at
 * {@link deadline}.
 *
 * @example
 * ```ts
 * const batcher = new Batcher<string>({ maxBytes: 16_384, maxDelayMs: 5 });
 * batcher.add("a", 1, 100);
 * batcher.poll(100); // ["a"]: nothing went out lately
 * batcher.add("b", 1, 101);
 * batcher.add("c", 1, 102);
 * batcher.poll(102); // undefined
 * batcher.deadline; // 105
 * batcher.poll(105); // ["b", "c"]
 * ```
 */
export class Batcher<T> {
  readonly #maxItems: number;
  readonly #maxBytes: number;
  readonly #maxDelayMs: number;
  /** In order. All but the last are full; it is full or open. */
  readonly #groups: Group<T>[] = [];
  #bytes = 0;
  /** From when on an item that comes to an empty batcher does not wait, in ms. */
  #idleFromMs = Number.NEGATIVE_INFINITY;

  /** @throws UsageError OPTION_INVALID */
  constructor(options: BatcherOptions) {
    const { maxItems = 10, maxBytes, maxDelayMs } = Object(options) as BatcherOptions;
    if (!(isFrom(1, maxItems) && isFrom(1, maxBytes) && isFrom(0, maxDelayMs))) {
      throw new UsageError("OPTION_INVALID", "maxItems and maxBytes must be at least 1, maxDelayMs at least 0");
    }
    this.#maxItems = maxItems;
    this.#maxBytes = maxBytes;
    this.#maxDelayMs = maxDelayMs;
  }

  /** When to poll next, in ms; a time in the past where a group is due. Undefined: there is nothing to wait for. */
  get deadline(): number | undefined {
    return this.#groups[0]?.dueMs;
  }

  /** Bytes of all items that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** An item of so many bytes has come. */
  add(item: T, bytes: number, nowMs: number): void {
    let group = this.#groups.at(-1);
    if (group === undefined || this.#isFull(group) || group.bytes + bytes > this.#maxBytes) {
      // Order: what does not fit closes the group before it.
      if (group !== undefined) group.dueMs = Math.min(group.dueMs, nowMs);
      // Not later than after a whole delay, also where the clock has stepped back since the last group.
      const dueMs = Math.max(nowMs, Math.min(this.#idleFromMs, nowMs + this.#maxDelayMs));
      group = { items: [], sizes: [], bytes: 0, dueMs };
      this.#groups.push(group);
    }
    group.items.push(item);
    group.sizes.push(bytes);
    group.bytes += bytes;
    this.#bytes += bytes;
    if (this.#isFull(group)) group.dueMs = Math.min(group.dueMs, nowMs);
  }

  /** The next group that is due: full, or at its deadline. Call it until it gives nothing. */
  poll(nowMs: number): T[] | undefined {
    const group = this.#groups[0];
    if (group === undefined || nowMs < group.dueMs) return undefined;
    this.#groups.shift();
    this.#bytes -= group.bytes;
    this.#idleFromMs = nowMs + this.#maxDelayMs;
    return group.items;
  }

  /** All groups, due or not, in order: something that must not overtake them is about to go out. */
  flush(): T[][] {
    this.#bytes = 0;
    return this.#groups.splice(0).map((group) => group.items);
  }

  /** Takes out the items that `matches` names: they are not to go out any more. @returns them, in order. */
  drop(matches: (item: T) => boolean): T[] {
    const dropped: T[] = [];
    for (const group of this.#groups.splice(0)) {
      const kept: Group<T> = { items: [], sizes: [], bytes: 0, dueMs: group.dueMs };
      for (const [index, item] of group.items.entries()) {
        const bytes = group.sizes[index] ?? 0;
        if (matches(item)) {
          dropped.push(item);
          this.#bytes -= bytes;
        } else {
          kept.items.push(item);
          kept.sizes.push(bytes);
          kept.bytes += bytes;
        }
      }
      if (kept.items.length > 0) this.#groups.push(kept);
    }
    return dropped;
  }

  #isFull(group: Group<T>): boolean {
    return group.items.length >= this.#maxItems || group.bytes >= this.#maxBytes;
  }
}

function isFrom(least: number, value: unknown): boolean {
  return typeof value === "number" && value >= least;
}
