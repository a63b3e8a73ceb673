/**
 * When a client comes back, by the verdict of the connection's end (LIV-6), with a circuit breaker behind it (LIV-7).
 * The count of failures is reset by `welcome`, never by an open transport: else a rejected token becomes a storm.
 */

import type { RetryName } from "../errors.ts";

/** Settings; times in ms. */
export interface BackoffOptions {
  /** Upper end of the first random delay. */
  readonly base: number;
  /** Upper end of every random delay. */
  readonly cap: number;
  /** Failures in a row that open the circuit. */
  readonly breakAfter: number;
  /** How far attempts are apart while it is open. */
  readonly breakFor: number;
}

/** The defaults of LIV-6 and LIV-7. */
export const defaultBackoff: BackoffOptions = { base: 1000, cap: 30_000, breakAfter: 5, breakFor: 60_000 };

/** Why and how a connection has ended (LIV-8). */
export interface EndVerdict {
  readonly retry: RetryName;
  /** 0: not said. */
  readonly retryAfterMs: number;
  /** Of a goodbye: come back after a time in this range. */
  readonly range?: { readonly min: number; readonly max: number };
}

/** What comes after the end of a connection: an input of the client's table, and the time before the next attempt, in ms. */
export type Comeback =
  | { readonly input: "refused" }
  | { readonly input: "lost"; readonly delayMs: number }
  /** With a fresh token, and not before this time (AUT-10). */
  | { readonly input: "unauthenticated"; readonly delayMs: number };

/** The delays of one client. */
export class Backoff {
  readonly #options: BackoffOptions;
  /** 0 ≤ x < 1. */
  readonly #random: () => number;
  #failures = 0;
  /** Connections in a row that ended with REAUTHENTICATE before welcome. */
  #refusals = 0;
  #lastImmediate = Number.NEGATIVE_INFINITY;

  constructor(options: BackoffOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
  }

  /** Attempts that ended since the last welcome. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether the circuit is open: attempts are made only every `breakFor`. */
  get isOpen(): boolean {
    return this.#failures >= this.#options.breakAfter;
  }

  /** Welcome has come. */
  reset(): void {
    this.#failures = 0;
    this.#refusals = 0;
  }

  /** A connection, or an attempt, has ended. */
  next(
    verdict: EndVerdict & { readonly retry: Exclude<RetryName, "never"> },
    now: number,
  ): Exclude<Comeback, { input: "refused" }>;
  next(verdict: EndVerdict, now: number): Comeback;
  next(verdict: EndVerdict, now: number): Comeback {
    const { base, cap, breakFor } = this.#options;
    if (verdict.retry === "never") return { input: "refused" };
    const input = verdict.retry === "reauthenticate" ? "unauthenticated" : "lost";
    this.#refusals = input === "unauthenticated" ? this.#refusals + 1 : 0;
    const isFirstRefusal = this.#refusals === 1;
    const delay = this.#delay(verdict, now, base, cap);
    this.#failures++;
    if (isFirstRefusal) return { input, delayMs: 0 };
    return { input, delayMs: this.isOpen ? Math.max(delay, (breakFor * (1 + this.#random())) / 2) : delay };
  }

  #delay({ retry, retryAfterMs, range }: EndVerdict, now: number, base: number, cap: number): number {
    if (range !== undefined && range.max > 0) return range.min + this.#random() * Math.max(0, range.max - range.min);
    if (retry === "now" && now - this.#lastImmediate >= cap) {
      this.#lastImmediate = now;
      return 0;
    }
    return retryAfterMs + this.#random() * Math.min(cap, base * 2 ** Math.min(this.#failures, 30));
  }
}
