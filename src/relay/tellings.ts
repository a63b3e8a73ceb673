/**
 * What a store tells its relays, in one order. Law: one after the other, what comes of it last; and, with a shelf, nothing that tells of a
 * change before the change is kept. What could not be kept is not told: publishes are refused, and answers are given of how it is then.
 */

import { ProtocolError } from "../errors.ts";
import { Fifo } from "../session/server-queues.ts";
import type { BrokerSink, MaybePromise, PublishOutcome, PublishRequest } from "./broker.ts";
import type { Shelf } from "./shelf.ts";

/** Whom it is told. */
export interface Listener {
  readonly sink: BrokerSink;
}

/** What the store does when changes are kept, or could not be. */
export interface Keeping {
  kept(): void;
  /** The changes of these rooms are undone; `error`: why. */
  undone(rooms: Iterable<string>, error: unknown): void;
}

/** One call of a sink, or the answer to a call of a link: `keep` where what it tells is kept, `again` where that could not be. */
type Telling =
  | { readonly type: "call"; readonly to: Listener; readonly call: keyof BrokerSink; readonly args: readonly unknown[] }
  | { readonly type: "answer"; readonly keep: () => void; readonly again: () => void };

export class Tellings {
  readonly #queue = new Fifo<Telling>();
  readonly #shelf: Shelf | undefined;
  readonly #isThere: (listener: Listener) => boolean;
  readonly #keeping: Keeping;
  #state: "idle" | "telling" | "keeping" = "idle";

  /** @param isThere - whether it is to be told still. */
  constructor(shelf: Shelf | undefined, isThere: (listener: Listener) => boolean, keeping: Keeping) {
    this.#shelf = shelf;
    this.#isThere = isThere;
    this.#keeping = keeping;
  }

  /** Calls a sink in its turn: after {@link tell}. */
  push<K extends keyof BrokerSink>(to: Listener, call: K, args: Parameters<BrokerSink[K]>): void {
    this.#queue.push({ type: "call", to, call, args });
  }

  /** The value, once what has changed in the room is kept. @param again - gives it where that could not be kept. */
  answer<T>(room: string, value: T, again: () => T): MaybePromise<T> {
    if (this.#shelf?.isChanged(room) !== true) return value;
    return new Promise((resolve, reject) => {
      const anew = (): void => {
        try {
          resolve(again());
        } catch (error) {
          reject(error);
        }
      };
      this.#queue.push({ type: "answer", keep: () => resolve(value), again: anew });
      this.tell();
    });
  }

  /** Resolves when what has changed by now is kept, or could not be. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.push({ type: "answer", keep: resolve, again: resolve });
      this.tell();
    });
  }

  /** Tells what waits; where changes are to be kept first, once they are. */
  tell(): void {
    if (this.#state !== "idle") return;
    // What is told may bring about changes: what tells of those waits for them.
    while (this.#queue.length > 0 && !this.#hasChanges()) this.#tell(this.#queue.length);
    if (this.#shelf !== undefined && this.#hasChanges()) void this.#keep(this.#shelf);
  }

  #hasChanges(): boolean {
    return this.#shelf?.hasChanges() === true;
  }

  /** Commits until there is nothing to commit, and tells what waited for each. */
  async #keep(shelf: Shelf): Promise<void> {
    while (shelf.hasChanges()) {
      this.#state = "keeping";
      await shelf.ready();
      const count = this.#queue.length;
      const fault = await shelf.commit().then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (fault !== undefined) {
        this.#keeping.undone(shelf.discard(), fault.error);
        this.#revoke();
      }
      this.#tell(fault === undefined ? count : this.#queue.length);
      this.#keeping.kept();
    }
    this.tell();
  }

  #tell(count: number): void {
    this.#state = "telling";
    try {
      for (let told = 0; told < count; told++) {
        const next = this.#queue.shift();
        if (next === undefined) return;
        if (next.type === "answer") next.keep();
        else if (this.#isThere(next.to)) call(next.to.sink, next.call, next.args);
      }
    } finally {
      this.#state = "idle";
    }
  }

  /** Of what waits, all that tells of changes is void; what is no part of a log stays as it is. */
  #revoke(): void {
    const waiting: Telling[] = [];
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) waiting.push(next);
    for (const next of waiting) {
      if (next.type === "answer") this.#queue.push({ ...next, keep: next.again });
      else if (next.call === "settled") this.push(next.to, "settled", [next.args[0] as PublishRequest, refused()]);
      else if (next.call === "changed" || next.call === "announced") this.#queue.push(next);
    }
  }
}

/** What cannot be kept has not happened. */
export function notKept(): ProtocolError {
  return new ProtocolError("UNAVAILABLE", "the log could not be written");
}

function refused(): PublishOutcome {
  return { type: "retry", error: notKept() };
}

function call(sink: BrokerSink, name: keyof BrokerSink, args: readonly unknown[]): void {
  Reflect.apply(sink[name], sink, args as unknown[]);
}
