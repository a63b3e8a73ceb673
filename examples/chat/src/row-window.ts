/**
 * Which of a room's rows are in the page.
 *
 * Law: never more than `maxRows`. Who follows has the last ones; who does not keeps the first one that they had, until they move.
 */

import type { Ordered } from "./ordered.ts";

/** Rows in the page of who follows, and of who does not. */
export const followedRows = 100;
export const maxRows = 200;
/** So many rows further, at a time. */
const step = 50;

/** The rows in the page, and whether there are others on either side. */
export interface Shown<T> {
  readonly rows: readonly T[];
  /** The row before the first, which decides whether that one begins a group. */
  readonly before: T | undefined;
  readonly hasAfter: boolean;
}

export class RowWindow<T> {
  readonly #all: Ordered<T>;
  /** Undefined: follows. */
  #first: T | undefined;

  constructor(all: Ordered<T>) {
    this.#all = all;
  }

  get isFollowing(): boolean {
    return this.#first === undefined;
  }

  get shown(): Shown<T> {
    const { values } = this.#all;
    const start = this.#start;
    const end = start + (this.isFollowing ? followedRows : maxRows);
    return { rows: values.slice(start, end), before: values[start - 1], hasAfter: end < values.length };
  }

  follow(): void {
    this.#first = undefined;
  }

  /** Keeps what is shown where it is, whatever comes. */
  hold(): void {
    this.#first ??= this.#all.values[this.#start];
  }

  /** @returns whether there was anything before. */
  earlier(): boolean {
    const start = this.#start;
    this.#first = this.#all.values[Math.max(0, start - step)];
    return start > 0;
  }

  later(): void {
    const { values } = this.#all;
    this.#first = values[Math.max(0, Math.min(this.#start + step, values.length - followedRows))];
  }

  get #start(): number {
    // Where the first row was forgotten in the meantime: at its place.
    if (this.#first !== undefined) return this.#all.indexOf(this.#first);
    return Math.max(0, this.#all.values.length - followedRows);
  }
}
