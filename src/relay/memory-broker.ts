/**
 * A broker in the memory of one process (durability MEMORY): for one relay, for several in one process, and for tests. What it holds is
 * lost with it; a new one has new epochs, so that nobody mistakes its logs for the old ones (LOG-3).
 */

import { ProtocolError } from "../errors.ts";
import type {
  Announcement,
  BackendEntry,
  Broker,
  BrokerLink,
  BrokerSink,
  LogSlice,
  MaybePromise,
  ProducerState,
  PublishRequest,
  ReadQuery,
  RegistryValue,
  RoomLog,
  Stored,
  Watermarks,
} from "./broker.ts";
import { Fence } from "./fence.ts";
import { isLater } from "./later.ts";
import { type MemoryBrokerOptions, type MemoryReader, MemoryStore } from "./memory-store.ts";
import { checkText } from "./rules.ts";

export type { Retention } from "./memory-log.ts";
export type { MemoryBrokerOptions } from "./memory-store.ts";

/** See {@link Broker}. */
export class MemoryBroker implements Broker {
  readonly #store: MemoryStore;
  #relays = 0;

  /** @throws UsageError OPTION_INVALID, with the name of the option. */
  constructor(options: MemoryBrokerOptions) {
    this.#store = new MemoryStore(options);
  }

  attach(sink: BrokerSink): BrokerLink {
    const link = new MemoryLink(this.#store, sink, `m${++this.#relays}`);
    this.#store.attach(link);
    return link;
  }

  /** Empties a room's log, as if the room were deleted and made again: a new epoch, of which all are told (LOG-3). @throws UsageError OPTION_INVALID where it is no string. */
  reset(room: string): void {
    checkText("room", room);
    this.#store.reset(room);
  }
}

/** A relay's access to a {@link MemoryStore}. */
export class MemoryLink implements BrokerLink, MemoryReader {
  readonly relayId: string;
  readonly sink: BrokerSink;
  readonly fence: Fence = new Fence();
  readonly #store: MemoryStore;
  /** Rooms that it has open: each counts once. */
  readonly #rooms = new Set<string>();
  readonly #topics = new Set<string>();
  #state: "attached" | "detached" = "attached";

  constructor(store: MemoryStore, sink: BrokerSink, relayId: string) {
    this.#store = store;
    this.sink = {
      settled: (request, outcome) => {
        this.fence.told(request);
        sink.settled(request, outcome);
      },
      appended: sink.appended.bind(sink),
      epochChanged: sink.epochChanged.bind(sink),
      receipt: sink.receipt.bind(sink),
      changed: sink.changed.bind(sink),
      announced: sink.announced.bind(sink),
    };
    this.relayId = relayId;
  }

  reads(room: string): boolean {
    return this.#rooms.has(room);
  }

  follows(topic: string): boolean {
    return this.#topics.has(topic);
  }

  open(room: string, user: string): MaybePromise<RoomLog> {
    // What opens now is never closed again.
    if (this.#state === "detached") throw new ProtocolError("UNAVAILABLE", "the relay has ended");
    if (this.#rooms.has(room)) return this.#store.opened(room);
    const log = this.#store.open(room, user);
    this.#rooms.add(room);
    if (!isLater(log)) return log;
    return log.catch((error: unknown) => {
      // What could not be opened is not open.
      this.close(room);
      throw error;
    });
  }

  close(room: string): void {
    if (this.#rooms.delete(room)) this.#store.close(room);
  }

  publish(request: PublishRequest): void {
    this.#store.publish(request, this);
  }

  append(room: string, entry: BackendEntry): MaybePromise<Stored> {
    return this.#store.append(room, entry);
  }

  producer(room: string, producer: string): MaybePromise<ProducerState> {
    return this.#store.producer(room, producer);
  }

  read(room: string, query: ReadQuery): MaybePromise<LogSlice> {
    return this.#store.read(room, query);
  }

  receipt(room: string, user: string, marks: Watermarks): void {
    this.#store.receipt(room, user, marks);
  }

  receipts(room: string, limit: number): MaybePromise<ReadonlyMap<string, Watermarks>> {
    return this.#store.receipts(room, limit);
  }

  follow(topic: string): ReadonlyMap<string, RegistryValue> {
    this.#topics.add(topic);
    return this.#store.registry.list(topic);
  }

  unfollow(topic: string): void {
    this.#topics.delete(topic);
  }

  put(topic: string, key: string, value: RegistryValue, ttlMs: number | undefined): void {
    this.#store.registry.put(this, topic, key, value, ttlMs);
  }

  remove(topic: string, key: string): void {
    this.#store.registry.remove(topic, key);
  }

  announce(topic: string, announcement: Announcement): void {
    this.#store.announce(topic, announcement);
  }

  claim(user: string, session: string, attempt: number): boolean {
    return this.#store.claim(user, session, attempt);
  }

  release(user: string, session: string, attempt: number): void {
    this.#store.release(user, session, attempt);
  }

  detach(): void {
    this.#state = "detached";
    this.#store.detach(this);
    for (const room of [...this.#rooms]) this.close(room);
  }
}
