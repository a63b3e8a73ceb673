/**
 * The own presence: said on every connection, and again in time (PRS-2, PRS-5).
 *
 * Law: before welcome it is said once, right behind hello; what changes until then follows welcome, for what waits for it must stay
 * small (SES-4).
 */

import { ProtocolError } from "../errors.ts";
import { createFrame, encodedSize, encodeFrame, type Frame } from "../wire/codec.ts";
import type { ClientBook } from "./client-book.ts";
import { presenceStates } from "./client-convert.ts";

/** The own presence, as the application says it (PRS-2). */
export interface OwnPresence {
  readonly state: "online" | "away" | "busy" | "offline";
  readonly activity?: string;
  readonly statusText?: string;
}

/** See the head of this file. */
export class ClientPresence {
  readonly #book: ClientBook;
  #wanted: OwnPresence | undefined;
  /** What this connection was told last. */
  #said: OwnPresence | undefined;
  #at = Number.POSITIVE_INFINITY;

  constructor(book: ClientBook) {
    this.#book = book;
  }

  /** When {@link handleTimeout} has something to do; infinity: never. */
  get deadline(): number {
    return this.#at;
  }

  /** @throws ProtocolError FIELD_INVALID (local); nothing has changed. */
  set(presence: OwnPresence, now: number): void {
    encodeFrame(toFrame(presence));
    this.#wanted = presence;
    if (this.#book.limits !== undefined) this.#say(now);
  }

  opened(now: number): void {
    this.#say(now);
  }

  welcome(now: number): void {
    if (this.#wanted !== this.#said) this.#say(now);
    // The relay may want to hear it sooner than was reckoned with.
    else this.#at = Math.min(this.#at, now + this.#interval);
  }

  disconnected(): void {
    this.#said = undefined;
    this.#at = Number.POSITIVE_INFINITY;
  }

  handleTimeout(now: number): void {
    if (now >= this.#at) this.#say(now);
  }

  /** From saying it to saying it again: at most a third of what the relay keeps it for (PRS-5). */
  get #interval(): number {
    if (this.#said === undefined || this.#said.state === "offline") return Number.POSITIVE_INFINITY;
    const ttl = this.#book.limits?.presenceTtlMs ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#book.host.times.presenceRefresh, ttl / 3);
  }

  #say(now: number): void {
    if (this.#wanted === undefined) return;
    const frame = toFrame(this.#wanted);
    if (this.#book.limits === undefined) this.#book.pipelined += encodedSize(frame);
    this.#book.host.send(frame);
    this.#said = this.#wanted;
    this.#at = now + this.#interval;
  }
}

function toFrame({ state, activity = "", statusText = "" }: OwnPresence): Frame {
  const known = presenceStates[state];
  if (known === undefined)
    throw new ProtocolError("FIELD_INVALID", `state: "${String(state)}" is none`, { field: "presence.state" });
  return createFrame("presence", { marks: [{ state: known, activity, statusText }] });
}
