/**
 * Which of a relay's addresses the next attempt goes to.
 *
 * Law: the one that it went to last, unless that attempt has ended without a welcome by itself; then the next of the list, round and round.
 * So a client stays where it was welcome, and how long it waits between attempts is not touched by this (LIV-6).
 */

import type { ClientState } from "../session/transitions.ts";

/** See the head of this file. */
export class Endpoints {
  readonly #urls: readonly [string, ...string[]];
  #index = 0;
  #state: ClientState = "idle";

  /** @param urls - in the order in which they are tried. */
  constructor(urls: readonly [string, ...string[]]) {
    this.#urls = urls;
  }

  get current(): string {
    return this.#urls[this.#index] ?? this.#urls[0];
  }

  /** The connection is in this state now. An attempt that the application or the device has ended says nothing about its address. */
  entered(state: ClientState): void {
    const hasFailed = state === "waiting" && (this.#state === "connecting" || this.#state === "authenticating");
    if (hasFailed) this.#index = (this.#index + 1) % this.#urls.length;
    this.#state = state;
  }
}
