/**
 * What a welcomed client does with each frame of its relay.
 *
 * Law: a frame is checked against what this side knows; a contradiction ends the connection (ERR-10), and nothing of it is taken.
 */

import { type ErrorCodeName, errorCodeName, ProtocolError } from "../errors.ts";
import {
  type BodyCase,
  type BodyValue,
  createFrame,
  type ErrorInfo,
  encodedSize,
  type Frame,
  type Joined,
} from "../wire/codec.ts";
import { maxSafeInteger } from "../wire/limits.ts";
import type { ClientBook } from "./client-book.ts";
import {
  fromError,
  toContent,
  toError,
  toJoined,
  toMember,
  toMessage,
  toPresences,
  toReceipt,
  toVerdict,
} from "./client-convert.ts";
import type { OpenRequest } from "./client-requests.ts";
import type { ClientRoom } from "./client-room.ts";

type Handlers = { readonly [C in BodyCase]?: (value: BodyValue<C>, now: number, ref: number) => void };

/** See the head of this file. */
export class ClientInbox {
  readonly #book: ClientBook;
  /** Bytes of chats that this side has permitted, and that it has taken (CRD-1). */
  #granted = 0;
  #consumed = 0;
  /** `time_ms` of the ping that is not answered yet. */
  #pinged: bigint | undefined;
  #rttMs: number | undefined;
  #clockOffsetMs: number | undefined;

  constructor(book: ClientBook) {
    this.#book = book;
  }

  /** Round-trip time, averaged (LIV-3), in ms; undefined before the first pong. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** How far the relay's wall clock is ahead of the clock that drives this engine, in ms. */
  get clockOffsetMs(): number | undefined {
    return this.#clockOffsetMs;
  }

  /** A connection begins: hello has granted the window. */
  opened(): void {
    this.#granted = this.#book.host.creditWindow;
    this.#consumed = 0;
    this.#pinged = undefined;
  }

  /** A ping is sent. */
  pinged(timeMs: bigint): void {
    this.#pinged = timeMs;
  }

  /** The next grant, when half of the window is used (CRD-5); undefined: not yet. */
  pollCredit(): Frame | undefined {
    const { creditWindow } = this.#book.host;
    if (this.#granted - this.#consumed >= creditWindow / 2) return undefined;
    this.#granted = Math.min(maxSafeInteger, this.#consumed + creditWindow);
    return createFrame("credit", { totalBytes: BigInt(this.#granted) });
  }

  /** A frame of the relay, after welcome, its constraints checked. `bytes`: its size, where it came bare and in binary form. */
  handleFrame(frame: Frame, bytes: number | undefined, now: number): void {
    const { body } = frame;
    if (body.case === "chat") {
      this.#consumed += bytes ?? encodedSize(frame);
      if (this.#consumed > this.#granted) {
        this.#book.host.end(new ProtocolError("CREDIT_EXCEEDED", "more chats than permitted (CRD-2)", { origin: "remote" }), now);
        return;
      }
    }
    if (body.case === undefined) {
      if (frame.mustUnderstand) this.#refuseUnknown(frame);
      return;
    }
    const handler = this.#handlers[body.case] as ((value: typeof body.value, now: number, ref: number) => void) | undefined;
    const judged = this.#book.requests.judge(body, frame.ref);
    if (judged === "stray") return;
    if (handler === undefined || judged === "wrong") {
      this.#book.host.end(
        new ProtocolError("UNEXPECTED_FRAME", `${body.case} from the relay (FRM-5)`, { origin: "remote" }),
        now,
      );
      return;
    }
    try {
      handler(body.value, now, frame.ref);
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.origin !== "remote") throw error;
      this.#book.host.end(error, now);
    }
  }

  /** What is done with each body of the relay. Those about a room that is not open are passed over (ROM-4). */
  readonly #handlers: Handlers = {
    chat: (chat, now) => {
      const room = this.#book.handles.get(chat.room);
      // In a room that is open for publishing alone there is no place for it (ROM-5).
      if (!room?.isOpen || room.isPublishOnly || room.joined === undefined) return;
      const offset = Number(chat.offset);
      const outcome = room.cursor.chat(offset);
      if (outcome === "hole") {
        throw new ProtocolError("OFFSET_INVALID", `offset ${offset} where ${room.cursor.next} is next (LOG-2)`, {
          origin: "remote",
        });
      }
      if (outcome === "duplicate") return;
      room.delivered = Math.max(room.delivered, offset);
      if (room.roster.mark(chat.sender, 0, now))
        this.#book.host.emit({ type: "typing", room: room.name, users: room.roster.users });
      if (room.seen.get(chat.id, now) === true) return;
      room.seen.remember(chat.id, true, now);
      this.#book.host.emit({
        type: "message",
        ...toMessage(chat, room.name, room.joined.epoch, chat.sender === this.#book.user),
      });
    },
    ack: (ack) => {
      const room = this.#book.handles.get(ack.room);
      if (room !== undefined) this.#book.publisher.ack(room, ack);
    },
    gap: (gap) => {
      const room = this.#book.handles.get(gap.room);
      if (!room?.isOpen || room.isPublishOnly) return;
      const [first, last] = [Number(gap.first), Number(gap.last)];
      const missing = Math.max(first, room.cursor.next);
      if (room.cursor.gap(first, last) === "invalid") {
        throw new ProtocolError("OFFSET_INVALID", `a gap at ${first} where ${room.cursor.next} is next (RES-7)`, {
          origin: "remote",
        });
      }
      // What is known to be missing counts as taken (RCP-2).
      room.delivered = Math.max(room.delivered, room.cursor.next - 1);
      const reason = ({ 1: "trimmed", 2: "tooMany" } as const)[gap.reason as 1 | 2] ?? "unknown";
      // What was seen before the room was joined again is not missing (ROM-10).
      if (missing <= last) this.#book.host.emit({ type: "gap", room: room.name, first: missing, last, reason });
    },
    joined: (joined, now, ref) => this.#joined(joined, now, ref),
    left: (left, now, ref) => {
      const answered = this.#book.requests.close(ref);
      const room = this.#book.handles.get(left.room);
      // One that answers an earlier leave says nothing of the room as it is now.
      if (room === undefined || (answered !== undefined && ref !== room.leaveRef)) return;
      this.#closed(room, "left", answered === undefined ? errorCodeName(left.code) : undefined, now);
    },
    error: (info, now, ref) => this.#error(info, now, ref),
    page: (page, _now, ref) => {
      const request = this.#book.requests.close(ref);
      if (request === undefined) return;
      const room = this.#book.handles.get(page.room)?.name ?? request.room;
      const epoch = Number(page.epoch);
      const messages = page.entries.map((chat) => toMessage(chat, room, epoch, chat.sender === this.#book.user));
      this.#book.answer(request.request, {
        room,
        epoch,
        messages,
        firstRetained: Number(page.firstRetained),
        head: Number(page.head),
      });
    },
    refreshed: ({ expiresInMs }, now, ref) => {
      if (this.#book.requests.close(ref) === undefined) return;
      this.#book.host.refreshed(expiresInMs, now);
      this.#book.publisher.resume();
    },
    receipt: (receipt) => {
      const room = this.#book.handles.get(receipt.room);
      if (room?.isOpen !== true) return;
      const counts = receipt.counts.map(({ offset, delivered, read }) => ({ offset: Number(offset), delivered, read }));
      this.#book.host.emit({ type: "receipt", room: room.name, marks: receipt.marks.map(toReceipt), counts });
    },
    typing: (typing, now) => {
      const room = this.#book.handles.get(typing.room);
      if (room?.isOpen !== true) return;
      let changed = false;
      for (const { user, ttlMs } of typing.marks) changed = room.roster.mark(user, ttlMs, now) || changed;
      if (changed) this.#book.host.emit({ type: "typing", room: room.name, users: room.roster.users });
    },
    members: (members) => {
      const room = this.#book.handles.get(members.room);
      if (room?.isOpen !== true) return;
      const { count, exited } = members;
      this.#book.host.emit({ type: "members", room: room.name, count, entered: members.entered.map(toMember), exited });
    },
    presence: (presence, _now, ref) => {
      const marks = toPresences(presence).filter(({ user }) => this.#book.watches.has(user));
      const request = presence.snapshot ? this.#book.requests.close(ref) : undefined;
      if (marks.length > 0) this.#book.host.emit({ type: "presence", marks, snapshot: presence.snapshot });
      if (request !== undefined) this.#book.watches.answered(request, marks);
    },
    signal: (signal) => {
      const room = this.#book.handles.get(signal.room);
      if (signal.room !== 0 && room?.isOpen !== true) return;
      const { sender, name } = signal;
      this.#book.host.emit({ type: "signal", room: room?.name, sender, name, content: toContent(signal.content) });
    },
    ping: (ping) =>
      this.#book.host.send(
        createFrame("pong", { echoMs: ping.timeMs, timeMs: BigInt(Math.max(0, Math.floor(this.#book.host.wall()))) }),
      ),
    pong: (pong, now) => {
      // What answers no ping of this side measures nothing (FRM-5).
      if (pong.echoMs !== this.#pinged) return;
      this.#pinged = undefined;
      const rtt = now - Number(pong.echoMs);
      if (rtt < 0) return;
      this.#rttMs = this.#rttMs === undefined ? rtt : 0.9 * this.#rttMs + 0.1 * rtt;
      this.#clockOffsetMs = Number(pong.timeMs) + rtt / 2 - now;
    },
  };

  #joined(joined: Joined, now: number, ref: number): void {
    const request = this.#book.requests.close(ref);
    const verdict = toVerdict(joined.verdict);
    if (verdict === undefined || (request !== undefined && request.room !== joined.name)) {
      const field = verdict === undefined ? "joined.verdict" : "joined.name";
      throw new ProtocolError("FIELD_INVALID", `${field} cannot be`, { origin: "remote", field });
    }
    const known = this.#book.rooms.get(joined.name);
    const isAnswer = request !== undefined && ref === known?.joinRef;
    if (request !== undefined && !isAnswer) {
      // The room was taken away while it was joined: what that join opened is not wanted any more (ROM-8).
      if (known === undefined || known.state === "left")
        this.#book.request({ kind: "leave", room: joined.name }, now, (own) =>
          createFrame("leave", { room: joined.room }, { ref: own }),
        );
      return;
    }
    const room = known ?? this.#book.newRoom(joined.name, {});
    if (isAnswer) room.joinRef = 0;
    if (room.state === "leaving" && room.input("joined")) {
      if (!isAnswer) {
        // An ack that comes now is of another log: what was in flight is settled when the room is joined again (PUB-8).
        if (verdict !== "resumed") this.#book.publisher.roomClosed(room);
        return;
      }
      // The join was still unanswered when the application left.
      this.#book.opened(room, joined.room);
      if (room.leaveRef === 0) this.#book.sendLeave(room, now);
      return;
    }
    // Only the answer opens a room that is being joined; of one that is open already the values are taken (ROM-6).
    const isAwaited = !isAnswer && room.state === "joining";
    if (isAwaited ? !room.isOpen : !room.input("joined")) return;
    if (isAnswer) room.isPublishOnly = room.asksPublishOnly;
    const epoch = Number(joined.epoch);
    const start = Number(joined.start);
    const before = room.cursor.position;
    let missing: { first: number; last: number } | undefined;
    if (!room.isPublishOnly) {
      // To a client that might not read there is nothing to compare with (ROM-6).
      const isFirstRead = !isAnswer && verdict === "resumed" && room.joined?.rights.has("read") === false;
      const log = {
        verdict: isFirstRead ? ("fresh" as const) : verdict,
        epoch,
        start,
        head: Number(joined.head),
        firstRetained: Number(joined.firstRetained),
      };
      // Chats that came after the join was sent have moved the cursor: the replay overlaps them (ROM-10).
      ({ missing } = room.cursor.joined(log, isAnswer ? (room.askedFrom ?? before) : before));
    }
    if (before !== undefined && before.epoch !== epoch) room.resetWatermarks();
    this.#book.opened(room, joined.room);
    room.joined = toJoined(joined, verdict, missing);
    room.read = Math.max(room.read, room.joined.read);
    room.toldRead = room.joined.read;
    room.toldDelivered = room.joined.marks.find(({ user }) => user === this.#book.user)?.delivered ?? 0;
    room.delivered = Math.max(room.delivered, room.cursor.next - 1);
    this.#book.host.emit({ type: "joined", ...room.joined });
    if (isAnswer) this.#book.publisher.roomOpened(room, epoch, Number(joined.nextSeq));
    if (isAwaited) return;
    // The relay has entered the room; or its log is another one, and publishes may be crossing, which another join sets apart (PUB-20).
    if (!isAnswer && verdict === "fresh") this.#book.publisher.roomOpened(room, epoch, Number(joined.nextSeq));
    if (!isAnswer && verdict === "reset") this.#book.rejoin(room, now);
    room.failures = 0;
    // The application has changed its mind while the join was open.
    if (isAnswer && (room.options.publishOnly ?? false) !== room.isPublishOnly) this.#book.rejoin(room, now);
    else for (const waiting of room.joinRequests.splice(0)) this.#book.answer(waiting, room.joined);
  }

  /** The relay has closed an open room, or the leave is answered. `code` undefined: because the application left. */
  #closed(room: ClientRoom, input: "left" | "refused", code: ErrorCodeName | undefined, now: number): void {
    // What was asked for after a leave is a new wish; what waits in an open room that is taken away has its answer in this.
    const failed = room.state === "leaving" ? [] : room.joinRequests;
    if (!room.input(input)) return;
    const error = new ProtocolError(code ?? "UNAVAILABLE", "the relay has closed the room", { origin: "remote" });
    for (const waiting of failed.splice(0)) this.#book.fail(waiting, error);
    this.#book.closed(room, code, now);
  }

  #error(info: ErrorInfo, now: number, ref: number): void {
    const error = toError(info);
    const request = this.#book.requests.close(ref);
    const room = this.#book.handles.get(info.room);
    const closes = error.scope === "room" && error.code !== "SEQ_CONFLICT" && room?.isOpen === true;
    if (request !== undefined) {
      this.#refused(request, ref, error, now);
    } else if (info.seq > 0n) {
      // About a room that is not open it settles nothing (ROM-4).
      if (room !== undefined && this.#book.publisher.reject(room, info, now) === "rejoin") this.#book.rejoin(room, now);
    } else if (!closes) {
      this.#book.host.emit({ type: "error", error, room: room?.name });
    }
    if (closes && room.isOpen) this.#closed(room, "refused", error.code, now);
  }

  #refused(request: OpenRequest, ref: number, error: ProtocolError, now: number): void {
    const room = this.#book.rooms.get(request.room);
    if (request.kind === "join") {
      if (room?.joinRef === ref) this.#joinRefused(room, error, now);
    } else if (request.kind === "leave") {
      if (room?.leaveRef === ref && room.state === "leaving") this.#leaveRefused(room, error, now);
    } else if (request.kind === "watch") {
      this.#book.watches.refused(request, error, now);
    } else if (request.request !== 0) {
      this.#book.fail(request.request, error);
    } else {
      this.#book.host.emit({ type: "error", error, room: undefined });
    }
  }

  #joinRefused(room: ClientRoom, error: ProtocolError, now: number): void {
    room.joinRef = 0;
    if (room.state === "leaving") {
      // Where the room was open before, the leave is answered next.
      if (room.leaveRef === 0) this.#closed(room, "refused", undefined, now);
    } else if (error.retry === "never" || error.retry === "reauthenticate") {
      for (const waiting of room.joinRequests.splice(0)) this.#book.fail(waiting, error);
      this.#closed(room, "refused", error.code, now);
    } else if (room.input("detach")) {
      this.#book.publisher.roomClosed(room);
      this.#book.handles.delete(room.handle);
      room.handle = 0;
      this.#book.retry(room, error, now);
    }
  }

  #leaveRefused(room: ClientRoom, error: ProtocolError, now: number): void {
    room.leaveRef = 0;
    const isTransient = error.retry === "now" || error.retry === "after";
    // A room that the relay does not have open is left.
    if (isTransient && error.code !== "ROOM_UNKNOWN") this.#book.retry(room, error, now);
    else this.#closed(room, "refused", undefined, now);
  }

  #refuseUnknown(frame: Frame): void {
    const error = new ProtocolError("UNSUPPORTED_FRAME", "the body is not known", { origin: "remote" });
    this.#book.host.send(createFrame("error", fromError(error, "frame"), { ref: frame.ref }));
  }
}
