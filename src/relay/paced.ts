/** A call that is made at most once per interval: at once after a quiet time, otherwise when the interval is over. */

import type { Clock } from "../session/host.ts";

export class Paced {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #call: () => void;
  readonly #afterTimer: () => void;
  #notBefore = Number.NEGATIVE_INFINITY;
  #timer: unknown;

  /** @param afterTimer - called after a call that no caller of {@link ask} waits for. */
  constructor(clock: Clock, intervalMs: number, call: () => void, afterTimer: () => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#call = call;
    this.#afterTimer = afterTimer;
  }

  ask(): void {
    if (this.#timer !== undefined) return;
    const wait = this.#notBefore - this.#clock.now();
    if (wait <= 0) return this.#run();
    this.#timer = this.#clock.setTimer(wait, () => {
      this.#timer = undefined;
      this.#run();
      this.#afterTimer();
    });
  }

  clear(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #run(): void {
    this.#notBefore = this.#clock.now() + this.#intervalMs;
    this.#call();
  }
}
