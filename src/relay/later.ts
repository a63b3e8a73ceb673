/** Values at once or later, without a promise where none is needed: what is there at once stays in its turn. */

import type { Clock } from "../session/host.ts";
import type { MaybePromise } from "./broker.ts";

export function isLater<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | undefined)?.then === "function";
}

/**
 * Calls, and goes on with the value, or with what is thrown: at once where it is there. What `then` and `otherwise` throw goes on to the
 * caller where they are called at once, and to `fault` where there is no caller any more.
 */
export function attempt<T>(
  call: () => MaybePromise<T>,
  then: (value: T) => void,
  otherwise: (error: unknown) => void,
  fault: (error: unknown) => void,
): void {
  let value: MaybePromise<T>;
  try {
    value = call();
  } catch (error) {
    otherwise(error);
    return;
  }
  if (isLater(value)) value.then(then, otherwise).then(undefined, fault);
  else then(value);
}

/** Deadlines of one owner, which end with it. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #handles = new Set<unknown>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls after `ms`. @returns what takes that back. */
  set(ms: number, callback: () => void): () => void {
    const handle = this.#clock.setTimer(Math.max(0, ms), () => {
      this.#handles.delete(handle);
      callback();
    });
    this.#handles.add(handle);
    return () => {
      if (this.#handles.delete(handle)) this.#clock.clearTimer(handle);
    };
  }

  clear(): void {
    for (const handle of this.#handles) this.#clock.clearTimer(handle);
    this.#handles.clear();
  }
}
