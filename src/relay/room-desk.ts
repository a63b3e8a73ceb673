/** What one connection does in rooms: joins, leaves, publishes, reads, and what becomes of its rights. */

import { type ErrorCodeName, ProtocolError } from "../errors.ts";
import { fromContent, toMessage } from "../session/client-convert.ts";
import type { RightName } from "../session/client-events.ts";
import type { HistoryEvent, PublishEvent, PublishTicket, ServerEvent } from "../session/server-events.ts";
import type { ServerSession } from "../session/server-session.ts";
import { decideJoin, latest } from "../session/server-verdict.ts";
import { type Content, checkFrame, createFrame, type Init, type Profile, Right, Verdict } from "../wire/codec.ts";
import { clientFrameBytes } from "../wire/limits.ts";
import type { ProducerState, PublishRequest, Rejection } from "./broker.ts";
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";
import { attempt } from "./later.ts";
import type { Room, Seat } from "./room.ts";

type EventOf<T extends ServerEvent["type"]> = ServerEvent & { readonly type: T };

/** A publish on its way through the broker. */
export interface SentPublish extends PublishRequest {
  readonly connection: Connection;
  readonly ticket: PublishTicket;
}

const rightNumbers: Readonly<Record<RightName, Right>> = {
  read: Right.READ,
  publish: Right.PUBLISH,
  redact: Right.REDACT,
  signal: Right.SIGNAL,
};

export class RoomDesk {
  readonly #hub: Hub;
  readonly #connection: Connection;
  readonly #engine: ServerSession;
  readonly #seats = new Map<number, Seat>();
  /** Handles that this connection knows. */
  readonly #told = new Set<number>();

  constructor(hub: Hub, connection: Connection, engine: ServerSession) {
    this.#hub = hub;
    this.#connection = connection;
    this.#engine = engine;
  }

  seat(handle: number): Seat | undefined {
    return this.#seats.get(handle);
  }

  seats(): Seat[] {
    return [...this.#seats.values()];
  }

  /** ROM-1. A room that is not there and one that is forbidden take the same way (AUT-7). */
  join(event: EventOf<"join">): void {
    const { ref, name } = event;
    attempt(
      () => this.#hub.config.authorize(this.#connection.principal, name),
      (names) => {
        const rights = rightsOf(names);
        if (rights.length > 0) this.#enter(event, rights);
        else this.#fail(ref, new ProtocolError("ROOM_UNAVAILABLE", "there is no such room"));
      },
      (error) => this.#fail(ref, this.#unavailable("authorize", error)),
    );
  }

  leave({ ref, room }: EventOf<"leave">): void {
    this.#vacate(room);
    this.#engine.left(ref, room);
  }

  /** The room is taken away (ROM-8). */
  vacate(seat: Seat, code: ErrorCodeName): void {
    if (this.#seats.get(seat.room.handle) !== seat) return;
    this.#vacate(seat.room.handle);
    this.#engine.left(0, seat.room.handle, code);
    this.#hub.touch(this.#connection);
  }

  forget(handle: number): void {
    if (this.#told.delete(handle)) this.#hub.handles.release(handle);
  }

  /** The connection has ended. */
  end(how: "graceful" | "lost"): void {
    for (const { room } of this.seats()) room.leave(this.#connection, how);
    this.#seats.clear();
    for (const handle of [...this.#told]) this.forget(handle);
  }

  /** An open room is told of anew: another epoch, or other rights or details (ROM-6). */
  tellJoined(seat: Seat, why: "reset" | "update"): void {
    const { room } = seat;
    attempt(
      () => this.#hub.link.producer(room.name, this.#connection.producer),
      (state) => {
        if (this.#seats.get(room.handle) !== seat) return;
        if (state.epoch !== room.log.epoch) return; // Another change is on its way.
        if (why === "update" && seat.epoch !== state.epoch) return; // The reset tells.
        seat.epoch = state.epoch;
        const start = seat.mode === "publishOnly" ? state.head + 1 : latest(state, Math.min(seat.tail, this.#pageEntries));
        if (why === "reset") this.#tell(seat, 0, state, Verdict.RESET, start);
        else this.#tell(seat, 0, state, Verdict.RESUMED, undefined);
        this.#flush();
      },
      (error) => this.#end(this.#unavailable("broker", error)),
    );
  }

  /** Rights are looked up again, for one room or all; `then` when all is told (AUT-6, AUT-8). */
  reauthorize(room: string | undefined, then: () => void): void {
    const seats = this.seats().filter((seat) => room === undefined || seat.room.name === room);
    let missing = seats.length + 1;
    const done = (): void => {
      if (--missing === 0) then();
    };
    for (const seat of seats) {
      attempt(
        () => this.#hub.config.authorize(this.#connection.principal, seat.room.name),
        (names) => {
          this.#setRights(seat, rightsOf(names));
          done();
        },
        (error) => {
          // Who cannot say that it is allowed has not allowed it.
          this.#unavailable("authorize", error);
          this.#setRights(seat, []);
          done();
        },
      );
    }
    done();
  }

  publish({ ticket, id, kind, target, content, reject }: PublishEvent): void {
    const seat = this.#seats.get(ticket.room);
    if (seat === undefined) return;
    const { profile, user, producer } = this.#connection;
    const { name } = seat.room;
    let judged: { readonly content: Content | undefined; readonly reject: Rejection | undefined };
    try {
      judged = reject === undefined ? this.#judge({ room: name, id, kind, target, content }) : { content: undefined, reject };
    } catch (error) {
      // Nothing is recorded, so it must be retryable (PUB-11, 1).
      this.#engine.settle(ticket, { type: "retry", error: this.#unavailable("onPublish", error) });
      return;
    }
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
    };
    this.#hub.link.publish(request);
  }

  /** A part of the log, for a room that is behind (RES-8). */
  read({ room: handle, token, after, limit, maxBytes }: EventOf<"read">): void {
    const seat = this.#seats.get(handle);
    if (seat === undefined) return;
    attempt(
      () => this.#hub.link.read(seat.room.name, { after, limit, maxBytes }),
      (slice) => {
        // Of another epoch: a joined is on its way, and begins anew.
        if (slice.epoch !== seat.epoch || this.#seats.get(handle) !== seat) return;
        const entries = slice.entries.map((entry) => seat.room.delivery(entry));
        this.#engine.fill(handle, token, entries, slice);
        this.#flush();
      },
      (error) => this.#end(this.#unavailable("broker", error)),
    );
  }

  history(event: HistoryEvent): void {
    const seat = this.#seats.get(event.room);
    if (seat === undefined) return this.#fail(event.ref, new ProtocolError("ROOM_UNKNOWN", "the room is not open"));
    attempt(
      () => this.#hub.link.read(seat.room.name, { ...event.anchor, limit: event.limit, maxBytes: clientFrameBytes - 1024 }),
      (slice) => {
        if (slice.epoch !== seat.epoch || (event.epoch !== 0 && event.epoch !== slice.epoch)) {
          this.#fail(event.ref, new ProtocolError("EPOCH_CHANGED", "the offset is of another epoch"));
          return;
        }
        this.#engine.page(event, slice);
        this.#flush();
      },
      (error) => this.#fail(event.ref, this.#unavailable("broker", error)),
    );
  }

  #enter(event: EventOf<"join">, rights: readonly Right[]): void {
    const { ref, name } = event;
    let room: Room;
    try {
      room = this.#hub.room(name, this.#connection.user);
    } catch (error) {
      return this.#fail(ref, this.#unavailable("broker", error));
    }
    room.retain();
    const failed = (error: unknown): void => {
      room.release();
      this.#fail(ref, this.#unavailable("broker", error));
    };
    attempt(
      () => room.ready,
      () =>
        attempt(
          () => this.#hub.link.producer(name, this.#connection.producer),
          (state) => this.#sit(event, rights, room, state),
          failed,
        ),
      failed,
    );
  }

  #sit(event: EventOf<"join">, rights: readonly Right[], room: Room, state: ProducerState): void {
    if (this.#connection.isClosed) return room.release();
    if (state.epoch !== room.log.epoch) {
      room.release();
      return this.#fail(event.ref, new ProtocolError("UNAVAILABLE", "the log is changing"));
    }
    const publishOnly = event.publishOnly || !rights.includes(Right.READ);
    if (!this.#told.has(room.handle)) {
      this.#told.add(room.handle);
      this.#hub.handles.acquire(room.name);
    }
    const { profile, user } = this.#connection;
    const mode = publishOnly ? "publishOnly" : "subscribed";
    const seat = room.enter({ connection: this.#connection, user, tail: event.tail, mode, rights }, profile);
    this.#seats.set(room.handle, seat);
    if (seat.epoch !== state.epoch) {
      // Entering has come to what changed the log.
      this.#vacate(room.handle);
      this.#fail(event.ref, new ProtocolError("UNAVAILABLE", "the log is changing"));
      return;
    }
    const { verdict, start } = decideJoin({ ...event, publishOnly }, state, this.#pageEntries);
    this.#tell(seat, event.ref, state, verdict, start);
    this.#flush();
  }

  #tell(seat: Seat, ref: number, state: ProducerState, verdict: Verdict, start: number | undefined): void {
    const { room, rights, receipts, roster } = seat;
    this.#engine.joined({
      ref,
      room: room.handle,
      name: room.name,
      log: state,
      verdict,
      start,
      announced: room.log.epoch === state.epoch ? room.log.head : 0,
      nextSeq: state.nextSeq,
      durability: room.log.durability,
      rights,
      publishOnly: seat.mode === "publishOnly",
      receipts,
      roster,
      ...room.facts(seat),
    });
    this.#hub.touch(this.#connection);
  }

  #setRights(seat: Seat, rights: readonly Right[]): void {
    if (this.#seats.get(seat.room.handle) !== seat) return;
    const lost = rights.length === 0 || (seat.rights.includes(Right.READ) && !rights.includes(Right.READ));
    if (lost) return this.vacate(seat, "ACCESS_REVOKED");
    if (rights.length === seat.rights.length && rights.every((right) => seat.rights.includes(right))) return;
    seat.rights = rights;
    this.tellJoined(seat, "update");
  }

  /** What the application makes of a publish. */
  #judge(publish: { room: string } & Pick<PublishEvent, "id" | "kind" | "target" | "content">): {
    readonly content: Content | undefined;
    readonly reject: Rejection | undefined;
  } {
    const { onPublish } = this.#hub.config;
    const { content, room } = publish;
    if (onPublish === undefined) return { content, reject: undefined };
    const { id, kind, target } = publish;
    const chat = createFrame("chat", { offset: 1n, id, kind, target, ...(content !== undefined && { content }) }).body.value;
    const verdict = onPublish(this.#connection.principal, toMessage(chat, room, 1, false));
    if (verdict === undefined) return { content, reject: undefined };
    if ("reject" in verdict) return { content: undefined, reject: { code: "REJECTED", message: verdict.reject } };
    return { content: checkedContent(fromContent(verdict.content)), reject: undefined };
  }

  #vacate(handle: number): void {
    const seat = this.#seats.get(handle);
    if (seat === undefined) return;
    this.#seats.delete(handle);
    seat.room.leave(this.#connection, "graceful");
  }

  #fail(ref: number, error: ProtocolError): void {
    this.#engine.fail(ref, error);
    this.#flush();
  }

  #end(error: ProtocolError): void {
    this.#connection.end(error);
  }

  #unavailable(what: string, error: unknown): ProtocolError {
    return this.#connection.unavailable(what, error);
  }

  #flush(): void {
    this.#hub.touch(this.#connection);
    this.#hub.flush();
  }

  get #pageEntries(): number {
    return this.#hub.config.limits.pageEntries;
  }
}

function rightsOf(names: readonly RightName[] | undefined): Right[] {
  return [...new Set(names)].map((name) => rightNumbers[name]);
}

/** @throws ProtocolError FIELD_INVALID */
export function checkedContent(init: Init<Content>): Content {
  const frame = createFrame("signal", { name: "content", content: init });
  const violation = checkFrame(frame);
  if (violation !== undefined) throw violation;
  return frame.body.value.content as Content;
}

/** @throws ProtocolError FIELD_INVALID */
export function checkedProfile(user: string, profile: Init<Profile> | undefined): Profile | undefined {
  const frame = createFrame("members", { room: 1, entered: [profile === undefined ? { user } : { user, profile }] });
  const violation = checkFrame(frame);
  if (violation !== undefined) throw violation;
  return frame.body.value.entered[0]?.profile;
}
