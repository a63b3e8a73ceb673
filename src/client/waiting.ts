/**
 * Waits that a caller can give up.
 *
 * Law: a signal ends the waiting alone. What was asked for stays asked for, and is taken back by its own command: `leave`, `cancel`,
 * `unwatch`. With a signal that was aborted before, nothing is asked for at all.
 */

import { UsageError } from "../errors.ts";

/** What is used of an AbortSignal; also those of React Native, which tell no reason. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** How a caller waits. */
export interface WaitOptions {
  /** Ends the waiting: what is waited for rejects with the signal's reason; where it tells none, with a UsageError ABORTED. */
  readonly signal?: AbortSignalLike;
}

/** What a wait is given up with. */
export function reasonOf(signal: AbortSignalLike): unknown {
  return signal.reason ?? new UsageError("ABORTED", "the signal was aborted");
}

/** @throws the reason of a signal that was aborted already. */
export function requireUnaborted(signal: AbortSignalLike | undefined): void {
  if (signal?.aborted === true) throw reasonOf(signal);
}

/** As the promise, unless the signal comes first. */
export function unlessAborted<T>(signal: AbortSignalLike | undefined, promise: Promise<T>): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(reasonOf(signal));
    signal.addEventListener("abort", abort);
    const over = () => signal.removeEventListener("abort", abort);
    promise.then(resolve, reject).then(over);
  });
}
