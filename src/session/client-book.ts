/**
 * What a client wants and knows of one relay: its rooms, their handles, its open requests.
 *
 * Law: what is wanted outlives connections; handles and requests do not (ROM-4, FRM-7).
 */

import type { Outbox } from "../delivery/outbox.ts";
import type { ErrorCodeName, ProtocolError } from "../errors.ts";
import { createFrame, type Frame } from "../wire/codec.ts";
import type { SessionLimits } from "../wire/limits.ts";
import { fromPosition } from "./client-convert.ts";
import type { ClientEvent, UserPresence } from "./client-events.ts";
import type { ClientTimes } from "./client-options.ts";
import { type BatchOptions, ClientPublisher } from "./client-publisher.ts";
import { ClientRequests, type OpenRequest } from "./client-requests.ts";
import { ClientRoom, type JoinOptions } from "./client-room.ts";
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
  /** A fresh token is accepted; `expiresInMs` as in Refreshed. */
  readonly refreshed: (expiresInMs: number, now: number) => void;
  /** Bytes of chats that may be outstanding (CRD-5). */
  readonly creditWindow: number;
}

/** Bytes of joins and watches that are sent before welcome; the others follow it (SES-4). */
const pipelineBytes = 32 * 1024;
/** Requests that are sent before welcome. */
const pipelineRequests = 64;

/** See the head of this file. */
export class ClientBook {
  readonly host: ConversationHost;
  readonly publisher: ClientPublisher;
  readonly requests: ClientRequests = new ClientRequests();
  readonly rooms: Map<string, ClientRoom> = new Map();
  readonly handles: Map<number, ClientRoom> = new Map();
  readonly watched: Set<string> = new Set();
  /** Watches that wait for a snapshot of their users, over connections. */
  readonly watches: Map<number, ReadonlySet<string>> = new Map();
  /** User id of the principal; empty before the first welcome. */
  user = "";
  /** What the relay accepts; undefined before welcome. */
  limits: SessionLimits | undefined;
  /** Whether hello is sent, so that requests may follow it. */
  isOpen = false;
  /** When joins that wait for a time (ROM-11), or for a free ref, are sent; infinity: none. */
  joinAt: number = Number.POSITIVE_INFINITY;
  joinFailures = 0;

  constructor(host: ConversationHost) {
    this.host = host;
    this.publisher = new ClientPublisher(host.outbox, host.batch, host.random, (change) =>
      host.emit({ type: "entry", ...change }),
    );
  }

  newRoom(name: string, options: JoinOptions): ClientRoom {
    const { typingThrottle, typingStop } = this.host.times;
    const room = new ClientRoom(
      name,
      options,
      new TypingSender(Math.max(typingThrottle, this.limits?.typingIntervalMs ?? 0), typingStop),
    );
    this.rooms.set(name, room);
    return room;
  }

  /** The room is closed, for this reason; undefined: because the application left. */
  closed(room: ClientRoom, code: ErrorCodeName | undefined, now: number): void {
    this.publisher.roomClosed(room);
    room.joined = undefined;
    for (const waiting of room.leaveRequests.splice(0)) this.answer(waiting, undefined);
    if (room.roster.clear()) this.host.emit({ type: "typing", room: room.name, users: [] });
    this.host.emit({ type: "left", room: room.name, code });
    // The application has asked for it again in the meantime.
    if (room.joinRequests.length > 0 && room.input("join")) this.attach(room, now);
  }

  attachAll(now: number): void {
    this.joinAt = Number.POSITIVE_INFINITY;
    let bytes = 0;
    for (const room of this.rooms.values()) {
      if (room.state !== "detached") continue;
      const isWelcome = this.limits !== undefined;
      bytes += room.name.length * 4 + 64;
      if (!isWelcome && (bytes > pipelineBytes || this.requests.size >= pipelineRequests)) return;
      if (isWelcome && this.requests.size >= (this.limits?.openRequests ?? 0)) {
        this.joinAt = now + 100;
        return;
      }
      this.attach(room, now);
    }
  }

  attach(room: ClientRoom, now: number): void {
    if (!this.isOpen || !room.input("attach")) return;
    const { position } = room.cursor;
    room.rejoinFrom = room.joined !== undefined && room.handle !== 0 ? position : undefined;
    this.request("join", 0, room.name, now, (ref) => joinFrame(room.name, { ...room.options, position }, ref));
  }

  /** Joins an open room again: what the broker knows of this producer has to be asked anew (PUB-18). */
  rejoin(room: ClientRoom, now: number): void {
    if (room.state !== "joined") return;
    this.publisher.takeBack(room);
    this.attach(room, now);
  }

  owesReceipt(room: ClientRoom): boolean {
    if (room.state !== "joined" || room.options.publishOnly === true || room.joined?.rights.has("signal") !== true) return false;
    return room.delivered > room.toldDelivered || room.read > room.toldRead;
  }

  sendTyping(room: ClientRoom, active: boolean): void {
    if (room.state !== "joined" || room.joined?.rights.has("signal") !== true) return;
    this.host.send(createFrame("typing", { room: room.handle, marks: [{ ttlMs: active ? this.host.times.typingTtl : 0 }] }));
  }

  request(kind: OpenRequest["kind"], request: number, room: string, now: number, make: (ref: number) => Frame): void {
    const ref = this.requests.open({ kind, request, room, deadline: now + this.host.times.requestTimeout });
    this.host.send(make(ref));
  }

  /** A snapshot has come: answers the watches all of whose users are in it. */
  answerWatches(marks: readonly UserPresence[]): void {
    for (const [request, users] of this.watches) {
      const own = marks.filter(({ user }) => users.has(user));
      if (own.length < users.size) continue;
      this.watches.delete(request);
      this.answer(request, own);
    }
  }

  answer(request: number, result: unknown): void {
    if (request !== 0) this.host.emit({ type: "answer", request, result, error: undefined });
  }

  fail(request: number, error: ProtocolError): void {
    if (request !== 0) this.host.emit({ type: "answer", request, result: undefined, error });
  }
}

/** A join as the application wants it. @throws ProtocolError FIELD_INVALID (local) for a position that is none. */
export function joinFrame(name: string, options: { [K in keyof JoinOptions]: JoinOptions[K] | undefined }, ref: number): Frame {
  const { position, tail = 0, maxCatchup = 0, publishOnly = false } = options;
  const init = { name, tail, maxCatchup, publishOnly, ...(position !== undefined && { position: fromPosition(position) }) };
  return createFrame("join", init, { ref });
}
