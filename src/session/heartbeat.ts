/** Whether the other side lives: any frame is life; nothing for half of the time asks, nothing for all of it is death (LIV-1, LIV-4). */

/** One side's watch on the other. */
export class Heartbeat {
  #deadMs = Number.POSITIVE_INFINITY;
  #lastHeard = 0;
  #asked = false;
  /** When a probe that nothing has answered is over. */
  #probeEnd = Number.POSITIVE_INFINITY;

  /** When {@link poll} has something to say; infinity: never. */
  get deadline(): number {
    return Math.min(this.#probeEnd, this.#lastHeard + (this.#asked ? this.#deadMs : this.#deadMs / 2));
  }

  /** Begins to watch. @param deadMs - after this many ms without a frame the other side is dead. */
  start(deadMs: number, now: number): void {
    this.#deadMs = deadMs;
    this.heard(now);
  }

  stop(): void {
    this.#deadMs = Number.POSITIVE_INFINITY;
    this.#probeEnd = Number.POSITIVE_INFINITY;
  }

  /** Asks out of turn: nothing within this time is death too (LIV-9). @returns whether that was not asked yet. */
  probe(withinMs: number, now: number): boolean {
    const isNew = this.#probeEnd === Number.POSITIVE_INFINITY;
    if (isNew) this.#probeEnd = now + withinMs;
    return isNew;
  }

  /** A frame has come. */
  heard(now: number): void {
    this.#lastHeard = now;
    this.#asked = false;
    this.#probeEnd = Number.POSITIVE_INFINITY;
  }

  /** Whether the time is over: what comes now comes too late. */
  isDead(now: number): boolean {
    return now - this.#lastHeard >= this.#deadMs || now >= this.#probeEnd;
  }

  /** What is to be done now; `ping` is said once per silence. */
  poll(now: number): "ping" | "dead" | undefined {
    if (this.isDead(now)) return "dead";
    if (this.#asked || now - this.#lastHeard < this.#deadMs / 2) return undefined;
    this.#asked = true;
    return "ping";
  }
}
