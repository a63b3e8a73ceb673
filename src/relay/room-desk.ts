/**
 * What one connection does in rooms: joins, leaves, reads, and what becomes of its rights. Law: what was asked elsewhere is
 * looked at again when the answer comes, for rooms and rights may have gone meanwhile (AUT-8); it is not waited for without end (FRM-7).
 */

import { type ErrorCodeName, ProtocolError } from "../errors.ts";
import { toVerdict } from "../session/client-convert.ts";
import type { HistoryEvent, ServerEvent } from "../session/server-events.ts";
import type { ServerSession } from "../session/server-session.ts";
import { decideJoin, latest } from "../session/server-verdict.ts";
import { count } from "../session/tally.ts";
import { Right, Verdict } from "../wire/codec.ts";
import { clientFrameBytes } from "../wire/limits.ts";
import type { MaybePromise, ProducerState } from "./broker.ts";
import { rightsOf } from "./checks.ts";
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";
import { Deadlines, isLater } from "./later.ts";
import type { Room, Seat } from "./room.ts";

type EventOf<T extends ServerEvent["type"]> = ServerEvent & { readonly type: T };

/** A join under way. */
interface Entry {
  readonly event: EventOf<"join">;
  /** {@link RoomDesk.doubtJoins} as it stood when `authorize` was asked. */
  readonly generation: number;
  /** How often it was asked. */
  readonly asked: number;
  /** When it is answered at the latest. */
  readonly endsAt: number;
  readonly rights: readonly Right[];
}

export class RoomDesk {
  readonly #hub: Hub;
  readonly #connection: Connection;
  readonly #engine: ServerSession;
  readonly #seats = new Map<number, Seat>();
  /** Handles that this connection knows. */
  readonly #told = new Set<number>();
  readonly #deadlines: Deadlines;
  /** Counts what may have made an answer of `authorize` void. */
  #generation = 0;
  #state: "open" | "ended" = "open";

  constructor(hub: Hub, connection: Connection, engine: ServerSession) {
    this.#hub = hub;
    this.#connection = connection;
    this.#engine = engine;
    this.#deadlines = new Deadlines(hub.config.clock);
  }

  seat(handle: number): Seat | undefined {
    return this.#seats.get(handle);
  }

  seats(): Seat[] {
    return [...this.#seats.values()];
  }

  /** ROM-1. */
  join(event: EventOf<"join">): void {
    this.#ask(event, 1, this.#now() + this.#answerMs);
  }

  leave({ ref, room }: EventOf<"leave">): void {
    if (this.#state === "ended") return;
    // It may have been taken away behind the leave.
    if (!this.#seats.has(room)) return this.#fail(ref, new ProtocolError("ROOM_UNKNOWN", "the room is not open"), room);
    this.#vacate(room);
    this.#engine.left(ref, room);
  }

  /** The room is taken from this user. */
  kick(name: string): void {
    this.doubtJoins();
    const seat = this.#seatOf(name);
    if (seat !== undefined) this.vacate(seat, "ACCESS_REVOKED");
  }

  /** What is allowed may have changed: joins that are under way are asked about again. */
  doubtJoins(): void {
    this.#generation++;
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

  /** The connection has ended, or its client is going: nothing is opened any more (GBY-6). */
  end(how: "graceful" | "lost"): void {
    this.#state = "ended";
    for (const { room } of this.seats()) room.leave(this.#connection, how);
    this.#seats.clear();
    // What is under way lets go of its rooms.
    this.#deadlines.end();
    for (const handle of [...this.#told]) this.forget(handle);
  }

  /** An open room is told of anew: another epoch, or other rights or details (ROM-6). */
  tellJoined(seat: Seat, why: "reset" | "update"): void {
    const { room } = seat;
    if (why === "reset") this.#engine.suspend(room.handle);
    this.#deadlines.attempt(
      this.#answerMs,
      () => this.#hub.link.producer(room.name, this.#connection.producer),
      (state) => {
        if (this.#seats.get(room.handle) !== seat) return;
        if (state.epoch !== room.log.epoch) return; // Another change is on its way.
        if (why === "update" && seat.epoch !== state.epoch) return; // The reset tells.
        seat.epoch = state.epoch;
        if (!seat.publishOnly && seat.rights.includes(Right.READ)) room.subscribe(seat);
        const start = seat.mode === "publishOnly" ? state.head + 1 : latest(state, Math.min(seat.tail, this.#pageEntries));
        if (why === "reset") this.#tell(seat, 0, state, Verdict.RESET, start);
        else this.#tell(seat, 0, state, Verdict.RESUMED, undefined);
        this.#flush();
      },
      (error) => this.#end(this.#unavailable("broker", error)),
      this.#connection.fault,
    );
  }

  /** Rights are looked up again, for one room or all, within so many ms; `then` when all is told (AUT-6, AUT-8). */
  reauthorize(room: string | undefined, withinMs: number, then: () => void): void {
    this.doubtJoins();
    const seats = this.seats().filter((seat) => room === undefined || seat.room.name === room);
    let missing = seats.length + 1;
    const done = (): void => {
      if (--missing === 0) then();
    };
    for (const seat of seats) this.#lookUp(seat, withinMs, done);
    done();
  }

  /** A part of the log, for a room that is behind (RES-8). */
  read({ room: handle, token, after, limit, maxBytes }: EventOf<"read">): void {
    const seat = this.#seats.get(handle);
    if (seat === undefined) return;
    this.#deadlines.attempt(
      this.#answerMs,
      () => this.#hub.link.read(seat.room.name, { after, limit, maxBytes }),
      (slice) => {
        // Of another epoch: a joined is on its way, and begins anew.
        if (slice.epoch !== seat.epoch || this.#seats.get(handle) !== seat) return;
        const entries = slice.entries.map((entry) => seat.room.delivery(entry));
        this.#engine.fill(handle, token, entries, slice);
        this.#flush();
      },
      (error) => this.#end(this.#unavailable("broker", error)),
      this.#connection.fault,
    );
  }

  history(event: HistoryEvent): void {
    const asked = this.#readable(event);
    if (asked === undefined) return;
    this.#deadlines.attempt(
      this.#answerMs,
      () => this.#hub.link.read(asked.room.name, { ...event.anchor, limit: event.limit, maxBytes: clientFrameBytes - 1024 }),
      (slice) => {
        const seat = this.#readable(event);
        if (seat === undefined) return;
        if (slice.epoch !== seat.epoch || (event.epoch !== 0 && event.epoch !== slice.epoch)) {
          this.#fail(event.ref, new ProtocolError("EPOCH_CHANGED", "the offset is of another epoch"), event.room);
          return;
        }
        this.#engine.page(event, slice);
        this.#flush();
      },
      (error) => this.#fail(event.ref, this.#unavailable("broker", error), event.room),
      this.#connection.fault,
    );
  }

  /** The room whose history is asked for, if it may be read now; otherwise that is answered (HIS-1). */
  #readable({ ref, room }: HistoryEvent): Seat | undefined {
    if (this.#state === "ended") return undefined;
    const seat = this.#seats.get(room);
    if (seat === undefined) this.#fail(ref, new ProtocolError("ROOM_UNKNOWN", "the room is not open"), room);
    else if (!seat.rights.includes(Right.READ)) this.#fail(ref, new ProtocolError("FORBIDDEN", "a right is missing"), room);
    else return seat;
    return undefined;
  }

  /** A room that is not there and one that is forbidden take the same way (AUT-7). */
  #ask(event: EventOf<"join">, asked: number, endsAt: number): void {
    const { ref, name } = event;
    const generation = this.#generation;
    this.#deadlines.attempt(
      endsAt - this.#now(),
      () => this.#rights(name),
      (rights) => {
        if (this.#state === "ended") return;
        const entry: Entry = { event, generation, asked, endsAt, rights };
        if (generation !== this.#generation) return this.#askAgain(entry);
        if (rights.length > 0) return this.#enter(entry);
        // It may be open from an earlier join (ROM-10).
        const seat = this.#seatOf(name);
        if (seat !== undefined) this.vacate(seat, "ACCESS_REVOKED");
        this.#fail(ref, new ProtocolError("ROOM_UNAVAILABLE", "there is no such room"));
      },
      (error) => this.#fail(ref, this.#unavailable("authorize", error)),
      this.#connection.fault,
    );
  }

  /** What was allowed may not be allowed any more. Where that goes on, the client asks again by itself (ROM-11). */
  #askAgain({ event, asked, endsAt }: Entry): void {
    if (asked < 3) this.#ask(event, asked + 1, endsAt);
    else this.#fail(event.ref, new ProtocolError("UNAVAILABLE", "what is allowed is changing"));
  }

  #rights(room: string): MaybePromise<Right[]> {
    const names = this.#hub.config.authorize(this.#connection.principal, room);
    return isLater(names) ? Promise.resolve(names).then(rightsOf) : rightsOf(names);
  }

  /** A later answer holds, also where an earlier one comes after it. Who cannot say in time that it is allowed has not allowed it. */
  #lookUp(seat: Seat, withinMs: number, then: () => void): void {
    const generation = ++seat.asked;
    const decide = (rights: readonly Right[]): void => {
      if (generation > seat.decided) {
        seat.decided = generation;
        this.#setRights(seat, rights);
      }
      then();
    };
    const refuse = (error: unknown): void => {
      if (this.#state === "ended") return;
      this.#unavailable("authorize", error);
      decide([]);
      this.#flush();
    };
    this.#deadlines.attempt(withinMs, () => this.#rights(seat.room.name), decide, refuse, this.#connection.fault);
  }

  #enter(entry: Entry): void {
    const { ref, name } = entry.event;
    let room: Room;
    try {
      room = this.#hub.room(name, this.#connection.user);
    } catch (error) {
      return this.#fail(ref, this.#unavailable("broker", error));
    }
    room.retain();
    if (room.isFull && this.#seatOf(name) === undefined) {
      room.release();
      return this.#fail(ref, new ProtocolError("LIMIT_EXCEEDED", "the room is full"));
    }
    const failed = (error: unknown): void => {
      room.release();
      this.#fail(ref, this.#unavailable("broker", error));
    };
    const leftMs = (): number => entry.endsAt - this.#now();
    this.#deadlines.attempt(
      leftMs(),
      () => room.ready,
      () =>
        this.#deadlines.attempt(
          leftMs(),
          () => this.#hub.link.producer(name, this.#connection.producer),
          (state) => this.#sit(entry, room, state),
          failed,
          this.#connection.fault,
        ),
      failed,
      this.#connection.fault,
    );
  }

  #sit(entry: Entry, room: Room, state: ProducerState): void {
    const { event, rights } = entry;
    if (this.#connection.isClosed || this.#state === "ended") return room.release();
    if (entry.generation !== this.#generation) {
      room.release();
      return this.#askAgain(entry);
    }
    if (state.epoch !== room.log.epoch) {
      room.release();
      return this.#fail(event.ref, new ProtocolError("UNAVAILABLE", "the log is changing"));
    }
    const unread = event.publishOnly || !rights.includes(Right.READ);
    if (!this.#told.has(room.handle)) {
      this.#told.add(room.handle);
      this.#hub.handles.acquire(room.name);
    }
    const { profile, user } = this.#connection;
    const mode = unread ? "publishOnly" : "subscribed";
    const { tail, publishOnly } = event;
    const seat = room.enter(
      { connection: this.#connection, user, tail, publishOnly, mode, rights, asked: 0, decided: 0 },
      profile,
    );
    this.#seats.set(room.handle, seat);
    if (seat.epoch !== state.epoch) {
      // Entering has come to what changed the log.
      this.#vacate(room.handle);
      this.#fail(event.ref, new ProtocolError("UNAVAILABLE", "the log is changing"));
      return;
    }
    const { verdict, start } = decideJoin({ ...event, publishOnly: unread }, state, this.#pageEntries);
    count(this.#hub.meter.joined, toVerdict(verdict) ?? "unspecified");
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
    this.#engine.setRights(seat.room.handle, rights);
    this.tellJoined(seat, "update");
  }

  #seatOf(name: string): Seat | undefined {
    return this.seats().find((seat) => seat.room.name === name);
  }

  #vacate(handle: number): void {
    const seat = this.#seats.get(handle);
    if (seat === undefined) return;
    this.#seats.delete(handle);
    seat.room.leave(this.#connection, "graceful");
  }

  /** After the end nothing is answered (GBY-6). */
  #fail(ref: number, error: ProtocolError, room = 0): void {
    if (this.#state === "ended") return;
    this.#engine.fail(ref, error, room);
    this.#flush();
  }

  #end(error: ProtocolError): void {
    if (this.#state === "ended") return;
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

  get #answerMs(): number {
    return this.#hub.config.times.answerTimeout;
  }

  #now(): number {
    return this.#hub.config.clock.now();
  }
}
