/** The HTTP API for backends, as a table: the listener serves it, and the OpenAPI document is made from it. */

import { parseMessageId } from "../../delivery/message-id.ts";
import { ProtocolError } from "../../errors.ts";
import type { BackendPublish } from "../../relay/backend.ts";
import type { Relay } from "../../relay/relay.ts";
import type { ContentInput } from "../../session/client-convert.ts";
import type { Message, MessageContent, UserProfile } from "../../session/client-events.ts";
import { ChatKind } from "../../wire/codec.ts";
import type { SchemaName } from "./schemas.ts";

/** What was asked, after the schemas have passed it. */
interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** A row: one thing that a backend may ask. */
export interface Route {
  readonly method: "GET" | "POST";
  /** As OpenAPI writes it: `{room}` stands for a segment, percent-encoded. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  /** Whole numbers from 1, unless said otherwise. */
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: SchemaName;
  /** Of an answer with status 200; without: 204, and no body. */
  readonly answer?: SchemaName;
  readonly run: (relay: Relay, asked: Asked) => unknown;
}

export const routes: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/rooms/{room}/messages",
    operationId: "publish",
    summary: "Store a message",
    description:
      "Answered once the message is as durable as the log is. Repeated with the same id it is stored once. Without an order to what clients publish at the same time (LOG-9).",
    body: "Publish",
    answer: "Stored",
    run: async (relay, { params, body }) => {
      return await relay.publish(nameOf(params, "room"), entryOf(body as PublishBody));
    },
  },
  {
    method: "GET",
    path: "/v1/rooms/{room}/messages",
    operationId: "history",
    summary: "Read a part of a room's log",
    description:
      "The latest messages by default. Where more are kept, ask again with before or after the offset of the last one.",
    query: {
      before: "The latest messages below this offset.",
      after: "The earliest messages above this offset; 0: from the oldest on.",
      limit: "Messages at most; limits.pageEntries of the relay is the bound.",
    },
    answer: "History",
    run: async (relay, { params, query }) => {
      const numbers = Object.fromEntries(Object.entries(query).map(([name, value]) => [name, Number(value)]));
      const { messages, ...log } = await relay.history(nameOf(params, "room"), numbers);
      return { ...log, messages: messages.map(plainMessage) };
    },
  },
  {
    method: "GET",
    path: "/v1/rooms/{room}/members",
    operationId: "members",
    summary: "Tell who is in a room",
    description: "On all relays (MBR-1).",
    answer: "Members",
    run: async (relay, { params }) => {
      const { count, members } = await relay.members(nameOf(params, "room"));
      return { count, members: members.map(({ user, profile }) => ({ user, ...plainProfile(profile) })) };
    },
  },
  {
    method: "POST",
    path: "/v1/rooms/{room}/signals",
    operationId: "signalRoom",
    summary: "Tell an event to all who are in a room",
    description: "To those who are connected now; it is not kept (SIG-2).",
    body: "Signal",
    run: (relay, { params, body }) => {
      const { name, content } = body as SignalBody;
      relay.signal({ room: nameOf(params, "room") }, name, content && contentOf(content));
    },
  },
  {
    method: "POST",
    path: "/v1/rooms/{room}/close",
    operationId: "closeRoom",
    summary: "Make all leave a room",
    description: "They are told left with ROOM_UNAVAILABLE (ROM-8). The log stays, and who may may join again.",
    run: (relay, { params }) => relay.closeRoom(nameOf(params, "room")),
  },
  {
    method: "POST",
    path: "/v1/users/{user}/signals",
    operationId: "signalUser",
    summary: "Tell an event to all connections of a user",
    description: "To those that are open now; it is not kept (SIG-2).",
    body: "Signal",
    run: (relay, { params, body }) => {
      const { name, content } = body as SignalBody;
      relay.signal({ user: nameOf(params, "user") }, name, content && contentOf(content));
    },
  },
  {
    method: "POST",
    path: "/v1/users/{user}/kick",
    operationId: "kick",
    summary: "Make a user leave a room, or go",
    description: "Told left with ACCESS_REVOKED, or closed. Whether the user may come back is up to authorisation.",
    body: "Room",
    run: (relay, { params, body }) => relay.kick(nameOf(params, "user"), (body as RoomBody).room),
  },
  {
    method: "POST",
    path: "/v1/users/{user}/revoke",
    operationId: "revoke",
    summary: "Have a user's rights looked up again",
    description: "In this room or in all; what is gone takes effect within a second (AUT-8).",
    body: "Room",
    run: (relay, { params, body }) => relay.revoke(nameOf(params, "user"), (body as RoomBody).room),
  },
];

interface ContentBody {
  readonly text?: string;
  readonly data?: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface PublishBody {
  readonly id?: string;
  readonly sender?: string;
  readonly profile?: {
    readonly displayName?: string;
    readonly avatarUri?: string;
    readonly attributes?: Readonly<Record<string, string>>;
  };
  readonly kind?: keyof typeof kinds;
  readonly content?: ContentBody;
  readonly target?: string;
}

interface SignalBody {
  readonly name: string;
  readonly content?: ContentBody;
}

interface RoomBody {
  readonly room?: string;
}

const kinds = {
  content: ChatKind.UNSPECIFIED,
  edit: ChatKind.EDIT,
  reaction: ChatKind.REACTION,
  redaction: ChatKind.REDACTION,
} as const;

function nameOf(params: Asked["params"], name: string): string {
  const value = params[name];
  if (value === undefined) throw new ProtocolError("FIELD_INVALID", "is missing", { field: name });
  return value;
}

function entryOf({ id, kind = "content", content, target, ...rest }: PublishBody): BackendPublish {
  return {
    ...rest,
    ...(id !== undefined && { id: parseMessageId(id) }),
    kind: kinds[kind],
    ...(content !== undefined && { content: contentOf(content) }),
    ...(target !== undefined && { target: parseMessageId(target) }),
  };
}

function contentOf({ data, text, ...rest }: ContentBody): Exclude<ContentInput, string> {
  if (data !== undefined) return { ...rest, data: new Uint8Array(Buffer.from(data, "base64")) };
  return { ...rest, ...(text !== undefined && { text }) };
}

function plainMessage({ offset, id, sender, profile, timeMs, kind, content, target }: Message): object {
  return {
    offset,
    id,
    sender,
    ...plainProfile(profile),
    timeMs,
    kind,
    ...(content !== undefined && { content: plainContent(content) }),
    ...(target !== undefined && { target }),
  };
}

function plainContent({ text, data, contentType, headers }: MessageContent): object {
  return {
    ...(text !== undefined && { text }),
    ...(data !== undefined && { data: Buffer.from(data).toString("base64") }),
    ...(contentType && { contentType }),
    ...(headers?.size && { headers: Object.fromEntries(headers) }),
  };
}

function plainProfile(profile: UserProfile | undefined): { readonly profile?: object } {
  if (profile === undefined) return {};
  const { displayName, avatarUri, attributes } = profile;
  return { profile: { displayName, avatarUri, attributes: Object.fromEntries(attributes) } };
}
