/** What an end needs from the world around it. Everything else is deterministic; a simulator gives its own. */

/** Time, and calls at a time. */
export interface Clock {
  /** Ms of a clock that does not step, from any origin. */
  now(): number;
  /** Ms since 1970-01-01T00:00:00Z; may step. */
  wall(): number;
  /** Calls back once, at or after `now() + delayMs`. MUST NOT call before it has returned. */
  setTimer(delayMs: number, callback: () => void): unknown;
  /** The timer of this handle does not call any more. A handle that has called is passed over. */
  clearTimer(handle: unknown): void;
}

/** Fills the array with random bytes. MUST be cryptographically strong outside of a simulation. */
export type Random = (into: Uint8Array) => void;

/** A random number, 0 ≤ x < 1, with 32 bits of randomness. */
export function randomFraction(random: Random): number {
  const bytes = new Uint8Array(4);
  random(bytes);
  return new DataView(bytes.buffer).getUint32(0) / 2 ** 32;
}

/** A random whole number from 1 to 2^53−1, as an epoch is (LOG-3). */
export function randomEpoch(random: Random): number {
  const bytes = new Uint8Array(8);
  random(bytes);
  const view = new DataView(bytes.buffer);
  return (view.getUint32(0) & 0x1fffff) * 2 ** 32 + view.getUint32(4) || 1;
}
