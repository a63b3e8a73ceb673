/**
 * One optional deadline for each kind of timer; the next timeout is the least of them. Nothing here reads a clock.
 */

/** The deadlines of an engine, by kind; times are ms of the clock that the engine is driven by. */
export class Timers<K extends string> {
  readonly #kinds: readonly K[];
  readonly #at: number[];

  /** @param kinds - every kind, in the order in which those that are due at one time are handled. */
  constructor(kinds: readonly K[]) {
    this.#kinds = kinds;
    this.#at = kinds.map(() => Number.POSITIVE_INFINITY);
  }

  /** Sets the deadline of a kind, in place of an earlier one. */
  set(kind: K, at: number): void {
    this.#at[this.#kinds.indexOf(kind)] = at;
  }

  /** The deadline of a kind; infinity where none is set. */
  get(kind: K): number {
    return this.#at[this.#kinds.indexOf(kind)] ?? Number.POSITIVE_INFINITY;
  }

  clear(kind: K): void {
    this.set(kind, Number.POSITIVE_INFINITY);
  }

  clearAll(): void {
    this.#at.fill(Number.POSITIVE_INFINITY);
  }

  /** The earliest deadline; undefined where none is set. */
  next(): number | undefined {
    const least = Math.min(...this.#at);
    return least === Number.POSITIVE_INFINITY ? undefined : least;
  }

  /** Takes one kind that is due, and clears it; undefined where none is. */
  takeDue(now: number): K | undefined {
    for (const [index, at] of this.#at.entries()) {
      if (at <= now) {
        this.#at[index] = Number.POSITIVE_INFINITY;
        return this.#kinds[index];
      }
    }
    return undefined;
  }
}
