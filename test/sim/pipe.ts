/** A way for calls: each arrives late, in the order in which it was given, and none while the way is blocked. */

import type { Scheduler } from "./scheduler.ts";

export interface PipeOptions {
  readonly scheduler: Scheduler;
  /** Ms that a call takes; `at once`: none, unless something is before it. */
  readonly latency: (() => number) | "at once";
  /** Until when nothing passes. */
  readonly blockedUntil: () => number;
}

export class Pipe {
  readonly #options: PipeOptions;
  readonly #waiting: { readonly at: number; readonly call: () => void }[] = [];
  #isRunning = false;

  constructor(options: PipeOptions) {
    this.#options = options;
  }

  push(call: () => void): void {
    const { scheduler, latency, blockedUntil } = this.#options;
    if (latency === "at once" && this.#waiting.length === 0 && scheduler.now >= blockedUntil()) return call();
    const last = this.#waiting.at(-1)?.at ?? 0;
    this.#waiting.push({ at: Math.max(last, scheduler.now + (latency === "at once" ? 0 : latency())), call });
    if (this.#waiting.length === 1 && !this.#isRunning) this.#wait();
  }

  /** Before all that waits. */
  unshift(call: () => void): void {
    this.#waiting.unshift({ at: 0, call });
    if (this.#waiting.length === 1 && !this.#isRunning) this.#wait();
  }

  #wait(): void {
    const { scheduler, blockedUntil } = this.#options;
    const [next] = this.#waiting;
    if (next === undefined) return;
    scheduler.at(Math.max(next.at, blockedUntil()), () => this.#run());
  }

  #run(): void {
    const { scheduler, blockedUntil } = this.#options;
    const [next] = this.#waiting;
    if (next === undefined) return;
    if (scheduler.now >= Math.max(next.at, blockedUntil())) {
      this.#isRunning = true;
      this.#waiting.shift();
      next.call();
      this.#isRunning = false;
    }
    this.#wait();
  }
}
