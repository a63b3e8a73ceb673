/** What an engine counts as it goes: one number per name, of names that are this library's own. */

/** Counts of several connections together. All names are of the schema or of this library, never a peer's. */
export interface Tally {
  /** Frames that were taken in, and were whole, by the name of their body; those of a batch one by one. `unknown`: a body of a later version. */
  readonly framesReceived: Counts;
  /** Frames that were given to be sent, by the name of their body. */
  readonly framesSent: Counts;
  /** Errors that were told to clients, by code. */
  readonly errorsTold: Counts;
  /** What was not sent as it came, by reason: `behind`: a chat that is read from the log later; `signal`: one of too many that wait (SIG-3); `rate`: an ephemeral frame beyond a limit of rate (ERR-6). */
  readonly dropped: Counts;
}

export type Counts = Record<string, number>;

/** Nothing has been counted yet. */
export function newTally(): Tally {
  return { framesReceived: newCounts(), framesSent: newCounts(), errorsTold: newCounts(), dropped: newCounts() };
}

export function newCounts(): Counts {
  return Object.create(null) as Counts;
}

/** One more, or so many. */
export function count(counts: Counts, name: string, by = 1): void {
  counts[name] = (counts[name] ?? 0) + by;
}
