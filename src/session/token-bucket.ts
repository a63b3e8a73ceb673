/** A limit of rate: so many per second in the long run, and so many at once. */

/** A limit of rate. */
export interface Rate {
  /** In the long run; above 0. */
  readonly perSecond: number;
  /** At once, after a quiet time; at least 1. */
  readonly burst: number;
}

/** Tokens come evenly up to the burst; whoever acts takes one. */
export class TokenBucket implements Rate {
  readonly perSecond: number;
  readonly burst: number;
  #tokens: number;
  /** When {@link #tokens} was so many, in ms. */
  #at = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number, burst: number) {
    this.perSecond = perSecond;
    this.burst = burst;
    this.#tokens = burst;
  }

  /**
   * Takes a token.
   * @param now - ms of a clock that never steps back.
   * @returns 0; or, where there was none and nothing was taken, after how many ms there are so many that it is worth while to come back: a
   * second's, or half of the burst.
   */
  take(now: number): number {
    this.#fill(now);
    if (this.#tokens >= 1) {
      this.#tokens--;
      return 0;
    }
    const wanted = Math.max(1, Math.min(this.perSecond, this.burst / 2));
    return Math.max(1, Math.ceil(((wanted - this.#tokens) * 1000) / this.perSecond));
  }

  /** Whether it is as if nobody had ever taken anything. */
  isFull(now: number): boolean {
    this.#fill(now);
    return this.#tokens >= this.burst;
  }

  #fill(now: number): void {
    if (this.#at !== Number.NEGATIVE_INFINITY) {
      this.#tokens = Math.min(this.burst, this.#tokens + (Math.max(0, now - this.#at) * this.perSecond) / 1000);
    }
    this.#at = now;
  }
}

/** A bucket for each name. Who is gone keeps what was taken until it would have come back anyhow: to come anew gives nothing. */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #byName = new Map<string, TokenBucket>();
  /** From how many on those that are full are removed. */
  #sweepAt = 1024;

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** How many are held. */
  get size(): number {
    return this.#byName.size;
  }

  /** See {@link TokenBucket.take}. */
  take(name: string, now: number): number {
    let bucket = this.#byName.get(name);
    if (bucket === undefined) {
      this.#sweep(now);
      bucket = new TokenBucket(this.#rate.perSecond, this.#rate.burst);
      this.#byName.set(name, bucket);
    }
    return bucket.take(now);
  }

  /** Each is looked at a constant number of times on average. One that is full is as a new one. */
  #sweep(now: number): void {
    if (this.#byName.size < this.#sweepAt) return;
    for (const [name, bucket] of this.#byName) if (bucket.isFull(now)) this.#byName.delete(name);
    this.#sweepAt = 2 * this.#byName.size + 1024;
  }
}
