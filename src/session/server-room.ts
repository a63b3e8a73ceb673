/**
 * A room as one connection of a relay has it: where delivery stands (RES-8), and what publishing waits for (PUB-17).
 */

import { type ProtocolError, UsageError } from "../errors.ts";
import type { Right } from "../wire/codec.ts";
import type { PublishTicket } from "./server-events.ts";

/** Whether publishes are taken (PUB-17, 2). */
export type Publishing =
  | { readonly state: "open" }
  /** Seqs above this one are dropped until it comes. */
  | { readonly state: "awaiting"; readonly seq: number }
  /** All are dropped until a join is answered: after a conflict (PUB-18), and once the log is becoming another one (PUB-19, PUB-20). */
  | { readonly state: "suspended" };

const open: Publishing = { state: "open" };

/** What is in flight on a connection, over all its rooms (PUB-10). */
export interface Window {
  messages: number;
  bytes: number;
}

/** One open room of one connection. */
export class ServerRoom {
  readonly handle: number;
  readonly name: string;
  /** `leaving`: the leave waits for publishes to be settled (ROM-7). */
  state: "open" | "leaving" | "closed" = "open";
  mode: "subscribed" | "publishOnly" = "subscribed";
  rights: ReadonlySet<Right> = new Set();
  publishing: Publishing = open;
  readonly #window: Window;
  /** Publishes in flight by seq (PUB-10). */
  readonly #inFlight: Map<number, PublishTicket> = new Map();
  /** Counts the joins that were received; a publish belongs to the latest before it (PUB-19). */
  joins = 0;
  /** Publishes that belong to an earlier join than this are not answered any more (PUB-19). */
  border = 0;

  /** The offset of the next chat. */
  next = 1;
  /** The last offset that the log is known to have. */
  head = 0;
  /** Bytes of credit that the next chat is known to need. */
  need = 0;
  /** The token of the read that is under way; 0: none. */
  reading = 0;
  /** When typing was last told, in ms. */
  typedAt: number = Number.NEGATIVE_INFINITY;

  /** @param window - that of the connection. */
  constructor(handle: number, name: string, window: Window) {
    if (!(handle >= 1 && handle <= 0xffff_ffff)) throw new UsageError("STATE_INVALID", `${handle} is no handle`);
    this.handle = handle;
    this.name = name;
    this.#window = window;
  }

  /**
   * A `joined` is sent: delivery begins at `start`, publishing anew, or, with RESET, when the room is joined again (PUB-20); nothing that
   * was received before `border` is answered.
   */
  begin(start: number, head: number, border: number, publishing: "open" | "suspended"): void {
    this.next = start;
    this.head = head;
    this.need = 0;
    this.reading = 0;
    this.border = border;
    this.publishing = publishing === "open" ? open : { state: "suspended" };
    for (const ticket of this.#inFlight.values()) if (ticket.border < border) this.release(ticket);
  }

  /** Whether there are entries to deliver that no read is under way for. */
  get isBehind(): boolean {
    return this.mode === "subscribed" && this.state !== "closed" && this.next <= this.head && this.reading === 0;
  }

  /** Whether no publish is in flight. */
  get isSettled(): boolean {
    return this.#inFlight.size === 0;
  }

  /** Counts a publish; one whose seq is in flight already takes its place (PUB-17, 3). */
  track(ticket: PublishTicket): void {
    const before = this.#inFlight.get(ticket.seq);
    if (before !== undefined) this.release(before);
    this.#inFlight.set(ticket.seq, ticket);
    this.#window.messages++;
    this.#window.bytes += ticket.bytes;
  }

  /** The publish is answered, or given back. @returns whether it was in flight. */
  release(ticket: PublishTicket): boolean {
    if (this.#inFlight.get(ticket.seq) !== ticket) return false;
    this.#inFlight.delete(ticket.seq);
    this.#window.messages--;
    this.#window.bytes -= ticket.bytes;
    return true;
  }

  /** A retryable rejection: `seq` and all above are given back, and those above are dropped until it comes (PUB-11, 2). */
  awaitSeq(seq: number): void {
    this.publishing = { state: "awaiting", seq };
    for (const ticket of this.#inFlight.values()) if (ticket.seq >= seq) this.release(ticket);
  }

  /** Another message has used a seq up: all are given back, and dropped until the room is joined again (PUB-18). */
  conflict(): void {
    this.publishing = { state: "suspended" };
    this.releaseAll();
  }

  /** The log has another epoch, and `joined` is about to tell it: what is in flight is not answered under the old one (PUB-19). */
  suspend(): void {
    this.conflict();
    this.border = ++this.joins;
  }

  releaseAll(): void {
    for (const ticket of this.#inFlight.values()) this.release(ticket);
  }

  /** Whether a publish with this seq is dropped in silence (PUB-17, 2). The one that was awaited ends the waiting. */
  drops(seq: number): boolean {
    const { publishing } = this;
    if (publishing.state === "suspended") return true;
    if (publishing.state === "open" || seq < publishing.seq) return false;
    if (seq > publishing.seq) return true;
    this.publishing = open;
    return false;
  }
}

/** Which of the checks of PUB-15 a constraint that is broken belongs to: what cannot be recorded, or what is rejected finally. */
export function isUnrecordable(violation: ProtocolError): boolean {
  return violation.field === "publish.room" || violation.field === "publish.seq" || violation.field === "publish.id";
}
