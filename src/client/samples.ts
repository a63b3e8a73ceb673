/**
 * The latest values of a measure: a ring of fixed size, so that a client that runs for months has the memory of one that runs for a minute.
 *
 * Law: adding costs the same each time; what is told of the values is reckoned when it is asked for.
 */

/** What is known of a measure. */
export interface Summary {
  /** Values since the client was made; the percentiles and `max` are of the latest of them alone. */
  readonly count: number;
  /** Moving average: average ← 0.9 × average + 0.1 × value (as LIV-3). Undefined while there is no value, as the others. */
  readonly average: number | undefined;
  /** Percentiles by nearest rank: the least of the values that at least so many percent of them do not exceed. */
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly p99: number | undefined;
  readonly max: number | undefined;
}

/** See the head of this file. */
export class Samples {
  readonly #ring: Float64Array;
  #count = 0;
  #average = 0;

  /** @param size - how many of the latest values are kept; at least 1. */
  constructor(size: number) {
    this.#ring = new Float64Array(size);
  }

  /** Values so far. */
  get count(): number {
    return this.#count;
  }

  add(value: number): void {
    this.#average = this.#count === 0 ? value : 0.9 * this.#average + 0.1 * value;
    this.#ring[this.#count % this.#ring.length] = value;
    this.#count++;
  }

  /** Those that are kept, in no order. */
  latest(): Float64Array {
    return this.#ring.slice(0, Math.min(this.#count, this.#ring.length));
  }

  summary(): Summary {
    const sorted = this.latest().sort();
    const ranked = (percent: number) => sorted[Math.ceil((percent / 100) * sorted.length) - 1];
    const average = this.#count === 0 ? undefined : this.#average;
    return { count: this.#count, average, p50: ranked(50), p95: ranked(95), p99: ranked(99), max: sorted.at(-1) };
  }
}
