/**
 * The shelf of a disk broker: logs in an LMDB environment. Law: the changes of one commit are one transaction, and a commit holds all that
 * came while the one before it was written; what is not committed is in `#changes` or `#writing`, and nowhere else.
 */

import type { Database, RootDatabase } from "lmdb";
import type { Watermarks } from "../relay/broker.ts";
import type { LogJournal, SavedLog, SavedProducer, SettledResult, Shelf } from "../relay/shelf.ts";
import type { Chat, Durability } from "../wire/codec.ts";
import { producerRing } from "../wire/limits.ts";
import {
  type BlockRecord,
  blockKey,
  blockKeys,
  blockSeqs,
  entryKey,
  entryOf,
  entryValue,
  type LogRecord,
  nameIn,
  nameKey,
  producerBytes,
  producerOf,
  type ReceiptRecord,
  rangeOf,
  resultBytes,
  resultOf,
} from "./disk-records.ts";

/** The databases of a disk broker. */
export interface Databases {
  readonly root: RootDatabase;
  readonly rooms: Database<LogRecord, string>;
  readonly entries: Database<Uint8Array, Buffer>;
  readonly producers: Database<Buffer, Buffer>;
  readonly results: Database<BlockRecord, Buffer>;
  readonly receipts: Database<ReceiptRecord, Buffer>;
}

type Name = Exclude<keyof Databases, "root" | "rooms">;

/** A value that is put, or a key that goes where there is none. */
interface Change {
  readonly database: Name;
  readonly key: Buffer;
  readonly value: unknown;
}

/** What one transaction writes of a log. */
interface LogChanges {
  /** In order. */
  readonly list: Change[];
  /** A producer changes with each publish: only the last counts. */
  readonly producers: Map<string, Change>;
}

/** What one transaction writes. */
class Changes {
  /** The rooms that it is about: their new records, or undefined where they go. */
  readonly rooms = new Map<string, LogRecord | undefined>();
  /** Logs that go. */
  readonly dropped = new Set<number>();
  readonly #logs = new Map<number, LogChanges>();

  of(log: number): LogChanges {
    let changes = this.#logs.get(log);
    if (changes === undefined) {
      changes = { list: [], producers: new Map() };
      this.#logs.set(log, changes);
    }
    return changes;
  }

  drop(log: number): void {
    this.#logs.delete(log);
    this.dropped.add(log);
  }

  *all(): Iterable<Change> {
    for (const { list, producers } of this.#logs.values()) {
      yield* list;
      yield* producers.values();
    }
  }
}

const databasesOfLogs: readonly Name[] = ["entries", "producers", "results", "receipts"];

export class DiskShelf implements Shelf {
  readonly durability: Durability;
  readonly #databases: Databases;
  readonly #wall: () => number;
  /** As committed. */
  readonly #rooms = new Map<string, LogRecord>();
  #nextLog = 1;
  #changes = new Changes();
  #writing: Changes | undefined;

  /** @param wall - ms since 1970. */
  constructor(databases: Databases, durability: Durability, wall: () => number) {
    this.#databases = databases;
    this.durability = durability;
    this.#wall = wall;
    for (const { key, value } of databases.rooms.getRange()) {
      this.#rooms.set(key, value);
      this.#nextLog = Math.max(this.#nextLog, value[0] + 1);
    }
  }

  *rooms(): Iterable<{ readonly room: string; readonly maker: string }> {
    for (const [room, [, , maker]] of this.#rooms) yield { room, maker };
  }

  has(room: string): boolean {
    return this.#rooms.has(room);
  }

  load(room: string): SavedLog | undefined {
    const record = this.#rooms.get(room);
    if (record === undefined) return undefined;
    const [log, epoch, , first, head, timeMs] = record;
    return {
      epoch,
      first,
      timeMs,
      entries: this.#entries(log, first, head),
      producers: this.#producers(log),
      receipts: this.#receipts(log),
    };
  }

  journal(room: string, epoch: number, maker: string): LogJournal {
    const kept = this.#rooms.get(room);
    const [log, , , first, head, timeMs] = kept?.[1] === epoch ? kept : [this.#nextLog++, epoch, maker, 1, 0, 0];
    return new DiskJournal(log, { first, head, timeMs }, this.#wall, {
      changes: () => this.#changes,
      producer: (key) => this.#databases.producers.get(key),
      record: (at) => void this.#changes.rooms.set(room, [log, epoch, maker, at.first, at.head, at.timeMs]),
    });
  }

  drop(room: string): void {
    const records = [this.#rooms.get(room), this.#writing?.rooms.get(room), this.#changes.rooms.get(room)];
    for (const record of records) if (record !== undefined) this.#changes.drop(record[0]);
    this.#changes.rooms.set(room, undefined);
  }

  isChanged(room: string): boolean {
    return this.#changes.rooms.has(room) || this.#writing?.rooms.has(room) === true;
  }

  hasChanges(): boolean {
    return this.#changes.rooms.size > 0;
  }

  /** Once what this turn of the event loop brings has come. */
  ready(): Promise<void> {
    return new Promise((resolve) => void setImmediate(resolve));
  }

  async commit(): Promise<void> {
    const changes = this.#changes;
    this.#writing = changes;
    this.#changes = new Changes();
    await this.#transaction((writes) => this.#write(changes, writes));
    this.#writing = undefined;
    for (const [room, record] of changes.rooms) {
      if (record === undefined) this.#rooms.delete(room);
      else this.#rooms.set(room, record);
    }
  }

  discard(): Iterable<string> {
    const rooms = new Set([...(this.#writing?.rooms.keys() ?? []), ...this.#changes.rooms.keys()]);
    this.#writing = undefined;
    this.#changes = new Changes();
    return rooms;
  }

  /** What `write` adds are the promises of its parts: they are kept and broken together, and none is left alone. */
  async #transaction(write: (writes: Set<Promise<unknown>>) => void): Promise<void> {
    const writes = new Set<Promise<unknown>>();
    try {
      writes.add(this.#databases.root.batch(() => write(writes)));
      await Promise.all(writes);
    } catch (error) {
      throw await causeOf(error);
    }
  }

  #write(changes: Changes, writes: Set<Promise<unknown>>): void {
    const { rooms } = this.#databases;
    for (const log of changes.dropped) {
      for (const name of databasesOfLogs) {
        const database = this.#databases[name] as Database<unknown, Buffer>;
        for (const key of database.getKeys(rangeOf(log))) writes.add(database.remove(key));
      }
    }
    for (const change of changes.all()) writes.add(this.#apply(change));
    for (const [room, record] of changes.rooms) writes.add(record === undefined ? rooms.remove(room) : rooms.put(room, record));
  }

  #apply({ database, key, value }: Change): Promise<boolean> {
    const target = this.#databases[database] as Database<unknown, Buffer>;
    return value === undefined ? target.remove(key) : target.put(key, value);
  }

  *#entries(log: number, first: number, head: number): Iterable<Chat> {
    let expected = first;
    for (const { value } of this.#databases.entries.getRange({ start: entryKey(log, first), end: entryKey(log, head + 1) })) {
      const chat = entryOf(value);
      if (Number(chat.offset) !== expected++) break;
      yield chat;
    }
    if (expected !== head + 1) throw new RangeError(`entry ${expected} of a log of ${head} is missing in the store`);
  }

  #producers(log: number): readonly SavedProducer[] {
    const { producers, results } = this.#databases;
    const saved: SavedProducer[] = [];
    for (const { key, value } of producers.getRange(rangeOf(log))) {
      const { user, usedAtMs, nextSeq, recent } = producerOf(value);
      const name = nameIn(key);
      const window: SavedProducer["window"] = () => {
        const blocks = [...results.getRange(rangeOf(log, name))].map((each) => each.value);
        const ring = [...blocks, blockOf(nextSeq, recent)].filter(([first]) => first < nextSeq).sort(([a], [b]) => a - b);
        return {
          nextSeq,
          settled: ring
            .flatMap(([, all]) => all)
            .slice(-producerRing)
            .map(resultOf),
        };
      };
      saved.push({ name, user, usedAtMs, window });
    }
    return saved.sort((a, b) => a.usedAtMs - b.usedAtMs);
  }

  #receipts(log: number): ReadonlyMap<string, Watermarks> {
    const saved = [...this.#databases.receipts.getRange(rangeOf(log))].sort((a, b) => a.value[2] - b.value[2]);
    return new Map(saved.map(({ key, value: [delivered, read] }) => [nameIn(key), { delivered, read }]));
  }
}

/** What LMDB says of a commit that failed is in a promise of its own. */
function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<never> };
  return commitError === undefined ? Promise.resolve(error) : commitError.catch((cause: unknown) => cause);
}

/** Recent results as a block: those of the seqs before `nextSeq` or, where that is the last of a block, up to it. */
function blockOf(nextSeq: number, results: readonly Uint8Array[]): BlockRecord {
  return [Math.floor((nextSeq - 1) / blockSeqs) * blockSeqs + 1, results];
}

/** How far a log has come. */
interface Progress {
  first: number;
  head: number;
  timeMs: number;
}

/** Where a journal writes, and what it reads. */
interface JournalTarget {
  changes(): Changes;
  record(at: Progress): void;
  /** As committed. */
  producer(key: Buffer): Buffer | undefined;
}

class DiskJournal implements LogJournal {
  readonly #log: number;
  readonly #at: Progress;
  readonly #wall: () => number;
  readonly #to: JournalTarget;
  /** Results of producers after their last whole block. */
  readonly #recent = new Map<string, Uint8Array[]>();

  constructor(log: number, at: Progress, wall: () => number, to: JournalTarget) {
    this.#log = log;
    this.#at = at;
    this.#wall = wall;
    this.#to = to;
  }

  entry(chat: Chat): void {
    const offset = Number(chat.offset);
    if (offset > this.#at.head) {
      this.#at.head = offset;
      this.#at.timeMs = Number(chat.timeMs);
    }
    this.#put("entries", entryKey(this.#log, offset), entryValue(chat));
  }

  trimmed(first: number): void {
    for (let offset = this.#at.first; offset < first; offset++) this.#put("entries", entryKey(this.#log, offset), undefined);
    this.#at.first = first;
    this.#to.record(this.#at);
  }

  settled(producer: string, seq: number, id: Uint8Array, result: SettledResult): void {
    // The first of all: what is kept under the name is of one that was forgotten.
    if (seq === 1) this.#recent.set(producer, []);
    const recent = this.#recentOf(producer);
    recent.push(resultBytes(id, result));
    if (seq % blockSeqs !== 0) return;
    const [first] = blockOf(seq, recent);
    const block: BlockRecord = [first, recent];
    this.#put("results", blockKey(this.#log, producer, seq), block);
    this.#recent.set(producer, []);
  }

  used(producer: string, user: string, nextSeq: number): void {
    const value = producerBytes({ user, usedAtMs: this.#wall(), nextSeq, recent: this.#recentOf(producer) });
    const key = nameKey(this.#log, producer);
    this.#to.changes().of(this.#log).producers.set(producer, { database: "producers", key, value });
    this.#to.record(this.#at);
  }

  forgotten(producer: string): void {
    this.#recent.delete(producer);
    this.#to.changes().of(this.#log).producers.delete(producer);
    this.#put("producers", nameKey(this.#log, producer), undefined);
    for (const key of blockKeys(this.#log, producer)) this.#put("results", key, undefined);
  }

  /** What was kept of a producer is read when it publishes for the first time since. */
  #recentOf(producer: string): Uint8Array[] {
    let recent = this.#recent.get(producer);
    if (recent === undefined) {
      const kept = this.#to.producer(nameKey(this.#log, producer));
      recent = kept === undefined ? [] : [...producerOf(kept).recent];
      this.#recent.set(producer, recent);
    }
    return recent;
  }

  receipt(user: string, marks: Watermarks | undefined): void {
    const value: ReceiptRecord | undefined = marks && [marks.delivered, marks.read, this.#wall()];
    this.#put("receipts", nameKey(this.#log, user), value);
  }

  #put(database: Name, key: Buffer, value: unknown): void {
    this.#to.changes().of(this.#log).list.push({ database, key, value });
    this.#to.record(this.#at);
  }
}
