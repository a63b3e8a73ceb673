/**
 * What a welcomed client and its relay talk about: rooms, publishes, receipts, typing, presence, signals, history.
 *
 * Law: what the application wants is kept here and said again on every connection; what the relay says is checked against what
 * this side knows, and a contradiction ends the connection (ERR-10).
 */

import type { Outbox, OutboxEntry } from "../delivery/outbox.ts";
import { type ErrorCodeName, errorCodeName, ProtocolError, UsageError } from "../errors.ts";
import {
  type BodyCase,
  type BodyValue,
  type ChatKind,
  checkFrame,
  createFrame,
  type ErrorInfo,
  encodedSize,
  type Frame,
  type Joined,
} from "../wire/codec.ts";
import { contentBytes, maxSafeInteger, type SessionLimits } from "../wire/limits.ts";
import {
  type ContentInput,
  fromContent,
  fromError,
  fromPosition,
  presenceStates,
  toContent,
  toError,
  toJoined,
  toMember,
  toMessage,
  toPresences,
  toReceipt,
  toVerdict,
} from "./client-convert.ts";
import type { ClientEvent, EntryChange, UserPresence } from "./client-events.ts";
import { type BatchOptions, ClientPublisher, publishOverhead } from "./client-publisher.ts";
import { ClientRequests, type OpenRequest, unanswered } from "./client-requests.ts";
import { ClientRoom, type JoinOptions } from "./client-room.ts";
import type { ClientTimes } from "./client-session.ts";
import { TypingSender } from "./typing.ts";

/** What a conversation needs from its session. */
export interface ConversationHost {
  readonly outbox: Outbox;
  readonly times: ClientTimes;
  readonly batch: BatchOptions;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly emit: (event: ClientEvent) => void;
  readonly send: (frame: Frame) => void;
  /** Ms since 1970, for pongs alone (LIV-2). */
  readonly wall: () => number;
  /** Ends the connection with this error. */
  readonly end: (error: ProtocolError, now: number) => void;
  /** Bytes of chats that may be outstanding (CRD-5). */
  readonly creditWindow: number;
}

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

/** The own presence, as the application says it (PRS-2). */
export interface OwnPresence {
  readonly state: "online" | "away" | "busy" | "offline";
  readonly activity?: string;
  readonly statusText?: string;
}

/** Bytes of joins and watches that are sent before welcome; the others follow it (SES-4). */
const pipelineBytes = 32 * 1024;
/** Requests that are sent before welcome. */
const pipelineRequests = 64;

type Handlers = { readonly [C in BodyCase]?: (value: BodyValue<C>, now: number, ref: number) => void };

/** See the head of this file. */
export class ClientConversation {
  readonly #host: ConversationHost;
  readonly #publisher: ClientPublisher;
  readonly #requests: ClientRequests = new ClientRequests();
  readonly #rooms: Map<string, ClientRoom> = new Map();
  readonly #handles: Map<number, ClientRoom> = new Map();
  readonly #watched: Set<string> = new Set();
  #nextRequest = 1;
  #user = "";
  #limits: SessionLimits | undefined;
  /** Whether hello is sent, so that requests may follow it. */
  #isOpen = false;
  #presence: OwnPresence | undefined;
  #presenceAt = Number.POSITIVE_INFINITY;
  /** Bytes of chats that this side has permitted, and that it has taken (CRD-1). */
  #granted = 0;
  #consumed = 0;
  /** Joins that wait for a time (ROM-11), or for room behind hello. */
  #joinAt = Number.POSITIVE_INFINITY;
  #joinFailures = 0;
  #rttMs: number | undefined;
  #clockOffsetMs: number | undefined;

  constructor(host: ConversationHost) {
    this.#host = host;
    this.#publisher = new ClientPublisher(host.outbox, host.batch, host.random, (change: EntryChange) =>
      host.emit({ type: "entry", ...change }),
    );
  }

  /** Publishes in flight. */
  get inFlight(): number {
    return this.#publisher.inFlight;
  }

  /** Round-trip time, averaged (LIV-3), in ms; undefined before the first pong. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** How far the relay's wall clock is ahead of the clock that drives this engine, in ms. */
  get clockOffsetMs(): number | undefined {
    return this.#clockOffsetMs;
  }

  /** A room that the application has joined, or was put into. */
  room(name: string): Pick<ClientRoom, "name" | "state" | "joined" | "cursor"> | undefined {
    return this.#rooms.get(name);
  }

  // Commands. Each that has an answer returns a number; the event `answer` carries it.

  /** Enters a room, and again on every connection. Answered by a JoinedRoom. */
  join(name: string, options: JoinOptions, now: number): number {
    this.#require(createFrame("join", { name, tail: options.tail ?? 0 }));
    const room = this.#rooms.get(name) ?? this.#newRoom(name, options);
    room.options = { ...room.options, ...options };
    const request = this.#nextRequest++;
    if (room.state === "joined" && room.joined !== undefined) {
      this.#answer(request, room.joined);
      return request;
    }
    room.joinRequests.push(request);
    if (room.input("join")) this.#attach(room, now);
    return request;
  }

  /** Leaves a room. Answered by undefined. Entries that were sent and are not settled stay in the outbox until it is joined again. */
  leave(name: string, now: number): number {
    const request = this.#nextRequest++;
    const room = this.#rooms.get(name);
    const { handle } = room ?? { handle: 0 };
    if (room === undefined || !room.input("leave")) {
      this.#answer(request, undefined);
    } else if (room.state === "left") {
      this.#answer(request, undefined);
      this.#closed(room, undefined);
    } else {
      room.leaveRequests.push(request);
      // Without a handle the join is still unanswered: its answer is followed by the leave.
      if (handle !== 0) this.#request("leave", 0, name, now, (ref) => createFrame("leave", { room: handle }, { ref }));
    }
    return request;
  }

  /**
   * Takes a message into the outbox; it is sent when the room is open.
   * @throws UsageError OUTBOX_FULL. ProtocolError FIELD_INVALID, LIMIT_EXCEEDED (local) for what the relay would refuse.
   */
  publish(input: PublishInput): OutboxEntry {
    const { room, id, kind, target } = input;
    const frame = createFrame("publish", {
      room: 1,
      seq: 1n,
      id,
      kind,
      target,
      ...(input.content !== undefined && { content: fromContent(input.content) }),
    });
    this.#require(createFrame("join", { name: room }));
    this.#require(frame);
    const { content } = frame.body.value as BodyValue<"publish">;
    const size = content === undefined ? 0 : encodedSize(content);
    const limit = this.#limits?.contentBytes ?? contentBytes;
    if (size > limit) {
      throw new ProtocolError("LIMIT_EXCEEDED", `content has ${size} bytes; the limit is ${limit} (LIM-1)`, {
        field: "publish.content",
      });
    }
    return this.#host.outbox.add({ room, id, kind, target, content, bytes: size + publishOverhead });
  }

  /** Cancels a publish that is not settled (PUB-12). @returns whether there is one. */
  cancel(id: string): boolean {
    return this.#publisher.cancel(id);
  }

  /** The user is typing, or has stopped (TYP-3). Lost where the room is not open. */
  type(name: string, state: "press" | "stop", now: number): void {
    const room = this.#rooms.get(name);
    if (room?.state !== "joined") return;
    if (state === "press" ? room.typing.press(now) : room.typing.stop()) this.#sendTyping(room, state === "press");
  }

  /** The user has read everything up to this offset (RCP-2). */
  markRead(name: string, offset: number): void {
    const room = this.#rooms.get(name);
    if (room === undefined) return;
    room.read = Math.max(room.read, Math.min(offset, room.cursor.next - 1));
    room.delivered = Math.max(room.delivered, room.read);
  }

  /** Reads a part of the log (HIS-1). Answered by a HistoryPage. */
  history(name: string, options: { before?: number; after?: number; limit?: number }, now: number): number {
    const room = this.#opened(name);
    const { before, after, limit = 0 } = options;
    const anchored = (before ?? 0) > 0 || after !== undefined;
    const anchor =
      after !== undefined
        ? { case: "after" as const, value: BigInt(after) }
        : { case: "before" as const, value: BigInt(before ?? 0) };
    const init = { room: room.handle, epoch: BigInt(anchored ? (room.joined?.epoch ?? 0) : 0), anchor, limit };
    this.#require(createFrame("history", init));
    const request = this.#nextRequest++;
    this.#request("history", request, name, now, (ref) => createFrame("history", init, { ref }));
    return request;
  }

  /** Sends an event to a room, or, without one, to the application behind the relay (SIG-2). Lost where there is no connection. */
  signal(name: string | undefined, event: string, content: ContentInput | undefined): void {
    const handle = name === undefined ? 0 : (this.#rooms.get(name)?.handle ?? 0);
    const init = { room: handle, name: event, ...(content !== undefined && { content: fromContent(content) }) };
    this.#require(createFrame("signal", init));
    if (this.#limits !== undefined && (name === undefined || handle !== 0)) this.#host.send(createFrame("signal", init));
  }

  /** Says the own presence, and again on every connection and in time (PRS-5). */
  setPresence(presence: OwnPresence, now: number): void {
    this.#require(this.#presenceFrame(presence));
    this.#presence = presence;
    if (this.#isOpen) this.#sayPresence(now);
  }

  /** Follows users, also on later connections. Answered by their presences. @throws UsageError OPTION_INVALID above the limit. */
  watch(users: readonly string[], now: number): number {
    this.#require(createFrame("watch", { users: [...users] }));
    const most = this.#limits?.watchedUsers ?? 256;
    if (new Set([...this.#watched, ...users]).size > most) {
      throw new UsageError("OPTION_INVALID", `at most ${most} users can be watched (PRS-6)`);
    }
    for (const user of users) this.#watched.add(user);
    const request = this.#nextRequest++;
    if (this.#isOpen) this.#request("watch", request, "", now, (ref) => createFrame("watch", { users: [...users] }, { ref }));
    else this.#fail(request, unanswered("there is no connection; the users are watched when there is one"));
    return request;
  }

  unwatch(users: readonly string[]): void {
    this.#require(createFrame("unwatch", { users: [...users] }));
    for (const user of users) this.#watched.delete(user);
    if (this.#isOpen) this.#host.send(createFrame("unwatch", { users: [...users] }));
  }

  refresh(token: string, now: number): void {
    this.#request("refresh", 0, "", now, (ref) => createFrame("refresh", { token }, { ref }));
  }

  // Inputs from the session

  /** Hello is sent: what was wanted follows it at once (SES-4). */
  opened(now: number): void {
    this.#isOpen = true;
    this.#granted = this.#host.creditWindow;
    this.#consumed = 0;
    if (this.#presence !== undefined) this.#sayPresence(now);
    if (this.#watched.size > 0) {
      this.#request("watch", 0, "", now, (ref) => createFrame("watch", { users: [...this.#watched] }, { ref }));
    }
    this.#attachAll(now);
  }

  welcome(user: string, limits: SessionLimits, now: number): void {
    this.#user = user;
    this.#limits = limits;
    this.#joinFailures = 0;
    this.#publisher.welcome(limits);
    this.#attachAll(now);
  }

  stopPublishing(): void {
    this.#publisher.stop();
  }

  disconnected(): void {
    this.#isOpen = false;
    this.#limits = undefined;
    this.#handles.clear();
    this.#presenceAt = Number.POSITIVE_INFINITY;
    this.#joinAt = Number.POSITIVE_INFINITY;
    this.#publisher.disconnected();
    for (const request of this.#requests.clear()) {
      if (request.kind !== "join" && request.kind !== "leave") this.#fail(request.request, unanswered("the connection ended"));
    }
    for (const room of this.#rooms.values()) {
      room.handle = 0;
      room.rejoinFrom = undefined;
      room.typing.stop();
      if (room.roster.clear()) this.#host.emit({ type: "typing", room: room.name, users: [] });
      const wasLeaving = room.state === "leaving";
      room.input("detach");
      if (wasLeaving) this.#closed(room, undefined);
    }
  }

  leaveSession(): void {
    this.#publisher.leaveSession();
  }

  /** When {@link handleTimeout} has something to do; infinity: never. */
  deadline(now: number): number {
    let least = Math.min(
      this.#requests.deadline,
      this.#presenceAt,
      this.#joinAt,
      this.#publisher.deadline(now) ?? Number.POSITIVE_INFINITY,
    );
    for (const room of this.#rooms.values()) {
      if (room.state !== "joined") continue;
      least = Math.min(least, room.typing.deadline, room.roster.deadline);
      if (this.#owesReceipt(room)) least = Math.min(least, Math.max(now, room.receiptAt + this.#host.times.receiptInterval));
    }
    return least;
  }

  handleTimeout(now: number): void {
    for (const request of this.#requests.expire(now)) {
      if (request.request !== 0) this.#fail(request.request, unanswered("no answer in time"));
    }
    if (now >= this.#presenceAt) this.#sayPresence(now);
    if (now >= this.#joinAt) this.#attachAll(now);
    for (const room of this.#rooms.values()) {
      if (room.typing.expire(now)) this.#sendTyping(room, false);
      if (room.roster.expire(now)) this.#host.emit({ type: "typing", room: room.name, users: room.roster.users });
    }
  }

  /** The next frame that this side has to send; undefined: none. */
  poll(now: number): Frame | undefined {
    // A grant is worth a frame when half of the window is used (CRD-5).
    if (this.#granted - this.#consumed < this.#host.creditWindow / 2) {
      this.#granted = Math.min(maxSafeInteger, this.#consumed + this.#host.creditWindow);
      return createFrame("credit", { totalBytes: BigInt(this.#granted) });
    }
    for (const room of this.#rooms.values()) {
      if (!this.#owesReceipt(room) || now - room.receiptAt < this.#host.times.receiptInterval) continue;
      room.receiptAt = now;
      room.toldDelivered = room.delivered;
      room.toldRead = room.read;
      const marks = [{ delivered: BigInt(room.delivered), read: BigInt(room.read) }];
      return createFrame("receipt", { room: room.handle, marks });
    }
    return this.#publisher.poll(now);
  }

  /** A frame of the relay, after welcome, its constraints checked. `bytes`: its size, where it came bare and in binary form. */
  handleFrame(frame: Frame, bytes: number | undefined, now: number): void {
    const { body } = frame;
    if (body.case === "chat") {
      this.#consumed += bytes ?? encodedSize(frame);
      if (this.#consumed > this.#granted) {
        this.#host.end(new ProtocolError("CREDIT_EXCEEDED", "more chats than permitted (CRD-2)", { origin: "remote" }), now);
        return;
      }
    }
    if (body.case === undefined) {
      if (frame.mustUnderstand) this.#refuseUnknown(frame);
      return;
    }
    const handler = this.#handlers[body.case] as ((value: typeof body.value, now: number, ref: number) => void) | undefined;
    if (handler === undefined) {
      this.#host.end(new ProtocolError("UNEXPECTED_FRAME", `${body.case} from the relay (FRM-5)`, { origin: "remote" }), now);
      return;
    }
    try {
      handler(body.value, now, frame.ref);
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.origin !== "remote") throw error;
      this.#host.end(error, now);
    }
  }

  /** What is done with each body of the relay. Those about a room that is not open are passed over (ROM-4). */
  readonly #handlers: Handlers = {
    chat: (chat, now) => {
      const room = this.#handles.get(chat.room);
      if (room === undefined || !room.isOpen || room.joined === undefined) return;
      const offset = Number(chat.offset);
      const outcome = room.cursor.chat(offset);
      if (outcome === "hole") {
        throw new ProtocolError("OFFSET_INVALID", `offset ${offset} where ${room.cursor.next} is next (LOG-2)`, {
          origin: "remote",
        });
      }
      if (outcome === "duplicate") return;
      room.delivered = Math.max(room.delivered, offset);
      if (room.roster.mark(chat.sender, 0, now)) this.#host.emit({ type: "typing", room: room.name, users: room.roster.users });
      if (room.seen.get(chat.id, now) === true) return;
      room.seen.remember(chat.id, true, now);
      this.#host.emit({ type: "message", ...toMessage(chat, room.name, room.joined.epoch, chat.sender === this.#user) });
    },
    ack: (ack) => {
      const room = this.#handles.get(ack.room);
      if (room !== undefined) this.#publisher.ack(room, ack);
    },
    gap: (gap) => {
      const room = this.#handles.get(gap.room);
      if (room === undefined || !room.isOpen) return;
      const [first, last] = [Number(gap.first), Number(gap.last)];
      if (room.cursor.gap(first, last) === "invalid") {
        throw new ProtocolError("OFFSET_INVALID", `a gap at ${first} where ${room.cursor.next} is next (RES-7)`, {
          origin: "remote",
        });
      }
      const reason = ({ 1: "trimmed", 2: "tooMany" } as const)[gap.reason as 1 | 2] ?? "unknown";
      this.#host.emit({ type: "gap", room: room.name, first, last, reason });
    },
    joined: (joined, now, ref) => this.#joined(joined, now, ref),
    left: (left, _now, ref) => {
      const answered = this.#requests.close(ref);
      const room = this.#handles.get(left.room);
      if (room?.input("left") !== true) return;
      this.#publisher.roomClosed(room);
      this.#closed(room, answered === undefined ? errorCodeName(left.code) : undefined);
    },
    error: (info, now, ref) => this.#error(info, now, ref),
    page: (page, _now, ref) => {
      const request = this.#requests.close(ref);
      if (request === undefined) return;
      const room = this.#handles.get(page.room)?.name ?? request.room;
      const epoch = Number(page.epoch);
      const messages = page.entries.map((chat) => toMessage(chat, room, epoch, chat.sender === this.#user));
      this.#answer(request.request, {
        room,
        epoch,
        messages,
        firstRetained: Number(page.firstRetained),
        head: Number(page.head),
      });
    },
    refreshed: (_refreshed, _now, ref) => {
      this.#requests.close(ref);
      this.#publisher.resume();
    },
    receipt: (receipt) => {
      const room = this.#handles.get(receipt.room);
      if (room?.isOpen !== true) return;
      const counts = receipt.counts.map(({ offset, delivered, read }) => ({ offset: Number(offset), delivered, read }));
      this.#host.emit({ type: "receipt", room: room.name, marks: receipt.marks.map(toReceipt), counts });
    },
    typing: (typing, now) => {
      const room = this.#handles.get(typing.room);
      if (room?.isOpen !== true) return;
      let changed = false;
      for (const { user, ttlMs } of typing.marks) changed = room.roster.mark(user, ttlMs, now) || changed;
      if (changed) this.#host.emit({ type: "typing", room: room.name, users: room.roster.users });
    },
    members: (members) => {
      const room = this.#handles.get(members.room);
      if (room?.isOpen !== true) return;
      const { count, exited } = members;
      this.#host.emit({ type: "members", room: room.name, count, entered: members.entered.map(toMember), exited });
    },
    presence: (presence, _now, ref) => {
      const marks: UserPresence[] = toPresences(presence).filter(({ user }) => this.#watched.has(user));
      const request = presence.snapshot ? this.#requests.close(ref) : undefined;
      if (marks.length > 0) this.#host.emit({ type: "presence", marks, snapshot: presence.snapshot });
      if (request !== undefined) this.#answer(request.request, marks);
    },
    signal: (signal) => {
      const room = this.#handles.get(signal.room);
      if (signal.room !== 0 && room?.isOpen !== true) return;
      const { sender, name } = signal;
      this.#host.emit({ type: "signal", room: room?.name, sender, name, content: toContent(signal.content) });
    },
    ping: (ping) =>
      this.#host.send(createFrame("pong", { echoMs: ping.timeMs, timeMs: BigInt(Math.max(0, Math.floor(this.#host.wall()))) })),
    pong: (pong, now) => {
      const rtt = now - Number(pong.echoMs);
      if (rtt < 0) return;
      this.#rttMs = this.#rttMs === undefined ? rtt : 0.9 * this.#rttMs + 0.1 * rtt;
      this.#clockOffsetMs = Number(pong.timeMs) + rtt / 2 - now;
    },
  };

  #joined(joined: Joined, now: number, ref: number): void {
    const request = this.#requests.close(ref);
    const room = this.#rooms.get(joined.name) ?? this.#newRoom(joined.name, {});
    const verdict = toVerdict(joined.verdict);
    if (verdict === undefined)
      throw new ProtocolError("FIELD_INVALID", "joined.verdict is not known", { origin: "remote", field: "joined.verdict" });
    if (room.state === "leaving") {
      // The join was still unanswered when the application left.
      room.handle = joined.room;
      this.#handles.set(joined.room, room);
      if (request !== undefined)
        this.#request("leave", 0, room.name, now, (own) => createFrame("leave", { room: joined.room }, { ref: own }));
      return;
    }
    const unsolicited = request === undefined;
    if (!room.input("joined")) return;
    const epoch = Number(joined.epoch);
    const start = Number(joined.start);
    const before = room.cursor.position;
    let missing: { first: number; last: number } | undefined;
    if (room.options.publishOnly !== true) {
      // Chats that came after the join was sent have moved the cursor: the replay overlaps them (ROM-10).
      const overlaps = room.rejoinFrom !== undefined && verdict === "resumed" && start === room.rejoinFrom + 1;
      const log = {
        verdict: overlaps ? ("fresh" as const) : verdict,
        epoch,
        start,
        head: Number(joined.head),
        firstRetained: Number(joined.firstRetained),
      };
      ({ missing } = room.cursor.joined(log));
    }
    room.rejoinFrom = undefined;
    if (before !== undefined && before.epoch !== epoch) room.resetWatermarks();
    room.handle = joined.room;
    this.#handles.set(joined.room, room);
    room.joined = toJoined(joined, verdict, missing);
    room.read = Math.max(room.read, room.joined.read);
    room.toldRead = room.joined.read;
    room.toldDelivered = room.joined.marks.find(({ user }) => user === this.#user)?.delivered ?? 0;
    room.delivered = Math.max(room.delivered, room.cursor.next - 1);
    this.#host.emit({ type: "joined", ...room.joined });
    for (const waiting of room.joinRequests.splice(0)) this.#answer(waiting, room.joined);
    if (!(unsolicited && verdict === "resumed")) this.#publisher.roomOpened(room, epoch, Number(joined.nextSeq));
  }

  #error(info: ErrorInfo, now: number, ref: number): void {
    const error = toError(info);
    const request = this.#requests.close(ref);
    if (request !== undefined) {
      this.#refused(request, error, now);
      return;
    }
    const room = this.#handles.get(info.room);
    if (room !== undefined && info.seq > 0n) {
      if (this.#publisher.reject(room, info, now) === "rejoin") this.#rejoin(room, now);
      return;
    }
    this.#host.emit({ type: "error", error, room: room?.name });
  }

  #refused(request: OpenRequest, error: ProtocolError, now: number): void {
    const room = this.#rooms.get(request.room);
    if (request.kind === "join" && room !== undefined) {
      this.#publisher.roomClosed(room);
      if (room.state === "leaving") {
        room.input("refused");
        this.#closed(room, undefined);
      } else if (error.retry === "never" || error.retry === "reauthenticate") {
        room.input("refused");
        for (const waiting of room.joinRequests.splice(0)) this.#fail(waiting, error);
        this.#closed(room, error.code);
      } else {
        room.input("detach");
        const backoff = this.#host.random() * Math.min(30_000, 1000 * 2 ** Math.min(this.#joinFailures++, 30));
        this.#joinAt = Math.min(this.#joinAt, now + (error.retryAfterMs || backoff));
      }
    } else if (request.kind === "leave" && room !== undefined) {
      if (room.input("refused")) this.#closed(room, undefined);
    } else if (request.request !== 0) {
      this.#fail(request.request, error);
    } else {
      this.#host.emit({ type: "error", error, room: undefined });
    }
  }

  #newRoom(name: string, options: JoinOptions): ClientRoom {
    const { typingThrottle, typingStop } = this.#host.times;
    const room = new ClientRoom(
      name,
      options,
      new TypingSender(Math.max(typingThrottle, this.#limits?.typingIntervalMs ?? 0), typingStop),
    );
    this.#rooms.set(name, room);
    return room;
  }

  /** The room is closed, for this reason; undefined: because the application left. */
  #closed(room: ClientRoom, code: ErrorCodeName | undefined): void {
    this.#publisher.roomClosed(room);
    room.joined = undefined;
    for (const waiting of room.leaveRequests.splice(0)) this.#answer(waiting, undefined);
    if (room.roster.clear()) this.#host.emit({ type: "typing", room: room.name, users: [] });
    this.#host.emit({ type: "left", room: room.name, code });
  }

  #attachAll(now: number): void {
    this.#joinAt = Number.POSITIVE_INFINITY;
    let bytes = 0;
    for (const room of this.#rooms.values()) {
      if (room.state !== "detached") continue;
      const isWelcome = this.#limits !== undefined;
      bytes += room.name.length * 4 + 64;
      if (!isWelcome && (bytes > pipelineBytes || this.#requests.size >= pipelineRequests)) return;
      if (isWelcome && this.#requests.size >= (this.#limits?.openRequests ?? 0)) {
        this.#joinAt = now + 100;
        return;
      }
      this.#attach(room, now);
    }
  }

  #attach(room: ClientRoom, now: number): void {
    if (!this.#isOpen || !room.input("attach")) return;
    const { tail = 0, maxCatchup = 0, publishOnly = false } = room.options;
    const { position } = room.cursor;
    room.rejoinFrom = room.joined !== undefined && room.handle !== 0 ? position?.offset : undefined;
    const init = {
      name: room.name,
      tail,
      maxCatchup,
      publishOnly,
      ...(position !== undefined && { position: fromPosition(position) }),
    };
    this.#request("join", 0, room.name, now, (ref) => createFrame("join", init, { ref }));
  }

  /** Joins an open room again: what the broker knows of this producer has to be asked anew (PUB-18). */
  #rejoin(room: ClientRoom, now: number): void {
    if (room.state === "joined") this.#attach(room, now);
  }

  #opened(name: string): ClientRoom {
    const room = this.#rooms.get(name);
    if (room?.state !== "joined") throw new UsageError("ROOM_NOT_JOINED", `the room "${name}" is not open`);
    return room;
  }

  #owesReceipt(room: ClientRoom): boolean {
    if (room.state !== "joined" || room.options.publishOnly === true || room.joined?.rights.has("signal") !== true) return false;
    return room.delivered > room.toldDelivered || room.read > room.toldRead;
  }

  #sendTyping(room: ClientRoom, active: boolean): void {
    if (room.state !== "joined" || room.joined?.rights.has("signal") !== true) return;
    this.#host.send(createFrame("typing", { room: room.handle, marks: [{ ttlMs: active ? this.#host.times.typingTtl : 0 }] }));
  }

  #presenceFrame({ state, activity = "", statusText = "" }: OwnPresence): Frame {
    return createFrame("presence", { marks: [{ state: presenceStates[state], activity, statusText }] });
  }

  #sayPresence(now: number): void {
    if (this.#presence === undefined) return;
    this.#host.send(this.#presenceFrame(this.#presence));
    this.#presenceAt = this.#presence.state === "offline" ? Number.POSITIVE_INFINITY : now + this.#host.times.presenceRefresh;
  }

  #refuseUnknown(frame: Frame): void {
    const error = new ProtocolError("UNSUPPORTED_FRAME", "the body is not known", { origin: "remote" });
    this.#host.send(createFrame("error", fromError(error, "frame"), { ref: frame.ref }));
  }

  #request(kind: OpenRequest["kind"], request: number, room: string, now: number, make: (ref: number) => Frame): void {
    const ref = this.#requests.open({ kind, request, room, deadline: now + this.#host.times.requestTimeout });
    this.#host.send(make(ref));
  }

  #answer(request: number, result: unknown): void {
    if (request !== 0) this.#host.emit({ type: "answer", request, result, error: undefined });
  }

  #fail(request: number, error: ProtocolError): void {
    if (request !== 0) this.#host.emit({ type: "answer", request, result: undefined, error });
  }

  /** Misuse is refused at once (ENC-8). */
  #require(frame: Frame): void {
    const violation = checkFrame(frame);
    if (violation !== undefined) {
      throw new ProtocolError(violation.code, violation.message, violation.field === undefined ? {} : { field: violation.field });
    }
  }
}
