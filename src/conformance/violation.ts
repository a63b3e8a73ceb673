/** What a log shows to be wrong. */

/** The invariants that can be seen from outside. */
export type LogInvariant = "no-loss" | "no-duplicate" | "no-invention" | "order" | "ack" | "authority";

/** What is wrong, and where it was told. */
export interface LogViolation {
  readonly invariant: LogInvariant;
  readonly message: string;
  /** As it was given with the record. */
  readonly place: string;
}

/** Where what is wrong is told. */
export type Tell = (invariant: LogInvariant, message: string, place: string) => void;
