/** A relay: takes connections, and carries what they say between each other and the broker. Knows nothing of sockets. */

import { ProtocolError, UsageError } from "../errors.ts";
import type { ContentInput } from "../session/client-convert.ts";
import type { DrainOptions } from "../session/server-options.ts";
import type { Chat } from "../wire/codec.ts";
import { type BackendPublish, type BackendStored, optionalRoom, topicOfRoom, topicOfUser } from "./backend.ts";
import { BackendDesk, type RoomHistory, type RoomMembers } from "./backend-desk.ts";
import {
  type Announcement,
  type BrokerLink,
  type BrokerSink,
  type PublishOutcome,
  type PublishRequest,
  type RegistryValue,
  type RoomLog,
  roomTopic,
  type Watermarks,
} from "./broker.ts";
import { checkedContent, refuseInvalid } from "./checks.ts";
import { Connection } from "./connection.ts";
import { Handles } from "./handles.ts";
import type { Hub } from "./hub.ts";
import { Deadlines } from "./later.ts";
import { Meter, type RelayMeasures } from "./meter.ts";
import { configOf, type RelayConfig, type RelayOptions, revokeMs } from "./options.ts";
import { PresenceBoard } from "./presence-board.ts";
import type { SentPublish } from "./publish-desk.ts";
import { Rates } from "./rates.ts";
import { type RelayReport, reportOf } from "./report.ts";
import { Room, signalFrame } from "./room.ts";
import {
  checkConnection,
  checkedDrain,
  checkedEntry,
  checkedHistory,
  checkedReceiver,
  checkLink,
  checkText,
  type HistoryQuery,
} from "./rules.ts";
import { timedLink } from "./timed-link.ts";
import { Topics } from "./topics.ts";
import type { ConnectionInfo, RelayConnection, RelayTransport } from "./transport.ts";

/** Counts, for metrics. */
export interface RelayStats {
  readonly connections: number;
  /** Users with a connection that is authenticated. */
  readonly users: number;
  /** Rooms in use. */
  readonly rooms: number;
  /** Rooms that connections know by handle. */
  readonly handles: number;
  /** Users whose presence is watched. */
  readonly watched: number;
  /** Bytes that were given to transports, and have not left. */
  readonly bufferedBytes: number;
}

/** See {@link RelayOptions}. */
export class Relay {
  readonly #config: RelayConfig;
  readonly #link: BrokerLink;
  readonly #topics: Topics;
  readonly #handles = new Handles();
  readonly #presence: PresenceBoard;
  readonly #backend: BackendDesk;
  readonly #deadlines: Deadlines;
  readonly #connections = new Set<Connection>();
  readonly #users = new Map<string, Set<Connection>>();
  readonly #rooms = new Map<string, Room>();
  readonly #hub: Hub;
  readonly #meter = new Meter();
  readonly #startedAt: number;
  #reported: RelayMeasures | undefined;
  /** Connections to be pumped, in the order in which they were touched. */
  readonly #touched = new Set<Connection>();
  #flushing: "idle" | "busy" = "idle";
  #state:
    | { readonly type: "open" }
    | { readonly type: "draining"; readonly options: DrainOptions }
    | { readonly type: "closed" } = {
    type: "open",
  };
  /** Whether the relay is still attached to the broker. */
  #membership: "attached" | "left" = "attached";
  #drained: (() => void)[] = [];
  #accepted = 0;

  /** @throws UsageError OPTION_INVALID, with the name of the option. */
  constructor(options: RelayOptions) {
    const config = configOf(options);
    this.#config = config;
    this.#startedAt = config.clock.now();
    const link = config.broker.attach(this.#sink());
    checkLink(link);
    this.#link = timedLink(link, this.#meter, config.clock);
    this.#deadlines = new Deadlines(config.clock);
    this.#topics = new Topics(this.#link);
    this.#presence = new PresenceBoard(config, this.#link, this.#topics, () => this.#flush());
    this.#hub = {
      config,
      link: this.#link,
      topics: this.#topics,
      handles: this.#handles,
      presence: this.#presence,
      meter: this.#meter,
      rates: new Rates(config.rates),
      room: (name, user) => this.#room(name, user),
      roomUnused: (room) => this.#rooms.get(room.name) === room && this.#rooms.delete(room.name),
      touch: (connection) => this.#touched.add(connection),
      flush: () => this.#flush(),
      hold: (act) => this.#hold(act),
      identified: (connection) => this.#identified(connection),
      hasPlace: (user) => (this.#users.get(user)?.size ?? 0) < config.connectionsPerUser,
      gone: (connection) => this.#gone(connection),
    };
    this.#backend = new BackendDesk(this.#hub, this.#deadlines);
  }

  /** Bytes of the longest frame that it takes, in binary form (LIM-4): a transport need not take longer messages. */
  get frameBytes(): number {
    return this.#config.limits.frameBytes;
  }

  /** Takes a connection whose transport is open. While the relay drains it is told so, and closed. @throws UsageError CLOSED, OPTION_INVALID */
  accept(transport: RelayTransport, info: ConnectionInfo): RelayConnection {
    checkConnection(transport, info);
    this.#requireOpen();
    const connection = new Connection(this.#hub, `${this.#link.relayId}/${++this.#accepted}`, transport, info);
    this.#connections.add(connection);
    this.#meter.accepted++;
    if (this.#state.type === "draining") connection.drain(this.#state.options);
    this.#touched.add(connection);
    this.#flush();
    return connection;
  }

  /**
   * Stores an entry of the service (LOG-9). Repeated with the same `id` it is stored once (PUB-14). All that is wrong rejects the promise:
   * - UsageError OPTION_INVALID, with the name of the argument, where one is of another type, or has no such name; CLOSED after {@link close};
   * - ProtocolError FIELD_INVALID or LIMIT_EXCEEDED for what a frame may not hold (ENC-8), as an id of another length than 16 bytes;
   *   TARGET_UNKNOWN or FORBIDDEN for what the log refuses (LOG-8); UNAVAILABLE where the broker cannot store it, and, with `processed` maybe,
   *   where it does not say so within `times.answerTimeout`, or before the relay has ended.
   */
  async publish(room: string, entry: BackendPublish): Promise<BackendStored> {
    checkText("room", room);
    const given = checkedEntry(entry);
    this.#requireOpen();
    return this.#backend.publish(room, given);
  }

  /**
   * Reads a part of a room's log, of the latest entries by default. What is wrong rejects the promise, as in {@link publish}.
   * @param query - `before` or `after` an offset, and how many at most (`limits.pageEntries`, which is also the bound).
   */
  async history(room: string, query: HistoryQuery = {}): Promise<RoomHistory> {
    checkText("room", room);
    const checked = checkedHistory(query, this.#config.limits.pageEntries);
    this.#requireOpen();
    return this.#backend.history(room, checked);
  }

  /** Who is in a room, on all relays (MBR-1). What is wrong rejects the promise, as in {@link publish}. */
  async members(room: string): Promise<RoomMembers> {
    checkText("room", room);
    this.#requireOpen();
    return this.#backend.members(room);
  }

  /**
   * Tells all connections of a user, or all in a room, an event of the service (SIG-2).
   * @throws UsageError OPTION_INVALID, CLOSED; ProtocolError FIELD_INVALID, LIMIT_EXCEEDED for what a frame may not hold.
   */
  signal(to: { readonly user: string } | { readonly room: string }, name: string, content?: ContentInput): void {
    const receiver = checkedReceiver(to);
    checkText("name", name);
    const made = content === undefined ? undefined : checkedContent(content, this.#config.limits.contentBytes);
    refuseInvalid(signalFrame(0, "", name, made).frame);
    const topic = "user" in receiver ? topicOfUser(receiver.user) : topicOfRoom(receiver.room);
    this.#announce(topic, { type: "signal", sender: "", name, content: made, origin: "" });
  }

  /**
   * The user's rights have changed, in this room or in all: they are looked up again, on all relays (AUT-8).
   * @throws UsageError OPTION_INVALID, CLOSED; ProtocolError FIELD_INVALID for what is no name.
   */
  revoke(user: string, room?: string): void {
    this.#announce(topicOfUser(user), { type: "revoke", room: optionalRoom(room) });
  }

  /**
   * The user has to leave this room (`left` with ACCESS_REVOKED), or to go altogether, on all relays. What it may do later is up to `authorize`.
   * @throws UsageError OPTION_INVALID, CLOSED; ProtocolError FIELD_INVALID for what is no name.
   */
  kick(user: string, room?: string): void {
    this.#announce(topicOfUser(user), { type: "kick", room: optionalRoom(room) });
  }

  /**
   * All have to leave the room (`left` with ROOM_UNAVAILABLE), on all relays (ROM-8).
   * @throws UsageError OPTION_INVALID, CLOSED; ProtocolError FIELD_INVALID for what is no name.
   */
  closeRoom(room: string): void {
    this.#announce(topicOfRoom(room), { type: "close" });
  }

  /**
   * Says goodbye to all, and takes nobody any more (GBY-1). A second call says it anew. After {@link close} there is nobody to say it to, and
   * the promise is kept at once.
   * @returns when all connections have ended: at the latest after `drainMs`. Rejects with UsageError OPTION_INVALID.
   */
  async drain(options: DrainOptions): Promise<void> {
    const checked = checkedDrain(options);
    if (this.#state.type !== "closed") this.#state = { type: "draining", options: checked };
    for (const connection of this.#connections) connection.drain(checked);
    const drained = new Promise<void>((resolve) => {
      this.#drained.push(resolve);
    });
    this.#flush();
    this.#checkDrained();
    await drained;
  }

  /** Ends at once what is left, and leaves the broker. Once it is closed this does nothing. */
  close(): void {
    if (this.#state.type === "closed") return;
    this.#state = { type: "closed" };
    for (const connection of this.#connections) connection.end(new ProtocolError("GOING_AWAY", "the relay is closed"));
    // Within a callback of a connection the flush that is under way goes on with the others.
    this.#flush();
  }

  /** What this relay alone has counted and timed since it was made. */
  measures(): RelayMeasures {
    return this.#meter.measures(this.#config.clock.now() - this.#startedAt);
  }

  /** What this relay has done since the report before, or since it was made, in rates and plain words. */
  report(): RelayReport {
    const measures = this.measures();
    const report = reportOf(this.#reported, measures, this.stats());
    this.#reported = measures;
    return report;
  }

  /** Counts of this relay alone, as they are now. */
  stats(): RelayStats {
    return {
      connections: this.#connections.size,
      users: this.#users.size,
      rooms: this.#rooms.size,
      handles: this.#handles.size,
      watched: this.#presence.size,
      bufferedBytes: [...this.#connections].reduce((bytes, connection) => bytes + connection.bufferedBytes, 0),
    };
  }

  #sink(): BrokerSink {
    const told = (call: () => void): void => {
      call();
      this.#flush();
    };
    return {
      settled: (request: PublishRequest, outcome: PublishOutcome) => {
        const { connection, ticket, headBefore, at } = request as SentPublish;
        this.#meter.settled(outcome, headBefore, this.#config.clock.now() - at);
        connection.settle(ticket, outcome);
        this.#flush();
      },
      appended: (room: string, entry: Chat, firstRetained: number) => {
        this.#rooms.get(room)?.onAppended(entry, firstRetained);
        this.#flush();
        this.#meter.deliveryLatency.observe(this.#config.clock.wall() - Number(entry.timeMs));
      },
      epochChanged: (room: string, log: RoomLog) => told(() => this.#rooms.get(room)?.onEpochChanged(log)),
      receipt: (room: string, user: string, marks: Watermarks) => told(() => this.#rooms.get(room)?.onReceipt(user, marks)),
      changed: (topic: string, key: string, value: RegistryValue | undefined) => told(() => this.#changed(topic, key, value)),
      announced: (topic: string, announcement: Announcement) => told(() => this.#announced(topic, announcement)),
    };
  }

  #changed(topic: string, key: string, value: RegistryValue | undefined): void {
    const before = this.#topics.changed(topic, key, value);
    const name = topic.slice(1);
    if (topic === roomTopic(name)) this.#rooms.get(name)?.onChanged(key, before, value);
    else this.#presence.onChanged(name);
  }

  #announced(topic: string, announcement: Announcement): void {
    const name = topic.slice(1);
    if (topic === roomTopic(name)) {
      if (announcement.type === "close") for (const connection of this.#connections) connection.doubtJoins();
      this.#rooms.get(name)?.onAnnounced(announcement);
      return;
    }
    for (const connection of [...(this.#users.get(name) ?? [])]) this.#tellUser(connection, announcement);
  }

  #tellUser(connection: Connection, announcement: Announcement): void {
    switch (announcement.type) {
      case "takeover":
        if (connection.session === announcement.session && connection.attempt < announcement.attempt) {
          connection.end(new ProtocolError("SESSION_TAKEN", "another connection of this session has a higher attempt"));
          // Before the newer one is welcomed.
          connection.pump();
        }
        break;
      case "revoke":
        connection.reauthorize(announcement.room, revokeMs, () => connection.turn());
        break;
      case "kick":
        connection.kick(announcement.room);
        break;
      case "signal":
        connection.send(signalFrame(0, announcement.sender, announcement.name, announcement.content));
        break;
      default:
        break;
    }
  }

  #requireOpen(): void {
    if (this.#state.type === "closed") throw new UsageError("CLOSED", "the relay is closed");
  }

  #announce(topic: string, announcement: Announcement): void {
    this.#requireOpen();
    this.#link.announce(topic, announcement);
    this.#flush();
  }

  #room(name: string, user: string): Room {
    let room = this.#rooms.get(name);
    if (room === undefined) {
      room = new Room(this.#hub, name, user);
      this.#rooms.set(name, room);
    }
    return room;
  }

  #identified(connection: Connection): void {
    const own = this.#users.get(connection.user);
    if (own === undefined) this.#users.set(connection.user, new Set([connection]));
    else own.add(connection);
  }

  #gone(connection: Connection): void {
    this.#connections.delete(connection);
    const own = this.#users.get(connection.user);
    own?.delete(connection);
    if (own?.size === 0) this.#users.delete(connection.user);
    this.#checkDrained();
  }

  #checkDrained(): void {
    if (this.#state.type === "open" || this.#connections.size > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** The relay is closed, and all connections have ended. */
  #leave(): void {
    if (this.#membership === "left") return;
    this.#membership = "left";
    for (const room of this.#rooms.values()) room.dispose();
    this.#presence.dispose();
    this.#deadlines.end();
    this.#link.detach();
  }

  #hold(act: () => void): void {
    const before = this.#flushing;
    this.#flushing = "busy";
    try {
      act();
    } finally {
      this.#flushing = before;
    }
  }

  #flush(): void {
    if (this.#flushing === "busy") return;
    this.#flushing = "busy";
    try {
      for (const connection of this.#touched) {
        this.#touched.delete(connection);
        try {
          connection.pump();
        } catch (error) {
          connection.crash(error);
        }
      }
    } finally {
      this.#flushing = "idle";
    }
    if (this.#state.type === "closed") this.#leave();
  }
}
