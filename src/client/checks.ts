/**
 * What a caller may give, as tables: each option has one rule, and a name without a rule is refused.
 *
 * Law: what is wrong is refused by its name when it is given, before anything has happened (UsageError OPTION_INVALID). An option that is
 * undefined is absent. What goes into a frame is judged by the frame that it makes (ENC-8): of that only the names are checked here.
 */

import type { OutboxLimits } from "../delivery/outbox.ts";
import type { RoomPosition } from "../delivery/room-cursor.ts";
import { UsageError } from "../errors.ts";
import type { BackoffOptions } from "../session/backoff.ts";
import type { OwnPresence } from "../session/client-conversation.ts";
import type { ContentInput } from "../session/client-convert.ts";
import type { ClientEvents } from "../session/client-events.ts";
import type { ClientTimes } from "../session/client-options.ts";
import type { BatchOptions } from "../session/client-publisher.ts";
import type { JoinOptions } from "../session/client-room.ts";
import { clientFrameBytes } from "../wire/limits.ts";
import { isLoopback } from "./loopback.ts";
import type { ClientOptions } from "./options.ts";
import type { HistoryOptions } from "./room.ts";

/** What a value must be, in words, where it is not; undefined where it is. */
type Rule = (value: unknown) => string | undefined;
/** A rule for each option; for one that holds options itself, their rules. */
type Rules<T> = Readonly<Record<keyof T, Rule | AnyRules>>;
interface AnyRules {
  readonly [name: string]: Rule | AnyRules;
}

const must =
  (be: string, test: (value: unknown) => boolean): Rule =>
  (value) =>
    test(value) ? undefined : `must be ${be}`;

const anything: Rule = () => undefined;
const text = must("a string", (value) => typeof value === "string");
const callable = must("a function", isCallable);
const texts = must("a list of strings", (value) => Array.isArray(value) && value.every((each) => typeof each === "string"));
const textOrCallable = must("a string or a function", (value) => typeof value === "string" || isCallable(value));
const oneOf = (...names: string[]) => must(`one of ${names.join(", ")}`, (value) => names.includes(value as string));
const number = (least: number, most: number) =>
  must(`a number from ${least} to ${most}`, (value) => typeof value === "number" && value >= least && value <= most);
const whole = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  must(
    `a whole number from ${least} to ${most}`,
    (value) => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
  );
/** Ms; at most what timers of all platforms take. */
const ms = (least: number) => number(least, 0x7fffffff);
/** An object that can do this. */
const doing = (...methods: string[]) =>
  must(`an object with ${methods.join(", ")}`, (value) => methods.every((name) => isCallable(Object(value)[name])));

const times: Rules<ClientTimes> = {
  connectTimeout: ms(1),
  requestTimeout: ms(1),
  typingThrottle: ms(0),
  typingStop: ms(0),
  // The bound of TypingMark.ttl_ms; 0 would be a stop.
  typingTtl: whole(1, 60_000),
  presenceRefresh: ms(1),
  receiptInterval: ms(0),
  storeRetry: ms(1),
};
const outbox: Rules<OutboxLimits> = { maxEntries: whole(1), maxBytes: whole(1) };
const batch: Rules<BatchOptions> = { maxItems: whole(1), maxBytes: whole(1), maxDelayMs: ms(0) };
const backoff: Rules<BackoffOptions> = { base: ms(1), cap: ms(1), breakAfter: whole(1), breakFor: ms(0) };

const clientRules: Rules<ClientOptions> = {
  url: text,
  token: textOrCallable,
  insecure: oneOf("refuse", "allow"),
  webSocket: callable,
  connect: callable,
  storage: doing("load", "write"),
  clock: doing("now", "wall", "setTimer", "clearTimer"),
  random: callable,
  onFrame: callable,
  codec: must("a FrameCodec", isCodec),
  agent: text,
  features: texts,
  // Half of it is granted anew when half is used, and a frame of the largest size must fit then (CRD-5).
  creditBytes: whole(2 * clientFrameBytes),
  outbox,
  batch,
  backoff,
  times,
};

const position: Rules<RoomPosition> = { epoch: anything, offset: anything };
const joinRules: Rules<JoinOptions> = { position, tail: anything, maxCatchup: anything, publishOnly: anything };
const historyRules: Rules<HistoryOptions> = { before: anything, after: anything, limit: anything };
const contentRules: Rules<Exclude<ContentInput, string>> = {
  text: anything,
  data: anything,
  contentType: anything,
  headers: anything,
};
const presenceRules: Rules<OwnPresence> = { state: anything, activity: anything, statusText: anything };

/** The events that an application can listen to. */
export type EventName = Exclude<keyof ClientEvents, "answer">;

const eventRules: Readonly<Record<EventName, true>> = {
  state: true,
  welcome: true,
  tokenWanted: true,
  joined: true,
  left: true,
  message: true,
  gap: true,
  entry: true,
  receipt: true,
  typing: true,
  members: true,
  presence: true,
  signal: true,
  error: true,
};

/** @returns a copy, without what is absent. @throws UsageError OPTION_INVALID. */
export function checkedClientOptions(options: ClientOptions): ClientOptions {
  const checked = checkedBy(clientRules, options, "options", "") as unknown as ClientOptions;
  checkUrl(checked);
  return checked;
}

/** @throws UsageError OPTION_INVALID. */
export function checkJoin(options: JoinOptions): void {
  checkedBy(joinRules, options, "join", "join.");
}

/** @throws UsageError OPTION_INVALID. */
export function checkHistory(options: HistoryOptions): void {
  checkedBy(historyRules, options, "history", "history.");
  if (options.before !== undefined && options.after !== undefined) throw invalid("history", "give either before or after");
}

/** What is no object at all the engine refuses, as no content. @throws UsageError OPTION_INVALID. */
export function checkContent(content: ContentInput | undefined): void {
  if (isObject(content)) checkedBy(contentRules, content, "content", "content.");
}

/** @throws UsageError OPTION_INVALID. */
export function checkPresence(presence: OwnPresence): void {
  checkedBy(presenceRules, presence, "presence", "presence.");
}

/** @throws UsageError OPTION_INVALID. */
export function checkListener(name: EventName, listener: unknown): void {
  if (!Object.hasOwn(eventRules, name)) throw invalid("on", `"${String(name)}" is none of ${Object.keys(eventRules).join(", ")}`);
  if (!isCallable(listener)) throw invalid(`on("${name}")`, "the listener must be a function");
}

/** Looks at each option by its rule. @param prefix - stands before its name. @returns a copy, without what is absent. */
function checkedBy(rules: AnyRules, options: unknown, what: string, prefix: string): Record<string, unknown> {
  if (!isObject(options)) throw invalid(what, "must be an object");
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(rules, name));
  if (unknown.length > 0) {
    const names = unknown.map((name) => prefix + name).join(", ");
    throw invalid(names, `not known; ${what} may hold ${Object.keys(rules).join(", ")}`);
  }
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    const rule = rules[name];
    if (value === undefined || rule === undefined) continue;
    const path = prefix + name;
    if (typeof rule !== "function") {
      checked[name] = checkedBy(rule, value, path, `${path}.`);
      continue;
    }
    const wrong = rule(value);
    if (wrong !== undefined) throw invalid(path, wrong);
    checked[name] = value;
  }
  return checked;
}

/** The host of a URL without user and password. React Native's URL has none. */
const hostOf = /^wss?:\/\/(\[[^\]]*\]|[^:/?#]*)(?=[:/?#]|$)/;

function checkUrl({ url, token, insecure = "refuse" }: ClientOptions): void {
  if (url === undefined) throw invalid("url", "is missing");
  // What stands before an @ only looks like the machine that is reached.
  if (/^wss?:\/\/[^/?#]*@/i.test(url)) throw invalid("url", "must not hold a user or a password");
  if (!/^wss?:\/\/[^/]/.test(url)) throw invalid("url", "must begin with ws:// or wss://");
  if (/[?&](access_)?token=/i.test(url)) throw invalid("url", "must not hold a token (AUT-2); use the option token");
  if (token !== undefined && url.startsWith("ws:") && !isLoopback(hostOf.exec(url)?.[1] ?? "") && insecure === "refuse") {
    const how = 'use wss://, or allow it by insecure: "allow"';
    throw invalid("url", `the token would be readable on its way (TRN-10); ${how}`);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCodec(value: unknown): boolean {
  const { subprotocol, encode, parse } = Object(value);
  return typeof subprotocol === "string" && isCallable(encode) && isCallable(parse);
}

function isCallable(value: unknown): boolean {
  return typeof value === "function";
}

function invalid(name: string, what: string): UsageError {
  return new UsageError("OPTION_INVALID", `${name}: ${what}`);
}
