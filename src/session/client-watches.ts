/**
 * Whom a client watches (PRS-6), over connections.
 *
 * Law: whoever is watched is named once on each connection, in frames that fit before welcome too (LIM-5); a watch is answered when each of
 * its users has been in a snapshot; what is refused concerns the users of that frame alone.
 */

import type { ProtocolError, UsageError } from "../errors.ts";
import { createFrame } from "../wire/codec.ts";
import { randomDelay } from "./backoff.ts";
import type { ClientBook } from "./client-book.ts";
import type { UserPresence } from "./client-events.ts";
import { type OpenRequest, unanswered } from "./client-requests.ts";

/** Bytes of user ids in one frame; three bytes for each UTF-16 unit are reckoned. */
const frameShare = 12 * 1024;
/** Users in one frame: `max_items` of `Watch.users`. */
const frameUsers = 256;

/** A watch that waits for snapshots. */
interface Asked {
  readonly missing: Set<string>;
  readonly marks: UserPresence[];
}

/** See the head of this file. */
export class ClientWatches {
  readonly #book: ClientBook;
  readonly #watched: Set<string> = new Set();
  readonly #asked: Map<number, Asked> = new Map();
  /** Users that are to be named on this connection, each with the request that wants it; 0: the engine itself. */
  readonly #toName: Map<string, number> = new Map();
  readonly #toDrop: Set<string> = new Set();
  /** Users of whom this connection has had a snapshot. */
  readonly #told: Set<string> = new Set();
  #retryAt = Number.POSITIVE_INFINITY;
  #failures = 0;

  constructor(book: ClientBook) {
    this.#book = book;
  }

  /** When {@link sync} is to be called; infinity: never. */
  get deadline(): number {
    return this.#retryAt;
  }

  has(user: string): boolean {
    return this.#watched.has(user);
  }

  /** How many there would be with these. */
  sizeWith(users: readonly string[]): number {
    return new Set([...this.#watched, ...users]).size;
  }

  watch(request: number, users: readonly string[], now: number): void {
    for (const user of users) {
      this.#watched.add(user);
      this.#toDrop.delete(user);
      if (this.#book.isOpen) this.#toName.set(user, request);
    }
    this.#asked.set(request, { missing: new Set(users), marks: [] });
    this.sync(now);
  }

  unwatch(users: readonly string[]): void {
    for (const user of users) {
      this.#watched.delete(user);
      this.#toName.delete(user);
      this.#told.delete(user);
      if (this.#book.isOpen) this.#toDrop.add(user);
    }
    this.#failAsked(users, unanswered("a user is not watched any more"));
    this.#sendDrops();
  }

  /** A connection begins. */
  opened(now: number): void {
    for (const user of this.#watched) this.#toName.set(user, 0);
    this.sync(now);
  }

  disconnected(): void {
    this.#toName.clear();
    this.#toDrop.clear();
    this.#told.clear();
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#failures = 0;
  }

  /** Sends what may be sent now. */
  sync(now: number): void {
    if (!this.#book.isOpen || (this.#retryAt > now && this.#retryAt !== Number.POSITIVE_INFINITY)) return;
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#sendDrops();
    while (this.#toName.size > 0) {
      const [[, request] = ["", 0]] = this.#toName;
      const users = shareOf([...this.#toName].flatMap(([user, own]) => (own === request ? [user] : [])));
      if (!this.#book.mayRequest(bytesOf(users), now)) return;
      for (const user of users) this.#toName.delete(user);
      this.#book.request({ kind: "watch", watch: request, users }, now, (ref) => createFrame("watch", { users }, { ref }));
    }
  }

  /** A snapshot has come. */
  answered({ users }: OpenRequest, marks: readonly UserPresence[]): void {
    this.#failures = 0;
    for (const user of users) if (this.#watched.has(user)) this.#told.add(user);
    for (const [request, { missing, marks: found }] of this.#asked) {
      found.push(...marks.filter(({ user }) => missing.has(user)));
      for (const user of users) missing.delete(user);
      if (missing.size > 0) continue;
      this.#asked.delete(request);
      this.#book.answer(request, found);
    }
  }

  /** The relay has refused a frame: its users are named again later, or are not watched (LIM-1). */
  refused({ users, watch }: OpenRequest, error: ProtocolError, now: number): void {
    if (watch === 0 && (error.retry === "now" || error.retry === "after")) {
      for (const user of users) if (this.#watched.has(user)) this.#toName.set(user, 0);
      this.#retryAt = now + error.retryAfterMs + randomDelay(++this.#failures, this.#book.host.backoff, this.#book.host.random);
      return;
    }
    if (this.#asked.delete(watch)) this.#book.fail(watch, error);
    const isKept = (user: string) =>
      this.#told.has(user) || (watch !== 0 && [...this.#asked.values()].some(({ missing }) => missing.has(user)));
    const dropped = users.filter((user) => this.#watched.has(user) && !isKept(user));
    for (const user of dropped) {
      this.#watched.delete(user);
      this.#toName.delete(user);
    }
    if (watch !== 0) return;
    this.#failAsked(dropped, error);
    this.#book.host.emit({ type: "error", error, room: undefined });
  }

  /** After welcome: what waits for it must stay small (SES-4). */
  #sendDrops(): void {
    if (this.#book.limits === undefined) return;
    for (let users = shareOf(this.#toDrop); users.length > 0; users = shareOf(this.#toDrop)) {
      for (const user of users) this.#toDrop.delete(user);
      this.#book.host.send(createFrame("unwatch", { users }));
    }
  }

  #failAsked(users: readonly string[], error: ProtocolError | UsageError): void {
    for (const [request, { missing }] of this.#asked) {
      if (!users.some((user) => missing.has(user))) continue;
      this.#asked.delete(request);
      this.#book.fail(request, error);
    }
  }
}

/** As many of these users as one frame holds, at least one. */
function shareOf(all: Iterable<string>): string[] {
  const users: string[] = [];
  let bytes = 0;
  for (const user of all) {
    bytes += user.length * 3 + 3;
    if (users.length > 0 && (bytes > frameShare || users.length === frameUsers)) break;
    users.push(user);
  }
  return users;
}

function bytesOf(users: readonly string[]): number {
  return users.reduce((sum, user) => sum + user.length * 3 + 3, 16);
}
