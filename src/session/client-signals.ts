/**
 * Signals on their way out (SIG-1).
 *
 * Law: a signal goes at once, unless the transport holds too much (PUB-23): then it waits, and of those with the same room and name only the
 * latest is kept (SIG-3). What its room or its connection does not outlive is lost.
 */

import { type BodyValue, createFrame, encodeFrame, type Init } from "../wire/codec.ts";
import type { ClientBook } from "./client-book.ts";
import { type ContentInput, fromContent } from "./client-convert.ts";
import { bufferPollMs } from "./client-publisher.ts";
import type { ClientRoom } from "./client-room.ts";

/** Signals that wait at most, over all rooms; beyond, the oldest is dropped (SIG-3). */
export const maxSignals = 128;

interface Waiting {
  /** Undefined: for the application behind the relay. */
  readonly room: ClientRoom | undefined;
  /** All but the room's handle, which may be another by then. */
  readonly signal: Init<BodyValue<"signal">>;
}

/** See the head of this file. */
export class ClientSignals {
  readonly #book: ClientBook;
  /** By room and name, the one that was given first in front. */
  readonly #waiting: Map<string, Waiting> = new Map();
  /** When a transport that holds too much is asked again. */
  #heldUntil = Number.POSITIVE_INFINITY;

  constructor(book: ClientBook) {
    this.#book = book;
  }

  /** When {@link poll} has something to do; infinity: never. */
  get deadline(): number {
    return this.#heldUntil;
  }

  /** @param roomName - undefined: for the application behind the relay (SIG-2). @throws ProtocolError FIELD_INVALID (local). */
  give(roomName: string | undefined, name: string, content: ContentInput | undefined): void {
    const room = roomName === undefined ? undefined : this.#book.rooms.get(roomName);
    const signal = { name, ...(content !== undefined && { content: fromContent(content) }) };
    encodeFrame(createFrame("signal", signal));
    if (this.#book.limits === undefined || (roomName !== undefined && room?.isOpen !== true)) return;
    // No name is empty.
    const key = roomName === undefined ? `0 ${name}` : `${name.length} ${name}${roomName}`;
    this.#waiting.delete(key);
    this.#waiting.set(key, { room, signal });
    if (this.#waiting.size <= maxSignals) return;
    for (const oldest of this.#waiting.keys()) {
      this.#waiting.delete(oldest);
      break;
    }
  }

  /** Sends the next one, if the transport takes it. @param buffered - bytes that the transport holds back. @returns whether it did. */
  poll(now: number, buffered: number): boolean {
    const isHeld = buffered >= this.#book.host.sendBufferBytes && this.#waiting.size > 0;
    this.#heldUntil = isHeld ? now + bufferPollMs : Number.POSITIVE_INFINITY;
    if (isHeld) return false;
    for (const [key, { room, signal }] of this.#waiting) {
      this.#waiting.delete(key);
      if (room !== undefined && !room.isOpen) continue;
      this.#book.host.send(createFrame("signal", { ...signal, room: room?.handle ?? 0 }));
      return true;
    }
    return false;
  }

  disconnected(): void {
    this.#waiting.clear();
    this.#heldUntil = Number.POSITIVE_INFINITY;
  }
}
