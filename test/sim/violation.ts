/** The invariants by name, and how a run says that one is broken. The names are those of the model of the protocol. */

export const invariants = [
  /** An acknowledged message is in the log, and reaches every subscriber, or that one is told. */
  "no-loss",
  /** At most one entry for each (session, seq), and for each message id, in a log; no receiver is given one twice. */
  "no-duplicate",
  /** What was finally rejected, or cancelled, is never in a log. */
  "no-invention",
  /** One session's messages stand in a room in sending order; one offset has one value in an epoch. */
  "order",
  /** An ack says what is stored, at once and for ever. */
  "ack",
  /** One live connection for each session; the higher attempt wins. */
  "fencing",
  /** Every queue, window, set and timer count stays within its bound. */
  "bounded",
  /** Once faults stop, everything drains within a bounded time. */
  "liveness",
  /** Nothing is delivered without access, nor before authentication. */
  "authority",
  /** One seed, one trace. */
  "determinism",
] as const;

export type Invariant = (typeof invariants)[number];

/** An invariant is broken. */
export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

/**
 * Counts how often each check was made: one that never is proves nothing. The first that fails is kept, not thrown: a product must have no
 * way to swallow it.
 */
export class Checks {
  readonly counts = new Map<Invariant, number>();
  violation: Violation | undefined;

  require(invariant: Invariant, holds: boolean, message: () => string): void {
    this.counts.set(invariant, (this.counts.get(invariant) ?? 0) + 1);
    if (!holds) this.violation ??= new Violation(invariant, message());
  }
}
