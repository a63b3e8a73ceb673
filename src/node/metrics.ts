/**
 * A relay's measures as Prometheus metrics, through `prom-client`. Law: every metric has one row in the table; its numbers are read when
 * they are asked for, so that between two scrapes they cost nothing.
 */

import type { Metric, Registry } from "prom-client";
import { type Counts, type HistogramCounts, histogramBounds, type RelayMeasures } from "../relay/meter.ts";
import type { Relay, RelayStats } from "../relay/relay.ts";
import { loadPromClient } from "./optional.ts";

type Value = { readonly labels: Readonly<Record<string, string>>; readonly value: number; readonly metricName?: string };

/** One metric. */
export interface MetricRow {
  /** As Prometheus shows it: with the unit and, for counters, `_total` at its end. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** What it means. */
  readonly help: string;
  /** Label names, if it has any. */
  readonly labels: readonly string[];
  readonly values: (measures: RelayMeasures, stats: RelayStats) => readonly Value[];
}

const gauge = (name: string, help: string, value: (stats: RelayStats) => number): MetricRow => ({
  name,
  type: "gauge",
  help,
  labels: [],
  values: (_measures, stats) => [{ labels: {}, value: value(stats) }],
});

const total = (name: string, help: string, value: (measures: RelayMeasures) => number): MetricRow => ({
  name,
  type: "counter",
  help,
  labels: [],
  values: (measures) => [{ labels: {}, value: value(measures) }],
});

const totals = (name: string, label: string, help: string, counts: (measures: RelayMeasures) => Counts): MetricRow => ({
  name,
  type: "counter",
  help,
  labels: [label],
  values: (measures) => Object.entries(counts(measures)).map(([each, value]) => ({ labels: { [label]: each }, value })),
});

/** All metrics of a relay, in the order in which they are told. */
export const metricTable: readonly MetricRow[] = [
  gauge("chappe_connections", "Connections that are open, authenticated or not.", (stats) => stats.connections),
  gauge("chappe_users", "Users with a connection that is authenticated.", (stats) => stats.users),
  gauge("chappe_rooms", "Rooms that are in use on this relay.", (stats) => stats.rooms),
  gauge("chappe_watched_users", "Users whose presence somebody on this relay watches.", (stats) => stats.watched),
  gauge("chappe_outbound_bytes", "Bytes that were given to transports, and have not left.", (stats) => stats.bufferedBytes),
  total("chappe_accepted_total", "Connections that were taken.", (measures) => measures.accepted),
  total("chappe_welcomed_total", "Connections that were authenticated (SES-5).", (measures) => measures.welcomed),
  totals(
    "chappe_closed_total",
    "code",
    "Connections that have ended, by the code they ended for; none: without one.",
    (m) => m.closed,
  ),
  totals(
    "chappe_joins_total",
    "verdict",
    "Rooms that were opened, by what the client was told of its position (RES-3).",
    (m) => m.joined,
  ),
  totals(
    "chappe_frames_received_total",
    "type",
    "Frames from clients, by body; those of a batch one by one.",
    (m) => m.framesReceived,
  ),
  totals("chappe_frames_sent_total", "type", "Frames to clients, by body.", (m) => m.framesSent),
  totals("chappe_errors_total", "code", "Errors that clients were told, by code.", (m) => m.errorsTold),
  totals(
    "chappe_publishes_total",
    "outcome",
    "Publishes that were decided: stored; duplicate: stored by an earlier attempt; voided; rejected; or not done: retry, outOfOrder, conflict, forgotten (PUB-7).",
    (m) => m.published,
  ),
  totals(
    "chappe_dropped_total",
    "reason",
    "What was not sent as it came. behind: a chat that did not fit, and is read from the log later; signal: one of too many that wait; rate: ephemeral, beyond a limit of rate.",
    (m) => m.dropped,
  ),
  histogram("chappe_publish_seconds", "From taking in a publish to its decision.", [], (m) => [[{}, m.publishLatency]]),
  histogram(
    "chappe_delivery_seconds",
    "From the time of an entry to giving it to the connections of this relay, by the clocks of broker and relay.",
    [],
    (m) => [[{}, m.deliveryLatency]],
  ),
  histogram("chappe_broker_seconds", "How long the broker took to answer, by call.", ["call"], (m) =>
    Object.entries(m.brokerLatency).map(([call, counts]) => [{ call }, counts]),
  ),
  totals("chappe_broker_failures_total", "call", "Calls of the broker that failed.", (m) => m.brokerFailures),
  total("chappe_faults_total", "Failures of hooks, the broker or the relay itself that are in the log.", (m) => m.faults),
];

/** Where metrics go. */
export interface MetricsOptions {
  /** A registry that they are added to; by default a new one, with the metrics of the process (`collectDefaultMetrics`). */
  readonly registry?: Registry;
}

/**
 * The relay's metrics, for Prometheus.
 * @returns the registry: `await registry.metrics()` is what a scrape gets, `registry.contentType` its type.
 * @throws (rejects with) UsageError DEPENDENCY_MISSING where `prom-client` is not installed.
 */
export async function relayMetrics(relay: Relay, options: MetricsOptions = {}): Promise<Registry> {
  const { Registry, collectDefaultMetrics } = await loadPromClient();
  const registry = options.registry ?? new Registry();
  if (options.registry === undefined) collectDefaultMetrics({ register: registry });
  for (const row of metricTable) {
    const { name, help, type, values } = row;
    const told = { name, help, type, aggregator: "sum" };
    const metric = { ...told, get: async () => ({ ...told, values: values(relay.measures(), relay.stats()) }) };
    // A registry asks its metrics for no more than this; its own classes cannot take numbers that are counted elsewhere.
    registry.registerMetric(metric as unknown as Metric<string>);
  }
  return registry;
}

function histogram(
  name: string,
  help: string,
  labels: readonly string[],
  counts: (measures: RelayMeasures) => readonly (readonly [Readonly<Record<string, string>>, HistogramCounts])[],
): MetricRow {
  const series = ([own, { counts: each, count, sumSeconds }]: readonly [Readonly<Record<string, string>>, HistogramCounts]) => {
    let below = 0;
    const buckets = histogramBounds.map((bound, at): Value => {
      below += each[at] ?? 0;
      return { metricName: `${name}_bucket`, labels: { ...own, le: String(bound) }, value: below };
    });
    return [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { ...own, le: "+Inf" }, value: count },
      { metricName: `${name}_sum`, labels: own, value: sumSeconds },
      { metricName: `${name}_count`, labels: own, value: count },
    ];
  };
  return { name, type: "histogram", help, labels, values: (measures) => counts(measures).flatMap(series) };
}
