/** What a relay is doing, in numbers per second and in plain words: for people who look, and do not want to read metrics. */

import type { HistogramCounts, RelayMeasures } from "./meter.ts";
import { histogramBounds } from "./meter.ts";
import type { RelayStats } from "./relay.ts";

/** A relay over a span of time. */
export interface RelayReport {
  /** The span: since the report before this one, or since the relay was made. In seconds. */
  readonly seconds: number;
  readonly now: RelayStats;
  /** Per second over the span. */
  readonly perSecond: {
    readonly accepted: number;
    readonly closed: number;
    readonly framesReceived: number;
    readonly framesSent: number;
    readonly published: number;
  };
  /** Of the span: below this is half of them, and all but one of a hundred; in ms, by classes (`histogramBounds`). Absent where there was none. */
  readonly publishMs: { readonly p50: number; readonly p99: number } | undefined;
  readonly deliveryMs: { readonly p50: number; readonly p99: number } | undefined;
  /** Of the span, by code: errors that were told, and what connections ended for. */
  readonly errors: Readonly<Record<string, number>>;
  readonly closed: Readonly<Record<string, number>>;
  /** What somebody who runs it may want to do, one sentence each; empty where there is nothing to be said. */
  readonly recommendations: readonly string[];
}

/** Shares and times from which on something is said. */
const isMuch = {
  lost: 0.2,
  errors: 0.01,
  duplicates: 0.05,
  behind: 0.05,
  publishMs: 250,
  deliveryMs: 250,
  bufferedBytes: 64 * 1024 * 1024,
};

export function reportOf(before: RelayMeasures | undefined, after: RelayMeasures, now: RelayStats): RelayReport {
  const seconds = after.uptimeSeconds - (before?.uptimeSeconds ?? 0);
  const rate = (count: number): number => (seconds > 0 ? count / seconds : 0);
  const since = (
    name: "closed" | "published" | "joined" | "framesReceived" | "framesSent" | "errorsTold" | "dropped" | "brokerFailures",
  ) => difference(before?.[name] ?? {}, after[name]);
  const [closed, published, errors] = [since("closed"), since("published"), since("errorsTold")];
  const span = {
    closed,
    published,
    errors,
    joined: since("joined"),
    dropped: since("dropped"),
    failures: since("brokerFailures"),
    sent: sum(since("framesSent")),
    faults: after.faults - (before?.faults ?? 0),
    publishMs: quantiles(before?.publishLatency, after.publishLatency),
    deliveryMs: quantiles(before?.deliveryLatency, after.deliveryLatency),
    now,
  };
  return {
    seconds,
    now,
    perSecond: {
      accepted: rate(after.accepted - (before?.accepted ?? 0)),
      closed: rate(sum(closed)),
      framesReceived: rate(sum(since("framesReceived"))),
      framesSent: rate(span.sent),
      published: rate(sum(published)),
    },
    publishMs: span.publishMs,
    deliveryMs: span.deliveryMs,
    errors,
    closed,
    recommendations: advices.filter(({ when }) => when(span)).map(({ say }) => say),
  };
}

interface Span {
  readonly closed: Counts;
  readonly published: Counts;
  readonly errors: Counts;
  readonly joined: Counts;
  readonly dropped: Counts;
  readonly failures: Counts;
  readonly sent: number;
  readonly faults: number;
  readonly publishMs: RelayReport["publishMs"];
  readonly deliveryMs: RelayReport["deliveryMs"];
  readonly now: RelayStats;
}

type Counts = Readonly<Record<string, number>>;

/** What is said, and when. */
const advices: readonly { readonly when: (span: Span) => boolean; readonly say: string }[] = [
  {
    when: ({ faults }) => faults > 0,
    say: "Hooks, the broker or the relay itself have failed: look for `failed` and `fault` in the log.",
  },
  {
    when: ({ failures, published }) => sum(failures) > 0 || (published["retry"] ?? 0) > 0,
    say: "The broker has refused work: look whether its disk is full, or Redis is reached.",
  },
  {
    when: ({ publishMs }) => publishMs !== undefined && publishMs.p99 > isMuch.publishMs,
    say: "Publishes take long to be decided: look at the broker's latency, and at what onPublish waits for.",
  },
  {
    when: ({ deliveryMs }) => deliveryMs !== undefined && deliveryMs.p99 > isMuch.deliveryMs,
    say: "Entries come late from the broker, or the clocks of broker and relay differ.",
  },
  {
    when: ({ dropped, sent }) => (dropped["behind"] ?? 0) > isMuch.behind * sent && (dropped["behind"] ?? 0) > 100,
    say: "Many clients read more slowly than their rooms speak, and are caught up from the log: split large rooms, or send less.",
  },
  {
    when: ({ closed }) => (closed["BACKLOG_EXCEEDED"] ?? 0) > 0,
    say: "Connections ended because their clients did not read (BACKLOG_EXCEEDED).",
  },
  {
    when: ({ closed }) => (closed["HEARTBEAT_TIMEOUT"] ?? 0) > isMuch.lost * sum(closed) && sum(closed) > 10,
    say: "Many connections end without a word (HEARTBEAT_TIMEOUT): a proxy may cut what is idle; let it wait for longer than times.pingAfter.",
  },
  {
    when: ({ closed, errors }) => (closed["UNAUTHENTICATED"] ?? 0) + (errors["UNAUTHENTICATED"] ?? 0) > 10,
    say: "Tokens are refused: clients use old ones, or someone is guessing.",
  },
  {
    when: ({ errors }) => (errors["RATE_LIMITED"] ?? 0) > 0,
    say: "Clients were told RATE_LIMITED: limits are too tight for what they do, or one of them does too much.",
  },
  {
    when: ({ published }) => (published["duplicate"] ?? 0) > isMuch.duplicates * sum(published) && sum(published) > 100,
    say: "Many publishes come twice: connections are lost before their acks arrive.",
  },
  {
    when: ({ joined }) => (joined["gap"] ?? 0) > 0,
    say: "Clients came back to rooms that had forgotten what they missed (gap): keep more of each log.",
  },
  {
    when: ({ joined }) => (joined["reset"] ?? 0) > 0,
    say: "Clients found another log than they knew (reset): a broker in memory was started anew, or Redis has lost its tail.",
  },
  {
    when: ({ now }) => now.bufferedBytes > isMuch.bufferedBytes,
    say: "Much waits to be sent: the network, or this process, is at its limit.",
  },
];

function difference(before: Counts, after: Counts): Counts {
  const changed = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(changed.filter(([, count]) => count > 0));
}

function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** Upper bounds of the classes in which they are. */
function quantiles(before: HistogramCounts | undefined, after: HistogramCounts): RelayReport["publishMs"] {
  const counts = after.counts.map((count, at) => count - (before?.counts[at] ?? 0));
  const total = counts.reduce((all, count) => all + count, 0);
  if (total === 0) return undefined;
  const at = (share: number): number => {
    let index = 0;
    for (let seen = counts[0] ?? 0; seen < share * total; seen += counts[index] ?? 0) index++;
    return 1000 * (histogramBounds[index] ?? Number.POSITIVE_INFINITY);
  };
  return { p50: at(0.5), p99: at(0.99) };
}
