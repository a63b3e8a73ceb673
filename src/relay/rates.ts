/**
 * Limits of rate (ERR-6): of each connection, and of each user over its connections. What is counted is what a client asks to be done; what
 * only frees (leave, unwatch) and what keeps alive (ping, credit) is not.
 */

import type { ServerEvent } from "../session/server-events.ts";
import { type Rate, TokenBucket } from "../session/token-bucket.ts";

/** What a relay takes of its clients. Absent: no limit. */
export interface RelayRates {
  /** Of one connection. */
  readonly connection?: Rate;
  /** Of one user, over all connections of this relay. */
  readonly user?: Rate;
  /** Errors that one connection may cause within a minute; then it ends with RATE_LIMITED (ERR-11). */
  readonly errorsPerMinute?: number;
}

/** What counts. */
export type Limited = ServerEvent & {
  readonly type: "join" | "publish" | "history" | "watch" | "refresh" | "receipt" | "typing" | "presence" | "signal";
};

const limited: ReadonlySet<ServerEvent["type"]> = new Set<Limited["type"]>([
  "join",
  "publish",
  "history",
  "watch",
  "refresh",
  "receipt",
  "typing",
  "presence",
  "signal",
]);

export function isLimited(event: ServerEvent): event is Limited {
  return limited.has(event.type);
}

/**
 * The buckets. Who is gone keeps what was taken until it would have come back anyhow: to connect anew gives nothing.
 */
export class Rates {
  readonly #rates: RelayRates;
  readonly #users = new Map<string, TokenBucket>();
  /** From how many on those that are full are removed. */
  #sweepAt = 1024;

  constructor(rates: RelayRates) {
    this.#rates = rates;
  }

  /** For a new connection. */
  bucket(): TokenBucket | undefined {
    return made(this.#rates.connection);
  }

  /** @param own - the connection's. @returns 0; or for how many ms the client has to wait: then nothing is taken. */
  take(own: TokenBucket | undefined, user: string, now: number): number {
    const waitMs = own?.take(now) ?? 0;
    return waitMs > 0 ? waitMs : (this.#user(user, now)?.take(now) ?? 0);
  }

  #user(user: string, now: number): TokenBucket | undefined {
    const known = this.#users.get(user);
    if (known !== undefined) return known;
    const bucket = made(this.#rates.user);
    if (bucket === undefined) return undefined;
    this.#sweep(now);
    this.#users.set(user, bucket);
    return bucket;
  }

  /** Each is looked at a constant number of times on average. One that is full is as a new one. */
  #sweep(now: number): void {
    if (this.#users.size < this.#sweepAt) return;
    for (const [user, bucket] of this.#users) if (bucket.isFull(now)) this.#users.delete(user);
    this.#sweepAt = 2 * this.#users.size + 1024;
  }
}

function made(rate: Rate | undefined): TokenBucket | undefined {
  return rate && new TokenBucket(rate.perSecond, rate.burst);
}
