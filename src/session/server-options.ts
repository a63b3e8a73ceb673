/** What a relay's engine is made with. */

import type { SessionLimits } from "../wire/limits.ts";
import { anything, callable, check, checkedBy, isCodec, must, number, type Rule, type Rules, whole } from "./option-rules.ts";
import { newTally, type Tally } from "./tally.ts";
import type { FrameCodec } from "./transmit.ts";

/** Times of a connection, in ms. */
export interface ServerTimes {
  /** To hello, and from hello to the end of authentication (AUT-3). */
  readonly authTimeout: number;
  /** Silence after which the relay pings (LIV-1). */
  readonly pingAfter: number;
  /** Silence after which the client is taken as dead; at least twice `pingAfter` (LIV-4). */
  readonly deadAfter: number;
  /** Between two ephemeral frames of a kind and room (MBR-1, RCP-6, TYP-4, PRS-9). */
  readonly rosterInterval: number;
}

/** What a {@link ServerSession} is made with. */
export interface ServerSessionOptions {
  /** The form of frames on this connection, as its subprotocol says (TRN-1). */
  readonly codec: FrameCodec;
  /** The bounds that welcome tells, and that hold for this connection (LIM-1). */
  readonly limits: SessionLimits;
  /** Deadlines and intervals, in ms. */
  readonly times: ServerTimes;
  /** Ms since 1970, for the clocks that welcome and pong tell. Nothing is decided by it. */
  readonly wall: () => number;
  /** The only `Hello.major` that is taken: 1 on byte streams. Absent, as on WebSocket: it is ignored (TRN-3). */
  readonly requireMajor?: number;
  /** Bytes of control frames that may wait for a client that does not read; then BACKLOG_EXCEEDED (CRD-6). 4 MiB by default. */
  readonly controlQueueBytes?: number;
  /** Bytes of chats that may wait for the transport; more stay in the log. 256 KiB by default. */
  readonly chatQueueBytes?: number;
  /** Errors with scope FRAME that a client may cause within a minute; beyond them the connection ends with RATE_LIMITED (ERR-11). No bound by default. */
  readonly errorsPerMinute?: number;
  /** Where frames and errors are counted; it may be that of several connections. */
  readonly tally?: Tally;
}

/** {@link ServerSessionOptions}, with what is taken where nothing is given. */
export type CheckedServerOptions = ServerSessionOptions &
  Required<Pick<ServerSessionOptions, "chatQueueBytes" | "controlQueueBytes" | "tally">>;

/** How a relay goes away (GBY-1). */
export interface DrainOptions {
  /** Acks are still sent for so many ms (GBY-2). */
  readonly drainMs: number;
  /** The range from which clients draw when they come back, in ms (GBY-3). */
  readonly afterMinMs: number;
  /** The upper end of that range, in ms. */
  readonly afterMaxMs: number;
  /** For people and logs (ERR-7). */
  readonly message?: string;
}

const uint32 = 0xffff_ffff;
const count = whole(1, uint32);
const limits: Readonly<Record<keyof SessionLimits, Rule>> = {
  frameBytes: count,
  contentBytes: count,
  windowMessages: count,
  windowBytes: count,
  batchFrames: count,
  openRequests: count,
  rooms: count,
  watchedUsers: count,
  pageEntries: count,
  dedupWindowS: count,
  typingIntervalMs: count,
  presenceTtlMs: count,
};
const time = number(0, uint32);
const times: Readonly<Record<keyof ServerTimes, Rule>> = {
  authTimeout: time,
  pingAfter: time,
  deadAfter: time,
  rosterInterval: time,
};
const rules: Rules<ServerSessionOptions> = {
  codec: must("a FrameCodec", isCodec),
  // Each of their values is looked at below: none may be left out, and of a list of more times those are taken that are wanted.
  limits: anything,
  times: anything,
  wall: callable,
  requireMajor: whole(0, uint32),
  controlQueueBytes: whole(1),
  chatQueueBytes: whole(1),
  errorsPerMinute: whole(1),
  tally: anything,
};

/** @returns a copy. @throws UsageError OPTION_INVALID, with the name of the option. */
export function checkedServerOptions(options: ServerSessionOptions): CheckedServerOptions {
  const checked = checkedBy(rules, options, "options", "", ["codec", "wall"]) as unknown as ServerSessionOptions;
  for (const [name, rule] of Object.entries(limits)) check(rule, `limits.${name}`, Object(checked.limits)[name]);
  for (const [name, rule] of Object.entries(times)) check(rule, `times.${name}`, Object(checked.times)[name]);
  return { chatQueueBytes: 256 * 1024, controlQueueBytes: 4 * 1024 * 1024, tally: newTally(), ...checked };
}
