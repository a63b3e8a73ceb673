/**
 * What waits to be sent on a connection. Control frames: in order, bounded by bytes. Chats and gaps: in order, bounded by bytes; those
 * of one room can be taken back as long as they are not sent (RES-8).
 */

import type { ServerRoom } from "./server-room.ts";
import type { Data, SharedFrame } from "./transmit.ts";

/** A queue in constant time: what is taken is cut off when it is half of the list. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head++];
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Keeps those that `keep` is true of. */
  filter(keep: (item: T) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter(keep);
    this.#head = 0;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}

/** Encoded messages. */
export class ControlQueue {
  readonly #queue = new Fifo<Data>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(data: Data): void {
    this.#queue.push(data);
    this.#bytes += data.length;
  }

  shift(): Data | undefined {
    const data = this.#queue.shift();
    if (data !== undefined) this.#bytes -= data.length;
    return data;
  }

  clear(): void {
    this.#queue.clear();
    this.#bytes = 0;
  }
}

interface Queued {
  readonly room: ServerRoom;
  /** The chat's offset, or the first one of the gap. */
  readonly first: number;
  readonly frame: SharedFrame;
  /** Bytes that count for credit; 0 for a gap (CRD-6). */
  readonly bytes: number;
}

/** Chats and gaps. */
export class ChatQueue {
  readonly #queue = new Fifo<Queued>();
  #bytes = 0;

  /** Bytes of the chats in it. */
  get bytes(): number {
    return this.#bytes;
  }

  push(room: ServerRoom, first: number, frame: SharedFrame, bytes: number): void {
    this.#queue.push({ room, first, frame, bytes });
    this.#bytes += bytes;
  }

  shift(): SharedFrame | undefined {
    const item = this.#queue.shift();
    if (item === undefined) return undefined;
    this.#bytes -= item.bytes;
    return item.frame;
  }

  /** Takes back all of a room. @returns the first offset of it, if there was one, and the bytes of credit that are free again. */
  purge(room: ServerRoom): { readonly first: number | undefined; readonly bytes: number } {
    let first: number | undefined;
    let bytes = 0;
    if (this.#queue.length > 0) {
      this.#queue.filter((item) => {
        if (item.room !== room) return true;
        first ??= item.first;
        bytes += item.bytes;
        return false;
      });
    }
    this.#bytes -= bytes;
    return { first, bytes };
  }

  clear(): void {
    this.#queue.clear();
    this.#bytes = 0;
  }
}
