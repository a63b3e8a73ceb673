/**
 * What a caller of a client may give: one rule for each option, by the law of the rules. What goes into a frame is judged by the frame that
 * it makes (ENC-8): of that only the names are checked here.
 */

import type { RoomPosition } from "../delivery/room-cursor.ts";
import { ProtocolError } from "../errors.ts";
import type { OwnPresence } from "../session/client-conversation.ts";
import type { ContentInput } from "../session/client-convert.ts";
import type { ClientEvents } from "../session/client-events.ts";
import type { PauseReason } from "../session/client-life.ts";
import { sessionRules } from "../session/client-options.ts";
import type { JoinOptions } from "../session/client-room.ts";
import {
  anything,
  callable,
  check,
  checkedBy,
  doing,
  invalid,
  isCallable,
  isObject,
  must,
  oneOf,
  type Rules,
  texts,
  whole,
} from "../session/option-rules.ts";
import { checkFrame, createFrame } from "../wire/codec.ts";
import type { StreamOptions } from "./event-stream.ts";
import { isLoopback } from "./loopback.ts";
import type { ClientOptions } from "./options.ts";
import type { HistoryOptions } from "./room.ts";
import { parseRelayUrl } from "./url.ts";
import { requireUnaborted, type WaitOptions } from "./waiting.ts";

/** A rule for each option. */
export const clientRules: Rules<ClientOptions> = {
  url: must(
    "a string, or a list of strings that is not empty",
    (value) => [value].flat().length > 0 && texts([value].flat()) === undefined,
  ),
  token: must(
    "a string that is not empty, or a function",
    (value) => (typeof value === "string" && value !== "") || isCallable(value),
  ),
  insecure: oneOf("refuse", "allow"),
  webSocket: callable,
  connect: callable,
  storage: doing("load", "write"),
  positions: doing("load", "write"),
  clock: doing("now", "wall", "setTimer", "clearTimer"),
  onFrame: callable,
  ...sessionRules,
};

const position: Rules<RoomPosition> = { epoch: anything, offset: anything };
const joinRules: Rules<JoinOptions> = { position, tail: anything, maxCatchup: anything, publishOnly: anything };
const historyRules: Rules<HistoryOptions> = { before: anything, after: anything, limit: anything };
const waitRules: Rules<WaitOptions> = {
  signal: must(
    "an AbortSignal",
    (value) => typeof Object(value).aborted === "boolean" && isCallable(Object(value).addEventListener),
  ),
};
const streamRules: Rules<StreamOptions> = { ...waitRules, capacity: whole(1) };
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
  circuit: true,
  gaveUp: true,
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

/** @returns a copy, without what is absent, of which the addresses are a list. @throws UsageError OPTION_INVALID. */
export function checkedClientOptions(options: ClientOptions): ClientOptions & { readonly url: readonly [string, ...string[]] } {
  const checked = checkedBy(clientRules, options, "options", "", ["url"]) as unknown as ClientOptions;
  const { url } = checked;
  const urls =
    typeof url === "string" ? [checkedUrl("url", url, checked)] : url.map((each, i) => checkedUrl(`url[${i}]`, each, checked));
  return { ...checked, url: urls as [string, ...string[]] };
}

/** @throws ProtocolError FIELD_INVALID (local), where no relay could have such a room. */
export function checkRoomName(name: string): void {
  const wrong = checkFrame(createFrame("join", { name }));
  if (wrong !== undefined) throw new ProtocolError("FIELD_INVALID", `room: ${wrong.message}`, { field: "join.name" });
}

/** @throws UsageError OPTION_INVALID. The reason of a signal that was aborted. */
export function checkJoin(options: JoinOptions & WaitOptions): void {
  checkedBy({ ...joinRules, ...waitRules }, options, "join", "join.");
  requireUnaborted(options.signal);
}

/** @throws UsageError OPTION_INVALID. The reason of a signal that was aborted. */
export function checkHistory(options: HistoryOptions & WaitOptions): void {
  checkedBy({ ...historyRules, ...waitRules }, options, "history", "history.");
  if (options.before !== undefined && options.after !== undefined) throw invalid("history", "give either before or after");
  requireUnaborted(options.signal);
}

/** @param what - whose options they are. @throws UsageError OPTION_INVALID. The reason of a signal that was aborted. */
export function checkWait(options: WaitOptions, what: string): void {
  checkedBy(waitRules, options, what, `${what}.`);
  requireUnaborted(options.signal);
}

/** @throws UsageError OPTION_INVALID. */
export function checkStream(options: StreamOptions): void {
  checkedBy(streamRules, options, "stream", "stream.");
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
export function checkPause(why: PauseReason): void {
  check(oneOf("offline", "background"), "why", why);
}

/** @throws UsageError OPTION_INVALID. */
export function checkEvent(name: EventName): void {
  if (!Object.hasOwn(eventRules, name)) throw invalid("on", `"${String(name)}" is none of ${Object.keys(eventRules).join(", ")}`);
}

/** @throws UsageError OPTION_INVALID. */
export function checkListener(name: EventName, listener: unknown): void {
  checkEvent(name);
  if (!isCallable(listener)) throw invalid(`on("${name}")`, "the listener must be a function");
}

/** @returns the URL, with its scheme in lower case. */
function checkedUrl(name: string, url: string, { token, insecure = "refuse" }: ClientOptions): string {
  const parsed = parseRelayUrl(url);
  if (typeof parsed === "string") throw invalid(name, parsed);
  const { scheme, host, href } = parsed;
  if (/[?&](access_)?token=/i.test(href)) throw invalid(name, "must not hold a token (AUT-2); use the option token");
  if (token !== undefined && scheme === "ws" && !isLoopback(host) && insecure === "refuse") {
    const how = 'use wss://, or allow it by insecure: "allow"';
    throw invalid(name, `the token would be readable on its way (TRN-10); ${how}`);
  }
  return href;
}
