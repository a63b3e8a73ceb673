/**
 * Limits of rate (ERR-6): of each connection, and of each user over its connections. What is counted is what a client asks to be done; what
 * only frees (leave, unwatch) and what keeps alive (ping, credit) is not.
 */

import type { ServerEvent } from "../session/server-events.ts";
import { type Rate, TokenBucket, TokenBuckets } from "../session/token-bucket.ts";

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

/** What is left to each connection and user. */
export class Rates {
  readonly #rates: RelayRates;
  readonly #users: TokenBuckets | undefined;

  constructor(rates: RelayRates) {
    this.#rates = rates;
    this.#users = rates.user && new TokenBuckets(rates.user);
  }

  /** For a new connection. */
  bucket(): TokenBucket | undefined {
    const { connection } = this.#rates;
    return connection && new TokenBucket(connection.perSecond, connection.burst);
  }

  /** @param own - the connection's. @returns 0; or for how many ms the client has to wait. */
  take(own: TokenBucket | undefined, user: string, now: number): number {
    const waitMs = own?.take(now) ?? 0;
    return waitMs > 0 ? waitMs : (this.#users?.take(user, now) ?? 0);
  }
}
