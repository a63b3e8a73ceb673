/**
 * The relay's algorithm for publishes (PUB-17): what is taken, dropped, or answered at once, and which answers of the broker are told.
 * Pure decisions over a {@link ServerRoom}; who calls tells them.
 */

import { ProtocolError } from "../errors.ts";
import type { Publish } from "../wire/codec.ts";
import type { SessionLimits } from "../wire/limits.ts";
import type { ErrorSubject } from "./server-frames.ts";
import type { PublishOutcome, PublishTicket } from "./server-events.ts";
import type { ServerRoom } from "./server-room.ts";

/** What is in flight on a connection, over all rooms (PUB-10). */
export interface Window {
  messages: number;
  bytes: number;
}

/** What is sent about a publish. */
export type PublishAnswer =
  | { readonly type: "ack"; readonly offset: number; readonly timeMs: number }
  | { readonly type: "error"; readonly error: ProtocolError; readonly subject: ErrorSubject }
  /** Nothing. */
  | { readonly type: "silence" };

const silence: PublishAnswer = { type: "silence" };

/** Counts what is in flight, over these rooms. */
export function windowOf(rooms: Iterable<ServerRoom>): Window {
  const window: Window = { messages: 0, bytes: 0 };
  for (const room of rooms) {
    window.messages += room.inFlight.size;
    for (const ticket of room.inFlight.values()) window.bytes += ticket.bytes;
  }
  return window;
}

/** Step 2: whether the publish is dropped in silence. One that was awaited ends the waiting. */
export function isDropped(room: ServerRoom, seq: number): boolean {
  const { publishing } = room;
  if (publishing.state === "conflict") return true;
  if (publishing.state !== "awaiting" || seq < publishing.seq) return false;
  if (seq > publishing.seq) return true;
  room.publishing = { state: "open" };
  return false;
}

/** Step 3: counts the publish, one with the same seq only once. @returns false where the window is exceeded. */
export function count(room: ServerRoom, ticket: PublishTicket, window: Window, limits: SessionLimits): boolean {
  const before = room.inFlight.get(ticket.seq);
  if (before === undefined) window.messages++;
  else window.bytes -= before.bytes;
  window.bytes += ticket.bytes;
  room.inFlight.set(ticket.seq, ticket);
  return window.messages <= limits.windowMessages && window.bytes <= limits.windowBytes;
}

/** A retryable rejection: this seq and all above are given back, and those above are dropped until it comes (PUB-11, 2). */
export function await_(room: ServerRoom, seq: number): void {
  room.publishing = { state: "awaiting", seq };
  room.giveBack(seq);
}

/** Steps 6 and 8, PUB-19: what is told of the broker's outcome; the window is to be counted anew where it is not an ack or silence. */
export function settle(room: ServerRoom, ticket: PublishTicket, outcome: PublishOutcome): PublishAnswer {
  if (room.state === "closed" || ticket.border < room.border) return silence;
  const { seq, ref } = ticket;
  const subject: ErrorSubject = { ref, room: room.handle, seq };
  const current = room.inFlight.get(seq) === ticket;
  if (current) room.inFlight.delete(seq);
  switch (outcome.type) {
    case "stored":
      return { type: "ack", offset: outcome.offset, timeMs: outcome.timeMs };
    case "voided":
      return { type: "ack", offset: 0, timeMs: 0 };
    case "rejected":
      return { type: "error", error: final(outcome.code, outcome.message), subject };
    case "forgotten":
      return { type: "error", error: new ProtocolError("SEQ_FORGOTTEN", "used up too long ago"), subject };
  }
  // What was given back, or sent again, since it went to the broker is not told of: the client would take it for the later one.
  if (!current) return silence;
  const awaited = room.publishing.state === "awaiting" ? room.publishing.seq : Number.POSITIVE_INFINITY;
  switch (outcome.type) {
    case "outOfOrder": {
      const { nextSeq } = outcome;
      if (awaited <= nextSeq) return silence;
      await_(room, nextSeq);
      return { type: "error", error: new ProtocolError("OUT_OF_ORDER", "an earlier seq is missing"), subject: { ...subject, nextSeq } };
    }
    case "retry":
      if (awaited <= seq) return silence;
      await_(room, seq);
      return { type: "error", error: outcome.error, subject };
    case "conflict":
      if (awaited <= seq) return silence;
      room.publishing = { state: "conflict" };
      room.inFlight.clear();
      return {
        type: "error",
        error: new ProtocolError("SEQ_CONFLICT", "another message has used this seq up"),
        subject: { ...subject, nextSeq: outcome.nextSeq },
      };
  }
}

/** A final rejection has retry NEVER and scope FRAME, whatever its code says elsewhere (PUB-11). */
function final(code: ProtocolError["code"], message: string): ProtocolError {
  return new ProtocolError(code, message, { retry: "never", scope: "frame", processed: "no" });
}

/** The parts of a publish that outlive the message in which it came: copies, so that they do not hold its bytes. */
export function detached({ id, target, content }: Publish): Pick<Publish, "id" | "target" | "content"> {
  if (content?.body.case === "data") content.body = { case: "data", value: content.body.value.slice() };
  for (const field of content?.$unknown ?? []) field.data = field.data.slice();
  return { id: id.slice(), target: target.slice(), content };
}
