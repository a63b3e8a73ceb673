/**
 * Fresh tokens from the application's function.
 *
 * Law: a fetch that fails, or does not end in time, is made again after a backoff, or when it is hurried, until {@link TokenSource.stop}; of several that are
 * under way only the latest counts.
 */

import { defaultBackoff, randomDelay } from "../session/backoff.ts";
import { type Clock, type Random, randomFraction } from "../session/host.ts";

/** What the source needs. */
export interface TokenSourceOptions {
  readonly fetch: () => string | Promise<string>;
  readonly clock: Clock;
  readonly random: Random;
  /** After this many ms a fetch counts as failed. */
  readonly timeoutMs: number;
  /** Told of each failure. */
  readonly onFailure: (cause: unknown) => void;
}

/** See the head of this file. */
export class TokenSource {
  readonly #options: TokenSourceOptions;
  #failures = 0;
  #current = 0;
  #timer: unknown;
  /** Fetches again, where a failed fetch waits for it. */
  #again: (() => void) | undefined;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
  }

  /** Fetches a token, in place of what is under way. @param use - what is done with it; where it throws, the token counts as failed. */
  get(use: (token: string) => void): void {
    const { clock, fetch, timeoutMs } = this.#options;
    this.stop();
    const own = this.#current;
    const once = (settle: () => void) => {
      if (own !== this.#current) return;
      this.stop();
      settle();
    };
    const fail = (cause: unknown) => once(() => this.#fail(cause, use));
    this.#timer = clock.setTimer(timeoutMs, () => fail(new Error(`no token within ${timeoutMs} ms`)));
    const call = async () => fetch();
    call().then(
      (token) =>
        once(() => {
          try {
            if (typeof token !== "string" || token === "") throw new TypeError("the token function gave no token");
            use(token);
            this.#failures = 0;
          } catch (cause) {
            this.#fail(cause, use);
          }
        }),
      fail,
    );
  }

  /** What waits after a failure waits no longer. */
  hurry(): void {
    this.#again?.();
  }

  /** Nothing that is under way counts any more. */
  stop(): void {
    this.#current++;
    this.#again = undefined;
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #fail(cause: unknown, use: (token: string) => void): void {
    const { clock, random, onFailure } = this.#options;
    const delayMs = randomDelay(++this.#failures, defaultBackoff, () => randomFraction(random));
    this.#again = () => this.get(use);
    this.#timer = clock.setTimer(delayMs, this.#again);
    onFailure(cause);
  }
}
