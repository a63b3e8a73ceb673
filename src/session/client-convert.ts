/** Wire messages to the plain values that an application gets, and back. 64-bit fields become safe integers here (ENC-7). */

import { formatMessageId } from "../delivery/message-id.ts";
import type { RoomPosition, VerdictName } from "../delivery/room-cursor.ts";
import { errorCodeName, type ProcessedName, ProtocolError, type RetryName, type ScopeName, verdicts } from "../errors.ts";
import {
  type Chat,
  ChatKind,
  type Content,
  Detail,
  Durability,
  type ErrorInfo,
  type Init,
  type Joined,
  type Member,
  type Presence,
  type PresenceMark,
  PresenceState,
  Processed,
  type Profile,
  type ReceiptMark,
  Retry,
  Right,
  Scope,
  Verdict,
} from "../wire/codec.ts";
import type {
  DetailName,
  DurabilityName,
  JoinedRoom,
  Message,
  MessageContent,
  MessageKind,
  PresenceName,
  RightName,
  RoomMember,
  Unpublished,
  UserPresence,
  UserProfile,
  UserReceipt,
} from "./client-events.ts";
import { isObject } from "./option-rules.ts";

/** What may be published: text, or a content; headers as a Map or a plain object. */
export type ContentInput =
  | string
  | {
      readonly text?: string;
      readonly data?: Uint8Array;
      readonly contentType?: string;
      readonly headers?: ReadonlyMap<string, string> | Readonly<Record<string, string>>;
    };

const kinds: Readonly<Record<number, MessageKind>> = {
  [ChatKind.UNSPECIFIED]: "content",
  [ChatKind.TOMBSTONE]: "tombstone",
  [ChatKind.REDACTION]: "redaction",
  [ChatKind.EDIT]: "edit",
  [ChatKind.REACTION]: "reaction",
};
const verdictNames: Readonly<Record<number, VerdictName>> = {
  [Verdict.FRESH]: "fresh",
  [Verdict.RESUMED]: "resumed",
  [Verdict.GAP]: "gap",
  [Verdict.RESET]: "reset",
};
const details: Readonly<Record<number, DetailName>> = { [Detail.ALL]: "all", [Detail.COUNTS]: "counts", [Detail.OWN]: "own" };
const durabilities: Readonly<Record<number, DurabilityName>> = {
  [Durability.MEMORY]: "memory",
  [Durability.BUFFERED]: "buffered",
  [Durability.DISK]: "disk",
  [Durability.REPLICATED]: "replicated",
};
const rights: Readonly<Record<number, RightName>> = {
  [Right.READ]: "read",
  [Right.PUBLISH]: "publish",
  [Right.REDACT]: "redact",
  [Right.SIGNAL]: "signal",
};
const presenceNames: Readonly<Record<number, PresenceName>> = {
  [PresenceState.ONLINE]: "online",
  [PresenceState.AWAY]: "away",
  [PresenceState.BUSY]: "busy",
  [PresenceState.OFFLINE]: "offline",
};
/** The wire value of each presence. */
export const presenceStates: Readonly<Record<PresenceName, PresenceState>> = {
  unknown: PresenceState.UNSPECIFIED,
  online: PresenceState.ONLINE,
  away: PresenceState.AWAY,
  busy: PresenceState.BUSY,
  offline: PresenceState.OFFLINE,
};
const retries: Readonly<Record<number, RetryName>> = {
  [Retry.NOW]: "now",
  [Retry.AFTER]: "after",
  [Retry.REAUTHENTICATE]: "reauthenticate",
};
const scopes: Readonly<Record<number, ScopeName>> = { [Scope.ROOM]: "room", [Scope.CONNECTION]: "connection" };
const processedNames: Readonly<Record<number, ProcessedName>> = { [Processed.NO]: "no", [Processed.YES]: "yes" };

/** Values that this version does not know read as the zero value says (ERR-3). */
export function toError(info: ErrorInfo): ProtocolError {
  return new ProtocolError(errorCodeName(info.code), info.message || errorCodeName(info.code), {
    origin: "remote",
    retry: retries[info.retry] ?? "never",
    scope: scopes[info.scope] ?? "frame",
    processed: processedNames[info.processed] ?? "maybe",
    retryAfterMs: info.retryAfterMs,
  });
}

const retryNumbers: Readonly<Record<RetryName, Retry>> = {
  never: Retry.NEVER,
  now: Retry.NOW,
  after: Retry.AFTER,
  reauthenticate: Retry.REAUTHENTICATE,
};
const scopeNumbers: Readonly<Record<ScopeName, Scope>> = { frame: Scope.FRAME, room: Scope.ROOM, connection: Scope.CONNECTION };
const processedNumbers: Readonly<Record<ProcessedName, Processed>> = {
  no: Processed.NO,
  maybe: Processed.MAYBE,
  yes: Processed.YES,
};

/** An error as a frame says it (ERR-1). */
export function fromError(error: ProtocolError, scope: ScopeName = error.scope): Init<ErrorInfo> {
  return {
    code: verdicts[error.code][0],
    retry: retryNumbers[error.retry],
    retryAfterMs: error.retryAfterMs,
    scope: scopeNumbers[scope],
    processed: processedNumbers[error.processed],
    message: shortText(error.message),
  };
}

/** At most 1,024 bytes of well-formed text: 3 bytes for each of 340 units at most. */
export function shortText(text: string): string {
  return text.slice(0, 340).replace(/[\ud800-\udfff]/g, "?");
}

/** The name of a goodbye's verdict. */
export function toRetry(retry: Retry): RetryName {
  return retries[retry] ?? "never";
}

/** A verdict; undefined where this version does not know it. */
export function toVerdict(verdict: Verdict): VerdictName | undefined {
  return verdictNames[verdict];
}

export function toContent(content: Content | undefined): MessageContent | undefined {
  if (content === undefined) return undefined;
  const headers = Object.entries(content.headers);
  return {
    ...(content.body.case === "text" && { text: content.body.value }),
    ...(content.body.case === "data" && { data: content.body.value }),
    ...(content.contentType !== "" && { contentType: content.contentType }),
    ...(headers.length > 0 && { headers: new Map(headers) }),
  };
}

/** @throws ProtocolError FIELD_INVALID (local) for what is neither text nor data, or both; and for headers that are none. */
export function fromContent(input: ContentInput): Init<Content> {
  if (typeof input === "string") return { body: { case: "text", value: input } };
  const { text, data, contentType = "", headers = {} } = Object(input) as Exclude<ContentInput, string>;
  if (text === undefined && data === undefined) throw wrongContent("content", "has neither text nor data");
  if (text !== undefined && data !== undefined) throw wrongContent("content", "has text and data");
  if (!isObject(headers)) throw wrongContent("content.headers", "must be a Map or an object");
  const entries = isMap(headers) ? headers : Object.entries(headers);
  // A copy: the caller may go on writing into its own.
  const own = data instanceof Uint8Array ? new Uint8Array(data) : data;
  return {
    // What is neither text nor bytes is refused where it is encoded.
    body: own !== undefined ? { case: "data", value: own } : { case: "text", value: text as string },
    contentType,
    headers: Object.fromEntries(entries),
  };
}

function isMap(value: object): value is ReadonlyMap<string, string> {
  return value instanceof Map;
}

function wrongContent(field: string, what: string): ProtocolError {
  return new ProtocolError("FIELD_INVALID", `${field}: ${what}`, { field });
}

export function toProfile(profile: Profile | undefined): UserProfile | undefined {
  if (profile === undefined) return undefined;
  const { displayName, avatarUri, attributes } = profile;
  return { displayName, avatarUri, attributes: new Map(Object.entries(attributes)) };
}

export function toMember(member: Member): RoomMember {
  return { user: member.user, profile: toProfile(member.profile) };
}

export function toReceipt(mark: ReceiptMark): UserReceipt {
  return { user: mark.user, delivered: Number(mark.delivered), read: Number(mark.read) };
}

function toPresence(mark: PresenceMark): UserPresence {
  return {
    user: mark.user,
    // A state of a later version is at least a sign of life (PRS-2).
    state: presenceNames[mark.state] ?? (mark.state === PresenceState.UNSPECIFIED ? "unknown" : "online"),
    activity: mark.activity,
    statusText: mark.statusText,
    lastSeenMs: Number(mark.lastSeenMs),
    devices: mark.devices,
  };
}

export function toPresences(presence: Presence): UserPresence[] {
  return presence.marks.map(toPresence);
}

export function toMessage(chat: Chat, room: string, epoch: number, own: boolean): Message {
  return {
    room,
    epoch,
    offset: Number(chat.offset),
    sender: chat.sender,
    profile: toProfile(chat.profile),
    timeMs: Number(chat.timeMs),
    id: formatMessageId(chat.id),
    kind: kinds[chat.kind] ?? "unknown",
    content: toContent(chat.content),
    target: chat.target.length === 0 ? undefined : formatMessageId(chat.target),
    own,
  };
}

/** What an entry of the outbox was to be. */
export function toUnpublished(kind: ChatKind, content: Content | undefined, target: Uint8Array): Unpublished {
  return {
    kind: kinds[kind] ?? "unknown",
    content: toContent(content),
    target: target.length === 0 ? undefined : formatMessageId(target),
  };
}

export function toJoined(joined: Joined, verdict: VerdictName, missing: JoinedRoom["missing"]): JoinedRoom {
  return {
    room: joined.name,
    verdict,
    missing,
    epoch: Number(joined.epoch),
    start: Number(joined.start),
    head: Number(joined.head),
    firstRetained: Number(joined.firstRetained),
    durability: durabilities[joined.durability] ?? "unknown",
    rights: new Set(joined.rights.flatMap((right) => rights[right] ?? [])),
    // A detail that this version does not know promises the least.
    receipts: details[joined.receipts] ?? "own",
    roster: details[joined.roster] ?? "own",
    members: joined.members.map(toMember),
    count: joined.count,
    read: Number(joined.read),
    marks: joined.marks.map(toReceipt),
  };
}

export function fromPosition(position: RoomPosition): { epoch: bigint; offset: bigint } {
  return { epoch: toUint64(position.epoch, "position.epoch"), offset: toUint64(position.offset, "position.offset") };
}

/** A caller's number as a 64-bit field. @throws ProtocolError FIELD_INVALID (local) where it is no whole number from 0 to 2^53−1. */
export function toUint64(value: number, field: string): bigint {
  if (Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw new ProtocolError("FIELD_INVALID", `${field}: a whole number from 0 to 2^53-1 is expected`, { field });
}
