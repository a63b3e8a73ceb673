/**
 * What a caller of a relay may give, one rule for each option and argument. What goes into a frame is of the right type by these; its lengths
 * and ranges are judged by the frame that it makes (ENC-8).
 */

import type { ContentInput } from "../session/client-convert.ts";
import type { DetailName } from "../session/client-events.ts";
import type { Clock } from "../session/host.ts";
import {
  type AnyRules,
  anything,
  bytes,
  callable,
  check,
  checkedBy,
  doing,
  invalid,
  isCodec,
  isObject,
  must,
  number,
  oneOf,
  type Rule,
  type Rules,
  rate,
  text,
  textsByName,
  whole,
} from "../session/option-rules.ts";
import type { DrainOptions } from "../session/server-options.ts";
import { ChatKind, type Init, type Profile } from "../wire/codec.ts";
import { clientFrameBytes, producerRing, relayFrameBytes, type SessionLimits } from "../wire/limits.ts";
import type { BackendPublish } from "./backend.ts";
import type { Broker, BrokerLink } from "./broker.ts";
import type { Retention } from "./memory-log.ts";
import type { MemoryBrokerOptions } from "./memory-store.ts";
import type { Logger, RelayOptions, RelayTimes } from "./options.ts";
import type { RelayRates } from "./rates.ts";
import type { ConnectionInfo, RelayTransport } from "./transport.ts";

const uint32 = 0xffff_ffff;
const clock: Rule = doing(...(["now", "wall", "setTimer", "clearTimer"] satisfies (keyof Clock)[]));

const limits: Rules<SessionLimits> = {
  frameBytes: whole(16 * 1024, relayFrameBytes),
  // A chat, with the profile of its sender, fits into a frame that every client takes (LIM-3).
  contentBytes: whole(1, clientFrameBytes - 16 * 1024),
  windowMessages: whole(1, producerRing),
  windowBytes: whole(1, uint32),
  batchFrames: whole(1, 1024),
  openRequests: whole(1, uint32),
  rooms: whole(1, uint32),
  watchedUsers: whole(1, 256),
  pageEntries: whole(1, 10_000),
  dedupWindowS: whole(1, uint32),
  typingIntervalMs: whole(1, uint32),
  presenceTtlMs: whole(1, uint32),
};

const times: Rules<RelayTimes> = {
  authTimeout: whole(0, uint32),
  answerTimeout: whole(1, uint32),
  pingAfter: whole(1, uint32),
  deadAfter: whole(1, uint32),
  rosterInterval: whole(0, uint32),
  presenceDebounce: whole(0, uint32),
};

const relayRules: Rules<RelayOptions> = {
  broker: doing("attach" satisfies keyof Broker),
  clock,
  random: callable,
  authenticate: callable,
  authorize: callable,
  onPublish: callable,
  onSignal: callable,
  maySee: callable,
  details: callable,
  detailBound: whole(1, 255),
  rates: {
    connection: rate,
    user: rate,
    errorsPerMinute: whole(1),
  } satisfies Rules<RelayRates>,
  connectionsPerUser: whole(1),
  seatsPerRoom: whole(1),
  limits,
  times,
  transportBytes: whole(1),
  controlQueueBytes: whole(2 * clientFrameBytes),
  chatQueueBytes: whole(1),
  log: doing(...(["info", "warn", "error"] satisfies (keyof Logger)[])),
};

/** @returns a copy, without what is absent. @throws UsageError OPTION_INVALID. */
export function checkedRelayOptions(options: RelayOptions): RelayOptions {
  const required: readonly (keyof RelayOptions)[] = ["broker", "clock", "random", "authenticate"];
  return checkedBy(relayRules, options, "options", "", required) as unknown as RelayOptions;
}

const linkMethods: readonly Exclude<keyof BrokerLink, "relayId">[] = [
  "open",
  "close",
  "publish",
  "append",
  "producer",
  "read",
  "receipt",
  "receipts",
  "follow",
  "unfollow",
  "put",
  "remove",
  "announce",
  "claim",
  "release",
  "detach",
];

/** What a broker has given. @throws UsageError OPTION_INVALID. */
export function checkLink(link: BrokerLink): void {
  check(doing(...linkMethods), "broker.attach", link);
  check(text, "broker.attach: relayId", link.relayId);
}

const positive: Rule = number(1, Number.POSITIVE_INFINITY);
const retention: Rules<Retention> = { maxEntries: positive, maxBytes: positive, maxAgeMs: positive };
export const memoryRules: Rules<MemoryBrokerOptions> = {
  clock,
  random: callable,
  retention,
  dedupWindowS: positive,
  maxRooms: positive,
  maxRoomsPerUser: positive,
  maxSessionsPerUser: positive,
};

/** @returns a copy, without what is absent. @throws UsageError OPTION_INVALID. */
export function checkedMemoryOptions(options: MemoryBrokerOptions): MemoryBrokerOptions {
  return checkedBy(memoryRules, options, "options", "", ["clock", "random"]) as unknown as MemoryBrokerOptions;
}

const transport: Rule = doing(...(["send", "close"] satisfies (keyof RelayTransport)[]));
const infoRules: Rules<ConnectionInfo> = {
  codec: must("a FrameCodec", isCodec),
  headers: must("a Map", (value) => value instanceof Map),
  requireMajor: whole(0, uint32),
};

/** @throws UsageError OPTION_INVALID. */
export function checkConnection(given: RelayTransport, info: ConnectionInfo): void {
  check(transport, "transport", given);
  check(number(0, Number.POSITIVE_INFINITY), "transport.bufferedBytes", given.bufferedBytes);
  checkedBy(infoRules, info, "info", "info.", ["codec"]);
}

const profileRules: AnyRules = {
  displayName: text,
  avatarUri: text,
  attributes: textsByName,
  // A message of the codec is one too.
  $typeName: must("chappe.v1.Profile", (value) => value === "chappe.v1.Profile"),
  $unknown: anything,
} satisfies Record<keyof Init<Profile> | "$unknown", Rule>;

/** @returns a copy of what it shows. @throws UsageError OPTION_INVALID. */
export function checkedProfile(profile: unknown): Init<Profile> {
  const { $typeName: _type, $unknown: _unknown, ...shown } = checkedBy(profileRules, profile, "profile", "profile.");
  return shown;
}

const contentRules: Rules<Exclude<ContentInput, string>> = {
  text,
  data: bytes,
  contentType: text,
  headers: must("a Map or an object of strings", (value) =>
    value instanceof Map ? [...value].flat().every((each) => typeof each === "string") : textsByName(value) === undefined,
  ),
};

/** @throws UsageError OPTION_INVALID. */
export function checkContent(content: unknown): void {
  if (typeof content === "string") return;
  if (!isObject(content)) throw invalid("content", "must be a string or an object");
  checkedBy(contentRules, content, "content", "content.");
}

const detail: Rule = oneOf(...(["all", "counts", "own"] satisfies DetailName[]));

/** What the hook `details` has given. @throws UsageError OPTION_INVALID. */
export function checkedDetails(given: object): { readonly receipts?: DetailName; readonly roster?: DetailName } {
  return checkedBy({ receipts: detail, roster: detail }, given, "details", "details.");
}

const kinds: ReadonlySet<unknown> = new Set(Object.values(ChatKind));
const entryRules: Rules<BackendPublish> = {
  id: bytes,
  sender: text,
  profile: anything,
  content: anything,
  kind: must("a ChatKind", (value) => typeof value === "number" && kinds.has(value)),
  target: bytes,
};

/** @returns a copy, without what is absent. @throws UsageError OPTION_INVALID. */
export function checkedEntry(entry: BackendPublish): BackendPublish {
  const checked = checkedBy(entryRules, entry, "entry", "entry.") as BackendPublish;
  if (checked.content !== undefined) checkContent(checked.content);
  return checked.profile === undefined ? checked : { ...checked, profile: checkedProfile(checked.profile) };
}

const drainRules: Rules<DrainOptions> = {
  drainMs: whole(0, uint32),
  afterMinMs: whole(0, uint32),
  afterMaxMs: whole(0, uint32),
  message: text,
};

/** @returns a copy. @throws UsageError OPTION_INVALID. */
export function checkedDrain(options: DrainOptions): DrainOptions {
  const required: readonly (keyof DrainOptions)[] = ["drainMs", "afterMinMs", "afterMaxMs"];
  const checked = checkedBy(drainRules, options, "drain", "drain.", required) as unknown as DrainOptions;
  if (checked.afterMaxMs < checked.afterMinMs) throw invalid("drain.afterMaxMs", "is below drain.afterMinMs");
  return checked;
}

/** Which part of a log is asked for. */
export interface HistoryQuery {
  /** The latest entries below this offset. */
  readonly before?: number;
  /** The earliest entries above this offset. */
  readonly after?: number;
  /** Entries at most; at least 1. */
  readonly limit?: number;
}

export type CheckedHistory = ({ readonly before: number } | { readonly after: number }) & { readonly limit: number };

const historyRules: Rules<HistoryQuery> = { before: whole(1), after: whole(0), limit: whole(1) };

/** @returns what is asked for, of all by default. @throws UsageError OPTION_INVALID. */
export function checkedHistory(query: HistoryQuery, most: number): CheckedHistory {
  const { before, after, limit = most } = checkedBy(historyRules, query, "query", "query.") as HistoryQuery;
  if (before !== undefined && after !== undefined) throw invalid("query", "give either before or after");
  const bounded = Math.min(limit, most);
  return after === undefined ? { before: before ?? 0, limit: bounded } : { after, limit: bounded };
}

const receivers: AnyRules = { user: text, room: text };

/** To whom a signal goes: to a user or to a room. @throws UsageError OPTION_INVALID. */
export function checkedReceiver(to: unknown): { readonly user: string } | { readonly room: string } {
  const checked = checkedBy(receivers, to, "to", "to.");
  if (Object.keys(checked).length !== 1) throw invalid("to", "give either user or room");
  return checked as { readonly user: string } | { readonly room: string };
}

/** An argument that is a text. @throws UsageError OPTION_INVALID. */
export function checkText(name: string, value: unknown): void {
  check(text, name, value);
}
