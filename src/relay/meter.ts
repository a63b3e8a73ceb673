/**
 * What a relay counts and times, for metrics. Law: counting is an addition to a number that is there already; nothing is kept per
 * connection, room or user, and no name comes from a peer.
 */

import { type Counts, count, newCounts, newTally, type Tally } from "../session/tally.ts";
import type { PublishOutcome } from "./broker.ts";

export type { Counts } from "../session/tally.ts";

/** Upper bounds of the classes of {@link HistogramCounts}, in seconds; above the last there is one more. */
export const histogramBounds: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Durations by class, as Prometheus has them, but that each counts in one class alone. */
export interface HistogramCounts {
  /** How many were at or below `histogramBounds[i]` and above the one before it; last: above all of them. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sumSeconds: number;
}

export class Histogram implements HistogramCounts {
  readonly counts: number[] = new Array<number>(histogramBounds.length + 1).fill(0);
  count = 0;
  sumSeconds = 0;

  observe(ms: number): void {
    const seconds = Math.max(0, ms) / 1000;
    let at = 0;
    while (at < histogramBounds.length && seconds > (histogramBounds[at] as number)) at++;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.count++;
    this.sumSeconds += seconds;
  }

  copy(): HistogramCounts {
    return { counts: [...this.counts], count: this.count, sumSeconds: this.sumSeconds };
  }
}

/** Calls of a broker that are timed. */
export type TimedCall = "publish" | "open" | "producer" | "read" | "append";

/** All that was counted since the relay was made. */
export interface RelayMeasures extends Readonly<Tally> {
  /** For how long the relay has been there, in seconds. */
  readonly uptimeSeconds: number;
  readonly accepted: number;
  readonly welcomed: number;
  /** Connections that have ended, by the code they ended for; `none`: without one. */
  readonly closed: Counts;
  /** Rooms that were opened, by verdict (RES-3), in lower case. */
  readonly joined: Counts;
  /** Publishes that were decided, by what became of them; `duplicate`: it was stored by an earlier attempt (PUB-7). */
  readonly published: Counts;
  /** From taking a publish in to its decision, in which the broker has it. */
  readonly publishLatency: HistogramCounts;
  /** From the time of an entry to giving it to the connections of this relay, by the clocks of broker and relay. */
  readonly deliveryLatency: HistogramCounts;
  /** How long the broker took to answer, by call. */
  readonly brokerLatency: Readonly<Record<TimedCall, HistogramCounts>>;
  /** Calls of the broker that failed, or were not answered in time, by call. */
  readonly brokerFailures: Counts;
  /** Faults of hooks, the broker and the relay itself that were logged. */
  readonly faults: number;
}

export class Meter {
  readonly tally: Tally = newTally();
  readonly closed: Counts = newCounts();
  readonly joined: Counts = newCounts();
  readonly published: Counts = newCounts();
  readonly brokerFailures: Counts = newCounts();
  readonly publishLatency: Histogram = new Histogram();
  readonly deliveryLatency: Histogram = new Histogram();
  readonly brokerLatency: Readonly<Record<TimedCall, Histogram>> = {
    publish: this.publishLatency,
    open: new Histogram(),
    producer: new Histogram(),
    read: new Histogram(),
    append: new Histogram(),
  };
  accepted = 0;
  welcomed = 0;
  faults = 0;

  settled(outcome: PublishOutcome, headBefore: number, ms: number): void {
    const isDuplicate = outcome.type === "stored" && outcome.offset <= headBefore;
    count(this.published, isDuplicate ? "duplicate" : outcome.type);
    this.publishLatency.observe(ms);
  }

  measures(uptimeMs: number): RelayMeasures {
    const { tally, brokerLatency } = this;
    return {
      framesReceived: { ...tally.framesReceived },
      framesSent: { ...tally.framesSent },
      errorsTold: { ...tally.errorsTold },
      dropped: { ...tally.dropped },
      closed: { ...this.closed },
      joined: { ...this.joined },
      published: { ...this.published },
      brokerFailures: { ...this.brokerFailures },
      publishLatency: this.publishLatency.copy(),
      deliveryLatency: this.deliveryLatency.copy(),
      brokerLatency: {
        publish: brokerLatency.publish.copy(),
        open: brokerLatency.open.copy(),
        producer: brokerLatency.producer.copy(),
        read: brokerLatency.read.copy(),
        append: brokerLatency.append.copy(),
      },
      uptimeSeconds: uptimeMs / 1000,
      accepted: this.accepted,
      welcomed: this.welcomed,
      faults: this.faults,
    };
  }
}
