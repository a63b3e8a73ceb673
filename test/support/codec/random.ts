/** A seeded source of pseudo-random numbers (mulberry32): the same seed gives the same inputs, on any machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An unsigned 32-bit integer. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from 0 up to, but without, `limit`; 0 where the limit is below 1. */
  below(limit: number): number {
    return limit < 1 ? 0 : this.word() % limit;
  }

  /** One of these; there must be one. */
  pick<T>(values: readonly T[]): T {
    if (values.length === 0) throw new Error("nothing to pick from");
    return values[this.below(values.length)] as T;
  }

  /** Whether one of so many chances came. */
  oneIn(chances: number): boolean {
    return this.below(chances) === 0;
  }
}
