/**
 * What a client measures of its connection and its publishes.
 *
 * Law: it looks on, and decides nothing. Its memory is bounded: rings of fixed size, and a time for each entry of the outbox that is on its
 * way. An event costs the same however much has passed before.
 */

import type { ClientEvent, EntryChange } from "../session/client-events.ts";
import type { ClientState } from "../session/transitions.ts";
import { Samples, type Summary } from "./samples.ts";

/** What has passed in one direction since the client was made. */
export interface Traffic {
  /** Frames; a batch is one. */
  readonly frames: number;
  /** Bytes of their binary form, without what the transport adds. */
  readonly bytes: number;
}

/** A picture of a client at one moment. Times are ms. */
export interface ClientStatistics {
  /** When it was taken, in ms since 1970. */
  readonly atMs: number;
  readonly state: ClientState;
  /** The address of the last attempt, or of the next one where that has failed. */
  readonly endpoint: string;
  /** Round-trip time, averaged (LIV-3); undefined before the first pong. */
  readonly rttMs: number | undefined;
  /** How far the relay's clock is ahead of this device's (LIV-3); undefined before the first pong. */
  readonly clockOffsetMs: number | undefined;
  readonly connection: {
    /** Transports that were opened, or tried to be. */
    readonly attempts: number;
    /** Welcomes after the first. */
    readonly reconnects: number;
    /** Those of the last 5 minutes, up to 32. */
    readonly recentReconnects: number;
  };
  /** What is not settled, and the bounds. */
  readonly outbox: {
    readonly entries: number;
    readonly bytes: number;
    readonly maxEntries: number;
    readonly maxBytes: number;
  };
  /** What became of publishes. */
  readonly publishes: {
    readonly stored: number;
    readonly failed: number;
    readonly maybe: number;
    readonly cancelled: number;
    /** Rejections after which the message is sent again (PUB-11). */
    readonly rejections: number;
    /** Part of the last 256 settled ones that failed or are maybe, 0 to 1; cancelled ones do not count. Undefined while there is none. */
    readonly errorRate: number | undefined;
  };
  /** From a message's last transmission to its ack; percentiles of the last 512. */
  readonly ackMs: Summary;
  /** Events `error`, and connections that an error has ended. */
  readonly errors: number;
  readonly received: Traffic;
  readonly sent: Traffic;
}

/** What the engine knows, and what does not change. */
export type Known = Pick<ClientStatistics, "atMs" | "state" | "endpoint" | "rttMs" | "clockOffsetMs" | "outbox">;

/** How many of each are kept. */
const kept = { acks: 512, outcomes: 256, reconnects: 32 } as const;
/** What counts as recent, in ms. */
const recentMs = 5 * 60_000;

/** See the head of this file. */
export class Statistics {
  readonly #acks: Samples = new Samples(kept.acks);
  /** 1 where a publish failed or is maybe, else 0. */
  readonly #outcomes: Samples = new Samples(kept.outcomes);
  /** Times of welcomes after the first. */
  readonly #reconnects: Samples = new Samples(kept.reconnects);
  /** When each message that is on its way was sent last, by its id. */
  readonly #sentAt: Map<string, number> = new Map();
  readonly #settled: Record<"stored" | "failed" | "maybe" | "cancelled", number> = {
    stored: 0,
    failed: 0,
    maybe: 0,
    cancelled: 0,
  };
  readonly #traffic: Record<"in" | "out", { frames: number; bytes: number }> = {
    in: { frames: 0, bytes: 0 },
    out: { frames: 0, bytes: 0 },
  };
  #attempts = 0;
  #hasConnected = false;
  #rejections = 0;
  #errors = 0;

  /** A frame has passed. */
  frame(direction: "in" | "out", bytes: number): void {
    const traffic = this.#traffic[direction];
    traffic.frames++;
    traffic.bytes += bytes;
  }

  /** The engine has told something. @param now - as the engine's clock has it. */
  event(event: ClientEvent, now: number): void {
    if (event.type === "entry") this.#entry(event, now);
    else if (event.type === "error") this.#errors++;
    else if (event.type === "state") {
      if (event.state === "connecting") this.#attempts++;
      if (event.error !== undefined) this.#errors++;
    } else if (event.type === "welcome") {
      if (this.#hasConnected) this.#reconnects.add(now);
      this.#hasConnected = true;
    }
  }

  snapshot(known: Known, now: number): ClientStatistics {
    const outcomes = this.#outcomes.latest();
    const bad = outcomes.reduce((sum, outcome) => sum + outcome, 0);
    return {
      ...known,
      connection: {
        attempts: this.#attempts,
        reconnects: this.#reconnects.count,
        recentReconnects: this.#reconnects.latest().filter((at) => now - at <= recentMs).length,
      },
      publishes: {
        ...this.#settled,
        rejections: this.#rejections,
        errorRate: outcomes.length === 0 ? undefined : bad / outcomes.length,
      },
      ackMs: this.#acks.summary(),
      errors: this.#errors,
      received: { ...this.#traffic.in },
      sent: { ...this.#traffic.out },
    };
  }

  #entry({ id, state, error }: EntryChange, now: number): void {
    if (state === "queued") return;
    if (state === "sent" && error === undefined) {
      this.#sentAt.set(id, now);
      return;
    }
    const sentAt = this.#sentAt.get(id);
    // A void may have been acknowledged in its place: it is measured as little as what was given back.
    this.#sentAt.delete(id);
    if (state === "sent") this.#rejections++;
    if (state === "sent" || state === "voiding") return;
    this.#settled[state]++;
    if (state === "cancelled") return;
    this.#outcomes.add(state === "stored" ? 0 : 1);
    if (state === "stored" && sentAt !== undefined) this.#acks.add(now - sentAt);
  }
}
