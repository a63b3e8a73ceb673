/**
 * When a client comes back, by the verdict of the connection's end (LIV-6), with a circuit breaker behind it (LIV-7), and when it gives up.
 * The count of failures is reset by `welcome`, never by an open transport: else a rejected token becomes a storm.
 */

import type { RetryName } from "../errors.ts";
import { defaultTimes } from "../wire/limits.ts";
import { callable, check, checkedBy, ms, must, type Rules, whole } from "./option-rules.ts";
import { type CircuitInput, type CircuitState, nextCircuitState } from "./transitions.ts";

/** Settings; times in ms. */
export interface BackoffOptions {
  /** b of LIV-6: the random delay after n failures ends at b × 2^n. At least 1; 1 s by default. */
  readonly base: number;
  /** Upper end of every random delay. At least 1; 30 s by default. */
  readonly cap: number;
  /** Failures in a row that open the circuit: a whole number from 1; 5 by default. */
  readonly breakAfter: number;
  /** While it is open, the next attempt waits for half to all of this. At least 0; 60 s by default. */
  readonly breakFor: number;
  /**
   * Attempts in a row without a welcome after which the client gives up: a whole number from 1, or Infinity, the default. A
   * refused token counts too; a connection that had a welcome does not.
   */
  readonly maxAttempts: number;
}

/** The defaults of LIV-6 and LIV-7. */
export const defaultBackoff: BackoffOptions = {
  base: defaultTimes.reconnectBase,
  cap: defaultTimes.reconnectCap,
  breakAfter: 5,
  breakFor: 60_000,
  maxAttempts: Number.POSITIVE_INFINITY,
};

/** A rule for each. */
export const backoffRules: Rules<BackoffOptions> = {
  base: ms(1),
  cap: ms(1),
  breakAfter: whole(1),
  breakFor: ms(0),
  maxAttempts: must("a whole number from 1, or Infinity", (value) => value === Infinity || whole(1)(value) === undefined),
};

/** The random part of each wait: from 0 to min(c, b × 2^n), n being how often in a row it has failed (LIV-6). */
export function randomDelay(failures: number, { base, cap }: Pick<BackoffOptions, "base" | "cap">, random: () => number): number {
  return random() * Math.min(cap, base * 2 ** Math.min(failures, 30));
}

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
  /** `attempts`: so many were in vain, and there are no more of them; undefined: the verdict was never. */
  | { readonly input: "refused"; readonly attempts?: number }
  | { readonly input: "lost"; readonly delayMs: number }
  /** With a fresh token, and not before this time (AUT-10). */
  | { readonly input: "unauthenticated"; readonly delayMs: number };

/** The delays of one client. */
export class Backoff {
  readonly #options: BackoffOptions;
  /** 0 ≤ x < 1. */
  readonly #random: () => number;
  #failures = 0;
  /** Attempts without a welcome since the last one, or since {@link begin}. */
  #attempts = 0;
  #circuit: CircuitState = "closed";
  /** Connections in a row that ended with REAUTHENTICATE before welcome. */
  #refusals = 0;
  /** Whether the connection that ends next has had a welcome: then it is no failed attempt. */
  #wasWelcome = false;
  #lastImmediate = Number.NEGATIVE_INFINITY;
  /** When the device last asked for an attempt at once, if that has not led to a welcome. */
  #lastHurry = Number.NEGATIVE_INFINITY;

  /** @throws UsageError OPTION_INVALID, with the name of the option. */
  constructor(options: BackoffOptions, random: () => number) {
    checkedBy(backoffRules, options, "backoff", "backoff.", Object.keys(backoffRules));
    check(callable, "random", random);
    this.#options = options;
    this.#random = random;
  }

  /** Attempts in a row that have ended without a welcome, apart from those that REAUTHENTICATE has ended: the n of LIV-6. */
  get failures(): number {
    return this.#failures;
  }

  get circuit(): CircuitState {
    return this.#circuit;
  }

  /** The application starts anew: all attempts are before it. */
  begin(): void {
    this.#attempts = 0;
  }

  /** An attempt is made. */
  attempt(): void {
    this.#input("attempt");
  }

  /** The application has ended the connection, or the attempt: that is no failure. */
  abandon(): void {
    this.#wasWelcome = false;
    this.#input("ended");
  }

  /** Welcome has come. */
  reset(): void {
    this.#input("welcome");
    this.#failures = 0;
    this.#attempts = 0;
    this.#lastHurry = Number.NEGATIVE_INFINITY;
    this.#refusals = 0;
    this.#wasWelcome = true;
  }

  /** A connection, or an attempt, has ended. */
  next(verdict: EndVerdict, now: number): Comeback {
    const hasFailed = !this.#wasWelcome;
    this.#wasWelcome = false;
    this.#input("ended");
    if (verdict.retry === "never") return { input: "refused" };
    if (hasFailed && ++this.#attempts >= this.#options.maxAttempts) return { input: "refused", attempts: this.#attempts };
    if (verdict.retry === "reauthenticate") {
      if (hasFailed) this.#refusals++;
      // The first is answered with a fresh token at once; they are counted apart (AUT-10).
      const delayMs = this.#refusals < 2 ? 0 : verdict.retryAfterMs + randomDelay(this.#refusals, this.#options, this.#random);
      return { input: "unauthenticated", delayMs };
    }
    this.#refusals = 0;
    if (hasFailed) this.#failures++;
    if (this.#failures >= this.#options.breakAfter) this.#input("broken");
    return { input: "lost", delayMs: this.#unlessBroken(this.#delay(verdict, now)) };
  }

  /** Whether the next attempt may be made at once because the device says that it is worth a try (LIV-9). */
  hurry(now: number): boolean {
    const isFree = now - this.#lastHurry >= this.#options.cap;
    if (isFree) this.#lastHurry = now;
    return isFree;
  }

  /** The time before an attempt for which nothing but the failures before it speaks. */
  wait(): number {
    return this.#unlessBroken(randomDelay(this.#failures, this.#options, this.#random));
  }

  #unlessBroken(delayMs: number): number {
    return this.#circuit === "open" ? Math.max(delayMs, (this.#options.breakFor * (1 + this.#random())) / 2) : delayMs;
  }

  #input(input: CircuitInput): void {
    this.#circuit = nextCircuitState(this.#circuit, input) ?? this.#circuit;
  }

  #delay({ retry, retryAfterMs, range }: EndVerdict, now: number): number {
    if (range !== undefined && range.max > 0) return range.min + this.#random() * Math.max(0, range.max - range.min);
    if (retry === "now" && now - this.#lastImmediate >= this.#options.cap) {
      this.#lastImmediate = now;
      return 0;
    }
    return retryAfterMs + randomDelay(this.#failures, this.#options, this.#random);
  }
}
