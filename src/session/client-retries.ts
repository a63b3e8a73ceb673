/**
 * How often a message that is rejected for now is sent again (PUB-24).
 *
 * Law: it counts, and remembers why; the publisher acts. It knows of entries that were rejected and are not settled, and of no others.
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

interface Rejected {
  count: number;
  /** Why it was given up; undefined: it was not. */
  verdict: ProtocolError | undefined;
}

/** See the head of this file. */
export class ClientRetries {
  readonly #attempts: number;
  /** In the place of the random time; undefined: none. */
  readonly delayMs: number | undefined;
  readonly #rejected: Map<string, Rejected> = new Map();

  constructor({ attempts = Number.POSITIVE_INFINITY, delayMs }: Partial<RetryOptions>) {
    this.#attempts = attempts;
    this.delayMs = delayMs;
  }

  /** The entry was rejected for now. @returns whether it is to be given up. */
  rejected({ id, state }: OutboxEntry, error: ProtocolError): boolean {
    if (this.#attempts === Number.POSITIVE_INFINITY || state !== "sent") return false;
    if (error.retry === "reauthenticate" || uncounted.has(error.code)) return false;
    const rejected = this.#rejected.get(id) ?? { count: 0, verdict: undefined };
    this.#rejected.set(id, rejected);
    if (++rejected.count <= this.#attempts) return false;
    rejected.verdict = error;
    return true;
  }

  /** Something else has become of the entry, or it is settled. @returns why it was given up; undefined: it was not. */
  forget(id: string): ProtocolError | undefined {
    const verdict = this.#rejected.get(id)?.verdict;
    this.#rejected.delete(id);
    return verdict;
  }
}
