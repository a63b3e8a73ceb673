/** Values at once or later, without a promise where none is needed: what is there at once stays in its turn. */

import { ProtocolError } from "../errors.ts";
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
  // Whatever it is that can be waited for, this is a promise.
  if (isLater(value)) Promise.resolve(value).then(then, otherwise).then(undefined, fault);
  else then(value);
}

/** Calls; what it throws is a promise that is broken. */
export function orBroken<T>(call: () => MaybePromise<T>): MaybePromise<T> {
  try {
    return call();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Nothing was said in time: what was asked for may be done, or not. */
export class NoAnswer extends Error {}

/** Deadlines of one owner, which end with it. */
export class Deadlines {
  readonly #clock: Clock;
  /** What each does when its owner ends. */
  readonly #open = new Map<unknown, () => void>();
  #state: "open" | "ended" = "open";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls after `ms`; or, where the owner ends before, `atEnd`. @returns what takes that back. */
  set(ms: number, callback: () => void, atEnd: () => void = () => undefined): () => void {
    const handle = this.#clock.setTimer(Math.max(0, ms), () => {
      this.#open.delete(handle);
      callback();
    });
    this.#open.set(handle, atEnd);
    return () => {
      if (this.#open.delete(handle)) this.#clock.clearTimer(handle);
    };
  }

  /**
   * As {@link attempt}, but it waits for no more than `ms`, and no longer than its owner lives: then `otherwise` gets a {@link NoAnswer}, or
   * UNAVAILABLE, and what is said later is passed over.
   */
  attempt<T>(
    ms: number,
    call: () => MaybePromise<T>,
    then: (value: T) => void,
    otherwise: (error: unknown) => void,
    fault: (error: unknown) => void,
  ): void {
    let state = "open" as "open" | "decided";
    let inTime: () => void = () => undefined;
    const first =
      <V>(go: (value: V) => void): ((value: V) => void) =>
      (value) => {
        if (state === "decided") return;
        state = "decided";
        inTime();
        go(value);
      };
    const refuse = first(otherwise);
    attempt(call, first(then), refuse, fault);
    if (state === "decided") return;
    const ended = (): void => refuse(new ProtocolError("UNAVAILABLE", "who asked has ended", { processed: "maybe" }));
    if (this.#state === "ended") return ended();
    const late = (): void => {
      try {
        refuse(new NoAnswer("there was no answer in time"));
      } catch (error) {
        fault(error);
      }
    };
    inTime = this.set(ms, late, ended);
  }

  /** The owner ends. */
  end(): void {
    this.#state = "ended";
    const open = [...this.#open];
    this.#open.clear();
    for (const [handle, atEnd] of open) {
      this.#clock.clearTimer(handle);
      atEnd();
    }
  }
}
