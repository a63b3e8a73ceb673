/**
 * The rooms and the open requests of one connection. Law: each request has exactly one answer (FRM-7); joins and leaves of one room
 * reach the hub one at a time, in their order (FRM-8); a leave waits until the publishes before it are settled (ROM-7). Each command is
 * in two steps, with what is sent between them: what waited is answered after that.
 */

import { type ProtocolError, UsageError } from "../errors.ts";
import type { Right } from "../wire/codec.ts";
import type { SessionLimits } from "../wire/limits.ts";
import type { HistoryEvent, JoinedInfo, ServerEvent } from "./server-events.ts";
import { type ErrorSubject, remote } from "./server-frames.ts";
import { Fifo } from "./server-queues.ts";
import { ServerRoom, type Window } from "./server-room.ts";
import type { RequestCase } from "./server-rules.ts";

/** Closed rooms whose handles are remembered, for ROM-4, 3 and 4. */
const rememberedRooms = 1024;

type JoinEvent = ServerEvent & { readonly type: "join" };
type LeaveEvent = ServerEvent & { readonly type: "leave" };

interface Request {
  readonly kind: RequestCase;
  /** Of a join or leave: the room. */
  readonly name: string;
  /** Of a join: the border that its joined is (PUB-19). */
  readonly border: number;
}

/** What the rooms say. */
export interface RoomsPort {
  event(event: ServerEvent): void;
  error(error: ProtocolError, subject: ErrorSubject): void;
}

export class ServerRooms {
  readonly window: Window = { messages: 0, bytes: 0 };
  readonly #limits: SessionLimits;
  readonly #port: RoomsPort;
  readonly #open = new Map<number, ServerRoom>();
  readonly #byName = new Map<string, ServerRoom>();
  /** Handles that were told and are not open now. */
  readonly #told = new Set<number>();
  readonly #requests = new Map<number, Request>();
  /** Names with a join or leave at the hub, and those that wait for its answer. */
  readonly #busy = new Map<string, (JoinEvent | LeaveEvent)[]>();
  readonly #leaves = new Map<ServerRoom, LeaveEvent>();
  readonly #histories = new Fifo<HistoryEvent>();
  #history: "idle" | "reading" = "idle";

  constructor(limits: SessionLimits, port: RoomsPort) {
    this.#limits = limits;
    this.#port = port;
  }

  /** The room, if it is open. */
  get(handle: number): ServerRoom | undefined {
    return this.#open.get(handle);
  }

  /** Whether the room was open earlier on this connection. */
  wasTold(handle: number): boolean {
    return this.#told.has(handle);
  }

  /** Refs of the refreshes that are being decided. */
  get refreshes(): number[] {
    return [...this.#requests].filter(([, { kind }]) => kind === "refresh").map(([ref]) => ref);
  }

  /** Why a request with this ref is not executed (FRM-7, 1 and 3). */
  refuse(ref: number): ProtocolError | undefined {
    if (ref === 0 || this.#requests.has(ref)) return remote("REF_INVALID", "a request needs a ref that is not in use");
    if (this.#requests.size >= this.#limits.openRequests) return remote("TOO_MANY_REQUESTS", "too many requests are open");
    return undefined;
  }

  /** @returns an error where the limit of rooms is exceeded. */
  join(event: JoinEvent): ProtocolError | undefined {
    const room = this.#byName.get(event.name);
    if (room === undefined && !this.#busy.has(event.name)) {
      let rooms = this.#open.size;
      for (const name of this.#busy.keys()) if (!this.#byName.has(name)) rooms++;
      if (rooms >= this.#limits.rooms) return remote("LIMIT_EXCEEDED", "too many rooms are joined");
    }
    const border = room === undefined ? 0 : ++room.joins;
    this.#requests.set(event.ref, { kind: "join", name: event.name, border });
    this.#line(event.name, event);
    return undefined;
  }

  leave(event: LeaveEvent, room: ServerRoom): void {
    this.#requests.set(event.ref, { kind: "leave", name: room.name, border: 0 });
    this.#line(room.name, event);
  }

  /** A request that needs no line. */
  request(ref: number, kind: "watch" | "refresh", event: ServerEvent): void {
    this.#requests.set(ref, { kind, name: "", border: 0 });
    this.#port.event(event);
  }

  history(event: HistoryEvent): void {
    this.#requests.set(event.ref, { kind: "history", name: "", border: 0 });
    this.#histories.push(event);
  }

  /** The next history to be read: one at a time. */
  takeHistory(): HistoryEvent | undefined {
    if (this.#history === "reading") return undefined;
    const event = this.#histories.shift();
    if (event !== undefined) this.#history = "reading";
    return event;
  }

  /** What kind of request this is. @throws UsageError STATE_INVALID where it is not open. */
  kindOf(ref: number): RequestCase {
    return this.#require(ref).kind;
  }

  /** A request is answered. @throws UsageError STATE_INVALID where it is not open. */
  answered(ref: number): void {
    const request = this.#require(ref);
    this.#requests.delete(ref);
    if (request.kind === "history") this.#history = "idle";
    if (request.kind === "join" || request.kind === "leave") this.#next(request.name);
  }

  /** A request is answered by an error: a room that was to be left stays open. @throws UsageError STATE_INVALID where it is not open. */
  failed(ref: number): void {
    const { kind, name } = this.#require(ref);
    const room = this.#byName.get(name);
    if (kind === "leave" && room?.state === "leaving") {
      room.state = "open";
      this.#leaves.delete(room);
    }
    this.answered(ref);
  }

  /** `joined` is to be sent: the room is open. @returns it, and the border that this joined is. */
  open(info: JoinedInfo): { readonly room: ServerRoom; readonly border: number } {
    const known = this.#open.get(info.room);
    let border: number;
    if (info.ref !== 0) border = this.#require(info.ref).border;
    else border = known === undefined ? 0 : ++known.joins;
    const room = known ?? new ServerRoom(info.room, info.name, this.window);
    if (room.name !== info.name) throw new UsageError("STATE_INVALID", `handle ${info.room} names another room (ROM-4)`);
    room.joins = Math.max(room.joins, border);
    this.#open.set(info.room, room);
    this.#byName.set(info.name, room);
    this.#told.delete(info.room);
    return { room, border: Math.max(border, room.border) };
  }

  /**
   * `left` is to be sent: the room is closed. Its publishes are not answered any more (ROM-8); {@link closed} follows.
   * @returns the room; undefined where it was taken away while the hub was told to leave it.
   */
  close(ref: number, handle: number): ServerRoom | undefined {
    const room = this.#open.get(handle);
    if (ref !== 0 && this.kindOf(ref) === "leave" && room === undefined) return undefined;
    if (room === undefined) throw new UsageError("STATE_INVALID", `room ${handle} is not open`);
    room.state = "closed";
    room.releaseAll();
    this.#open.delete(handle);
    this.#byName.delete(room.name);
    this.#told.add(handle);
    for (const oldest of this.#told) {
      if (this.#told.size <= rememberedRooms) break;
      this.#told.delete(oldest);
      this.#port.event({ type: "forgotten", room: oldest });
    }
    return room;
  }

  /** `left` is sent. */
  closed(ref: number, room: ServerRoom): void {
    const waiting = this.#leaves.get(room);
    this.#leaves.delete(room);
    if (waiting !== undefined) this.#unknown(waiting);
    if (ref !== 0) this.answered(ref);
  }

  setRights(handle: number, rights: readonly Right[]): void {
    const room = this.get(handle);
    if (room !== undefined) room.rights = new Set(rights);
  }

  /** See {@link ServerRoom.suspend}. A room that is not open is passed over. */
  suspend(handle: number): void {
    const room = this.#open.get(handle);
    if (room === undefined) return;
    room.suspend();
    this.settled(room);
  }

  /** A publish of the room is settled: a leave may go on. */
  settled(room: ServerRoom): void {
    const leave = this.#leaves.get(room);
    if (leave === undefined || !room.isSettled) return;
    this.#leaves.delete(room);
    this.#port.event(leave);
  }

  /** The one before the next in line is answered. */
  #next(name: string): void {
    const line = this.#busy.get(name);
    const next = line?.shift();
    if (next === undefined) this.#busy.delete(name);
    else this.#begin(next);
  }

  #line(name: string, event: JoinEvent | LeaveEvent): void {
    const line = this.#busy.get(name);
    if (line !== undefined) {
      line.push(event);
      return;
    }
    this.#busy.set(name, []);
    this.#begin(event);
  }

  #begin(event: JoinEvent | LeaveEvent): void {
    if (event.type === "join") return this.#port.event(event);
    const room = this.#open.get(event.room);
    if (room === undefined) return this.#unknown(event);
    room.state = "leaving";
    if (room.isSettled) this.#port.event(event);
    else this.#leaves.set(room, event);
  }

  #unknown({ ref, room }: LeaveEvent): void {
    this.#port.error(remote("ROOM_UNKNOWN", "the room is not open"), { ref, room });
    this.answered(ref);
  }

  #require(ref: number): Request {
    const request = this.#requests.get(ref);
    if (request === undefined) throw new UsageError("STATE_INVALID", `no request ${ref} is open`);
    return request;
  }
}
