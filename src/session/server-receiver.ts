/**
 * What a relay does with each frame of a client, once hello is accepted: FRM-4 first, then refs, constraints, rooms, rights and limits;
 * what passes becomes an event. Each inner frame of a batch stands for itself (BAT-3).
 */

import { errorCodeName, type ProtocolError } from "../errors.ts";
import { checkFrame, encodedSize, type Frame, type FrameOf } from "../wire/codec.ts";
import type { SessionLimits } from "../wire/limits.ts";
import { type PublishTicket, positionOf, type Rejection, type ServerEvent } from "./server-events.ts";
import { type ErrorSubject, remote } from "./server-frames.ts";
import { detached, detachedContent } from "./server-publishing.ts";
import { isUnrecordable, type ServerRoom } from "./server-room.ts";
import type { ServerRooms } from "./server-rooms.ts";
import { isEphemeral, isRequest, mayReceive, rightFor } from "./server-rules.ts";
import { count, type Tally } from "./tally.ts";
import type { ServerState } from "./transitions.ts";

/** What the receiver says and asks. */
export interface ReceiverPort {
  readonly limits: SessionLimits;
  readonly tally: Tally;
  state(): ServerState;
  event(event: ServerEvent): void;
  error(error: ProtocolError, subject: ErrorSubject): void;
  end(error: ProtocolError, ref: number): void;
  grant(totalBytes: number): void;
  pong(echoMs: bigint): void;
}

export class Receiver {
  readonly #port: ReceiverPort;
  readonly #rooms: ServerRooms;
  readonly #watched = new Set<string>();
  #peer: "speaking" | "gone" = "speaking";

  constructor(port: ReceiverPort, rooms: ServerRooms) {
    this.#port = port;
    this.#rooms = rooms;
  }

  /** After the client's goodbye nothing is processed any more (GBY-6). */
  get isDeaf(): boolean {
    return this.#peer === "gone";
  }

  receive(frame: Frame, now: number): void {
    const { body, ref } = frame;
    if (body.case !== "batch") return this.#one(frame, now);
    const { frames } = body.value;
    if (frames.length > this.#port.limits.batchFrames) {
      return this.#port.end(remote("LIMIT_EXCEEDED", "the batch has too many frames (BAT-6)", "connection"), ref);
    }
    for (const inner of frames) {
      if (inner.body.case === "batch") this.#port.error(remote("BATCH_NESTED", "a batch holds no batch"), { ref: inner.ref });
      else this.#one(inner, now);
    }
  }

  #one(frame: Frame, now: number): void {
    const { body, ref } = frame;
    const port = this.#port;
    if (this.isDeaf || port.state() === "closed") return;
    count(port.tally.framesReceived, body.case ?? "unknown");
    if (body.case === undefined) {
      if (frame.mustUnderstand) port.error(remote("UNSUPPORTED_FRAME", "the body is not known here"), { ref });
      return;
    }
    if (!mayReceive(body.case, port.state())) {
      return port.end(remote("UNEXPECTED_FRAME", `${body.case} is not allowed here (FRM-4)`), ref);
    }
    if (body.case === "publish") return this.#publish(frame as FrameOf<"publish">);
    if (isRequest(body.case)) {
      const refused = this.#rooms.refuse(ref) ?? (port.state() === "draining" ? goingAway() : undefined);
      if (refused !== undefined) return port.error(refused, { ref });
    }
    // An error is never answered by one (ERR-9).
    const violation = body.case === "error" ? undefined : checkFrame(frame);
    if (violation !== undefined) return port.error(violation, { ref });
    switch (body.case) {
      case "ping":
        return port.pong(body.value.timeMs);
      case "credit":
        return port.grant(Number(body.value.totalBytes));
      case "error":
        return port.event({ type: "peerError", code: errorCodeName(body.value.code) });
      case "goodbye":
        this.#peer = "gone";
        return port.event({ type: "goodbye" });
      case "join": {
        const { name, position, tail, maxCatchup, publishOnly } = body.value;
        const refused = this.#rooms.join({
          type: "join",
          ref,
          name,
          position: positionOf(position),
          tail,
          maxCatchup,
          publishOnly,
        });
        return refused && port.error(refused, { ref });
      }
      case "watch":
        return this.#watch(ref, body.value.users);
      case "unwatch":
        for (const user of body.value.users) this.#watched.delete(user);
        return port.event({ type: "unwatch", users: body.value.users });
      case "refresh":
        return this.#rooms.request(ref, "refresh", { type: "refresh", ref, token: body.value.token });
      case "presence": {
        // Of a client's marks only the first counts, and of that what a client may say (FRM-9).
        const [mark] = body.value.marks;
        if (mark === undefined) return;
        return port.event({ type: "presence", state: mark.state, activity: mark.activity, statusText: mark.statusText });
      }
      case "signal": {
        const { room, name, content } = body.value;
        if (content !== undefined && encodedSize(content) > port.limits.contentBytes) {
          return port.error(remote("LIMIT_EXCEEDED", "the content is too long"), { ref, room });
        }
        if (room !== 0 && this.#roomFor(frame, room) === undefined) return;
        return port.event({ type: "signal", room, name, content: content && detachedContent(content) });
      }
      case "leave":
      case "history":
      case "receipt":
      case "typing": {
        const room = this.#roomFor(frame, body.value.room);
        if (room !== undefined) this.#inRoom(frame, room, now);
        return;
      }
      default:
        // A pong is life, no more; the bodies of a relay do not come here.
        return;
    }
  }

  /** The open room that a frame is about, if the principal has the right; otherwise it is answered (ROM-4, AUT-8). */
  #roomFor({ body, ref }: Frame, handle: number): ServerRoom | undefined {
    const room = this.#rooms.get(handle);
    if (body.case === undefined) return undefined;
    if (room === undefined) {
      if (isEphemeral(body.case) && this.#rooms.wasTold(handle)) return undefined;
      this.#port.error(remote("ROOM_UNKNOWN", "the room is not open"), { ref, room: handle });
      return undefined;
    }
    const right = rightFor[body.case];
    if (right === undefined || room.rights.has(right)) return room;
    this.#port.error(remote("FORBIDDEN", "a right is missing"), { ref, room: handle });
    return undefined;
  }

  #inRoom({ body, ref }: Frame, room: ServerRoom, now: number): void {
    switch (body.case) {
      case "leave":
        return this.#rooms.leave({ type: "leave", ref, room: room.handle }, room);
      case "history": {
        const { epoch, limit, anchor } = body.value;
        return this.#rooms.history({
          type: "history",
          ref,
          room: room.handle,
          epoch: Number(epoch),
          anchor: anchor.case === "after" ? { after: Number(anchor.value) } : { before: Number(anchor.value ?? 0n) },
          limit: limit === 0 ? this.#port.limits.pageEntries : Math.min(limit, this.#port.limits.pageEntries),
        });
      }
      case "receipt": {
        const [mark] = body.value.marks;
        if (mark === undefined) return;
        const { delivered, read } = mark;
        return this.#port.event({ type: "receipt", room: room.handle, delivered: Number(delivered), read: Number(read) });
      }
      case "typing": {
        const [mark] = body.value.marks;
        if (mark === undefined) return;
        if (mark.ttlMs > 0) {
          // What was sent an interval apart may come closer together; half of it is too early for certain (TYP-3).
          if (now - room.typedAt < this.#port.limits.typingIntervalMs / 2) return;
          room.typedAt = now;
        }
        return this.#port.event({ type: "typing", room: room.handle, ttlMs: mark.ttlMs });
      }
    }
  }

  /** PUB-17, 1 to 5. */
  #publish(frame: FrameOf<"publish">): void {
    const { ref } = frame;
    const publish = frame.body.value;
    const port = this.#port;
    const violation = checkFrame(frame);
    if (violation !== undefined && isUnrecordable(violation)) return port.error(violation, { ref, room: publish.room });
    const seq = Number(publish.seq);
    const subject = { ref, room: publish.room, seq };
    const room = this.#rooms.get(publish.room);
    if (room === undefined || room.state !== "open") return port.error(remote("ROOM_UNKNOWN", "the room is not open"), subject);
    if (room.drops(seq)) return;

    const ticket: PublishTicket = { room: room.handle, seq, ref, bytes: encodedSize(publish), border: room.joins, feed: room };
    room.track(ticket);
    const { window } = this.#rooms;
    if (window.messages > port.limits.windowMessages || window.bytes > port.limits.windowBytes) {
      return port.end(remote("WINDOW_EXCEEDED", "too much is in flight (PUB-10)"), ref);
    }
    if (port.state() === "draining") {
      room.awaitSeq(seq);
      return port.error(goingAway(), subject);
    }
    const reject = violation === undefined ? this.#judge(room, frame) : reason("FIELD_INVALID", violation.message);
    port.event({ type: "publish", ticket, kind: publish.kind, reject, ...detached(publish) });
  }

  /** What is rejected finally: the broker records it before it is told (PUB-11, 1). */
  #judge(room: ServerRoom, { body }: FrameOf<"publish">): Rejection | undefined {
    const right = rightFor.publish;
    if (right !== undefined && !room.rights.has(right)) return reason("FORBIDDEN", "a right is missing");
    const { content } = body.value;
    const { contentBytes } = this.#port.limits;
    if (content !== undefined && encodedSize(content) > contentBytes) {
      return reason("LIMIT_EXCEEDED", "the content is too long");
    }
    return undefined;
  }

  #watch(ref: number, users: readonly string[]): void {
    const added = new Set(users.filter((user) => !this.#watched.has(user)));
    if (this.#watched.size + added.size > this.#port.limits.watchedUsers) {
      return this.#port.error(remote("LIMIT_EXCEEDED", "too many users are watched"), { ref });
    }
    for (const user of added) this.#watched.add(user);
    this.#rooms.request(ref, "watch", { type: "watch", ref, users: [...new Set(users)] });
  }
}

function reason(code: Rejection["code"], message: string): Rejection {
  return { code, message };
}

/** About a frame, it is retryable, and ends nothing (GBY-2). */
function goingAway(): ProtocolError {
  return remote("GOING_AWAY", "the relay is going away", "frame");
}
