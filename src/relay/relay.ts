/** A relay: takes connections, and carries what they say between each other and the broker. Knows nothing of sockets. */

import { MessageIdGenerator } from "../delivery/message-id.ts";
import { ProtocolError, UsageError } from "../errors.ts";
import { type ContentInput, fromContent } from "../session/client-convert.ts";
import type { DrainOptions } from "../session/server-options.ts";
import { type Chat, ChatKind, checkFrame, createFrame, type Init, type Profile } from "../wire/codec.ts";
import {
  type Announcement,
  type BrokerLink,
  type BrokerSink,
  type PublishOutcome,
  type PublishRequest,
  type RegistryValue,
  type RoomLog,
  roomTopic,
  type Stored,
  userTopic,
  type Watermarks,
} from "./broker.ts";
import { checkedContent } from "./checks.ts";
import { Connection } from "./connection.ts";
import { Handles } from "./handles.ts";
import type { Hub } from "./hub.ts";
import { configOf, type RelayConfig, type RelayOptions, revokeMs } from "./options.ts";
import { PresenceBoard } from "./presence-board.ts";
import type { SentPublish } from "./publish-desk.ts";
import { Room, signalFrame } from "./room.ts";
import { Topics } from "./topics.ts";
import type { ConnectionInfo, RelayConnection, RelayTransport } from "./transport.ts";

/** An entry that a backend stores (LOG-9). */
export interface BackendPublish {
  /** 16 bytes; a new one by default. Give it where the call may be repeated: an id of this sender that is retained is not stored twice (PUB-14). */
  readonly id?: Uint8Array;
  /** In whose name; the service itself by default. */
  readonly sender?: string;
  readonly profile?: Init<Profile>;
  readonly content?: ContentInput;
  /** Content by default. */
  readonly kind?: ChatKind;
  /** Id of the entry that it is about, 16 bytes. */
  readonly target?: Uint8Array;
}

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
}

/** See {@link RelayOptions}. */
export class Relay {
  readonly #config: RelayConfig;
  readonly #link: BrokerLink;
  readonly #topics: Topics;
  readonly #handles = new Handles();
  readonly #presence: PresenceBoard;
  readonly #ids: MessageIdGenerator;
  readonly #connections = new Set<Connection>();
  readonly #users = new Map<string, Set<Connection>>();
  readonly #rooms = new Map<string, Room>();
  readonly #hub: Hub;
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
    this.#ids = new MessageIdGenerator(config.random);
    this.#link = config.broker.attach(this.#sink());
    this.#topics = new Topics(this.#link);
    this.#presence = new PresenceBoard(config, this.#link, this.#topics, () => this.#flush());
    this.#hub = {
      config,
      link: this.#link,
      topics: this.#topics,
      handles: this.#handles,
      presence: this.#presence,
      room: (name, user) => this.#room(name, user),
      roomUnused: (room) => this.#rooms.get(room.name) === room && this.#rooms.delete(room.name),
      touch: (connection) => this.#touched.add(connection),
      flush: () => this.#flush(),
      identified: (connection) => this.#identified(connection),
      gone: (connection) => this.#gone(connection),
    };
  }

  /** Bytes of the longest frame that it takes, in binary form (LIM-4): a transport need not take longer messages. */
  get frameBytes(): number {
    return this.#config.limits.frameBytes;
  }

  /** Takes a connection whose transport is open. While the relay drains it is told so, and closed. @throws UsageError CLOSED */
  accept(transport: RelayTransport, info: ConnectionInfo): RelayConnection {
    if (this.#state.type === "closed") throw new UsageError("CLOSED", "the relay is closed");
    const connection = new Connection(this.#hub, `${this.#link.relayId}/${++this.#accepted}`, transport, info);
    this.#connections.add(connection);
    if (this.#state.type === "draining") connection.drain(this.#state.options);
    this.#touched.add(connection);
    this.#flush();
    return connection;
  }

  /** Stores an entry of the service (LOG-9). @throws ProtocolError FIELD_INVALID, LIMIT_EXCEEDED, TARGET_UNKNOWN, FORBIDDEN, UNAVAILABLE. */
  async publish(room: string, entry: BackendPublish): Promise<Stored> {
    const {
      id = this.#ids.next(this.#config.clock.wall()),
      sender = "",
      kind = ChatKind.UNSPECIFIED,
      target = new Uint8Array(),
    } = entry;
    const content =
      entry.content === undefined ? undefined : checkedContent(fromContent(entry.content), this.#config.limits.contentBytes);
    const frame = createFrame("chat", { offset: 1n, sender, id, kind, target, ...(entry.profile && { profile: entry.profile }) });
    // An entry of a backend is held to what a client's publish is (ENC-8, LOG-9).
    const publish = createFrame("publish", { room: 1, seq: 1n, id, kind, target, ...(content !== undefined && { content }) });
    const violation = checkFrame(publish) ?? checkFrame(frame);
    if (violation !== undefined) throw violation;
    const named = checkFrame(createFrame("join", { name: room }));
    if (named !== undefined) throw named;
    const { profile } = frame.body.value;
    const stored = await this.#link.append(room, { id, sender, profile, kind, content, target });
    this.#flush();
    return stored;
  }

  /** Tells all connections of a user, or all in a room, an event of the service (SIG-2). @throws ProtocolError FIELD_INVALID, LIMIT_EXCEEDED */
  signal(to: { readonly user: string } | { readonly room: string }, name: string, content?: ContentInput): void {
    const made = content === undefined ? undefined : checkedContent(fromContent(content), this.#config.limits.contentBytes);
    const violation = checkFrame(signalFrame(0, "", name, made).frame);
    if (violation !== undefined) throw violation;
    const topic = "user" in to ? userTopic(to.user) : roomTopic(to.room);
    this.#link.announce(topic, { type: "signal", sender: "", name, content: made, origin: "" });
    this.#flush();
  }

  /** The user's rights have changed, in this room or in all: they are looked up again, on all relays (AUT-8). */
  revoke(user: string, room?: string): void {
    this.#announce(userTopic(user), { type: "revoke", room });
  }

  /** The user has to leave this room (`left` with ACCESS_REVOKED), or to go altogether, on all relays. What it may do later is up to `authorize`. */
  kick(user: string, room?: string): void {
    this.#announce(userTopic(user), { type: "kick", room });
  }

  /** All have to leave the room (`left` with ROOM_UNAVAILABLE), on all relays (ROM-8). */
  closeRoom(room: string): void {
    this.#announce(roomTopic(room), { type: "close" });
  }

  /** Says goodbye to all, and takes nobody any more (GBY-1). @returns when all connections have ended: at the latest after `drainMs`. */
  drain(options: DrainOptions): Promise<void> {
    if (this.#state.type !== "closed") this.#state = { type: "draining", options };
    for (const connection of this.#connections) connection.drain(options);
    const drained = new Promise<void>((resolve) => {
      this.#drained.push(resolve);
    });
    this.#flush();
    this.#checkDrained();
    return drained;
  }

  /** Ends at once what is left, and leaves the broker. */
  close(): void {
    if (this.#state.type === "closed") return;
    this.#state = { type: "closed" };
    for (const connection of this.#connections) connection.end(new ProtocolError("GOING_AWAY", "the relay is closed"));
    // Within a callback of a connection the flush that is under way goes on with the others.
    this.#flush();
  }

  /** Counts of this relay alone, as they are now. */
  stats(): RelayStats {
    return {
      connections: this.#connections.size,
      users: this.#users.size,
      rooms: this.#rooms.size,
      handles: this.#handles.size,
      watched: this.#presence.size,
    };
  }

  #sink(): BrokerSink {
    const told = (call: () => void): void => {
      call();
      this.#flush();
    };
    return {
      settled: (request: PublishRequest, outcome: PublishOutcome) => {
        const { connection, ticket } = request as SentPublish;
        connection.settle(ticket, outcome);
        this.#flush();
      },
      appended: (room: string, entry: Chat, firstRetained: number) => {
        this.#rooms.get(room)?.onAppended(entry, firstRetained);
        this.#flush();
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

  #announce(topic: string, announcement: Announcement): void {
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
    this.#link.detach();
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
