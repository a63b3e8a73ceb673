/** Whether the other side lives: any frame is life; nothing for half of the time asks, nothing for all of it is death (LIV-1, LIV-4). */

/** One side's watch on the other. */
export class Heartbeat {
  #deadMs = Number.POSITIVE_INFINITY;
  #lastHeard = 0;
  #asked = false;

  /** When {@link poll} has something to say; infinity: never. */
  get deadline(): number {
    return this.#lastHeard + (this.#asked ? this.#deadMs : this.#deadMs / 2);
  }

  /** Begins to watch. @param deadMs - after this many ms without a frame the other side is dead. */
  start(deadMs: number, now: number): void {
    this.#deadMs = deadMs;
    this.heard(now);
  }

  stop(): void {
    this.#deadMs = Number.POSITIVE_INFINITY;
  }

  /** A frame has come. */
  heard(now: number): void {
    this.#lastHeard = now;
    this.#asked = false;
  }

  /** What is to be done now; `ping` is said once per silence. */
  poll(now: number): "ping" | "dead" | undefined {
    const silence = now - this.#lastHeard;
    if (silence >= this.#deadMs) return "dead";
    if (this.#asked || silence < this.#deadMs / 2) return undefined;
    this.#asked = true;
    return "ping";
  }
}
