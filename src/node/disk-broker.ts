/**
 * A broker on the disk of one machine: for one relay, or several in one process. What it has said to be stored is there after the process
 * was killed, with the epochs, the positions and what is known of producers; so clients go on as if nothing had been. Who is present, and
 * what is announced, is in memory.
 *
 * Logs of rooms that are open are in memory too, as far as they are retained; the others are on the disk alone. What many publish at one time
 * is written in one transaction.
 */

import { mkdir, open } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { RootDatabase } from "lmdb";
import { ProtocolError, UsageError } from "../errors.ts";
import type { Broker, BrokerLink, BrokerSink } from "../relay/broker.ts";
import { MemoryLink } from "../relay/memory-broker.ts";
import { type MemoryBrokerOptions, MemoryStore } from "../relay/memory-store.ts";
import { checkText, memoryRules } from "../relay/rules.ts";
import { callable, checkedBy, must, oneOf, type Rules } from "../session/option-rules.ts";
import { Durability } from "../wire/codec.ts";
import { type Databases, DiskShelf } from "./disk-shelf.ts";
import { lockFile } from "./file-lock.ts";
import { loadLmdb } from "./optional.ts";

/** What a {@link DiskBroker} is made with; its bounds are those of a broker in memory. */
export interface DiskBrokerOptions extends MemoryBrokerOptions {
  /** The folder in which it keeps what it has; made where it is not there. One broker holds it at a time. */
  readonly directory: string;
  /**
   * `always`, the default: what is stored is on the disk before it is told (durability DISK). `never`: it is handed to the system, which writes
   * when it likes: nothing is lost where the process alone ends; a machine that fails may lose the latest (durability BUFFERED).
   */
  readonly sync?: "always" | "never";
  /** What could not be written or read is told here: the relay answers UNAVAILABLE for it, and the next one tries again. */
  readonly onFault?: (error: unknown) => void;
}

const rules: Rules<Omit<DiskBrokerOptions, keyof MemoryBrokerOptions>> = {
  directory: must("the path of a folder", (value) => typeof value === "string" && value !== ""),
  sync: oneOf("always", "never"),
  onFault: callable,
};

/** What is in the folder; another number is another format. */
const format = 1;
/** How often rooms that nobody has open are looked through for entries that are too old, in ms. */
const sweepEveryMs = 600_000;
/** How many of them in one turn, and the ms between two turns. */
const sweepRooms = 50;
const sweepPauseMs = 20;

/**
 * Logs on the disk of one machine.
 *
 * @example
 * ```ts
 * const broker = await DiskBroker.open({ directory: "/var/lib/chat", clock: nodeClock(), random: nodeRandom });
 * const relay = new Relay({ broker, clock: nodeClock(), random: nodeRandom, authenticate });
 * // …
 * await relay.drain({ drainMs: 5000 });
 * await broker.close();
 * ```
 */
export class DiskBroker implements Broker {
  readonly #store: MemoryStore;
  readonly #close: () => Promise<void>;
  #relays = 0;
  #state: "open" | "closed" = "open";

  private constructor(store: MemoryStore, close: () => Promise<void>) {
    this.#store = store;
    this.#close = close;
  }

  /**
   * Opens the folder, under an exclusive lock. Rejects with a UsageError OPTION_INVALID, with the name of the option; DEPENDENCY_MISSING where
   * the package `lmdb` is not installed; STORE_LOCKED where another broker holds the folder; STORE_UNUSABLE where it cannot be
   * written, or holds something else.
   */
  static async open(options: DiskBrokerOptions): Promise<DiskBroker> {
    const checked = checkedBy({ ...memoryRules, ...rules }, options, "options", "", ["directory", "clock", "random"]);
    const { directory, sync = "always", onFault = () => undefined, ...memory } = checked as unknown as DiskBrokerOptions;
    const path = resolve(directory);
    const lmdb = await loadLmdb();
    await usable(path, () => mkdir(path, { recursive: true }));
    const unlock = await usable(path, () => lockFile(join(path, "lock"), { what: "store", code: "STORE_LOCKED" }));
    const opened: RootDatabase[] = [];
    const close = async (): Promise<void> => {
      for (const root of opened) await root.close();
      await unlock();
    };
    try {
      const databases = await usable(path, async () => {
        await checkEnvironment(join(path, "data.mdb"));
        const root = lmdb.open({
          path,
          noSubdir: false,
          maxDbs: 8,
          // One that overlaps the next commit is not waited for.
          overlappingSync: sync === "never",
          // Each commit is a batch of its own; what the package would add to it has a promise that nobody could catch.
          eventTurnBatching: false,
        });
        opened.push(root);
        return databasesOf(root);
      });
      const durability = sync === "always" ? Durability.DISK : Durability.BUFFERED;
      const shelf = new DiskShelf(databases, durability, () => memory.clock.wall());
      const store = new MemoryStore(memory, shelf, onFault);
      const stop = sweepNowAndThen(store, memory);
      return new DiskBroker(store, async () => {
        stop();
        await store.settled();
        await close();
      });
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** @throws ProtocolError UNAVAILABLE after {@link close}. */
  attach(sink: BrokerSink): BrokerLink {
    if (this.#state === "closed") throw new ProtocolError("UNAVAILABLE", "the broker is closed");
    const link = new MemoryLink(this.#store, sink, `d${++this.#relays}`);
    this.#store.attach(link);
    return link;
  }

  /** Empties a room's log, as if the room were deleted and made again: a new epoch, of which all are told (LOG-3). @throws UsageError OPTION_INVALID where it is no string. */
  reset(room: string): void {
    checkText("room", room);
    this.#store.reset(room);
  }

  /** Writes what waits, and gives the folder back. End the relays first. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    await this.#close();
  }
}

/** The first bytes of an environment of LMDB: a header of 24 bytes, and this. */
const magic = 0xbeefc0de;
const magicAt = 24;

/** LMDB maps the file into memory, and would end the process where it holds something else. */
async function checkEnvironment(path: string): Promise<void> {
  const file = await open(path, "a+");
  try {
    const head = Buffer.alloc(magicAt + 4);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    if (bytesRead > 0 && (bytesRead < head.length || head.readUInt32LE(magicAt) !== magic))
      throw new Error("data.mdb is no environment of LMDB");
  } finally {
    await file.close();
  }
}

/** The databases of an environment, and of the format that is known here. */
export async function databasesOf(root: RootDatabase): Promise<Databases> {
  const keys = { keyEncoding: "binary" } as const;
  const meta = root.openDB<number, string>({ name: "meta" });
  const found = meta.get("format");
  if (found === undefined) await meta.put("format", format);
  else if (found !== format) throw new Error(`it has format ${found}, not ${format}`);
  return {
    root,
    rooms: root.openDB({ name: "rooms" }),
    entries: root.openDB({ name: "entries", encoding: "binary", ...keys }),
    producers: root.openDB({ name: "producers", encoding: "binary", ...keys }),
    results: root.openDB({ name: "results", ...keys }),
    receipts: root.openDB({ name: "receipts", ...keys }),
  };
}

/** What the system says of the folder is told with its path. */
async function usable<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError("STORE_UNUSABLE", `${path}: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

/** Where entries have an age that is too great: those of rooms that nobody opens go too. @returns what ends it. */
function sweepNowAndThen(store: MemoryStore, { clock, retention }: MemoryBrokerOptions): () => void {
  if (retention?.maxAgeMs === undefined || retention.maxAgeMs === Number.POSITIVE_INFINITY) return () => undefined;
  let timer: unknown;
  let rooms = store.roomNames();
  const sweep = (): void => {
    const isMore = store.sweep(rooms, sweepRooms);
    if (!isMore) rooms = store.roomNames();
    timer = clock.setTimer(isMore ? sweepPauseMs : sweepEveryMs, sweep);
  };
  timer = clock.setTimer(sweepEveryMs, sweep);
  return () => clock.clearTimer(timer);
}
