/**
 * An outbox in a store of texts by key, as React Native's AsyncStorage is one.
 *
 * Law: a write is one item, so it is there as a whole or not at all. Items are replayed by number. Now and then all of it is written anew behind
 * them, and what is before goes: to replay both, or half of the new ones, leads to the same.
 *
 * | key | value |
 * | --- | --- |
 * | name | JSON: `first`, the item that the replay begins at, `last`, one that is there, and `from`, the lowest that may still be there |
 * | name `/` number | lines, each a CRC-32 in 8 hex digits and a record in JSON |
 * | name `/damaged` | lines that were set aside |
 */

import type { StoredState, StoreOp } from "../delivery/outbox.ts";
import { UsageError } from "../errors.ts";
import { check, doing, must } from "../session/option-rules.ts";
import { crc32 } from "./crc32.ts";
import type { OutboxStorage } from "./storage.ts";
import { recordOf, StoredTexts } from "./stored-texts.ts";

/** What AsyncStorage, `localStorage` and many others do. A `setItem` MUST be durable, as a whole, when it is done. */
export interface KeyValueLike {
  getItem(key: string): Promise<string | null> | string | null;
  setItem(key: string, value: string): unknown;
  removeItem(key: string): unknown;
}

interface Head {
  readonly from: number;
  readonly first: number;
  readonly last: number;
}

/** Records of an item at most, in characters: stores have a bound for a value, on Android 2 MiB for a row. */
const itemLength = 64 * 1024;
/** So many items are never too many. */
const leastItems = 64;

const empty: Head = { from: 1, first: 1, last: 0 };
/** Names that are in use, by the store that they are in. */
const held: WeakMap<object, Set<string>> = new WeakMap();

/**
 * Keeps an outbox in a store of texts. One storage at a time has a name, within this process; that no other process has it is up to the
 * platform: an application of React Native is one process.
 *
 * @example
 * ```ts
 * import AsyncStorage from "@react-native-async-storage/async-storage";
 *
 * const storage = new KeyValueStorage(AsyncStorage, "chappe/outbox");
 * const client = new Client({ url, token, storage });
 * ```
 */
export class KeyValueStorage implements OutboxStorage {
  readonly #store: KeyValueLike;
  readonly #name: string;
  #isHeld = false;
  #live: StoredTexts = new StoredTexts();
  #head: Head = empty;
  /** The item that was written last. */
  #last = 0;
  /** Records that were written since all of it was written anew. */
  #records = 0;

  /** @param name - of the outbox; a prefix of its keys. @throws UsageError OPTION_INVALID. */
  constructor(store: KeyValueLike, name: string) {
    check(doing("getItem", "setItem", "removeItem"), "store", store);
    check(
      must("a string that is not empty", (value) => typeof value === "string" && value !== ""),
      "name",
      name,
    );
    this.#store = store;
    this.#name = name;
  }

  /** Rejects with a UsageError OUTBOX_LOCKED where another storage has the name; OUTBOX_CORRUPT where it is none of an outbox. */
  async load(): Promise<StoredState> {
    this.#hold();
    this.#live = new StoredTexts();
    this.#head = headOf(await this.#store.getItem(this.#name), this.#name);
    this.#last = this.#head.first - 1;
    this.#records = 0;
    while (await this.#replayNext());
    return this.#live.give();
  }

  async write(ops: readonly StoreOp[]): Promise<void> {
    if (!this.#isHeld) throw new UsageError("STATE_INVALID", "the storage is closed, or was not loaded");
    const next = this.#live.copy();
    const aside = ops.map((op) => next.apply(op)).filter((text) => text !== undefined);
    if (aside.length > 0) await this.#keepAside(aside);
    const isLong = this.#records >= Math.max(leastItems, 2 * next.size);
    if (aside.length > 0 || isLong) await this.#rewrite(next);
    else {
      await this.#put(this.#last + 1, ops.map(recordOf));
      this.#last++;
      this.#records += ops.length;
    }
    this.#live = next;
  }

  /** Gives the name back to whoever comes next. Close the client first. */
  async close(): Promise<void> {
    if (this.#isHeld) held.get(this.#store)?.delete(this.#name);
    this.#isHeld = false;
  }

  #hold(): void {
    if (this.#isHeld) return;
    const names = held.get(this.#store) ?? new Set();
    held.set(this.#store, names);
    if (names.has(this.#name)) throw new UsageError("OUTBOX_LOCKED", `the outbox ${this.#name} is in use`);
    names.add(this.#name);
    this.#isHeld = true;
  }

  /** @returns whether there was a next item. */
  async #replayNext(): Promise<boolean> {
    const item = await this.#store.getItem(this.#keyOf(this.#last + 1));
    if (item === null) {
      // One that is missing before one that is there is damage; behind the last there is none.
      const isMissing = this.#last < this.#head.last || (await this.#store.getItem(this.#keyOf(this.#last + 2))) !== null;
      if (!isMissing) return false;
      this.#live.addDamaged(`the item ${this.#keyOf(this.#last + 1)} is missing`);
    }
    this.#last++;
    for (const line of item === null || item === "" ? [] : item.split("\n")) {
      const record = recordIn(line);
      if (record === undefined) this.#live.addDamaged(line);
      else this.#live.replay(record);
      this.#records++;
    }
    return true;
  }

  /** Writes everything behind what is there; then what is before goes. */
  async #rewrite(live: StoredTexts): Promise<void> {
    const first = this.#last + 1;
    let last = this.#last;
    const damaged = [...live.damaged];
    for (const lines of chunks([...damaged, ...live.records().map(lineOf)]))
      await this.#store.setItem(this.#keyOf(++last), lines);
    const { from } = this.#head;
    await this.#store.setItem(this.#name, JSON.stringify({ from, first, last } satisfies Head));
    this.#head = { from, first, last };
    this.#last = last;
    this.#records = 0;
    try {
      for (let n = from; n < first; n++) {
        await this.#store.removeItem(this.#keyOf(n));
        this.#head = { from: n + 1, first, last };
      }
    } catch {
      // The write is done. What could not be removed counts no more, and is removed the next time.
    }
  }

  async #put(n: number, records: readonly string[]): Promise<void> {
    await this.#store.setItem(this.#keyOf(n), records.map(lineOf).join("\n"));
  }

  async #keepAside(texts: readonly string[]): Promise<void> {
    const key = `${this.#name}/damaged`;
    const before = await this.#store.getItem(key);
    await this.#store.setItem(key, [...(before === null ? [] : [before]), ...texts].join("\n"));
  }

  #keyOf(n: number): string {
    return `${this.#name}/${n}`;
  }
}

function headOf(text: string | null, name: string): Head {
  if (text === null) return empty;
  try {
    const { from, first, last } = JSON.parse(text) as Head;
    if ([from, first, last].every((n) => Number.isSafeInteger(n) && n >= 0) && from <= first && first <= last + 1)
      return { from, first, last };
  } catch {
    // It is no JSON.
  }
  throw new UsageError("OUTBOX_CORRUPT", `what stands under ${name} is not the head of an outbox`);
}

function lineOf(record: string): string {
  return crc32(record).toString(16).padStart(8, "0") + record;
}

function recordIn(line: string): Record<string, unknown> | undefined {
  const record = line.slice(8);
  if (line.slice(0, 8) !== crc32(record).toString(16).padStart(8, "0")) return undefined;
  return JSON.parse(record) as Record<string, unknown>;
}

/** Lines by the item; one at least. */
function chunks(lines: readonly string[]): string[] {
  const found: string[][] = [[]];
  let length = 0;
  for (const line of lines) {
    if (length > 0 && length + line.length > itemLength) {
      found.push([]);
      length = 0;
    }
    found.at(-1)?.push(line);
    length += line.length + 1;
  }
  return found.map((group) => group.join("\n"));
}
