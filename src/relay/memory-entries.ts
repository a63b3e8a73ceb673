/**
 * The retained entries of one log, by offset, id and target. Law: offsets are contiguous, only the oldest goes (LOG-5), and an id stands
 * for the retained entry that had it first (LOG-10). Each call takes a time that does not depend on how many entries there are.
 */

import { messageIdKey } from "../delivery/message-id.ts";
import { type Chat, ChatKind, createFrame, encodedSize } from "../wire/codec.ts";

/** An entry, its encoded size, and when it was stored, by a clock that does not step. */
export interface Kept {
  chat: Chat;
  bytes: number;
  readonly storedAtMs: number;
}

export class MemoryEntries {
  /** The first retained offset; one above {@link last} where none is. */
  #first = 1;
  /** Entries from `#first` on begin at `#start`; what is before it is gone, and taken away now and then. */
  #kept: (Kept | undefined)[] = [];
  #start = 0;
  #bytes = 0;
  /** Offsets of retained entries by id, and of EDITs by target: ascending. */
  readonly #byId = new Map<string, number[]>();
  readonly #edits = new Map<string, number[]>();

  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#first + this.count - 1;
  }

  get count(): number {
    return this.#kept.length - this.#start;
  }

  /** Bytes of all encoded entries. */
  get bytes(): number {
    return this.#bytes;
  }

  at(offset: number): Kept | undefined {
    return offset < this.#first ? undefined : this.#kept[this.#start + offset - this.#first];
  }

  /** The entry that has the id (LOG-10); with a sender, the first of that sender (PUB-14). */
  find(id: Uint8Array, sender?: string): Chat | undefined {
    for (const offset of this.#byId.get(messageIdKey(id)) ?? []) {
      const chat = this.at(offset)?.chat;
      if (chat !== undefined && (sender === undefined || chat.sender === sender)) return chat;
    }
    return undefined;
  }

  /** Where a log that was kept goes on; nothing is in it yet. */
  startAt(first: number): void {
    this.#first = first;
  }

  /** @param chat - its offset is the one after {@link last}. */
  push(chat: Chat, storedAtMs: number): void {
    const bytes = sizeOf(chat);
    const offset = Number(chat.offset);
    this.#kept.push({ chat, bytes, storedAtMs });
    this.#bytes += bytes;
    index(this.#byId, chat.id, offset);
    if (isEdit(chat)) index(this.#edits, chat.target, offset);
  }

  /** The oldest entry goes. */
  drop(): void {
    const kept = this.at(this.#first);
    if (kept === undefined) return;
    const { chat, bytes } = kept;
    unindex(this.#byId, chat.id);
    // A tombstone may have been an EDIT: its offset tells.
    if (this.#edits.get(messageKey(chat.target))?.[0] === this.#first) unindex(this.#edits, chat.target);
    this.#bytes -= bytes;
    this.#kept[this.#start] = undefined;
    this.#start++;
    this.#first++;
    if (2 * this.#start < this.#kept.length) return;
    this.#kept = this.#kept.slice(this.#start);
    this.#start = 0;
  }

  /**
   * LOG-7, LOG-10: what the target's sender stored under its id, and the edits of it, become tombstones. Entries that were read before are
   * not changed. @returns the tombstones.
   */
  redact(target: Chat): readonly Chat[] {
    const tombstones: Chat[] = [];
    for (const offsets of [this.#byId, this.#edits]) {
      for (const offset of offsets.get(messageIdKey(target.id)) ?? []) {
        const kept = this.at(offset);
        if (kept === undefined || kept.chat.sender !== target.sender || kept.chat.kind === ChatKind.REDACTION) continue;
        const { content: _, ...rest } = kept.chat;
        this.#bytes -= kept.bytes;
        kept.chat = { ...rest, kind: ChatKind.TOMBSTONE };
        kept.bytes = sizeOf(kept.chat);
        this.#bytes += kept.bytes;
        tombstones.push(kept.chat);
      }
    }
    return tombstones;
  }
}

function isEdit({ kind, target }: Chat): boolean {
  return kind === ChatKind.EDIT && target.length === 16;
}

function messageKey(id: Uint8Array): string {
  return id.length === 16 ? messageIdKey(id) : "";
}

function index(map: Map<string, number[]>, id: Uint8Array, offset: number): void {
  const key = messageIdKey(id);
  const offsets = map.get(key);
  if (offsets === undefined) map.set(key, [offset]);
  else offsets.push(offset);
}

function unindex(map: Map<string, number[]>, id: Uint8Array): void {
  const key = messageIdKey(id);
  const offsets = map.get(key);
  offsets?.shift();
  if (offsets?.length === 0) map.delete(key);
}

function sizeOf(chat: Chat): number {
  return encodedSize(createFrame("chat", chat));
}
