/**
 * Events as an async iterator.
 *
 * Law: nothing is lost in silence. What comes between two calls of `next` waits in its order; where more would wait than the capacity, what
 * waits is still given, then the stream ends with STREAM_OVERFLOW. An abort is told at once, and what waits is dropped.
 */

import { UsageError } from "../errors.ts";
import type { Settler } from "./outcomes.ts";
import { reasonOf, requireUnaborted, type WaitOptions } from "./waiting.ts";

/** Settings of a stream. */
export interface StreamOptions extends WaitOptions {
  /** Events that may wait for the loop that takes them: a whole number of at least 1; 1000 by default. */
  readonly capacity?: number;
}

/** See the head of this file. A `for await` that is left ends it; so does `return()`. */
export class EventStream<T> implements AsyncIterableIterator<T> {
  readonly #capacity: number;
  readonly #released: () => void;
  readonly #events: T[] = [];
  readonly #calls: Settler<IteratorResult<T, undefined>>[] = [];
  /** Why it has ended, until that is told; `done`: it was, or there is nothing to tell. */
  #end: { readonly error: unknown } | "done" | undefined;

  /** @param released - called once, when it has ended. @throws the reason of a signal that was aborted already. */
  constructor({ signal, capacity = 1000 }: StreamOptions, released: () => void) {
    requireUnaborted(signal);
    this.#capacity = capacity;
    const abort = () => {
      this.#events.length = 0;
      if (signal !== undefined) this.end({ error: reasonOf(signal) });
    };
    signal?.addEventListener("abort", abort);
    this.#released = () => {
      signal?.removeEventListener("abort", abort);
      released();
    };
  }

  /** An event has come. */
  push(event: T): void {
    if (this.#end !== undefined) return;
    const call = this.#calls.shift();
    if (call !== undefined) call.resolve({ value: event, done: false });
    else if (this.#events.length < this.#capacity) this.#events.push(event);
    else this.end({ error: new UsageError("STREAM_OVERFLOW", `more than ${this.#capacity} events wait to be taken`) });
  }

  /** Nothing more comes. @param why - what the loop rejects with, behind the events that wait. */
  end(why: { readonly error: unknown } | "done" = "done"): void {
    if (this.#end !== undefined) return;
    this.#end = why;
    this.#released();
    for (const call of this.#calls.splice(0)) this.#settle(call);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      if (this.#events.length > 0) resolve({ value: this.#events.shift() as T, done: false });
      else if (this.#end === undefined) this.#calls.push({ resolve, reject });
      else this.#settle({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#events.length = 0;
    this.end();
    this.#end = "done";
    return this.next();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** An error is told once; then, as of every iterator, that it is over. */
  #settle({ resolve, reject }: Settler<IteratorResult<T, undefined>>): void {
    if (this.#end === undefined || this.#end === "done") resolve({ value: undefined, done: true });
    else reject(this.#end.error);
    this.#end = "done";
  }
}
