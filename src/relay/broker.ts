/**
 * Where rooms' logs live, and through which relays know of each other. One relay may have a broker in its own memory; several may share one
 * on disk, or in a database. An implementation MUST keep what is said here; the relay leans on nothing else.
 *
 * All values that pass are plain data. Offsets, seqs, epochs and times are safe integers.
 */

import type { PublishOutcome, Rejection } from "../session/server-events.ts";
import type { LogState } from "../session/server-verdict.ts";
import type { Chat, ChatKind, Content, Durability, PresenceState, Profile } from "../wire/codec.ts";

export type { PublishOutcome, Rejection } from "../session/server-events.ts";
export type { LogState } from "../session/server-verdict.ts";

/** A value, at once or later. What a broker knows in memory it SHOULD return at once. */
export type MaybePromise<T> = T | Promise<T>;

/** One publish of a client. The relay MUST NOT change it once it is given. */
export interface PublishRequest {
  /** Name of the room. */
  readonly room: string;
  /** Names the producer: a (principal, session) (PUB-7). At most 600 bytes; no secret, never told to clients. */
  readonly producer: string;
  readonly seq: number;
  /** 16 bytes. */
  readonly id: Uint8Array;
  /** User id; empty: the service itself. */
  readonly sender: string;
  readonly profile: Profile | undefined;
  /** VOID uses the seq up and stores nothing (PUB-12). Never TOMBSTONE. */
  readonly kind: ChatKind;
  readonly content: Content | undefined;
  /** 16 bytes, or none. */
  readonly target: Uint8Array;
  /** Whether the sender may redact entries of others (AUT-8). */
  readonly mayRedact: boolean;
  /** Instead of storing it, record this final rejection (PUB-11, 1). */
  readonly reject: Rejection | undefined;
}

/** An entry from a backend (LOG-9). */
export interface BackendEntry {
  readonly id: Uint8Array;
  readonly sender: string;
  readonly profile?: Profile | undefined;
  readonly kind: ChatKind;
  readonly content: Content | undefined;
  readonly target: Uint8Array;
}

/** A place in a log, and when it was taken. */
export interface Stored {
  readonly offset: number;
  readonly timeMs: number;
}

/** A log as it stands, and what an ack of it means (ACK-2). */
export interface RoomLog extends LogState {
  readonly durability: Durability;
}

/** What a producer may go on from; all of one moment (PUB-8). */
export interface ProducerState extends LogState {
  /** 1 to 2^53−1. */
  readonly nextSeq: number;
}

/** Which part of a log is wanted: the earliest entries above `after`, or the latest below `before` (0: of all). */
export type ReadQuery = ({ readonly after: number } | { readonly before: number }) & {
  /** Entries at most, at least 1. */
  readonly limit: number;
  /** Bytes at most: the sum of the encoded entries, and 8 for each. One entry is always allowed. */
  readonly maxBytes: number;
};

/** A part of a log. */
export interface LogSlice extends LogState {
  /** Contiguous, ascending; `room` of each is 0. Empty only where there is nothing in that direction. MUST NOT be changed by anyone. */
  readonly entries: readonly Chat[];
}

/** A user's watermarks (RCP-1). */
export interface Watermarks {
  readonly delivered: number;
  readonly read: number;
}

/** A member of a registry: plain data that JSON can carry. */
export type RegistryValue =
  /** In the registry of a room: a user has it open on a relay. */
  | { readonly type: "member"; readonly user: string; readonly profile: Profile | undefined }
  /** In the registry of a user: a device has told its presence (PRS-2). */
  | {
      readonly type: "device";
      readonly session: string;
      readonly state: PresenceState;
      readonly activity: string;
      readonly statusText: string;
      readonly atMs: number;
    }
  /** In the registry of a user: when it was last reachable. */
  | { readonly type: "seen"; readonly atMs: number };

/** What relays tell each other on a topic: at most once, in no order between topics. */
export type Announcement =
  | { readonly type: "typing"; readonly user: string; readonly ttlMs: number }
  /** `origin`: the connection from which it came. */
  | {
      readonly type: "signal";
      readonly sender: string;
      readonly name: string;
      readonly content: Content | undefined;
      readonly origin: string;
    }
  /** On a user's topic: its rights have changed, in this room or in all. */
  | { readonly type: "revoke"; readonly room: string | undefined }
  /** On a user's topic: it is to leave this room, or all. */
  | { readonly type: "kick"; readonly room: string | undefined }
  /** On a room's topic: it is closed for all. */
  | { readonly type: "close" }
  /** On a user's topic: this session has a connection of a higher attempt; all others of it end (SES-3). */
  | { readonly type: "takeover"; readonly session: string; readonly attempt: number };

/** The topic of a room, and of a user: what registries and announcements are about. */
export function roomTopic(room: string): string {
  return `r${room}`;
}

/** See {@link roomTopic}. */
export function userTopic(user: string): string {
  return `u${user}`;
}

/**
 * What a broker tells one relay. It MUST call these one after the other, never from within another of them, and MUST NOT call for what
 * the relay has not opened or followed. They do not throw.
 */
export interface BrokerSink {
  /**
   * What became of a publish; `request` is the very object that was given. MUST be called once for each, in the order of the decisions
   * within a room, and not before what it says is as durable as the log declares (ACK-2). A broker that does not know what happened
   * MUST find out, by deciding the same publish again, before it calls (PUB-17, 7).
   */
  settled(request: PublishRequest, outcome: PublishOutcome): void;
  /**
   * A room has a new entry. MUST be called for every offset after the head that `open` returned, ascending, without a hole, on every
   * relay that has the room open; not before the entry is durable. `firstRetained` is that of the same moment.
   */
  appended(room: string, entry: Chat, firstRetained: number): void;
  /** The log of a room has another epoch (LOG-3): what `open` returned is void. `appended` goes on after `log.head`. */
  epochChanged(room: string, log: RoomLog): void;
  /** A user's watermarks have moved: both of them as they are now. */
  receipt(room: string, user: string, marks: Watermarks): void;
  /** A registry has changed: `value` undefined: the key is gone. */
  changed(topic: string, key: string, value: RegistryValue | undefined): void;
  /** Something is announced on a topic; also to the relay that announced it. */
  announced(topic: string, announcement: Announcement): void;
}

/**
 * A relay's access to a broker. Methods that return promises reject with a ProtocolError: UNAVAILABLE where nothing was done; anything
 * else counts as that. They MUST be safe to call again. One that does not answer within `times.answerTimeout` counts as failed, and what it
 * says later is passed over; then `append` may have been done.
 */
export interface BrokerLink {
  /** Names the relay among those that share the broker. */
  readonly relayId: string;

  /**
   * Subscribes to a room's log, and makes it where it does not exist. Opened again: the same. @param user - on whose behalf; a broker SHOULD
   * bound the rooms that one user makes, and reject with UNAVAILABLE beyond.
   */
  open(room: string, user: string): MaybePromise<RoomLog>;
  /** Ends what {@link open} began, also where that has not answered yet: who waited for it has given it up (FRM-7). A log that nobody has open, and of which nothing is known, MAY go (LOG-3). */
  close(room: string): void;
  /**
   * Decides and stores, in one atomic step (PUB-7, LOG-7, LOG-8); the answer comes to `settled`. Requests of one relay and room MUST be
   * decided in the order in which they are given. MUST NOT throw, and MUST bound what waits by answering `retry` with UNAVAILABLE,
   * only where nothing was done, and then to all later ones of that producer that wait. Behind an answer `outOfOrder`, `conflict` or
   * `retry`, none that the relay had given for the same connection by then is stored; nor, after `epochChanged`, any given before (PUB-17, PUB-19).
   */
  publish(request: PublishRequest): void;
  /** Stores an entry of a backend, unless a retained one has its id and sender: then the answer is that one's (PUB-14). Rejects with TARGET_UNKNOWN or FORBIDDEN (LOG-8). */
  append(room: string, entry: BackendEntry): MaybePromise<Stored>;
  /** What the broker expects from a producer, with the log of the same moment. The room MUST be open. */
  producer(room: string, producer: string): MaybePromise<ProducerState>;
  /** Reads a part of an open room's log. */
  read(room: string, query: ReadQuery): MaybePromise<LogSlice>;

  /** Lifts a user's watermarks to at least these, none above the head, `delivered` to no less than `read` (RCP-3). */
  receipt(room: string, user: string, marks: Watermarks): void;
  /** The watermarks that are known in the log's epoch; the latest moved, at most `limit`. */
  receipts(room: string, limit: number): MaybePromise<ReadonlyMap<string, Watermarks>>;

  /**
   * Subscribes to the registry and the announcements of a topic. @returns what the registry holds. Changes that come before the
   * promise is kept may be in it or not, and are told.
   */
  follow(topic: string): MaybePromise<ReadonlyMap<string, RegistryValue>>;
  /** Ends what {@link follow} began, also where that has not answered yet. */
  unfollow(topic: string): void;
  /**
   * Sets a key. It goes after `ttlMs`, unless it is set again, and MUST go within 60 s where the relay has ended without {@link detach};
   * of a `seen` value only the former holds.
   */
  put(topic: string, key: string, value: RegistryValue, ttlMs: number | undefined): void;
  /** The key goes at once, whoever has set it; `changed` is told where it was there. */
  remove(topic: string, key: string): void;
  /** Tells all relays that follow the topic, this one included if it does. Nothing is kept. */
  announce(topic: string, announcement: Announcement): void;

  /**
   * Claims a session for a connection (SES-3): true where no live one has this attempt or a higher one; then `takeover` is announced on
   * the user's topic, for the others. Claims of a session MUST be decided one after the other. The relay follows the user's topic before
   * it claims, and MUST be told of each takeover by a claim that was decided after its own, be that before its own promise is kept or
   * after; the promise of the claim that took over SHOULD NOT be kept before. @param session - hexadecimal.
   */
  claim(user: string, session: string, attempt: number): MaybePromise<boolean>;
  /** The connection has ended. A later claim by another attempt is not touched. */
  release(user: string, session: string, attempt: number): void;

  /** The relay ends: all that it has opened, followed and put goes. The sink is called no more. */
  detach(): void;
}

/** Where rooms' logs live. */
export interface Broker {
  /** Connects a relay. Several MAY be connected; what one stores and tells reaches all. */
  attach(sink: BrokerSink): BrokerLink;
}
