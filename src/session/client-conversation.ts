/**
 * What an application does in a conversation with a relay: rooms, publishes, receipts, typing, presence, signals, history.
 *
 * Law: what the application wants is kept, and said again on every connection; misuse throws at once.
 */

import type { OutboxEntry } from "../delivery/outbox.ts";
import { RoomCursor, type RoomPosition } from "../delivery/room-cursor.ts";
import { ProtocolError, UsageError } from "../errors.ts";
import { type BodyValue, ChatKind, type Content, createFrame, encodedSize, encodeFrame, type Frame } from "../wire/codec.ts";
import { contentBytes, type SessionLimits } from "../wire/limits.ts";
import { ClientBook, type ConversationHost, joinFrame } from "./client-book.ts";
import { type ContentInput, fromContent, toUint64 } from "./client-convert.ts";
import { ClientInbox } from "./client-inbox.ts";
import { ClientPresence, type OwnPresence } from "./client-presence.ts";
import { publishOverhead } from "./client-publisher.ts";
import { unanswered } from "./client-requests.ts";
import type { ClientRoom, JoinOptions } from "./client-room.ts";
import { ClientSignals } from "./client-signals.ts";

export type { OwnPresence } from "./client-presence.ts";

/** What is published. */
export interface PublishInput {
  readonly room: string;
  /** 16 bytes (MID-1). */
  readonly id: Uint8Array;
  readonly content: ContentInput | undefined;
  readonly kind: ChatKind;
  /** 16 bytes; empty where it is about no other message. */
  readonly target: Uint8Array;
}

/** See the head of this file. */
export class ClientConversation {
  readonly #book: ClientBook;
  readonly #inbox: ClientInbox;
  #nextRequest = 1;
  readonly #presence: ClientPresence;
  readonly #signals: ClientSignals;

  constructor(host: ConversationHost) {
    this.#book = new ClientBook(host);
    this.#inbox = new ClientInbox(this.#book);
    this.#presence = new ClientPresence(this.#book);
    this.#signals = new ClientSignals(this.#book);
  }

  /** Publishes in flight. */
  get inFlight(): number {
    return this.#book.publisher.inFlight;
  }

  /** Whether publishes wait for others to go out with them. */
  get isWaiting(): boolean {
    return this.#book.publisher.isWaiting;
  }

  /** Bytes of the publishes that are not settled, as they count against the outbox's bound. */
  get outboxBytes(): number {
    return this.#book.host.outbox.bytes;
  }

  /** Round-trip time, averaged (LIV-3), in ms; undefined before the first pong. */
  get rttMs(): number | undefined {
    return this.#inbox.rttMs;
  }

  /** How far the relay's wall clock is ahead of the clock that drives this engine, in ms. */
  get clockOffsetMs(): number | undefined {
    return this.#inbox.clockOffsetMs;
  }

  /** A room that the application has joined, or was put into. */
  room(name: string): Pick<ClientRoom, "name" | "state" | "joined" | "cursor"> | undefined {
    return this.#book.rooms.get(name);
  }

  /** Storage holds the ends of these entries, or has never held them: they can be told (PUB-13). */
  ended(entries: readonly OutboxEntry[]): void {
    this.#book.publisher.ended(entries);
  }

  // Commands. Each that has an answer returns a number; the event `answer` carries it.

  /**
   * Enters a room, and again on every connection. Answered by a JoinedRoom; by an error where the relay refuses, or the room is left before.
   * What `options` does not name stays as it was. An open room is joined again where `publishOnly` changes.
   *
   * A `position` is taken where the room is not joined yet, or was left. A room that is joined has a place of its own, and goes on from
   * there: a position that it has passed says nothing new.
   * @throws ProtocolError FIELD_INVALID (local). UsageError OPTION_INVALID for a position that a joined room has not come to.
   */
  join(name: string, options: JoinOptions, now: number): number {
    this.#require(joinFrame(name, options, 1));
    const { position, ...others } = options;
    const known = this.#book.rooms.get(name);
    if (known !== undefined && position !== undefined) takePosition(known, position);
    const room = known ?? this.#book.newRoom(name, options);
    room.options = { ...room.options, ...others };
    room.isWanted = true;
    const request = this.#nextRequest++;
    const isAsWanted = (room.options.publishOnly ?? false) === room.isPublishOnly;
    if (room.state === "joined" && room.joined !== undefined && isAsWanted) {
      this.#book.answer(request, room.joined);
      return request;
    }
    room.joinRequests.push(request);
    if (room.state === "joined") this.#book.rejoin(room, now);
    else if (room.input("join")) this.#book.attachAll(now);
    return request;
  }

  /**
   * Leaves a room. Answered by undefined. Joins that wait for the room are answered by the UsageError ROOM_NOT_JOINED.
   * Entries that were sent and are not settled stay in the outbox until it is joined again.
   */
  leave(name: string, now: number): number {
    const request = this.#nextRequest++;
    const room = this.#book.rooms.get(name);
    for (const waiting of room?.joinRequests.splice(0) ?? []) {
      this.#book.fail(waiting, new UsageError("ROOM_NOT_JOINED", `the room "${name}" was left before it was joined`));
    }
    if (room === undefined || (room.state !== "leaving" && !room.input("leave"))) {
      this.#book.answer(request, undefined);
    } else if (room.state === "left") {
      this.#book.answer(request, undefined);
      this.#book.closed(room, undefined, now);
    } else {
      room.leaveRequests.push(request);
      const isFirst = room.leaveRequests.length === 1;
      // Without a handle the join is still unanswered: its answer is followed by the leave.
      if (isFirst && room.handle !== 0) this.#book.sendLeave(room, now);
    }
    return request;
  }

  /**
   * Takes a message into the outbox; it is sent when the room is open.
   * @throws UsageError OUTBOX_FULL. ProtocolError FIELD_INVALID, LIMIT_EXCEEDED (local) for what the relay would refuse.
   */
  publish(input: PublishInput): OutboxEntry {
    const { room, id, kind, target } = input;
    if (input.content === undefined && kind !== ChatKind.REDACTION) {
      throw new ProtocolError("FIELD_INVALID", "content: is missing", { field: "publish.content" });
    }
    const made = input.content === undefined ? {} : { content: fromContent(input.content) };
    const frame = createFrame("publish", { room: 1, seq: 1n, id, kind, target, ...made });
    const { content } = frame.body.value as BodyValue<"publish">;
    const size = content === undefined ? 0 : sizeOf(content);
    const limit = this.#book.limits?.contentBytes ?? contentBytes;
    if (size > limit) {
      throw new ProtocolError("LIMIT_EXCEEDED", `content has ${size} bytes; the limit is ${limit} (LIM-1)`, {
        field: "publish.content",
      });
    }
    this.#require(createFrame("join", { name: room }));
    this.#require(frame);
    // What was being written is sent: no stop follows it (TYP-3).
    this.#book.rooms.get(room)?.typing.stop();
    return this.#book.host.outbox.add({ room, id, kind, target, content, bytes: size + publishOverhead });
  }

  /** Cancels a publish that is not settled (PUB-12). @returns whether there is one. */
  cancel(id: string): boolean {
    return this.#book.publisher.cancel(id);
  }

  /** The user is typing, or has stopped (TYP-3). Lost where the room is not open. */
  type(name: string, state: "press" | "stop", now: number): void {
    const room = this.#book.rooms.get(name);
    if (room?.state !== "joined") return;
    const interval = this.#book.limits?.typingIntervalMs ?? 0;
    if (state === "press" ? room.typing.press(now, interval) : room.typing.stop()) this.#book.sendTyping(room, state === "press");
  }

  /** The user has read everything up to this offset (RCP-2). */
  markRead(name: string, offset: number): void {
    toUint64(offset, "offset");
    const room = this.#book.rooms.get(name);
    if (room === undefined) return;
    room.read = Math.max(room.read, Math.min(offset, room.cursor.next - 1));
    room.delivered = Math.max(room.delivered, room.read);
  }

  /** Reads a part of the log (HIS-1). Answered by a HistoryPage. */
  history(name: string, options: { before?: number; after?: number; limit?: number }, now: number): number {
    const { before, after, limit = 0 } = options;
    const anchored = (before ?? 0) > 0 || after !== undefined;
    const anchor =
      after !== undefined
        ? { case: "after" as const, value: toUint64(after, "history.after") }
        : { case: "before" as const, value: toUint64(before ?? 0, "history.before") };
    this.#require(createFrame("history", { room: 1, anchor, limit }));
    const room = this.#opened(name);
    const init = { room: room.handle, epoch: BigInt(anchored ? (room.joined?.epoch ?? 0) : 0), anchor, limit };
    const request = this.#nextRequest++;
    this.#book.request({ kind: "history", request, room: name }, now, (ref) => createFrame("history", init, { ref }));
    return request;
  }

  /** Sends an event to a room, or, without one, to the application behind the relay (SIG-2). Lost where there is no connection, or it ends first. */
  signal(name: string | undefined, event: string, content: ContentInput | undefined): void {
    this.#signals.give(name, event, content);
  }

  /** Says the own presence, and again on every connection and in time (PRS-5). */
  setPresence(presence: OwnPresence, now: number): void {
    this.#presence.set(presence, now);
  }

  /**
   * Follows users, also on later connections. Answered by their presences, as soon as there is a connection.
   * @throws UsageError OPTION_INVALID above the limit.
   */
  watch(users: readonly string[], now: number): number {
    requireList(users);
    this.#require(createFrame("watch", { users: [...users] }));
    const most = this.#book.limits?.watchedUsers ?? 256;
    if (this.#book.watches.sizeWith(users) > most) {
      throw new UsageError("OPTION_INVALID", `at most ${most} users can be watched (PRS-6)`);
    }
    const request = this.#nextRequest++;
    this.#book.watches.watch(request, users, now);
    return request;
  }

  unwatch(users: readonly string[]): void {
    requireList(users);
    this.#require(createFrame("unwatch", { users: [...users] }));
    this.#book.watches.unwatch(users);
  }

  /** Tells a fresh token (AUT-5). @throws ProtocolError FIELD_INVALID (local); nothing has changed. */
  refresh(token: string, now: number): void {
    this.#require(createFrame("refresh", { token }, { ref: 1 }));
    this.#book.request({ kind: "refresh" }, now, (ref) => createFrame("refresh", { token }, { ref }));
  }

  // Inputs from the session

  /** Hello is sent: what was wanted follows it at once (SES-4). */
  opened(now: number): void {
    this.#book.isOpen = true;
    this.#book.pipelined = 0;
    this.#inbox.opened();
    this.#presence.opened(now);
    this.#book.watches.opened(now);
    this.#book.attachAll(now);
  }

  welcome(user: string, limits: SessionLimits, now: number): void {
    this.#book.user = user;
    this.#book.limits = limits;
    this.#book.publisher.welcome(limits);
    this.#presence.welcome(now);
    this.#book.watches.sync(now);
    this.#book.attachAll(now);
  }

  /** A ping with this time is sent. */
  pinged(timeMs: bigint): void {
    this.#inbox.pinged(timeMs);
  }

  stopPublishing(): void {
    this.#book.publisher.stop();
  }

  disconnected(now: number): void {
    this.#book.isOpen = false;
    this.#book.limits = undefined;
    this.#book.handles.clear();
    this.#presence.disconnected();
    this.#signals.disconnected();
    this.#book.slotsAt = Number.POSITIVE_INFINITY;
    this.#book.watches.disconnected();
    this.#book.publisher.disconnected();
    for (const request of this.#book.requests.clear()) {
      this.#book.fail(request.request, unanswered("the connection ended"));
    }
    for (const room of this.#book.rooms.values()) {
      room.detach();
      room.typing.stop();
      if (room.roster.clear()) this.#book.host.emit({ type: "typing", room: room.name, users: [] });
      const wasLeaving = room.state === "leaving";
      room.input("detach");
      if (wasLeaving) this.#book.closed(room, undefined, now);
    }
  }

  leaveSession(): void {
    this.#book.publisher.leaveSession();
  }

  /** When {@link handleTimeout} has something to do; infinity: never. */
  deadline(now: number): number {
    let least = Math.min(
      this.#book.requests.deadline,
      this.#presence.deadline,
      this.#signals.deadline,
      this.#book.slotsAt,
      this.#book.watches.deadline,
      this.#book.publisher.deadline(now) ?? Number.POSITIVE_INFINITY,
    );
    for (const room of this.#book.rooms.values()) {
      least = Math.min(least, room.retryAt);
      if (room.state !== "joined") continue;
      least = Math.min(least, room.typing.deadline, room.roster.deadline);
      if (this.#book.owesReceipt(room))
        least = Math.min(least, Math.max(now, room.receiptAt + this.#book.host.times.receiptInterval));
    }
    return least;
  }

  handleTimeout(now: number): void {
    for (const request of this.#book.requests.expire(now)) {
      if (request.request !== 0) this.#book.fail(request.request, unanswered("no answer in time"));
    }
    this.#presence.handleTimeout(now);
    if (now >= Math.min(this.#book.slotsAt, this.#book.watches.deadline)) this.#book.watches.sync(now);
    this.#book.retryDue(now);
    for (const room of this.#book.rooms.values()) {
      if (room.typing.expire(now)) this.#book.sendTyping(room, false);
      if (room.roster.expire(now)) this.#book.host.emit({ type: "typing", room: room.name, users: room.roster.users });
    }
  }

  /** The next frame that this side has to send; undefined: none. */
  poll(now: number, buffered: number): Frame | undefined {
    const credit = this.#inbox.pollCredit();
    if (credit !== undefined) return credit;
    for (const room of this.#book.rooms.values()) {
      if (!this.#book.owesReceipt(room) || now - room.receiptAt < this.#book.host.times.receiptInterval) continue;
      room.receiptAt = now;
      room.toldDelivered = room.delivered;
      room.toldRead = room.read;
      const marks = [{ delivered: BigInt(room.delivered), read: BigInt(room.read) }];
      return createFrame("receipt", { room: room.handle, marks });
    }
    // It is sent behind the publishes that wait.
    if (this.#signals.poll(now, buffered)) return undefined;
    return this.#book.publisher.poll(now, buffered);
  }

  /** The publishes that wait, due or not: what is sent next must not overtake them. */
  flush(): Frame[] {
    return this.#book.publisher.flush();
  }

  /** A frame of the relay, after welcome, its constraints checked. `bytes`: its size, where it came bare and in binary form. */
  handleFrame(frame: Frame, bytes: number | undefined, now: number): void {
    this.#inbox.handleFrame(frame, bytes, now);
  }

  #opened(name: string): ClientRoom {
    const room = this.#book.rooms.get(name);
    if (room?.state !== "joined") throw new UsageError("ROOM_NOT_JOINED", `the room "${name}" is not open`);
    return room;
  }

  /** Misuse is refused at once: what cannot be encoded, or breaks a constraint (ENC-8). */
  #require(frame: Frame): void {
    encodeFrame(frame);
  }
}

/** See {@link ClientConversation.join}. */
function takePosition(room: ClientRoom, position: RoomPosition): void {
  const kept = room.cursor.position;
  if (room.state === "left" || (room.state === "detached" && kept === undefined)) {
    room.cursor = new RoomCursor(position);
  } else if (kept?.epoch !== position.epoch || kept.offset < position.offset) {
    throw new UsageError("OPTION_INVALID", `position: the room "${room.name}" is joined, and has not come to it; leave it first`);
  }
}

/** @throws ProtocolError FIELD_INVALID (local) where a value is not of its field's type. */
function sizeOf(content: Content): number {
  try {
    return encodedSize(content);
  } catch (cause) {
    throw new ProtocolError("FIELD_INVALID", "content: a value is not of its type", { field: "publish.content", cause });
  }
}

/** A string is a list of letters to JavaScript, but not of user ids. */
function requireList(users: readonly string[]): void {
  if (!Array.isArray(users)) throw new ProtocolError("FIELD_INVALID", "users: a list is expected", { field: "users" });
}
