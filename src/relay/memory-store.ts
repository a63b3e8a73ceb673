/** The state of a broker in memory, and the order in which its relays are told of it. */

import { ProtocolError } from "../errors.ts";
import { type Clock, type Random, randomEpoch } from "../session/host.ts";
import { Fifo } from "../session/server-queues.ts";
import { Durability } from "../wire/codec.ts";
import { defaultRelayLimits } from "../wire/limits.ts";
import {
  type Announcement,
  type BackendEntry,
  type BrokerSink,
  type LogSlice,
  type ProducerState,
  type PublishRequest,
  type ReadQuery,
  type RoomLog,
  type Stored,
  userTopic,
  type Watermarks,
} from "./broker.ts";
import { type Decided, type LogBounds, MemoryLog, type Retention } from "./memory-log.ts";
import { MemoryRegistry } from "./memory-registry.ts";
import { checkedMemoryOptions } from "./rules.ts";
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
  log: MemoryLog;
  /** Relays that have it open. */
  readers: number;
  /** User id; empty: the service. */
  readonly maker: string;
}

/** A relay, as the store sees it. */
export interface MemoryReader {
  readonly sink: BrokerSink;
  reads(room: string): boolean;
  follows(topic: string): boolean;
}

/** One call of a sink. */
interface Told {
  readonly to: MemoryReader;
  readonly call: keyof BrokerSink;
  readonly args: readonly unknown[];
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
  /** What is to be told: one after the other, so that all relays see one order. */
  readonly #told = new Fifo<Told>();
  #telling: "idle" | "busy" = "idle";

  /** @throws UsageError OPTION_INVALID, with the name of the option. */
  constructor(given: MemoryBrokerOptions) {
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
    held.log = this.#newLog();
    this.#toReaders(room, "epochChanged", room, this.#stateOf(held.log));
    this.#dropBlank(room, held);
  }

  /** One more relay has the room open. @param maker - who has made it, if nobody else has. */
  open(room: string, maker: string): RoomLog {
    const held = this.#rooms.get(room) ?? this.#make(room, maker);
    held.readers++;
    return this.#stateOf(held.log);
  }

  /** The log of a room that the caller has open. */
  opened(room: string): RoomLog {
    return this.#stateOf(this.#require(room));
  }

  /** Undoes one {@link open}. */
  close(room: string): void {
    const held = this.#rooms.get(room);
    if (held === undefined) return;
    held.readers--;
    this.#dropBlank(room, held);
  }

  publish(request: PublishRequest, from: MemoryReader): void {
    const log = this.#rooms.get(request.room)?.log;
    const { outcome, entry } = log === undefined ? notOpen : log.publish(request);
    this.#told.push({ to: from, call: "settled", args: [request, outcome] });
    if (log !== undefined && entry !== undefined) this.#appended(request.room, log, entry);
    this.#tell();
  }

  append(room: string, given: BackendEntry): Stored {
    const held = this.#rooms.get(room) ?? this.#make(room, "");
    try {
      const { stored, entry } = held.log.append(given);
      if (entry !== undefined) this.#appended(room, held.log, entry);
      return stored;
    } finally {
      this.#dropBlank(room, held);
    }
  }

  producer(room: string, producer: string): ProducerState {
    const log = this.#require(room);
    return { ...log.state(), nextSeq: log.nextSeq(producer) };
  }

  read(room: string, query: ReadQuery): LogSlice {
    return this.#require(room).read(query);
  }

  receipt(room: string, user: string, marks: Watermarks): void {
    const moved = this.#rooms.get(room)?.log.receipt(user, marks);
    if (moved !== undefined) this.#toReaders(room, "receipt", room, user, moved);
  }

  receipts(room: string, limit: number): ReadonlyMap<string, Watermarks> {
    return this.#require(room).receipts(limit);
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

  #appended(room: string, log: MemoryLog, entry: Parameters<BrokerSink["appended"]>[1]): void {
    const { firstRetained } = log.state();
    this.#toReaders(room, "appended", room, entry, firstRetained);
  }

  #toReaders<K extends keyof BrokerSink>(room: string, call: K, ...args: Parameters<BrokerSink[K]>): void {
    for (const to of this.#readers) if (to.reads(room)) this.#told.push({ to, call, args });
    this.#tell();
  }

  #toFollowers<K extends keyof BrokerSink>(topic: string, call: K, ...args: Parameters<BrokerSink[K]>): void {
    for (const to of this.#readers) if (to.follows(topic)) this.#told.push({ to, call, args });
    this.#tell();
  }

  /** One after the other, what comes of it last: all relays see one order. */
  #tell(): void {
    if (this.#telling === "busy") return;
    this.#telling = "busy";
    try {
      for (let next = this.#told.shift(); next !== undefined; next = this.#told.shift()) {
        const { sink } = next.to;
        if (this.#readers.has(next.to)) (sink[next.call] as (...args: readonly unknown[]) => void).apply(sink, [...next.args]);
      }
    } finally {
      this.#telling = "idle";
    }
  }

  #make(room: string, maker: string): Held {
    if (this.#rooms.size >= this.#maxRooms) throw new ProtocolError("UNAVAILABLE", "there are too many rooms");
    if (!this.#makers.take(maker)) throw new ProtocolError("UNAVAILABLE", "this user has made too many rooms");
    const held: Held = { log: this.#newLog(), readers: 0, maker };
    this.#rooms.set(room, held);
    return held;
  }

  #newLog(): MemoryLog {
    return new MemoryLog(randomEpoch(this.#random), this.#bounds, this.#clock);
  }

  /**
   * A log in which nothing was ever stored goes once nobody has it open: another epoch loses nothing then (LOG-3). One that had entries
   * stays, also where none is left: in another epoch a client would send again what it has to take for doubtful (PUB-8, e).
   */
  #dropBlank(room: string, held: Held): void {
    if (held.readers > 0 || this.#rooms.get(room) !== held || !held.log.isBlank()) return;
    this.#rooms.delete(room);
    this.#makers.give(held.maker);
  }

  #stateOf(log: MemoryLog): RoomLog {
    return { ...log.state(), durability: Durability.MEMORY };
  }

  #require(room: string): MemoryLog {
    const held = this.#rooms.get(room);
    if (held === undefined) throw new ProtocolError("UNAVAILABLE", "the room is not open");
    return held.log;
  }
}
