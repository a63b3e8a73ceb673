/**
 * What one connection publishes, on its way to the broker (PUB-17, 5 and 6). Law: rights are looked at here again, and once more when the
 * application has judged, for they may have gone since the frame was received (AUT-8).
 */

import { ProtocolError } from "../errors.ts";
import { type ContentInput, toMessage } from "../session/client-convert.ts";
import { check, text } from "../session/option-rules.ts";
import type { PublishEvent, PublishTicket } from "../session/server-events.ts";
import type { ServerSession } from "../session/server-session.ts";
import { ChatKind, type Content, createFrame, Right } from "../wire/codec.ts";
import type { PublishRequest, Rejection } from "./broker.ts";
import { atOnce, checkedContent, refuseInvalid } from "./checks.ts";
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";
import type { Seat } from "./room.ts";

/** A publish on its way through the broker. */
export interface SentPublish extends PublishRequest {
  readonly connection: Connection;
  readonly ticket: PublishTicket;
  /** The head of the log as this relay knew it, and when: for what is measured. */
  readonly headBefore: number;
  readonly at: number;
}

/** What the application makes of a publish. */
interface Judged {
  readonly content: Content | undefined;
  readonly reject: Rejection | undefined;
}

export class PublishDesk {
  readonly #hub: Hub;
  readonly #connection: Connection;
  readonly #engine: ServerSession;
  readonly #seat: (handle: number) => Seat | undefined;

  /** @param seat - the connection's seat in the room with this handle, if the room is open. */
  constructor(hub: Hub, connection: Connection, engine: ServerSession, seat: (handle: number) => Seat | undefined) {
    this.#hub = hub;
    this.#connection = connection;
    this.#engine = engine;
    this.#seat = seat;
  }

  publish({ ticket, id, kind, target, content, reject }: PublishEvent): void {
    const seat = this.#seat(ticket.room);
    if (seat === undefined) return;
    const { profile, user, producer } = this.#connection;
    const { name } = seat.room;
    let judged: Judged;
    try {
      judged = reject === undefined ? this.#judge(seat, { id, kind, target, content }) : { content: undefined, reject };
    } catch (error) {
      // Nothing is recorded, so it must be retryable (PUB-11, 1).
      this.#engine.settle(ticket, { type: "retry", error: this.#connection.unavailable("onPublish", error) });
      return;
    }
    // The application may have taken the room away meanwhile: then nothing is settled (ROM-8).
    if (this.#connection.isClosed || this.#seat(ticket.room) !== seat) return;
    const request: SentPublish = {
      room: name,
      producer,
      seq: ticket.seq,
      id,
      sender: user,
      profile,
      kind,
      content: judged.content,
      target,
      mayRedact: seat.rights.includes(Right.REDACT),
      reject: judged.reject,
      connection: this.#connection,
      ticket,
      headBefore: seat.room.log.head,
      at: this.#hub.config.clock.now(),
    };
    this.#hub.link.publish(request);
  }

  /** Rights may have gone since the frame was received (AUT-8); then the application is asked, but about a void (PUB-12). */
  #judge(seat: Seat, { id, kind, target, content }: Pick<PublishEvent, "id" | "kind" | "target" | "content">): Judged {
    const { onPublish } = this.#hub.config;
    if (!seat.rights.includes(Right.PUBLISH)) return refused("FORBIDDEN", "a right is missing");
    if (onPublish === undefined || kind === ChatKind.VOID) return { content, reject: undefined };
    const chat = createFrame("chat", { offset: 1n, id, kind, target, ...(content !== undefined && { content }) }).body.value;
    const verdict = atOnce("onPublish", onPublish(this.#connection.principal, toMessage(chat, seat.room.name, 1, false)));
    if (!seat.rights.includes(Right.PUBLISH)) return refused("FORBIDDEN", "a right is missing");
    if (verdict === undefined) return { content, reject: undefined };
    if ("reject" in verdict) {
      check(text, "reject", verdict.reject);
      return refused("REJECTED", verdict.reject);
    }
    return this.#rewritten(verdict.content, { id, kind, target });
  }

  /** What the application writes must be as valid as what it was given; trying again does not make it so. */
  #rewritten(given: ContentInput, { id, kind, target }: Pick<PublishEvent, "id" | "kind" | "target">): Judged {
    try {
      const content = checkedContent(given, this.#hub.config.limits.contentBytes);
      refuseInvalid(createFrame("publish", { room: 1, seq: 1n, id, kind, target, content }));
      return { content, reject: undefined };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#hub.config.log.error("failed", { what: "onPublish", connection: this.#connection.id, error });
      return refused(error.code, "the service has made this message invalid");
    }
  }
}

function refused(code: Rejection["code"], message: string): Judged {
  return { content: undefined, reject: { code, message } };
}
