/**
 * Processes that run plans. Law: an order goes to the first that is free, or to the one that is asked for; each has one at a time. Every order
 * has an answer: of a process that ends, or is silent for too long, another takes the place, and the plan that did it has gone wrong.
 */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { makePlan } from "./plan.ts";
import type { Invariant } from "./violation.ts";
import type { Order, Outcome } from "./worker.ts";

interface Waiting {
  readonly order: Order;
  readonly not: number;
  readonly resolve: (done: { readonly outcome: Outcome; readonly worker: number }) => void;
}

/** A run takes about a second of this machine. One that takes so many, with nothing to wait for, does not end. */
const silentMs = 180_000;
/** And each run that shrinks it. */
const shrinkMs = 3000;

export class Pool {
  readonly #workers: ChildProcess[] = [];
  readonly #busy: (Waiting | undefined)[] = [];
  readonly #watches: (NodeJS.Timeout | undefined)[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #failed: (error: Error) => void;
  #ids = 0;
  #isClosed = false;

  /** @param failed - a process has ended that had nothing to do: it cannot be a plan's fault. */
  constructor(jobs: number, failed: (error: Error) => void) {
    this.#failed = failed;
    for (let i = 0; i < jobs; i++) {
      this.#workers.push(this.#start(i));
      this.#busy.push(undefined);
      this.#watches.push(undefined);
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
      // Shrinking runs the plan again and again.
      this.#watches[i] = setTimeout(
        () => this.#lost(i, "liveness", `no end after ${silentMs / 1000} s`),
        silentMs + shrinkMs * taken.order.shrinkRuns,
      );
      child.send(taken.order);
    }
  }

  #start(worker: number): ChildProcess {
    const child = fork(fileURLToPath(import.meta.url), ["--worker"], { execArgv: process.execArgv });
    child.on("message", (outcome: Outcome) => this.#done(worker, outcome));
    child.on("exit", (code, signal) => {
      if (this.#isClosed || this.#workers[worker] !== child) return;
      const message = `a process of the simulator has ended with ${signal ?? code}`;
      if (this.#busy[worker] === undefined) this.#failed(new Error(message));
      else this.#lost(worker, "bounded", message);
    });
    return child;
  }

  /** No answer will come. */
  #lost(worker: number, invariant: Invariant, why: string): void {
    const { order } = this.#busy[worker] as Waiting;
    const plan = typeof order.plan === "number" ? makePlan(order.plan) : order.plan;
    const old = this.#workers[worker];
    this.#workers[worker] = this.#start(worker);
    old?.kill("SIGKILL");
    this.#done(worker, {
      id: order.id,
      seed: plan.seed,
      hash: "",
      steps: 0,
      virtualMs: 0,
      counts: [],
      lines: [],
      violation: { invariant, message: `${invariant}: ${why}`, plan },
    });
  }

  #done(worker: number, outcome: Outcome): void {
    const waiting = this.#busy[worker];
    clearTimeout(this.#watches[worker]);
    this.#busy[worker] = undefined;
    this.#give();
    waiting?.resolve({ outcome, worker });
  }
}
