/** A clock that stands still until it is told to go on. Timers call in the order of their times. */

import type { Clock } from "../../src/session/host.ts";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  #now: number;
  /** How far the wall clock is ahead of `now`; tests may step it. */
  wallOffset = 1_700_000_000_000;
  readonly #timers = new Map<number, Timer>();
  #handles = 0;

  constructor(now = 0) {
    this.#now = now;
  }

  /** Timers that have not called. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.wallOffset;
  }

  setTimer(delayMs: number, callback: () => void): unknown {
    const handle = ++this.#handles;
    this.#timers.set(handle, { at: this.#now + Math.max(0, delayMs), callback });
    return handle;
  }

  clearTimer(handle: unknown): void {
    this.#timers.delete(handle as number);
  }

  /** Goes on, and calls what becomes due on the way, also what is set on the way. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let next: [number, Timer] | undefined;
      for (const entry of this.#timers) if (entry[1].at <= end && (next === undefined || entry[1].at < next[1].at)) next = entry;
      if (next === undefined) break;
      const [handle, timer] = next;
      this.#timers.delete(handle);
      this.#now = Math.max(this.#now, timer.at);
      timer.callback();
    }
    this.#now = end;
  }
}
