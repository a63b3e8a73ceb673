/**
 * The log of a client, a line of JSON for each thing that its application did or was told: its records, and how a line is read.
 *
 * Law: events and members that a later version adds are passed over; what is known has its form, or the line is refused.
 */

import { UsageError } from "../errors.ts";

/** A process begins: of what was told before, it knows what its outbox and its stored positions say, and nothing else. */
export interface StartRecord {
  readonly event: "start";
}

/** The client was closed by its application, with so many publishes unsettled. */
export interface EndRecord {
  readonly event: "end";
  readonly outbox: number;
}

/** A room is open (ROM-3), or open again. */
export interface JoinedRecord {
  readonly event: "joined";
  readonly room: string;
  readonly verdict: "fresh" | "resumed" | "gap" | "reset";
  readonly epoch: number;
  /** The offset that is delivered next. */
  readonly start: number;
  /** Offsets that will not come; the last is before `start`. */
  readonly missing?: { readonly first: number; readonly last: number };
}

/** A room is open no more. */
export interface LeftRecord {
  readonly event: "left";
  readonly room: string;
}

/** An entry of the log was shown. */
export interface MessageRecord {
  readonly event: "message";
  readonly room: string;
  readonly epoch: number;
  readonly offset: number;
  readonly id: string;
  /** Ms since 1970, by the broker's clock. */
  readonly timeMs?: number;
}

/** These offsets will not come (RES-7). */
export interface GapRecord {
  readonly event: "gap";
  readonly room: string;
  readonly first: number;
  readonly last: number;
}

/** A publish was handed over, or found in storage, in the order of publishing; or something became of it (PUB-13). */
export interface EntryRecord {
  readonly event: "entry";
  readonly room: string;
  readonly id: string;
  readonly state: string;
  /** With `stored`: its place in the log. */
  readonly epoch?: number;
  readonly offset?: number;
  /** With `failed`: whether the publish may have been done all the same (ERR-3). */
  readonly processed?: "no" | "yes" | "maybe";
}

/** One line of a log. */
export type LogRecord = { readonly client: string } & (
  | StartRecord
  | EndRecord
  | JoinedRecord
  | LeftRecord
  | MessageRecord
  | GapRecord
  | EntryRecord
);

type Form = (value: unknown) => boolean;

const text: Form = (value) => typeof value === "string" && value !== "";
const whole =
  (min: number): Form =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= min;
const oneOf =
  (...values: string[]): Form =>
  (value) =>
    values.includes(value as string);
const optional =
  (form: Form): Form =>
  (value) =>
    value === undefined || form(value);
const range: Form = (value) =>
  typeof value === "object" &&
  value !== null &&
  "first" in value &&
  "last" in value &&
  whole(1)(value.first) &&
  whole(1)(value.last);

/** Each event with its members. */
const forms: { readonly [E in LogRecord["event"]]: Readonly<Record<string, Form>> } = {
  start: {},
  end: { outbox: whole(0) },
  joined: {
    room: text,
    verdict: oneOf("fresh", "resumed", "gap", "reset"),
    epoch: whole(1),
    start: whole(1),
    missing: optional(range),
  },
  left: { room: text },
  message: { room: text, epoch: whole(1), offset: whole(1), id: text, timeMs: optional(whole(0)) },
  gap: { room: text, first: whole(1), last: whole(1) },
  entry: {
    room: text,
    id: text,
    state: oneOf("queued", "sent", "voiding", "stored", "delivered", "read", "failed", "maybe", "cancelled"),
    epoch: optional(whole(1)),
    offset: optional(whole(1)),
    processed: optional(oneOf("no", "yes", "maybe")),
  },
};

/**
 * Reads a line.
 * @returns undefined for an event that this version does not know.
 * @throws UsageError LOG_INVALID for what is no JSON object, has no `client` or `event`, or a member that is not of its form. It has a
 * `cause` where the line is no JSON at all, as one that the end of its process has cut off.
 */
export function parseLogRecord(line: string): LogRecord | undefined {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch (cause) {
    throw new UsageError("LOG_INVALID", "it is not JSON", cause);
  }
  if (typeof record !== "object" || record === null || Array.isArray(record))
    throw new UsageError("LOG_INVALID", "it is no object");
  const { client, event } = record as { client?: unknown; event?: unknown };
  if (!text(client)) throw new UsageError("LOG_INVALID", "'client' must be a name");
  if (!text(event)) throw new UsageError("LOG_INVALID", "'event' must be a name");
  if (!Object.hasOwn(forms, event as string)) return undefined;
  for (const [member, form] of Object.entries(forms[event as LogRecord["event"]])) {
    if (!form((record as Record<string, unknown>)[member]))
      throw new UsageError("LOG_INVALID", `'${member}' of ${event} is not of its form`);
  }
  const { state, epoch, offset } = record as { state?: unknown; epoch?: unknown; offset?: unknown };
  if (state === "stored" && (epoch === undefined || offset === undefined))
    throw new UsageError("LOG_INVALID", "a stored entry has no 'epoch' and 'offset'");
  return record as LogRecord;
}
