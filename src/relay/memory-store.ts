/**
 * The state of a broker, in memory, and the order in which its relays are told of it. With a shelf the logs are kept there too, and what tells
 * of a change is told once the change is kept; if it cannot be kept it is undone: the log is what was kept of it last.
 */

import { ProtocolError } from "../errors.ts";
import { type Clock, type Random, randomEpoch } from "../session/host.ts";
import { type Chat, Durability } from "../wire/codec.ts";
import { defaultRelayLimits } from "../wire/limits.ts";
import {
  type Announcement,
  type BackendEntry,
  type BrokerSink,
  type LogSlice,
  type MaybePromise,
  type ProducerState,
  type PublishRequest,
  type ReadQuery,
  type RoomLog,
  type Stored,
  userTopic,
  type Watermarks,
} from "./broker.ts";
import { behindFence, type Fence } from "./fence.ts";
import { type Decided, type LogBounds, MemoryLog, type Retention } from "./memory-log.ts";
import { MemoryRegistry } from "./memory-registry.ts";
import { checkedMemoryOptions } from "./rules.ts";
import type { Shelf } from "./shelf.ts";
import { type Listener, notKept, Tellings } from "./tellings.ts";
import { UserQuota } from "./user-quota.ts";

/** What a {@link MemoryBroker} is made with. Its memory is bounded by these, and by what is remembered of users in a room. */
export interface MemoryBrokerOptions {
  /** The time: of entries (LOG-4), and of what is forgotten. */
  readonly clock: Clock;
  /** For epochs: MUST be cryptographically strong outside of tests. */
  readonly random: Random;
  /** How much of each log is kept. By default 100 entries, 16 MiB, any age. */
  readonly retention?: Partial<Retention>;
  /** How long a producer is remembered after its last publish, in s; no less than what relays advertise. 7 days by default (PUB-9). */
  readonly dedupWindowS?: number;
  /**
   * Rooms at most, at least 1; a further one is UNAVAILABLE. 100,000 by default. A room counts while anyone has it open, and for ever once
   * anything was stored in it.
   */
  readonly maxRooms?: number;
  /**
   * Of these, rooms that one user has made, by opening them first; at least 1. A further one is UNAVAILABLE to this user, until one of them
   * is gone; it may enter those of others. 1,000 by default. Rooms that a backend makes do not count.
   */
  readonly maxRoomsPerUser?: number;
  /**
   * Sessions of one user that a room remembers at a time, at least 1. A publish from a further one is UNAVAILABLE, until one of them has not
   * published there for the dedup window. None is forgotten in its favour: its publishes would be stored twice where they are sent again,
   * and that is what PUB-9 rules out. 1,000 by default; a client without storage takes a new one each time it starts.
   */
  readonly maxSessionsPerUser?: number;
}

/** Producers, and users with watermarks, of one room. */
const maxUsers = 100_000;

const notOpen: Decided = {
  outcome: { type: "retry", error: new ProtocolError("UNAVAILABLE", "the room is not open here") },
  entry: undefined,
};

/** A room that exists. */
interface Held {
  epoch: number;
  /** Undefined: it is on the shelf alone. */
  log: MemoryLog | undefined;
  /** Relays that have it open. */
  readers: number;
  /** User id; empty: the service. */
  readonly maker: string;
}

/** A relay, as the store sees it. */
export interface MemoryReader extends Listener {
  readonly fence: Fence;
  reads(room: string): boolean;
  follows(topic: string): boolean;
}

export class MemoryStore {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #bounds: LogBounds;
  readonly #maxRooms: number;
  readonly #rooms = new Map<string, Held>();
  readonly #makers: UserQuota;
  readonly #readers = new Set<MemoryReader>();
  readonly #registry: MemoryRegistry;
  /** The live claims of sessions: attempts by user and session. */
  readonly #claims = new Map<string, number>();
  readonly #tellings: Tellings;
  readonly #shelf: Shelf | undefined;
  readonly #onFault: (error: unknown) => void;
  /** Rooms that nobody has open, and whose logs stay in memory until they are kept. */
  readonly #closed = new Set<string>();

  /**
   * @param onFault - called with what a commit of the shelf rejected with.
   * @throws UsageError OPTION_INVALID, with the name of the option.
   */
  constructor(given: MemoryBrokerOptions, shelf?: Shelf, onFault: (error: unknown) => void = () => undefined) {
    const options = checkedMemoryOptions(given);
    const { retention = {}, dedupWindowS = defaultRelayLimits.dedupWindowS, maxRooms = 100_000 } = options;
    const { maxRoomsPerUser = 1000, maxSessionsPerUser = 1000 } = options;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#maxRooms = maxRooms;
    this.#makers = new UserQuota(maxRoomsPerUser);
    this.#bounds = {
      maxEntries: retention.maxEntries ?? 100,
      maxBytes: retention.maxBytes ?? 16 * 1024 * 1024,
      maxAgeMs: retention.maxAgeMs ?? Number.POSITIVE_INFINITY,
      dedupWindowMs: dedupWindowS * 1000,
      maxProducers: maxUsers,
      maxProducersPerUser: maxSessionsPerUser,
      maxReceipts: maxUsers,
    };
    this.#tellings = new Tellings(shelf, (listener) => this.#readers.has(listener as MemoryReader), {
      kept: () => this.#letGoClosed(),
      undone: (rooms, error) => {
        this.#undo(rooms);
        onFault(error);
      },
    });
    this.#shelf = shelf;
    this.#onFault = onFault;
    for (const { room, maker } of shelf?.rooms() ?? []) {
      this.#rooms.set(room, { epoch: 0, log: undefined, readers: 0, maker });
      this.#makers.add(maker);
    }
    this.#registry = new MemoryRegistry(options.clock, (topic, key, value) => {
      this.#toFollowers(topic, "changed", topic, key, value);
    });
  }

  attach(reader: MemoryReader): void {
    this.#readers.add(reader);
  }

  /** Empties a room's log, as if the room were deleted and made again: a new epoch, of which all are told (LOG-3). */
  reset(room: string): void {
    const held = this.#rooms.get(room);
    if (held === undefined) return;
    this.#shelf?.drop(room);
    held.epoch = randomEpoch(this.#random);
    const journal = this.#shelf?.journal(room, held.epoch, held.maker);
    held.log = new MemoryLog(held.epoch, this.#bounds, this.#clock, journal);
    this.#toReaders(room, "epochChanged", room, this.#stateOf(held.log));
    this.#letGo(room, held);
  }

  /** One more relay has the room open. @param maker - who has made it, if nobody else has. */
  open(room: string, maker: string): MaybePromise<RoomLog> {
    const held = this.#rooms.get(room) ?? this.#make(room, maker);
    // What cannot be read is not open.
    this.#logOf(room, held);
    held.readers++;
    return this.opened(room);
  }

  /** The log of a room that the caller has open. */
  opened(room: string): MaybePromise<RoomLog> {
    return this.#answer(room, (log) => this.#stateOf(log));
  }

  /** Undoes one {@link open}. */
  close(room: string): void {
    const held = this.#rooms.get(room);
    if (held === undefined) return;
    held.readers--;
    this.#letGo(room, held);
    this.#tellings.tell();
  }

  publish(request: PublishRequest, from: MemoryReader): void {
    const held = this.#rooms.get(request.room);
    const log = held === undefined || held.readers === 0 ? undefined : this.#loaded(request.room, held);
    const { outcome, entry } = from.fence.isBefore(request) ? behindFence : (log?.publish(request) ?? notOpen);
    from.fence.decided(request, outcome);
    this.#tellings.push(from, "settled", [request, outcome]);
    if (log !== undefined && entry !== undefined) this.#appended(request.room, log, entry);
    this.#tellings.tell();
  }

  append(room: string, given: BackendEntry): MaybePromise<Stored> {
    const held = this.#rooms.get(room) ?? this.#make(room, "");
    try {
      const log = this.#logOf(room, held);
      const { stored, entry } = log.append(given);
      if (entry !== undefined) this.#appended(room, log, entry);
      return this.#tellings.answer(room, stored, () => {
        throw notKept();
      });
    } finally {
      this.#letGo(room, held);
    }
  }

  producer(room: string, producer: string): MaybePromise<ProducerState> {
    return this.#answer(room, (log) => ({ ...log.state(), nextSeq: log.nextSeq(producer) }));
  }

  read(room: string, query: ReadQuery): MaybePromise<LogSlice> {
    return this.#answer(room, (log) => log.read(query));
  }

  receipt(room: string, user: string, marks: Watermarks): void {
    const held = this.#rooms.get(room);
    const moved = held === undefined ? undefined : this.#loaded(room, held)?.receipt(user, marks);
    if (moved !== undefined) this.#toReaders(room, "receipt", room, user, moved);
  }

  receipts(room: string, limit: number): MaybePromise<ReadonlyMap<string, Watermarks>> {
    return this.#answer(room, (log) => log.receipts(limit));
  }

  get registry(): MemoryRegistry {
    return this.#registry;
  }

  announce(topic: string, announcement: Announcement): void {
    this.#toFollowers(topic, "announced", topic, announcement);
  }

  claim(user: string, session: string, attempt: number): boolean {
    const key = session + user;
    const live = this.#claims.get(key);
    if (live !== undefined && live >= attempt) return false;
    this.#claims.set(key, attempt);
    if (live !== undefined) this.announce(userTopic(user), { type: "takeover", session, attempt });
    return true;
  }

  release(user: string, session: string, attempt: number): void {
    const key = session + user;
    if (this.#claims.get(key) === attempt) this.#claims.delete(key);
  }

  detach(reader: MemoryReader): void {
    this.#readers.delete(reader);
    this.#registry.removeAll(reader);
  }

  /** Resolves when what has changed by now is kept, or could not be. */
  settled(): Promise<void> {
    return this.#tellings.settled();
  }

  #appended(room: string, log: MemoryLog, entry: Chat): void {
    this.#toReaders(room, "appended", room, entry, log.state().firstRetained);
  }

  #toReaders<K extends keyof BrokerSink>(room: string, call: K, ...args: Parameters<BrokerSink[K]>): void {
    for (const to of this.#readers) if (to.reads(room)) this.#tellings.push(to, call, args);
    this.#tellings.tell();
  }

  #toFollowers<K extends keyof BrokerSink>(topic: string, call: K, ...args: Parameters<BrokerSink[K]>): void {
    for (const to of this.#readers) if (to.follows(topic)) this.#tellings.push(to, call, args);
    this.#tellings.tell();
  }

  /** What a log says, once it is kept; where it could not be, what the log says then. */
  #answer<T>(room: string, ask: (log: MemoryLog) => T): MaybePromise<T> {
    const again = (): T => ask(this.#require(room));
    return this.#tellings.answer(room, again(), again);
  }

  /** What could not be kept has not happened. */
  #undo(rooms: Iterable<string>): void {
    for (const room of rooms) {
      const held = this.#rooms.get(room);
      if (held === undefined) continue;
      held.log = undefined;
      if (held.readers === 0 && this.#shelf?.has(room) !== true) this.#remove(room, held);
    }
  }

  /** Brings the logs of some rooms that nobody has open to what their retention leaves of them. @returns whether there are more. */
  sweep(rooms: Iterator<string>, count: number): boolean {
    for (let i = 0; i < count; i++) {
      const next = rooms.next();
      if (next.done === true) return false;
      const held = this.#rooms.get(next.value);
      if (held === undefined || held.readers > 0) continue;
      this.#loaded(next.value, held)?.state();
      this.#letGo(next.value, held);
    }
    this.#tellings.tell();
    return true;
  }

  /** All rooms that there are. */
  roomNames(): Iterator<string> {
    return this.#rooms.keys();
  }

  #make(room: string, maker: string): Held {
    if (this.#rooms.size >= this.#maxRooms) throw new ProtocolError("UNAVAILABLE", "there are too many rooms");
    if (!this.#makers.take(maker)) throw new ProtocolError("UNAVAILABLE", "this user has made too many rooms");
    const held: Held = { epoch: randomEpoch(this.#random), log: undefined, readers: 0, maker };
    this.#rooms.set(room, held);
    return held;
  }

  #remove(room: string, held: Held): void {
    this.#rooms.delete(room);
    this.#makers.give(held.maker);
  }

  /** @throws what the shelf throws where it cannot be read. */
  #logOf(room: string, held: Held): MemoryLog {
    if (held.log !== undefined) return held.log;
    const saved = this.#shelf?.load(room);
    held.epoch = saved?.epoch ?? held.epoch;
    const journal = this.#shelf?.journal(room, held.epoch, held.maker);
    held.log = new MemoryLog(held.epoch, this.#bounds, this.#clock, journal, saved);
    return held.log;
  }

  /** As {@link #logOf}, where nobody could be told that it cannot be read. */
  #loaded(room: string, held: Held): MemoryLog | undefined {
    try {
      return this.#logOf(room, held);
    } catch (error) {
      this.#onFault(error);
      return undefined;
    }
  }

  /**
   * A log in which nothing was ever stored goes once nobody has it open: another epoch loses nothing then (LOG-3). One that had entries
   * stays, also where none is left: in another epoch a client would send again what it has to take for doubtful (PUB-8, e); what is on the
   * shelf need not be in memory.
   */
  #letGo(room: string, held: Held): void {
    const { log } = held;
    if (held.readers > 0 || this.#rooms.get(room) !== held || log === undefined) return;
    if (log.isBlank()) {
      this.#remove(room, held);
      this.#shelf?.drop(room);
    } else if (this.#shelf?.isChanged(room) === true) {
      this.#closed.add(room);
    } else if (this.#shelf !== undefined) {
      held.log = undefined;
    }
  }

  #letGoClosed(): void {
    const closed = [...this.#closed];
    this.#closed.clear();
    for (const room of closed) {
      const held = this.#rooms.get(room);
      if (held !== undefined) this.#letGo(room, held);
    }
  }

  #stateOf(log: MemoryLog): RoomLog {
    return { ...log.state(), durability: this.#shelf?.durability ?? Durability.MEMORY };
  }

  #require(room: string): MemoryLog {
    const held = this.#rooms.get(room);
    if (held === undefined) throw new ProtocolError("UNAVAILABLE", "the room is not open");
    return this.#logOf(room, held);
  }
}
