/**
 * Who is typing: the sender throttles and stops by itself, the receiver expires by itself (TYP-1 to TYP-3).
 */

/** One room's typing of the own user: what is to be sent when. */
export class TypingSender {
  readonly #intervalMs: number;
  readonly #stopAfterMs: number;
  #lastSent = Number.NEGATIVE_INFINITY;
  #active = false;
  #stopAt = Number.POSITIVE_INFINITY;

  /** @param intervalMs - least time between two frames; @param stopAfterMs - how long after the last key the user has stopped. */
  constructor(intervalMs: number, stopAfterMs: number) {
    this.#intervalMs = intervalMs;
    this.#stopAfterMs = stopAfterMs;
  }

  /** When {@link expire} has something to do; infinity: never. */
  get deadline(): number {
    return this.#stopAt;
  }

  /** A key was pressed. @param leastMs - what the relay demands between two frames (TYP-3). @returns whether a frame is to be sent. */
  press(now: number, leastMs = 0): boolean {
    this.#stopAt = now + this.#stopAfterMs;
    if (now - this.#lastSent < Math.max(this.#intervalMs, leastMs)) return false;
    this.#lastSent = now;
    this.#active = true;
    return true;
  }

  /** The text was sent or emptied: no stop is due. @returns whether one is to be sent now. */
  stop(): boolean {
    this.#stopAt = Number.POSITIVE_INFINITY;
    const wasActive = this.#active;
    this.#active = false;
    return wasActive;
  }

  /** Time has passed. @returns whether a stop is to be sent. */
  expire(now: number): boolean {
    return now >= this.#stopAt && this.stop();
  }
}

/** Who of the others is typing in one room. At most `maxUsers` are kept; further ones are passed over. */
export class TypingRoster {
  readonly #until: Map<string, number> = new Map();
  readonly #maxUsers: number;

  constructor(maxUsers = 256) {
    this.#maxUsers = maxUsers;
  }

  /** User ids, in the order in which they began. */
  get users(): string[] {
    return [...this.#until.keys()];
  }

  /** When the next one expires; infinity: none. */
  get deadline(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const at of this.#until.values()) least = Math.min(least, at);
    return least;
  }

  /** A mark has come; `ttlMs` 0: stopped. @returns whether {@link users} has changed. */
  mark(user: string, ttlMs: number, now: number): boolean {
    if (ttlMs === 0) return this.#until.delete(user);
    const isNew = !this.#until.has(user);
    if (isNew && this.#until.size >= this.#maxUsers) return false;
    this.#until.set(user, now + ttlMs);
    return isNew;
  }

  /** Time has passed. @returns whether {@link users} has changed. */
  expire(now: number): boolean {
    let changed = false;
    for (const [user, at] of this.#until) if (at <= now) changed = this.#until.delete(user) || changed;
    return changed;
  }

  /** @returns whether somebody was typing. */
  clear(): boolean {
    const had = this.#until.size > 0;
    this.#until.clear();
    return had;
  }
}
