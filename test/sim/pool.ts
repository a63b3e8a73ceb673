/** Processes that run plans. Law: an order goes to the first that is free, or to the one that is asked for; each has one at a time. */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Order, Outcome } from "./worker.ts";

interface Waiting {
  readonly order: Order;
  readonly not: number;
  readonly resolve: (done: { readonly outcome: Outcome; readonly worker: number }) => void;
}

export class Pool {
  readonly #workers: ChildProcess[] = [];
  readonly #busy: (Waiting | undefined)[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #failed: (error: Error) => void;
  #ids = 0;
  #isClosed = false;

  constructor(jobs: number, failed: (error: Error) => void) {
    this.#failed = failed;
    for (let i = 0; i < jobs; i++) {
      const child = fork(fileURLToPath(import.meta.url), ["--worker"], { execArgv: process.execArgv });
      child.on("message", (outcome: Outcome) => this.#done(i, outcome));
      child.on("exit", (code, signal) => {
        if (!this.#isClosed) this.#failed(new Error(`a process of the simulator has ended with ${signal ?? code}`));
      });
      this.#workers.push(child);
      this.#busy.push(undefined);
    }
  }

  get size(): number {
    return this.#workers.length;
  }

  /** @param not - the worker that shall not run it; −1: any may. */
  run(order: Omit<Order, "id">, not = -1): Promise<{ readonly outcome: Outcome; readonly worker: number }> {
    return new Promise((resolve) => {
      this.#waiting.push({ order: { ...order, id: ++this.#ids }, not, resolve });
      this.#give();
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const child of this.#workers) child.kill();
  }

  #give(): void {
    for (const [i, child] of this.#workers.entries()) {
      if (this.#busy[i] !== undefined) continue;
      const next = this.#waiting.findIndex(({ not }) => not !== i);
      if (next < 0) continue;
      const [taken] = this.#waiting.splice(next, 1) as [Waiting];
      this.#busy[i] = taken;
      child.send(taken.order);
    }
  }

  #done(worker: number, outcome: Outcome): void {
    const waiting = this.#busy[worker];
    this.#busy[worker] = undefined;
    this.#give();
    waiting?.resolve({ outcome, worker });
  }
}
