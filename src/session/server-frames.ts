/**
 * Frames that a relay's engine makes: errors with their verdicts (ERR-1), joined and pages that fit (LIM-3).
 */

import type { AckRun } from "../delivery/ack-tracker.ts";
import { type ErrorCodeName, ProtocolError, type ScopeName, UsageError, verdicts } from "../errors.ts";
import { createFrame, type ErrorCode, type FrameOf, type Hello, Retry } from "../wire/codec.ts";
import { clientFrameBytes, maxSafeInteger } from "../wire/limits.ts";
import { fromError, shortText } from "./client-convert.ts";
import type { Acceptance, HelloInfo, JoinedInfo, PageInfo } from "./server-events.ts";
import type { DrainOptions, ServerSessionOptions } from "./server-options.ts";
import { binaryCodec } from "./transmit.ts";

/** What an error is about. */
export interface ErrorSubject {
  readonly ref?: number;
  readonly room?: number;
  readonly seq?: number;
  readonly nextSeq?: number;
}

/** An error for the client, with the verdict that it has (ERR-3). */
export function errorFrame(error: ProtocolError, { ref = 0, room = 0, seq = 0, nextSeq = 0 }: ErrorSubject): FrameOf<"error"> {
  return createFrame(
    "error",
    {
      ...fromError(error),
      retryAfterMs: bounded32(error.retryAfterMs),
      room,
      seq: BigInt(seq),
      nextSeq: BigInt(nextSeq),
    },
    { ref },
  );
}

/** An error (remote) of this code, with another scope than the table's. */
export function remote(code: ProtocolError["code"], message: string, scope?: ScopeName): ProtocolError {
  return new ProtocolError(code, message, { origin: "remote", ...(scope !== undefined && { scope }) });
}

/** The wall clock's time as a field of a frame holds it. */
export function wallMs(ms: number): bigint {
  return BigInt(Math.min(Math.max(0, Math.floor(ms)), maxSafeInteger));
}

/** The application has called what the state does not allow. */
export function misuse(what: string): UsageError {
  return new UsageError("STATE_INVALID", what);
}

/** The same error with another scope. */
export function withScope(error: ProtocolError, scope: ScopeName): ProtocolError {
  if (error.scope === scope) return error;
  const { origin, retry, processed, retryAfterMs, field } = error;
  return new ProtocolError(error.code, error.message, {
    origin,
    retry,
    processed,
    retryAfterMs,
    scope,
    cause: error,
    ...(field !== undefined && { field }),
  });
}

export function ackFrame(run: AckRun): FrameOf<"ack"> {
  return createFrame("ack", {
    room: run.room,
    firstSeq: BigInt(run.firstSeq),
    offsetDeltas: run.offsetDeltas.map(BigInt),
    timeDeltas: run.timeDeltas.map(BigInt),
  });
}

/** `joined`; without the profiles of members where it would be too long for a client (LIM-3). */
export function joinedFrame(info: JoinedInfo, start: number): FrameOf<"joined"> {
  const { log } = info;
  const frame = createFrame(
    "joined",
    {
      name: info.name,
      room: info.room,
      verdict: info.verdict,
      epoch: BigInt(log.epoch),
      start: BigInt(start),
      // Delivery may stand behind what retention has left, or before what the log's state knew of: start lies between them (RES-5).
      head: BigInt(Math.max(log.head, start - 1)),
      firstRetained: BigInt(Math.min(log.firstRetained, start)),
      nextSeq: BigInt(info.nextSeq),
      durability: info.durability,
      rights: [...info.rights],
      receipts: info.receipts,
      roster: info.roster,
      members: [...info.members],
      count: info.count,
      read: BigInt(info.read),
      marks: [...info.marks],
    },
    { ref: info.ref },
  );
  if (binaryCodec.encode(frame).length > clientFrameBytes) {
    // Copies: the members are shared with frames to others.
    frame.body.value.members = frame.body.value.members.map(({ profile: _, ...rest }) => rest);
  }
  return frame;
}

/** `page`; entries that do not fit are left out at the end that is far from the anchor (HIS-4). */
export function pageFrame(ref: number, room: number, page: PageInfo, near: "first" | "last"): FrameOf<"page"> {
  let entries = page.entries;
  for (;;) {
    const frame = createFrame(
      "page",
      {
        room,
        epoch: BigInt(page.epoch),
        entries: [...entries],
        firstRetained: BigInt(page.firstRetained),
        head: BigInt(page.head),
      },
      { ref },
    );
    if (entries.length <= 1 || binaryCodec.encode(frame).length <= clientFrameBytes) return frame;
    const half = Math.ceil(entries.length / 2);
    entries = near === "first" ? entries.slice(0, half) : entries.slice(entries.length - half);
  }
}

/** `welcome` (SES-5). */
export function welcomeFrame(
  acceptance: Acceptance,
  { limits, times }: Pick<ServerSessionOptions, "limits" | "times">,
  offered: readonly string[],
  timeMs: bigint,
): FrameOf<"welcome"> {
  return createFrame("welcome", {
    user: acceptance.user,
    ...(acceptance.profile !== undefined && { profile: acceptance.profile }),
    expiresInMs: bounded32(acceptance.expiresInMs ?? 0),
    pingMs: times.pingAfter,
    deadMs: times.deadAfter,
    limits: { ...limits },
    features: (acceptance.features ?? []).filter((each) => offered.includes(each)),
    timeMs,
  });
}

/** `goodbye` (GBY-1). */
export function goodbyeFrame(options: DrainOptions): FrameOf<"goodbye"> {
  return createFrame("goodbye", {
    code: codeNumber("GOING_AWAY"),
    retry: Retry.AFTER,
    afterMinMs: bounded32(options.afterMinMs),
    afterMaxMs: bounded32(options.afterMaxMs),
    drainMs: bounded32(options.drainMs),
    message: shortText(options.message ?? ""),
  });
}

/** The number of a code. */
export function codeNumber(code: ErrorCodeName): ErrorCode {
  return verdicts[code][0];
}

/** A number of ms as a uint32 holds it: whole, from 0 to 2^32−1. */
export function bounded32(ms: number): number {
  return Math.min(Math.max(0, Math.ceil(ms)), 0xffff_ffff);
}

/** What hello tells, without its message's bytes. */
export function helloInfo({ session, attempt, token, features, agent }: Hello): HelloInfo {
  return { session: session.slice(), attempt: Number(attempt), token, features, agent };
}
