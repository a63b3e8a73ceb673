/**
 * The disk of a client. Law: a write takes effect as a whole or not at all; the client learns of it later, or, when it crashes, never.
 */

import type { OutboxStorage } from "../../src/client/storage.ts";
import type { StoredEntry, StoredState, StoreOp } from "../../src/delivery/outbox.ts";
import type { Rng } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** What outlives the process. */
export class Disk {
  session: StoredState["session"];
  readonly entries = new Map<number, StoredEntry>();
  /** Until then, writes fail. */
  fullUntil = 0;
  /** Until then, writes take a second. */
  slowUntil = 0;

  apply(ops: readonly StoreOp[]): void {
    for (const op of ops) {
      if (op.type === "put") this.entries.set(op.entry.order, op.entry);
      else if (op.type === "delete") this.entries.delete(op.order);
      else if (op.type === "session") this.session = { session: op.session, attempt: op.attempt };
    }
  }

  copy(): Disk {
    const copy = new Disk();
    copy.session = this.session;
    for (const [order, entry] of this.entries) copy.entries.set(order, entry);
    return copy;
  }
}

/** How one process uses its disk. */
export class DiskStorage implements OutboxStorage {
  readonly #disk: Disk;
  readonly #scheduler: Scheduler;
  readonly #random: Rng;
  #pending: readonly StoreOp[] | undefined;
  #state: "open" | "crashed" = "open";

  constructor(disk: Disk, scheduler: Scheduler, random: Rng) {
    this.#disk = disk;
    this.#scheduler = scheduler;
    this.#random = random;
  }

  load(): Promise<StoredState> {
    return this.#later(this.#random.int(0, 5), () => ({
      session: this.#disk.session,
      entries: [...this.#disk.entries.values()],
    }));
  }

  async write(ops: readonly StoreOp[]): Promise<void> {
    const { now } = this.#scheduler;
    this.#pending = ops;
    await this.#later(now < this.#disk.slowUntil ? 1000 : this.#random.int(0, 8), () => {
      this.#pending = undefined;
      if (this.#scheduler.now < this.#disk.fullUntil) throw new Error("no space left on the device");
      this.#disk.apply(ops);
    });
    // Durable, and not told yet.
    await this.#later(this.#random.int(0, 3), () => undefined);
  }

  /** The process is gone. @param pending - what becomes of the write that is under way. */
  crash(pending: "kept" | "lost"): void {
    this.#state = "crashed";
    if (pending === "kept" && this.#pending !== undefined) this.#disk.apply(this.#pending);
    this.#pending = undefined;
  }

  #later<T>(ms: number, make: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#scheduler.after(ms, () => {
        if (this.#state === "crashed") return;
        try {
          resolve(make());
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}
