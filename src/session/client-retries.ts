/**
 * How often a message that is rejected for now is sent again, and why messages were given up (PUB-24).
 *
 * Law: it counts, and remembers why; the publisher acts. It knows of entries that were rejected or given up and are not settled, and of no
 * others.
 */

import type { OutboxEntry } from "../delivery/outbox.ts";
import type { ErrorCodeName, ProtocolError } from "../errors.ts";
import { ms, must, type Rules, whole } from "./option-rules.ts";

/** The policy for messages that are rejected for now. */
export interface RetryOptions {
  /** How often one is sent again; then it fails. A whole number from 0, or Infinity, the default. */
  readonly attempts: number;
  /** Between two of them, in ms, where the relay does not say it; by default random, and longer each time (LIV-6). */
  readonly delayMs: number;
}

/** Three times, 2 s apart; then the message fails. */
export const linearRetry: RetryOptions = { attempts: 3, delayMs: 2000 };

/** A rule for each. */
export const retryRules: Rules<RetryOptions> = {
  attempts: must("a whole number from 0, or Infinity", (value) => value === Infinity || whole(0)(value) === undefined),
  delayMs: ms(0),
};

/** They say nothing of the message. */
const uncounted: ReadonlySet<ErrorCodeName> = new Set(["GOING_AWAY", "ROOM_UNKNOWN", "OUT_OF_ORDER", "SEQ_CONFLICT"]);

/** See the head of this file. */
export class ClientRetries {
  readonly #attempts: number;
  /** In the place of the random time; undefined: none. */
  readonly delayMs: number | undefined;
  /** How often each was rejected, and why each was given up, by id. */
  readonly #counts: Map<string, number> = new Map();
  readonly #reasons: Map<string, ProtocolError> = new Map();

  constructor({ attempts = Number.POSITIVE_INFINITY, delayMs }: Partial<RetryOptions>) {
    this.#attempts = attempts;
    this.delayMs = delayMs;
  }

  /** The entry was rejected for now. @returns whether it is to be given up. */
  rejected({ id, state }: OutboxEntry, error: ProtocolError): boolean {
    if (this.#attempts === Number.POSITIVE_INFINITY || state !== "sent") return false;
    if (error.retry === "reauthenticate" || uncounted.has(error.code)) return false;
    const count = (this.#counts.get(id) ?? 0) + 1;
    this.#counts.set(id, count);
    return count > this.#attempts;
  }

  /** The entry is given up for this reason. */
  giveUp(id: string, why: ProtocolError): void {
    this.#reasons.set(id, why);
  }

  /** Something else has become of the entry, or it is settled. @returns why it was given up; undefined: it was not. */
  forget(id: string): ProtocolError | undefined {
    const why = this.#reasons.get(id);
    this.#reasons.delete(id);
    this.#counts.delete(id);
    return why;
  }
}
