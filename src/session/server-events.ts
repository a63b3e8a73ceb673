/**
 * What passes between a relay's engine and its hub: events, and what the hub's commands take. Plain values; offsets, seqs and times
 * are safe integers.
 */

import type { RoomPosition } from "../delivery/room-cursor.ts";
import type { ErrorCodeName, ProtocolError } from "../errors.ts";
import type {
  Chat,
  ChatKind,
  Content,
  Detail,
  Durability,
  Init,
  Member,
  PresenceState,
  Profile,
  ReceiptMark,
  Right,
  Verdict,
} from "../wire/codec.ts";
import type { JoinWish, LogState } from "./server-verdict.ts";
import type { SharedFrame } from "./transmit.ts";

/** Who wants to talk (SES-1). */
export interface HelloInfo {
  /** 16 bytes (SES-2). */
  readonly session: Uint8Array;
  readonly attempt: number;
  /** Empty: what the upgrade request carried counts (AUT-1). Never log it. */
  readonly token: string;
  readonly features: readonly string[];
  readonly agent: string;
}

/** One publish on its way: what its answer is matched with. Made by the engine, given back unchanged. */
export interface PublishTicket {
  readonly room: number;
  readonly seq: number;
  readonly ref: number;
  /** Bytes of the encoded publish (PUB-10). */
  readonly bytes: number;
  /** Which joined of its room it belongs to (PUB-19). */
  readonly border: number;
  /** The room as it was open when this came; another one after leave and join. */
  readonly feed: object;
}

/** A publish that passed the engine's checks, or must be recorded as rejected (PUB-17, 5). */
export interface PublishEvent {
  readonly type: "publish";
  readonly ticket: PublishTicket;
  readonly id: Uint8Array;
  readonly kind: ChatKind;
  readonly target: Uint8Array;
  readonly content: Content | undefined;
  /** A final rejection that the broker must record before it is told (PUB-11, 1). */
  readonly reject: Rejection | undefined;
}

/** A final rejection. */
export interface Rejection {
  readonly code: ErrorCodeName;
  readonly message: string;
}

/** What became of a publish: the broker's decision (PUB-7). */
export type PublishOutcome =
  | { readonly type: "stored"; readonly offset: number; readonly timeMs: number }
  | { readonly type: "voided" }
  /** Final, and recorded (PUB-11). */
  | { readonly type: "rejected"; readonly code: ErrorCodeName; readonly message: string }
  /** Not done, certainly; the same may succeed later. The error's `retry` is not `never`. */
  | { readonly type: "retry"; readonly error: ProtocolError }
  | { readonly type: "outOfOrder"; readonly nextSeq: number }
  | { readonly type: "conflict"; readonly nextSeq: number }
  | { readonly type: "forgotten" };

/** Part of a room's log that is wanted by a reader (HIS-1). */
export interface HistoryEvent {
  readonly type: "history";
  readonly ref: number;
  readonly room: number;
  /** 0: whichever it is. */
  readonly epoch: number;
  /** The latest entries below `before` (0: of all), or the earliest above `after`. */
  readonly anchor: { readonly before: number } | { readonly after: number };
  readonly limit: number;
}

/** What the engine wants to be done. */
export type ServerEvent =
  | { readonly type: "hello"; readonly hello: HelloInfo }
  | ({ readonly type: "join"; readonly ref: number; readonly name: string } & JoinWish)
  | { readonly type: "leave"; readonly ref: number; readonly room: number }
  | PublishEvent
  | HistoryEvent
  | { readonly type: "watch"; readonly ref: number; readonly users: readonly string[] }
  | { readonly type: "unwatch"; readonly users: readonly string[] }
  | { readonly type: "receipt"; readonly room: number; readonly delivered: number; readonly read: number }
  | { readonly type: "typing"; readonly room: number; readonly ttlMs: number }
  | {
      readonly type: "presence";
      readonly state: PresenceState;
      readonly activity: string;
      readonly statusText: string;
    }
  /** `room` 0: for the application behind the relay (SIG-2). */
  | { readonly type: "signal"; readonly room: number; readonly name: string; readonly content: Content | undefined }
  | { readonly type: "refresh"; readonly ref: number; readonly token: string }
  /** The log is to be read for a room that is behind (RES-8); answered by `fill` with the same `token`. */
  | {
      readonly type: "read";
      readonly room: number;
      readonly token: number;
      readonly after: number;
      readonly limit: number;
      readonly maxBytes: number;
    }
  /** The client goes for good (GBY-6). */
  | { readonly type: "goodbye" }
  /** The client tells an error: information for logs (ERR-9). */
  | { readonly type: "peerError"; readonly code: ErrorCodeName }
  /** A room whose handle this connection no longer remembers (ROM-4, 3). */
  | { readonly type: "forgotten"; readonly room: number }
  /** The last event. `error`: why this side ended it. */
  | { readonly type: "closed"; readonly error: ProtocolError | undefined };

/** What authentication says of a client that is let in (SES-5). */
export interface Acceptance {
  /** 1 to 256 bytes. */
  readonly user: string;
  readonly profile?: Init<Profile> | undefined;
  /** 0, or absent: the token does not expire (AUT-4). */
  readonly expiresInMs?: number | undefined;
  /** In use on this connection; those that hello did not list are left out (EVO-3). */
  readonly features?: readonly string[] | undefined;
}

/** What `joined` tells (ROM-3). */
export interface JoinedInfo {
  /** The join that this answers; 0: unsolicited (ROM-6). */
  readonly ref: number;
  readonly room: number;
  readonly name: string;
  readonly log: LogState;
  readonly verdict: Verdict;
  /** The first offset to be delivered; undefined: where delivery stands (an open room whose rights or details have changed). */
  readonly start: number | undefined;
  /** The last offset that was announced to the relay so far; at least `log.head` counts. */
  readonly announced: number;
  readonly nextSeq: number;
  readonly durability: Durability;
  readonly rights: readonly Right[];
  readonly publishOnly: boolean;
  readonly receipts: Detail;
  readonly roster: Detail;
  readonly members: readonly Init<Member>[];
  readonly count: number;
  readonly read: number;
  readonly marks: readonly Init<ReceiptMark>[];
}

/** An entry on its way to readers. */
export interface Delivery {
  readonly offset: number;
  readonly frame: SharedFrame;
}

/** The answer to `history` (HIS-3). */
export interface PageInfo extends LogState {
  readonly entries: readonly Chat[];
}

/** A position, from its form on the wire. */
export function positionOf(position: { epoch: bigint; offset: bigint } | undefined): RoomPosition | undefined {
  return position && { epoch: Number(position.epoch), offset: Number(position.offset) };
}
