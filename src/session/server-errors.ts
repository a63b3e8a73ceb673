/** How many errors a client may cause (ERR-11). Law: what the service cannot do is no fault of the client's, and does not count. */

import { ProtocolError } from "../errors.ts";
import { TokenBucket } from "./token-bucket.ts";

export class ErrorBudget {
  readonly #bucket: TokenBucket | undefined;
  /** When the latest message came, in ms. */
  now = 0;

  /** @param perMinute - absent: no bound. */
  constructor(perMinute: number | undefined) {
    if (perMinute !== undefined) this.#bucket = new TokenBucket(perMinute / 60, perMinute);
  }

  /** Counts this error. @returns what the connection ends with where it is one too many. */
  add({ code }: ProtocolError): ProtocolError | undefined {
    if (this.#bucket === undefined || code === "UNAVAILABLE" || code === "GOING_AWAY") return undefined;
    const retryAfterMs = this.#bucket.take(this.now);
    if (retryAfterMs === 0) return undefined;
    return new ProtocolError("RATE_LIMITED", "too many errors (ERR-11)", { origin: "remote", scope: "connection", retryAfterMs });
  }
}
