/**
 * Publishes behind one that was refused, and of which the relay does not know yet (PUB-17, 6): none of the same producer is decided until it
 * does, for it could be in order by chance, as where an outbox was copied (PUB-18).
 */

import { ProtocolError } from "../errors.ts";
import type { PublishOutcome, PublishRequest } from "./broker.ts";

/** What becomes of one that stands behind the fence. */
export const behindFence: { readonly outcome: PublishOutcome; readonly entry: undefined } = {
  outcome: { type: "retry", error: new ProtocolError("UNAVAILABLE", "one before it was refused") },
  entry: undefined,
};

export class Fence {
  /** Refusals that are not told, and how many there are by room and producer. */
  readonly #refused = new Set<PublishRequest>();
  readonly #counts = new Map<string, number>();

  /** Whether one before it was refused. */
  isBefore(request: PublishRequest): boolean {
    return this.#counts.size > 0 && this.#counts.has(keyOf(request));
  }

  /** What was decided is to be told, and is {@link told} then. */
  decided(request: PublishRequest, { type }: PublishOutcome): void {
    if (type !== "retry" && type !== "conflict" && type !== "outOfOrder") return;
    this.#refused.add(request);
    const key = keyOf(request);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** The relay knows the answer, from now on. */
  told(request: PublishRequest): void {
    if (!this.#refused.delete(request)) return;
    const key = keyOf(request);
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
  }
}

/** The length apart: no two pairs have the same key. */
function keyOf({ room, producer }: PublishRequest): string {
  return `${room.length} ${room}${producer}`;
}
