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
  /** All are dropped until the room is joined again (PUB-18). */
  | { readonly state: "conflict" };

const open: Publishing = { state: "open" };

/** One open room of one connection. */
export class ServerRoom {
  readonly handle: number;
  readonly name: string;
  /** `leaving`: the leave waits for publishes to be settled (ROM-7). */
  state: "open" | "leaving" | "closed" = "open";
  mode: "subscribed" | "publishOnly" = "subscribed";
  rights: ReadonlySet<Right> = new Set();
  publishing: Publishing = open;
  /** Publishes in flight by seq (PUB-10). */
  readonly inFlight: Map<number, PublishTicket> = new Map();
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

  constructor(handle: number, name: string) {
    if (!(handle >= 1 && handle <= 0xffff_ffff)) throw new UsageError("STATE_INVALID", `${handle} is no handle`);
    this.handle = handle;
    this.name = name;
  }

  /** A `joined` is sent: delivery begins at `start`, publishing anew; nothing that was received before `border` is answered. */
  begin(start: number, head: number, border: number): void {
    this.next = start;
    this.head = head;
    this.need = 0;
    this.reading = 0;
    this.border = border;
    this.publishing = open;
    for (const [seq, ticket] of this.inFlight) if (ticket.border < border) this.inFlight.delete(seq);
  }

  /** Whether there are entries to deliver that no read is under way for. */
  get isBehind(): boolean {
    return this.mode === "subscribed" && this.state !== "closed" && this.next <= this.head && this.reading === 0;
  }

  /** Gives back `seq` and all above: they count as never received (PUB-10). */
  giveBack(seq: number): void {
    for (const each of this.inFlight.keys()) if (each >= seq) this.inFlight.delete(each);
  }
}

/** Which of the checks of PUB-15 a constraint that is broken belongs to: what cannot be recorded, or what is rejected finally. */
export function isUnrecordable(violation: ProtocolError): boolean {
  return violation.field === "publish.room" || violation.field === "publish.seq" || violation.field === "publish.id";
}
