/**
 * An outbox as texts, for storages that hold nothing else: what it holds now, and the records of how it came to that.
 *
 * Law: records are replayed in the order in which they were made, and lead to the same. What cannot be read is held as it is, until it is set
 * aside (PUB-22).
 */

import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import type { StoredEntry, StoredState, StoreOp } from "../delivery/outbox.ts";
import { entryFromText, entryToText } from "./stored-text.ts";

/** See the head of this file. */
export class StoredTexts {
  #session: string | undefined;
  /** By order: the JSON of each entry. */
  readonly #entries: Map<number, string> = new Map();
  /** Texts that are no records. */
  readonly #damaged: Set<string> = new Set();
  /** What was given to the client, and the order and text of it then. */
  #given: Map<unknown, readonly [order: number, text: string]> = new Map();

  /** The same, to be changed alone. */
  copy(): StoredTexts {
    const copy = new StoredTexts();
    copy.#session = this.#session;
    copy.#given = this.#given;
    for (const [order, text] of this.#entries) copy.#entries.set(order, text);
    for (const text of this.#damaged) copy.#damaged.add(text);
    return copy;
  }

  /** How many texts it is. */
  get size(): number {
    return this.#entries.size + this.#damaged.size + 1;
  }

  /** Texts that are no records, in the order in which they were found. */
  get damaged(): Iterable<string> {
    return this.#damaged;
  }

  /** Makes a change. @returns the text that is to be kept elsewhere, if there is one. */
  apply(op: StoreOp): string | undefined {
    if (op.type === "put") this.#entries.set(op.entry.order, entryToText(op.entry));
    else if (op.type === "delete") this.#entries.delete(op.order);
    else if (op.type === "session") this.#session = sessionToText(op.session, op.attempt);
    else return this.#setAside(op.record);
    return undefined;
  }

  /** Makes the change of a record that {@link recordOf} or {@link records} has made. */
  replay(record: Readonly<Record<string, unknown>>): void {
    const { put, delete: gone, session } = record;
    if (put !== undefined) this.#entries.set((put as StoredEntry).order, JSON.stringify(put));
    else if (gone !== undefined) this.#entries.delete(gone as number);
    else if (session !== undefined) this.#session = JSON.stringify(record);
  }

  /** A text that is no record. */
  addDamaged(text: string): void {
    this.#damaged.add(text);
  }

  /** Records that lead to all of it, but for what is damaged. */
  records(): string[] {
    const session = this.#session === undefined ? [] : [this.#session];
    return [...session, ...[...this.#entries.values()].map((text) => `{"put":${text}}`)];
  }

  /** As the client takes it: what is no entry is given as it is. */
  give(): StoredState {
    this.#given = new Map();
    const entries: (StoredEntry | string)[] = [...this.#damaged];
    for (const [order, text] of this.#entries) {
      const entry = entryFromText(text);
      this.#given.set(entry, [order, text]);
      entries.push(entry);
    }
    const session = this.#session === undefined ? undefined : sessionFromText(this.#session);
    return { session, entries: entries as StoredEntry[] };
  }

  #setAside(record: unknown): string | undefined {
    if (this.#damaged.delete(record as string)) return record as string;
    const [order = 0, text] = this.#given.get(record) ?? [];
    // What took its place in the meantime is another.
    if (text !== undefined && this.#entries.get(order) === text) this.#entries.delete(order);
    return text;
  }
}

/** A change as JSON. @throws TypeError for `setAside`: nothing is to be replayed of it. */
export function recordOf(op: StoreOp): string {
  if (op.type === "put") return `{"put":${entryToText(op.entry)}}`;
  if (op.type === "delete") return JSON.stringify({ delete: op.order });
  if (op.type === "session") return sessionToText(op.session, op.attempt);
  throw new TypeError("what is set aside has no record");
}

function sessionToText(session: Uint8Array, attempt: number): string {
  return JSON.stringify({ session: base64Encode(session), attempt });
}

function sessionFromText(text: string): StoredState["session"] {
  const { session, attempt } = JSON.parse(text) as { session: string; attempt: number };
  return { session: base64Decode(session), attempt };
}
