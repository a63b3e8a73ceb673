/**
 * What of a client's statistics is out of range, and what can be done about it.
 *
 * Law: a finding is a function of the statistics alone; each has a stable code, and a text for people. Where there is nothing to judge by,
 * nothing is found.
 */

import type { ClientStatistics } from "./statistics.ts";

/** What a report may find. */
export type FindingCode =
  | "TOKEN_WANTED"
  | "RECONNECTS_FREQUENT"
  | "RTT_HIGH"
  | "CLOCK_WRONG"
  | "OUTBOX_FILLING"
  | "ACKS_SLOW"
  | "PUBLISHES_FAILING"
  | "PUBLISHES_REJECTED";

/** Something that is out of range. */
export interface Finding {
  /** Stable. */
  readonly code: FindingCode;
  /** The measure, and what to do; for people. */
  readonly text: string;
}

/** Above these something is found. */
const bounds = {
  recentReconnects: 5,
  rttMs: 1000,
  clockOffsetMs: 60_000,
  outboxShare: 0.8,
  ackP95Ms: 5000,
  errorRate: 0.05,
  rejectionShare: 0.2,
} as const;
/** Below so many values a share or a percentile says nothing. */
const fewest = 20;

type Judgement = (statistics: ClientStatistics) => string | undefined | false;

/** In the order in which they are told: what may be the cause of others comes first. */
const judgements: Readonly<Record<FindingCode, Judgement>> = {
  TOKEN_WANTED: ({ state }) =>
    state === "locked" &&
    "the token is not accepted, or its time is over: give a fresh one by setToken, or see why the token function gives none",
  RECONNECTS_FREQUENT: ({ connection: { recentReconnects } }) =>
    recentReconnects > bounds.recentReconnects &&
    `${recentReconnects} reconnects in 5 minutes: look at the network, at proxies with short timeouts, and whether the relay is overloaded`,
  RTT_HIGH: ({ rttMs = 0 }) =>
    rttMs > bounds.rttMs && `a round trip takes ${Math.round(rttMs)} ms: choose a nearer relay, or a better network`,
  CLOCK_WRONG: ({ clockOffsetMs = 0 }) =>
    Math.abs(clockOffsetMs) > bounds.clockOffsetMs &&
    `the clock of this device is ${Math.round(Math.abs(clockOffsetMs) / 1000)} s ${clockOffsetMs > 0 ? "behind" : "ahead of"} the relay's: set it, or show times by the relay's`,
  OUTBOX_FILLING: ({ outbox: { entries, bytes, maxEntries, maxBytes } }) => {
    const share = Math.max(entries / maxEntries, bytes / maxBytes);
    return (
      share >= bounds.outboxShare &&
      `the outbox is ${Math.round(share * 100)} % full: publish less until there is a connection, or raise the option outbox`
    );
  },
  ACKS_SLOW: ({ ackMs: { count, p95 = 0 } }) =>
    count >= fewest &&
    p95 > bounds.ackP95Ms &&
    `one ack in 20 takes longer than ${Math.round(p95)} ms: the relay or its storage is slow, or this client publishes more than its window`,
  PUBLISHES_FAILING: ({ publishes: { stored, failed, maybe, errorRate = 0 } }) =>
    stored + failed + maybe >= fewest &&
    errorRate > bounds.errorRate &&
    `${Math.round(errorRate * 100)} % of publishes are not stored: the event entry says why of each`,
  PUBLISHES_REJECTED: ({ publishes: { stored, failed, maybe, rejections } }) =>
    stored + failed + maybe >= fewest &&
    rejections / (stored + failed + maybe) > bounds.rejectionShare &&
    `${rejections} rejections for now of ${stored + failed + maybe} publishes: publish more slowly, or ask the relay for a higher rate`,
};

/** What is out of range; nothing where all is well. */
export function reportOf(statistics: ClientStatistics): Finding[] {
  return (Object.keys(judgements) as FindingCode[]).flatMap((code) => {
    const text = judgements[code](statistics);
    return text ? [{ code, text }] : [];
  });
}
