/** Values at once or later, without a promise where none is needed: what is there at once stays in its turn. */

import type { MaybePromise } from "./broker.ts";

export function isLater<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | undefined)?.then === "function";
}

/** Calls, and goes on with the value, or with what is thrown: at once where it is there. */
export function attempt<T>(call: () => MaybePromise<T>, then: (value: T) => void, otherwise: (error: unknown) => void): void {
  let value: MaybePromise<T>;
  try {
    value = call();
  } catch (error) {
    otherwise(error);
    return;
  }
  if (isLater(value)) value.then(then, otherwise);
  else then(value);
}
