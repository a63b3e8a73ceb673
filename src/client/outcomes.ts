/**
 * The promises that a client has given: one for each request, one for each publish, one for each flush.
 *
 * Law: what waits for the outbox lives as long as its entries, over any number of ends and starts (PUB-13); what waits for an answer
 * ends with the client's run at the latest.
 */

import { type ProtocolError, UsageError } from "../errors.ts";
import type { EntryChange } from "../session/client-events.ts";

/** Where a message is stored. */
export interface Stored {
  readonly offset: number;
  /** Ms since 1970. */
  readonly timeMs: number;
}

/**
 * A message that was handed over: a promise of where it is stored, with the message's id. One that nobody looks at is no unhandled rejection.
 *
 * It settles with the message, however long that takes: over reconnects, a close and the next start, and, where the room was left, when
 * it is joined again (PUB-21). Rejects with a ProtocolError where it is finally rejected, with `processed: "maybe"` where nobody can
 * say; with a UsageError ENTRY_SETTLED where it was cancelled, OUTBOX_CORRUPT where the storage turns out to be unreadable; with the
 * signal's reason where the caller gave up waiting, which takes nothing back: that is for `cancel`.
 */
export interface Sent extends Promise<Stored> {
  /** The message's id, in text form. */
  readonly id: string;
}

/** The two ends of a promise. */
export interface Settler<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** The promise itself: who does not look at it must not be ended by it. */
export function noticed<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** See the head of this file. */
export class Outcomes {
  readonly #requests: Map<number, Settler<unknown>> = new Map();
  readonly #flushes: Set<Settler<void>> = new Set();
  readonly #publishes: Map<string, Settler<Stored> & { readonly room: string }> = new Map();
  /** How many of these each room has. */
  readonly #counts: Map<string, number> = new Map();

  /** The engine will answer this request. */
  request(request: number, settler: Settler<unknown>): void {
    this.#requests.set(request, settler);
  }

  answered({
    request,
    result,
    error,
  }: {
    request: number;
    result: unknown;
    error: ProtocolError | UsageError | undefined;
  }): void {
    const settler = this.#requests.get(request);
    this.#requests.delete(request);
    if (error === undefined) settler?.resolve(result);
    else settler?.reject(error);
  }

  /** Waits for an empty outbox. */
  flush(settler: Settler<void>): void {
    this.#flushes.add(settler);
  }

  flushed(): void {
    for (const settler of this.#flushes) settler.resolve();
    this.#flushes.clear();
  }

  /** A message of this id is being handed over, for this room. */
  publish(id: string, room: string): Promise<Stored> {
    const stored = new Promise<Stored>((resolve, reject) => this.#publishes.set(id, { resolve, reject, room }));
    this.#counts.set(room, (this.#counts.get(room) ?? 0) + 1);
    return noticed(stored);
  }

  /** The message is settled, or was refused when it was handed over: nobody waits for it. */
  unpublish(id: string): void {
    const room = this.#publishes.get(id)?.room;
    if (room === undefined) return;
    this.#publishes.delete(id);
    const left = (this.#counts.get(room) ?? 0) - 1;
    if (left > 0) this.#counts.set(room, left);
    else this.#counts.delete(room);
  }

  /** Whether a message of this room is not settled. */
  hasPublishes(room: string): boolean {
    return this.#counts.has(room);
  }

  settled({ id, state, offset, timeMs, error }: EntryChange): void {
    const settler = this.#publishes.get(id);
    if (settler === undefined) return;
    if (state === "stored" && offset !== undefined && timeMs !== undefined) settler.resolve({ offset, timeMs });
    else if (state === "failed" || state === "maybe")
      settler.reject(error ?? new UsageError("ENTRY_SETTLED", `the message is ${state}`));
    else if (state === "cancelled") settler.reject(new UsageError("ENTRY_SETTLED", "the message was cancelled"));
    else return;
    this.unpublish(id);
  }

  /** The run is over: nothing answers any more. */
  ended(error: UsageError): void {
    for (const settler of this.#requests.values()) settler.reject(error);
    this.#requests.clear();
  }

  /** There is no outbox, and will be none. */
  lost(error: UsageError): void {
    this.ended(error);
    for (const settler of [...this.#publishes.values(), ...this.#flushes]) settler.reject(error);
    this.#publishes.clear();
    this.#counts.clear();
    this.#flushes.clear();
  }
}
