/** Where a client keeps its outbox and session between runs (SES-11). */

import type { StoredEntry, StoredState, StoreOp } from "../delivery/outbox.ts";

/** A place for one session's outbox. One client at a time uses it (SES-2). */
export interface OutboxStorage {
  /**
   * All that is stored; nothing at first. Is called once, before {@link write}. Where another client holds the place, either waits for it,
   * and the client's commands wait with it, or rejects: then the client refuses everything with OUTBOX_CORRUPT, or with the UsageError that
   * it was rejected with, such as OUTBOX_LOCKED, and sends nothing. The client has no deadline of its own for it. A record that is damaged is given as it is: the client sets it aside, and tells it in an
   * `error` event with OUTBOX_CORRUPT and `record` (PUB-22).
   */
  load(): Promise<StoredState>;
  /**
   * Carries out the changes, in order. MUST be atomic: after a crash all of them hold, or none. MUST NOT resolve before they are durable.
   * Is not called again before it has settled. Where it rejects, the client tells it in an `error` event, and gives the same changes, with
   * those that have come since, after `times.storeRetry`; what depends on them waits.
   */
  write(ops: readonly StoreOp[]): Promise<void>;
}

/** Keeps everything in memory: the default. It survives connections, and the client's own end if it is given to the next one. */
export class MemoryStorage implements OutboxStorage {
  #session: StoredState["session"];
  readonly #entries: Map<number, StoredEntry> = new Map();

  load(): Promise<StoredState> {
    return Promise.resolve({ session: this.#session, entries: [...this.#entries.values()] });
  }

  write(ops: readonly StoreOp[]): Promise<void> {
    for (const op of ops) {
      if (op.type === "put") this.#entries.set(op.entry.order, op.entry);
      else if (op.type === "delete") this.#entries.delete(op.order);
      else if (op.type === "session") this.#session = { session: op.session, attempt: op.attempt };
      else for (const [order, entry] of this.#entries) if (entry === op.record) this.#entries.delete(order);
    }
    return Promise.resolve();
  }
}
