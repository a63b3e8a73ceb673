/**
 * A process of the simulated world: it has a clock of its own, can be suspended, and can end without a word.
 *
 * Law: once it has ended, nothing in it runs any more. While it is suspended nothing runs, and what was due comes after it wakes.
 */

import type { Clock } from "../../src/session/host.ts";
import type { Scheduled, Scheduler } from "./scheduler.ts";

interface Timer {
  readonly due: number;
  readonly callback: () => void;
  event: Scheduled;
}

export class Process implements Clock {
  readonly name: string;
  readonly #scheduler: Scheduler;
  readonly #timers = new Map<number, Timer>();
  #handles = 0;
  #state: "alive" | "ended" = "alive";
  #wakesAt = 0;
  /** How far the steady clock is behind, since it stood still. */
  #behind = 0;
  #stallEndsAt = 0;
  #stalledAt = 0;
  /** Ms since 1970 at virtual time 0, by this process's own wall clock. */
  wallOffset = 1_750_000_000_000;

  constructor(scheduler: Scheduler, name: string) {
    this.#scheduler = scheduler;
    this.name = name;
  }

  /** Until then nothing runs in it. */
  get wakesAt(): number {
    return this.#wakesAt;
  }

  get isAlive(): boolean {
    return this.#state === "alive";
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** The timers that are set, for people. */
  describe(): string {
    return [...this.#timers.values()].map(({ due, callback }) => `at ${due - this.now()}: ${callback}`).join("; ");
  }

  now(): number {
    const { now } = this.#scheduler;
    return (now < this.#stallEndsAt ? this.#stalledAt : now) - this.#behind;
  }

  wall(): number {
    return this.#scheduler.now + this.wallOffset;
  }

  setTimer(delayMs: number, callback: () => void): number {
    const handle = ++this.#handles;
    const due = this.now() + Math.max(0, delayMs);
    const event = this.#scheduler.after(Math.max(0, delayMs), () => this.#fire(handle));
    this.#timers.set(handle, { due, callback, event });
    return handle;
  }

  clearTimer(handle: unknown): void {
    const timer = this.#timers.get(handle as number);
    if (timer === undefined) return;
    timer.event.run = undefined;
    this.#timers.delete(handle as number);
  }

  /** Runs this now, or when the process is awake again, or never. */
  run(call: () => void): void {
    if (!this.isAlive) return;
    if (this.#scheduler.now < this.#wakesAt) this.#scheduler.at(this.#wakesAt, () => this.run(call));
    else call();
  }

  /** Stands still, as a phone in a pocket does: clocks go on, nothing runs. */
  suspend(ms: number): void {
    this.#wakesAt = Math.max(this.#wakesAt, this.#scheduler.now + ms);
  }

  /** The steady clock stands still for so long, and goes on from there. */
  stall(ms: number): void {
    if (this.#scheduler.now < this.#stallEndsAt) return;
    this.#stalledAt = this.#scheduler.now;
    this.#stallEndsAt = this.#scheduler.now + ms;
    this.#scheduler.at(this.#stallEndsAt, () => {
      this.#behind += ms;
    });
  }

  /** Ends without a word. */
  kill(): void {
    this.#state = "ended";
    for (const timer of this.#timers.values()) timer.event.run = undefined;
    this.#timers.clear();
  }

  #fire(handle: number): void {
    this.run(() => {
      const timer = this.#timers.get(handle);
      if (timer === undefined) return;
      const early = timer.due - this.now();
      if (early > 0) {
        // The clock stood still: a timer never calls before its time.
        timer.event = this.#scheduler.after(early, () => this.#fire(handle));
        return;
      }
      this.#timers.delete(handle);
      timer.callback();
    });
  }
}
