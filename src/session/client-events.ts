/**
 * What a client's engine tells the application: plain values, no wire types. Offsets, seqs and times are safe integers;
 * times are ms since 1970-01-01T00:00:00Z; message ids are UUIDs in text form (MID-5).
 */

import type { ErrorCodeName, ProtocolError, UsageError } from "../errors.ts";
import type { CircuitState, ClientState, EntryState } from "./transitions.ts";

/** What a message says (PUB-3). */
export interface MessageContent {
  /** Text for people; undefined where `data` is set. */
  readonly text?: string;
  /** Anything else, in the form that `contentType` names. */
  readonly data?: Uint8Array;
  /** Media type; empty: plain text, or opaque bytes. */
  readonly contentType?: string;
  /** Small facts for the application. Peer-chosen keys: read them by `headers.get`. */
  readonly headers?: ReadonlyMap<string, string>;
}

/** What the entry of a log is (LOG-6); `unknown` for kinds of later versions, which are not to be shown. */
export type MessageKind = "content" | "tombstone" | "redaction" | "edit" | "reaction" | "unknown";

/** How a user is shown (AUT-9). */
export interface UserProfile {
  readonly displayName: string;
  readonly avatarUri: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/** An entry of a room's log (LOG-1). */
export interface Message {
  readonly room: string;
  readonly epoch: number;
  readonly offset: number;
  /** User id; empty: the service itself. */
  readonly sender: string;
  readonly profile: UserProfile | undefined;
  readonly timeMs: number;
  readonly id: string;
  readonly kind: MessageKind;
  /** Undefined in tombstones and redactions. */
  readonly content: MessageContent | undefined;
  /** Id of the message that this one is about; undefined where it is about none. */
  readonly target: string | undefined;
  /** Published by this client's user, on whichever device. */
  readonly own: boolean;
}

/** A user's watermarks in a room (RCP-1). */
export interface UserReceipt {
  readonly user: string;
  readonly delivered: number;
  readonly read: number;
}

/** How many members other than its sender have come to an entry (RCP-5). */
export interface ReceiptTally {
  readonly offset: number;
  readonly delivered: number;
  readonly read: number;
}

/** Whether a user can be reached (PRS-1). */
export type PresenceName = "unknown" | "online" | "away" | "busy" | "offline";

/** A user's presence over all devices (PRS-3). */
export interface UserPresence {
  readonly user: string;
  readonly state: PresenceName;
  readonly activity: string;
  readonly statusText: string;
  /** 0: not known. */
  readonly lastSeenMs: number;
  readonly devices: number;
}

/** A user in a room (MBR-1). */
export interface RoomMember {
  readonly user: string;
  readonly profile: UserProfile | undefined;
}

/** How much of a fact about members is told (MBR-2). */
export type DetailName = "all" | "counts" | "own";

/** What an ack promises (ACK-2). */
export type DurabilityName = "unknown" | "memory" | "buffered" | "disk" | "replicated";

/** What the principal may do in a room (AUT-8). */
export type RightName = "read" | "publish" | "redact" | "signal";

/** A room that is open (ROM-3). */
export interface JoinedRoom {
  readonly room: string;
  readonly verdict: "fresh" | "resumed" | "gap" | "reset";
  /** With `gap` and `reset`: the offsets that will not come; those from `firstRetained` on can be read with history (RES-4). */
  readonly missing: { readonly first: number; readonly last: number } | undefined;
  readonly epoch: number;
  readonly start: number;
  readonly head: number;
  readonly firstRetained: number;
  readonly durability: DurabilityName;
  readonly rights: ReadonlySet<RightName>;
  readonly receipts: DetailName;
  readonly roster: DetailName;
  readonly members: readonly RoomMember[];
  readonly count: number;
  readonly read: number;
  readonly marks: readonly UserReceipt[];
}

/** A part of a room's log (HIS-3). */
export interface HistoryPage {
  readonly room: string;
  readonly epoch: number;
  readonly messages: readonly Message[];
  readonly firstRetained: number;
  readonly head: number;
}

/** What the relay said in welcome (SES-5). */
export interface WelcomeInfo {
  readonly user: string;
  readonly profile: UserProfile | undefined;
  readonly features: readonly string[];
  /** 0: the token does not expire. */
  readonly expiresInMs: number;
  readonly timeMs: number;
}

/** What was to be published: all that is needed to publish it as a new message. */
export interface Unpublished {
  readonly kind: MessageKind;
  /** Undefined in redactions. */
  readonly content: MessageContent | undefined;
  /** Id of the message that it is about; undefined where it is about none. */
  readonly target: string | undefined;
}

/** A publish was handed over (`queued`), was found in storage, or something became of it (PUB-13). */
export interface EntryChange {
  readonly room: string;
  readonly id: string;
  readonly state: EntryState;
  /** With `stored`: its place in the log. */
  readonly epoch?: number;
  readonly offset?: number;
  readonly timeMs?: number;
  /** With `failed`, and with `sent` after a retryable rejection: why. */
  readonly error?: ProtocolError;
  /** With `failed` and `maybe`: what it was, to publish it anew (`Room.resend`). */
  readonly unpublished?: Unpublished;
  /** With `stored`: a cancel came too late (PUB-12). */
  readonly cancelFailed?: boolean;
}

/** The events of a client, by name. */
export interface ClientEvents {
  /** The connection is in another state (SES-8). */
  state: { readonly state: ClientState; readonly retryInMs?: number; readonly error?: ProtocolError };
  /** The circuit breaker is in another state: while it is `open` the next attempt waits for longer (LIV-7). */
  circuit: { readonly state: CircuitState };
  /**
   * So many attempts in a row were in vain, and there are no more of them (`backoff.maxAttempts`): the client is closed until it is started
   * again. `error`: what the last one has ended with, where that is known.
   */
  gaveUp: { readonly attempts: number; readonly error: ProtocolError | undefined };
  welcome: WelcomeInfo;
  /** A fresh token is wanted: give it with `setToken` (AUT-4, AUT-10). */
  tokenWanted: { readonly code: ErrorCodeName | undefined };
  joined: JoinedRoom;
  /** `code` undefined: the application left. */
  left: { readonly room: string; readonly code: ErrorCodeName | undefined };
  message: Message;
  /** Offsets that will not be delivered (RES-7). */
  gap: {
    readonly room: string;
    readonly first: number;
    readonly last: number;
    readonly reason: "unknown" | "trimmed" | "tooMany";
  };
  entry: EntryChange;
  receipt: { readonly room: string; readonly marks: readonly UserReceipt[]; readonly counts: readonly ReceiptTally[] };
  /** Users who are typing now; told on each change (TYP-2). */
  typing: { readonly room: string; readonly users: readonly string[] };
  members: {
    readonly room: string;
    readonly count: number;
    readonly entered: readonly RoomMember[];
    readonly exited: readonly string[];
  };
  presence: { readonly marks: readonly UserPresence[]; readonly snapshot: boolean };
  signal: {
    readonly room: string | undefined;
    readonly sender: string;
    readonly name: string;
    readonly content: MessageContent | undefined;
  };
  /** Something went wrong that no request or entry stands for. */
  error: {
    readonly error: ProtocolError | UsageError;
    readonly room: string | undefined;
    /** With OUTBOX_CORRUPT: the stored record that was set aside, as storage gave it. */
    readonly record?: unknown;
  };
  /** A request is answered. `result` is of the form that its command states. */
  answer: { readonly request: number; readonly result: unknown; readonly error: ProtocolError | UsageError | undefined };
}

/** One event, with its name in `type`. */
export type ClientEvent = { [K in keyof ClientEvents]: { readonly type: K } & ClientEvents[K] }[keyof ClientEvents];
