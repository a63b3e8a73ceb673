/**
 * An outbox in the database of a browser (SES-11), which outlives the tab.
 *
 * Law: of all tabs and workers of an origin at most one holds an outbox, by a lock that goes with the tab, however that ends. Tabs of the
 * same name have an outbox each; what a tab has left, the next one that is opened takes over before it begins an outbox of its own.
 */

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { OutboxStorage } from "../client/storage.ts";
import { entryFromText, entryToText } from "../client/stored-text.ts";
import type { StoredEntry, StoredState, StoreOp } from "../delivery/outbox.ts";
import { UsageError } from "../errors.ts";
import { checkedBy, must, type Rules } from "../session/option-rules.ts";

/** Settings of an {@link IndexedDbStorage}. */
export interface IndexedDbOptions {
  /** Whose messages these are: another for each user and relay. Not empty. */
  readonly name: string;
  /** The database, which is made where there is none; `chappe` by default. Nothing else may use it. */
  readonly database?: string;
}

/** An outbox of a name: the first has number 0. */
type Place = [name: string, number: number];

interface Schema extends DBSchema {
  sessions: { key: Place; value: unknown };
  /** Entries as `entryToText` has them. */
  entries: { key: [...Place, order: number]; value: unknown };
  /** What was set aside, for people to find. */
  damaged: { key: number; value: { readonly outbox: Place; readonly record: unknown } };
}

/** Outboxes of one name: so many tabs can be open at a time. */
const mostPlaces = 256;
const stores = ["sessions", "entries", "damaged"] as const;
const text = must("a string that is not empty", (value) => typeof value === "string" && value !== "");
const rules: Rules<IndexedDbOptions> = { name: text, database: text };

/**
 * See the head of this file. Pages have to be served over https, or by this machine: others have no locks.
 *
 * @example
 * ```ts
 * const storage = new IndexedDbStorage({ name: `ada at chat.example.org` });
 * const client = new Client({ url, token, storage });
 * ```
 */
export class IndexedDbStorage implements OutboxStorage {
  readonly #name: string;
  readonly #database: string;
  #db: IDBPDatabase<Schema> | undefined;
  #held: { readonly place: Place; readonly release: () => void } | undefined;
  /** What was given to the client, and under which key it stands. */
  #given: Map<unknown, Schema["entries"]["key"] | Place> = new Map();

  /** @throws UsageError OPTION_INVALID, with the name of the option. */
  constructor(options: IndexedDbOptions) {
    const { name, database = "chappe" } = checkedBy(rules, options, "options", "", ["name"]) as unknown as IndexedDbOptions;
    this.#name = name;
    this.#database = database;
  }

  /** Which outbox of the name it holds, from 0; undefined before it is loaded. */
  get number(): number | undefined {
    return this.#held?.place[1];
  }

  /**
   * Takes an outbox, and reads it. Rejects with a UsageError DEPENDENCY_MISSING where there are no Web Locks or no IndexedDB; OUTBOX_LOCKED
   * where 256 are in use; with what the database says.
   */
  async load(): Promise<StoredState> {
    const db = await this.#open();
    this.#held ??= await this.#take(db);
    const { place } = this.#held;
    const tx = db.transaction(stores, "readonly");
    const session = await tx.objectStore("sessions").get(place);
    this.#given = new Map();
    const entries: unknown[] = [];
    for (let at = await tx.objectStore("entries").openCursor(rangeOf(place)); at !== null; at = await at.continue()) {
      const entry = typeof at.value === "string" ? entryFromText(at.value) : at.value;
      this.#given.set(entry, at.key);
      entries.push(entry);
    }
    if (session !== undefined) this.#given.set(session, place);
    return { session: session as StoredState["session"], entries: entries as StoredEntry[] };
  }

  async write(ops: readonly StoreOp[]): Promise<void> {
    if (this.#held === undefined) throw new UsageError("STATE_INVALID", "the storage is closed, or was not loaded");
    const outbox = this.#held.place;
    const db = await this.#open();
    const tx = db.transaction(stores, "readwrite", { durability: "strict" });
    const sessions = tx.objectStore("sessions");
    const entries = tx.objectStore("entries");
    const done = ops.map((op): Promise<unknown> => {
      if (op.type === "put") return entries.put(entryToText(op.entry), [...outbox, op.entry.order]);
      if (op.type === "delete") return entries.delete([...outbox, op.order]);
      if (op.type === "session") return sessions.put({ session: op.session, attempt: op.attempt }, outbox);
      const key = this.#given.get(op.record);
      const gone = key === undefined ? undefined : key.length === 3 ? entries.delete(key) : sessions.delete(key);
      return Promise.all([gone, tx.objectStore("damaged").add({ outbox, record: op.record })]);
    });
    await Promise.all([...done, tx.done]);
  }

  /** Gives the outbox to whoever comes next. Close the client first. */
  async close(): Promise<void> {
    this.#db?.close();
    this.#db = undefined;
    this.#held?.release();
    this.#held = undefined;
  }

  /** A database that the browser, or a later version of this page, has closed is opened again. */
  async #open(): Promise<IDBPDatabase<Schema>> {
    if (this.#db !== undefined) return this.#db;
    if (typeof indexedDB === "undefined") throw new UsageError("DEPENDENCY_MISSING", "there is no IndexedDB here");
    const forget = (): void => {
      this.#db?.close();
      this.#db = undefined;
    };
    this.#db = await openDB<Schema>(this.#database, 1, {
      upgrade: (db) => {
        db.createObjectStore("sessions");
        db.createObjectStore("entries");
        db.createObjectStore("damaged", { autoIncrement: true });
      },
      blocking: forget,
      terminated: forget,
    });
    return this.#db;
  }

  /** The first that nobody holds: those with entries before all others. */
  async #take(db: IDBPDatabase<Schema>): Promise<{ readonly place: Place; readonly release: () => void }> {
    const left = (await db.getAllKeys("entries", rangeOf([this.#name]))).map(([, number]) => number);
    const numbers = new Set([...left, ...Array.from({ length: mostPlaces }, (_, i) => i)]);
    for (const number of numbers) {
      const release = await lock(JSON.stringify(["chappe", this.#database, this.#name, number]));
      if (release !== undefined) return { place: [this.#name, number], release };
    }
    throw new UsageError("OUTBOX_LOCKED", `all outboxes of ${this.#name} are in use`);
  }
}

/** All keys that begin so. Arrays stand above numbers and texts. */
function rangeOf(prefix: readonly (string | number)[]): IDBKeyRange {
  return IDBKeyRange.bound([...prefix], [...prefix, []]);
}

/** @returns what gives it back; undefined where it is held. */
function lock(name: string): Promise<(() => void) | undefined> {
  const { locks } = navigator;
  if (locks === undefined) {
    const why = "there are no Web Locks here: pages that are served over https have them";
    return Promise.reject(new UsageError("DEPENDENCY_MISSING", why));
  }
  return new Promise((resolve, reject) => {
    const held = locks.request(name, { ifAvailable: true }, (given) => {
      if (given === null) {
        resolve(undefined);
        return undefined;
      }
      return new Promise<void>((release) => resolve(release));
    });
    held.catch(reject);
  });
}
