/**
 * What a client wants and knows of one relay: its rooms, their handles, its open requests.
 *
 * Law: what is wanted outlives connections; handles and requests do not (ROM-4, FRM-7).
 */

import type { Outbox } from "../delivery/outbox.ts";
import type { ErrorCodeName, ProtocolError, UsageError } from "../errors.ts";
import { createFrame, type Frame } from "../wire/codec.ts";
import type { SessionLimits } from "../wire/limits.ts";
import { type BackoffOptions, randomDelay } from "./backoff.ts";
import { fromPosition } from "./client-convert.ts";
import type { ClientEvent } from "./client-events.ts";
import type { ClientTimes } from "./client-options.ts";
import { type BatchOptions, ClientPublisher } from "./client-publisher.ts";
import { ClientRequests, type OpenRequest } from "./client-requests.ts";
import type { RetryOptions } from "./client-retries.ts";
import { ClientRoom, type JoinOptions } from "./client-room.ts";
import { ClientWatches } from "./client-watches.ts";
import { TypingSender } from "./typing.ts";

/** What a conversation needs from its session. */
export interface ConversationHost {
  readonly outbox: Outbox;
  readonly times: ClientTimes;
  readonly batch: BatchOptions;
  readonly sendBufferBytes: number;
  readonly retry: Partial<RetryOptions>;
  /** The times of LIV-6. */
  readonly backoff: Pick<BackoffOptions, "base" | "cap">;
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
/** How long a request waits that finds no free ref, in ms. */
const slotWait = 100;
/** Rooms that the application has left and that are remembered. */
const keptRooms = 1000;

/** See the head of this file. */
export class ClientBook {
  readonly host: ConversationHost;
  readonly publisher: ClientPublisher;
  readonly requests: ClientRequests = new ClientRequests();
  readonly watches: ClientWatches = new ClientWatches(this);
  readonly rooms: Map<string, ClientRoom> = new Map();
  readonly handles: Map<number, ClientRoom> = new Map();
  /** Names of rooms that were left, the earliest first. */
  readonly #leftRooms: Set<string> = new Set();
  /** User id of the principal; empty before the first welcome. */
  user = "";
  /** What the relay accepts; undefined before welcome. */
  limits: SessionLimits | undefined;
  /** Whether hello is sent, so that requests may follow it. */
  isOpen = false;
  /** Bytes that were sent behind hello. */
  pipelined = 0;
  /** When requests that wait for a free ref are tried again; infinity: none waits. */
  slotsAt: number = Number.POSITIVE_INFINITY;

  constructor(host: ConversationHost) {
    this.host = host;
    this.publisher = new ClientPublisher(host);
  }

  newRoom(name: string, options: JoinOptions): ClientRoom {
    const { typingThrottle, typingStop } = this.host.times;
    const room = new ClientRoom(name, options, new TypingSender(typingThrottle, typingStop));
    this.rooms.set(name, room);
    return room;
  }

  /** The relay has told the handle of a room. */
  opened(room: ClientRoom, handle: number): void {
    if (room.handle !== handle) this.handles.delete(room.handle);
    room.handle = handle;
    this.handles.set(handle, room);
  }

  /** The room is closed, for this reason; undefined: because the application left. */
  closed(room: ClientRoom, code: ErrorCodeName | undefined, now: number): void {
    this.publisher.roomClosed(room);
    this.handles.delete(room.handle);
    room.detach();
    room.joined = undefined;
    for (const waiting of room.leaveRequests.splice(0)) this.answer(waiting, undefined);
    if (room.roster.clear()) this.host.emit({ type: "typing", room: room.name, users: [] });
    this.host.emit({ type: "left", room: room.name, code });
    // The application has asked for it again in the meantime.
    if (room.joinRequests.length > 0 && room.input("join")) this.attachAll(now);
    else this.#forget(room);
  }

  /** Of rooms that are left, those that the application had joined are kept, as far as the bound goes, for their positions (LIM-6). */
  #forget(room: ClientRoom): void {
    if (!room.isWanted) {
      this.rooms.delete(room.name);
      return;
    }
    this.#leftRooms.delete(room.name);
    this.#leftRooms.add(room.name);
    for (const name of this.#leftRooms) {
      if (this.#leftRooms.size <= keptRooms) break;
      this.#leftRooms.delete(name);
      if (this.rooms.get(name)?.state === "left") this.rooms.delete(name);
    }
  }

  /** Sends the joins that wait for nothing but a connection, a free ref or their time. */
  attachAll(now: number): void {
    this.slotsAt = Number.POSITIVE_INFINITY;
    if (!this.isOpen) return;
    for (const room of this.rooms.values()) {
      if (room.state !== "detached" || (room.retryAt > now && room.retryAt !== Number.POSITIVE_INFINITY)) continue;
      if (!this.mayRequest(room.name.length * 4 + 64, now)) return;
      this.attach(room, now);
    }
  }

  /** Whether a request of so many bytes may be sent now; where not, it follows welcome, or is tried again at {@link slotsAt}. */
  mayRequest(bytes: number, now: number): boolean {
    if (this.limits === undefined) {
      if (this.pipelined + bytes > pipelineBytes || this.requests.size >= pipelineRequests) return false;
      this.pipelined += bytes;
      return true;
    }
    if (this.requests.size < this.limits.openRequests) return true;
    this.slotsAt = now + slotWait;
    return false;
  }

  attach(room: ClientRoom, now: number): void {
    if (!this.isOpen || !room.input("attach")) return;
    const { position } = room.cursor;
    room.retryAt = Number.POSITIVE_INFINITY;
    room.askedFrom = position;
    room.asksPublishOnly = room.options.publishOnly ?? false;
    const make = (ref: number) => joinFrame(room.name, { ...room.options, position }, ref);
    room.joinRef = this.request({ kind: "join", room: room.name }, now, make);
  }

  /** Joins an open room again: for what the broker knows of this producer (PUB-18), or in another way (ROM-5). */
  rejoin(room: ClientRoom, now: number): void {
    if (room.state !== "joined") return;
    this.publisher.takeBack(room);
    this.attach(room, now);
  }

  sendLeave(room: ClientRoom, now: number): void {
    const { handle } = room;
    room.leaveRef = this.request({ kind: "leave", room: room.name }, now, (ref) =>
      createFrame("leave", { room: handle }, { ref }),
    );
  }

  /** A join or a leave was refused for now: says when it is tried again, by the times of LIV-6 (ROM-11). */
  retry(room: ClientRoom, error: ProtocolError, now: number): void {
    const { backoff, random } = this.host;
    room.failures++;
    if (error.retry === "now" && now - room.lastImmediate >= backoff.cap) {
      room.lastImmediate = now;
      room.retryAt = now;
    } else {
      room.retryAt = now + error.retryAfterMs + randomDelay(room.failures, backoff, random);
    }
  }

  /** What was refused for now, or waited for a free ref, is tried again. */
  retryDue(now: number): void {
    let isDue = now >= this.slotsAt;
    for (const room of this.rooms.values()) {
      if (room.retryAt > now) continue;
      isDue = true;
      if (room.state !== "leaving") continue;
      room.retryAt = Number.POSITIVE_INFINITY;
      if (room.leaveRef === 0 && room.handle !== 0) this.sendLeave(room, now);
    }
    if (isDue) this.attachAll(now);
  }

  owesReceipt(room: ClientRoom): boolean {
    if (room.state !== "joined" || room.isPublishOnly || room.joined?.rights.has("signal") !== true) return false;
    return room.delivered > room.toldDelivered || room.read > room.toldRead;
  }

  sendTyping(room: ClientRoom, active: boolean): void {
    if (room.state !== "joined" || room.joined?.rights.has("signal") !== true) return;
    this.host.send(createFrame("typing", { room: room.handle, marks: [{ ttlMs: active ? this.host.times.typingTtl : 0 }] }));
  }

  /** Sends a request. @returns its ref. */
  request(about: Pick<OpenRequest, "kind"> & Partial<OpenRequest>, now: number, make: (ref: number) => Frame): number {
    const deadline = now + this.host.times.requestTimeout;
    const ref = this.requests.open({ request: 0, room: "", watch: 0, users: [], ...about, deadline });
    this.host.send(make(ref));
    return ref;
  }

  answer(request: number, result: unknown): void {
    if (request !== 0) this.host.emit({ type: "answer", request, result, error: undefined });
  }

  fail(request: number, error: ProtocolError | UsageError): void {
    if (request !== 0) this.host.emit({ type: "answer", request, result: undefined, error });
  }
}

/** A join as the application wants it. @throws ProtocolError FIELD_INVALID (local) for a position that is none. */
export function joinFrame(name: string, options: { [K in keyof JoinOptions]: JoinOptions[K] | undefined }, ref: number): Frame {
  const { position, tail = 0, maxCatchup = 0, publishOnly = false } = options;
  const init = { name, tail, maxCatchup, publishOnly, ...(position !== undefined && { position: fromPosition(position) }) };
  return createFrame("join", init, { ref });
}
