/**
 * One client for all parts of an application that talk to the same relay as the same principal: one connection, one session, one outbox.
 *
 * Law: while anyone holds it, the same address and principal give the same client; the last one that releases it closes it. It is bounded by
 * what is held.
 */

import { check, must } from "../session/option-rules.ts";
import { Client } from "./client.ts";
import type { ClientOptions } from "./options.ts";

/** A client that others may hold too. */
export interface SharedClient {
  readonly client: Client;
  /** Gives it back; the last one closes it, and settles as {@link Client.close}. A second call does nothing. */
  release(): Promise<void>;
  /** As `release`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

interface Held {
  readonly client: Client;
  holders: number;
}

const held: Map<string, Held> = new Map();

/**
 * Gives the client of this principal at this address, or makes it. Each holder starts it: to start one that runs does no harm. A room is
 * joined and left for all holders; each ends its own listeners.
 *
 * A function beside `Client`, so that who shares none does not carry it.
 * @param principal - who the token stands for, in whichever way the application tells users apart; not empty. Others never share.
 * @param options - of the client, if it is made now: those of the first holder hold.
 * @example
 * ```ts
 * const { client, release } = shareClient(userId, { url, token });
 * client.start();
 * ```
 * @throws UsageError as the constructor of {@link Client}.
 */
export function shareClient(principal: string, options: ClientOptions): SharedClient {
  check(
    must("a string that is not empty", (value) => typeof value === "string" && value !== ""),
    "principal",
    principal,
  );
  const key = JSON.stringify([principal, [options?.url].flat()]);
  const entry = held.get(key) ?? { client: new Client(options), holders: 0 };
  entry.holders++;
  held.set(key, entry);
  let isHeld = true;
  const release = async () => {
    if (!isHeld) return;
    isHeld = false;
    entry.holders--;
    if (entry.holders > 0) return;
    await entry.client.close();
    // Who came meanwhile has this one, for a storage is used by one client at a time.
    if (entry.holders === 0 && held.get(key) === entry) held.delete(key);
  };
  return { client: entry.client, release, [Symbol.asyncDispose]: release };
}
