/**
 * A broker in Redis: for relays in several processes and on several machines. Each publish is one atomic step there; what one relay stores and
 * tells reaches all. Where Redis is another server than before, be it the same one started again, it may have lost the latest: rooms get other
 * epochs, and clients are told.
 */

import { randomBytes } from "node:crypto";
import { ProtocolError } from "../../errors.ts";
import type { Broker, BrokerLink, BrokerSink } from "../../relay/broker.ts";
import { userTopic } from "../../relay/broker.ts";
import type { Retention } from "../../relay/memory-log.ts";
import { checkText, memoryRules } from "../../relay/rules.ts";
import { type Clock, type Random, randomEpoch } from "../../session/host.ts";
import { callable, checkedBy, must, type Rules } from "../../session/option-rules.ts";
import { defaultRelayLimits } from "../../wire/limits.ts";
import { RedisConnection } from "./connection.ts";
import { RedisRooms, type RoomBounds } from "./rooms.ts";
import { RedisTopics } from "./topics.ts";

/** What a {@link RedisBroker} is made with. */
export interface RedisBrokerOptions {
  /** Address of Redis, as `redis://user:password@host:6379/0`; `rediss:` for TLS. From version 7 on. */
  readonly url: string;
  readonly clock: Clock;
  /** For epochs: MUST be cryptographically strong outside of tests. */
  readonly random: Random;
  /** Before each key: relays with the same share their rooms. `chappe` by default. */
  readonly prefix?: string;
  /** How much of each log is kept. By default 100 entries, 16 MiB, any age. */
  readonly retention?: Partial<Retention>;
  /** How long a producer is remembered after its last publish, in s; no less than what relays advertise. 7 days by default (PUB-9). */
  readonly dedupWindowS?: number;
  /** What Redis refused, and that it was lost, is told here. */
  readonly onFault?: (error: unknown) => void;
}

const { clock, random, retention, dedupWindowS } = memoryRules;
const rules: Rules<RedisBrokerOptions> = {
  url: must("an address as redis://host:6379", isRedisUrl),
  clock,
  random,
  prefix: must("a name of 1 to 64 letters, digits, - and _", (value) => typeof value === "string" && /^[\w-]{1,64}$/.test(value)),
  retention,
  dedupWindowS,
  onFault: callable,
};

/**
 * Logs, presence and sessions in Redis.
 *
 * @example
 * ```ts
 * const host = { clock: nodeClock(), random: nodeRandom };
 * const broker = await RedisBroker.open({ url: "redis://127.0.0.1:6379", ...host });
 * const relay = new Relay({ broker, ...host, authenticate });
 * // …
 * await relay.drain({ drainMs: 5000 });
 * await broker.close();
 * ```
 */
export class RedisBroker implements Broker {
  readonly #connection: RedisConnection;
  readonly #options: RedisBrokerOptions;
  readonly #bounds: RoomBounds;
  readonly #links = new Set<RedisLink>();

  private constructor(connection: RedisConnection, options: RedisBrokerOptions) {
    const { retention: kept = {}, dedupWindowS: window = defaultRelayLimits.dedupWindowS } = options;
    this.#connection = connection;
    this.#options = options;
    this.#bounds = {
      maxEntries: kept.maxEntries ?? 100,
      maxBytes: kept.maxBytes ?? 16 * 1024 * 1024,
      maxAgeMs: kept.maxAgeMs ?? Number.POSITIVE_INFINITY,
      dedupWindowMs: window * 1000,
    };
  }

  /**
   * Connects. Rejects with a UsageError OPTION_INVALID, with the name of the option; DEPENDENCY_MISSING where the package `redis` is not
   * installed; STORE_UNUSABLE where there is no Redis from version 7 on.
   */
  static async open(options: RedisBrokerOptions): Promise<RedisBroker> {
    const checked = checkedBy(rules, options, "options", "", ["url", "clock", "random"]) as unknown as RedisBrokerOptions;
    return new RedisBroker(await RedisConnection.open(checked.url, checked.onFault ?? (() => undefined)), checked);
  }

  attach(sink: BrokerSink): BrokerLink {
    const { clock: time, prefix = "chappe", onFault = () => undefined, random: fill } = this.#options;
    const host = {
      connection: this.#connection,
      bounds: this.#bounds,
      clock: time,
      sink,
      prefix,
      linkId: `r${randomBytes(9).toString("base64url")}`,
      newEpoch: () => randomEpoch(fill),
      onFault,
    };
    const link = new RedisLink(host, () => this.#links.delete(link));
    this.#links.add(link);
    return link;
  }

  /** Empties a room's log, as if the room were deleted and made again: a new epoch, of which all are told (LOG-3). Rejects with a UsageError OPTION_INVALID where it is no string; UNAVAILABLE. */
  async reset(room: string): Promise<void> {
    checkText("room", room);
    const link = this.attach({
      settled() {},
      appended() {},
      epochChanged() {},
      receipt() {},
      changed() {},
      announced() {},
    }) as RedisLink;
    try {
      await link.rooms.reset(room);
    } finally {
      link.detach();
    }
  }

  /** Ends the connection. End the relays first. */
  async close(): Promise<void> {
    for (const link of [...this.#links]) link.detach();
    // What they say as they end comes first.
    await this.#connection.close();
  }
}

type LinkHost = ConstructorParameters<typeof RedisRooms>[0] & ConstructorParameters<typeof RedisTopics>[0];

/** A relay's access to Redis. */
class RedisLink implements BrokerLink {
  readonly relayId: string;
  readonly rooms: RedisRooms;
  readonly #topics: RedisTopics;
  readonly #onEnd: () => void;
  readonly #unwatch: () => void;
  #state: "attached" | "detached" = "attached";

  constructor(host: LinkHost, onEnd: () => void) {
    this.relayId = host.linkId;
    this.rooms = new RedisRooms(host);
    this.#topics = new RedisTopics(host);
    this.#onEnd = onEnd;
    this.#unwatch = host.connection.onUp(() => {
      this.rooms.up();
      this.#topics.up();
    });
  }

  open: BrokerLink["open"] = (room) => {
    if (this.#state === "detached") throw new ProtocolError("UNAVAILABLE", "the relay has ended");
    return this.rooms.open(room);
  };
  close: BrokerLink["close"] = (room) => this.rooms.close(room);
  publish: BrokerLink["publish"] = (request) => this.rooms.publish(request);
  append: BrokerLink["append"] = (room, entry) => this.rooms.append(room, entry);
  producer: BrokerLink["producer"] = (room, producer) => this.rooms.producer(room, producer);
  read: BrokerLink["read"] = (room, query) => this.rooms.read(room, query);
  receipt: BrokerLink["receipt"] = (room, user, marks) => this.rooms.receipt(room, user, marks);
  receipts: BrokerLink["receipts"] = (room, limit) => this.rooms.receipts(room, limit);
  follow: BrokerLink["follow"] = (topic) => this.#topics.follow(topic);
  unfollow: BrokerLink["unfollow"] = (topic) => this.#topics.unfollow(topic);
  put: BrokerLink["put"] = (topic, key, value, ttlMs) => this.#topics.put(topic, key, value, ttlMs);
  remove: BrokerLink["remove"] = (topic, key) => this.#topics.remove(topic, key);
  announce: BrokerLink["announce"] = (topic, announcement) => this.#topics.announce(topic, announcement);
  claim: BrokerLink["claim"] = (user, session, attempt) => this.#topics.claim(userTopic(user), session, attempt);
  release: BrokerLink["release"] = (user, session, attempt) => this.#topics.release(userTopic(user), session, attempt);

  detach(): void {
    if (this.#state === "detached") return;
    this.#state = "detached";
    this.#unwatch();
    this.#topics.end();
    this.rooms.closeAll();
    this.#onEnd();
  }
}

/** Whether it is an address of Redis. */
export function isRedisUrl(value: unknown): boolean {
  if (typeof value !== "string" || !URL.canParse(value)) return false;
  return ["redis:", "rediss:"].includes(new URL(value).protocol);
}
