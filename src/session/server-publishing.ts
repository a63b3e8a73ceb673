/**
 * Which answers of the broker are told about a publish (PUB-17, 6 and 8; PUB-19). Pure decisions over a {@link ServerRoom}.
 */

import { ProtocolError } from "../errors.ts";
import { type Content, copyVerbatim, type Publish } from "../wire/codec.ts";
import type { PublishEvent, PublishOutcome, PublishTicket } from "./server-events.ts";
import type { ErrorSubject } from "./server-frames.ts";
import type { ServerRoom } from "./server-room.ts";

/** What is sent about a publish. */
export type PublishAnswer =
  | { readonly type: "ack"; readonly offset: number; readonly timeMs: number }
  | { readonly type: "error"; readonly error: ProtocolError; readonly subject: ErrorSubject }
  /** Nothing. */
  | { readonly type: "silence" };

const silence: PublishAnswer = { type: "silence" };

/** Steps 6 and 8, PUB-19: what is told of the broker's outcome. */
export function settle(room: ServerRoom, ticket: PublishTicket, outcome: PublishOutcome): PublishAnswer {
  if (room.state === "closed" || ticket.border < room.border) return silence;
  const { seq, ref } = ticket;
  const subject: ErrorSubject = { ref, room: room.handle, seq };
  // What counts no longer is not told of (PUB-17, 6): the client sends it again, and would take this for an answer to that.
  if (!room.release(ticket)) return silence;
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
  const awaited = room.publishing.state === "awaiting" ? room.publishing.seq : Number.POSITIVE_INFINITY;
  switch (outcome.type) {
    case "outOfOrder": {
      const { nextSeq } = outcome;
      if (awaited <= nextSeq) return silence;
      room.awaitSeq(nextSeq);
      return {
        type: "error",
        error: new ProtocolError("OUT_OF_ORDER", "an earlier seq is missing"),
        subject: { ...subject, nextSeq },
      };
    }
    case "retry":
      if (awaited <= seq) return silence;
      room.awaitSeq(seq);
      return { type: "error", error: outcome.error, subject };
    case "conflict":
      if (awaited <= seq) return silence;
      room.conflict();
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
export function detached({ id, target, content }: Publish): Pick<PublishEvent, "id" | "target" | "content"> {
  return { id: id.slice(), target: target.slice(), content: content && detachedContent(content) };
}

/** A copy of a content that does not hold the bytes of its message; with the form that it came in (PUB-3). */
export function detachedContent(content: Content): Content {
  const { body, $unknown } = content;
  const copy = {
    ...content,
    body: body.case === "data" ? { case: "data" as const, value: body.value.slice() } : body,
    ...($unknown !== undefined && { $unknown: $unknown.map((field) => ({ ...field, data: field.data.slice() })) }),
  };
  return copyVerbatim(content, copy);
}
