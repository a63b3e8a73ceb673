/** Settings of a client session, and their defaults. */

import type { OutboxLimits } from "../delivery/outbox.ts";
import type { Frame } from "../wire/codec.ts";
import { clientFrameBytes, defaultTimes } from "../wire/limits.ts";
import { type BackoffOptions, backoffRules } from "./backoff.ts";
import type { BatchOptions } from "./client-publisher.ts";
import { type RetryOptions, retryRules } from "./client-retries.ts";
import type { Random } from "./host.ts";
import { callable, checkedBy, isCodec, ms, must, type Rules, text, texts, whole, yesOrNo } from "./option-rules.ts";
import type { FrameCodec } from "./transmit.ts";

/** Times of a client, in ms, up to 2^31−1. */
export interface ClientTimes {
  /** From the opening of a transport to welcome; at least 1. */
  readonly connectTimeout: number;
  /** From a request to telling its caller that no answer came; at least 1. */
  readonly requestTimeout: number;
  /** Between two typing frames, and from the last key to the stop. */
  readonly typingThrottle: number;
  readonly typingStop: number;
  /** How long others see the user typing without a further frame: a whole number from 1 to 60,000 (TYP-1). */
  readonly typingTtl: number;
  /** Between two frames that say the own presence again; at least 1. */
  readonly presenceRefresh: number;
  /** Between two receipts of one room. */
  readonly receiptInterval: number;
  /** Before a failed write to storage is tried again; at least 1. */
  readonly storeRetry: number;
  /** From a change of the device's network, or the return from the background, to life from the relay (LIV-9); at least 1. */
  readonly probeTimeout: number;
  /** How long a client in the background may go on sending what is in its outbox (LIV-9). */
  readonly backgroundFlush: number;
}

/** The defaults of each. */
export const defaultClientTimes: ClientTimes = {
  connectTimeout: defaultTimes.connectTimeout,
  requestTimeout: defaultTimes.requestTimeout,
  typingThrottle: defaultTimes.typingThrottle,
  typingStop: defaultTimes.typingStop,
  typingTtl: defaultTimes.typingTtl,
  presenceRefresh: defaultTimes.presenceRefresh,
  receiptInterval: defaultTimes.rosterInterval,
  storeRetry: 1000,
  probeTimeout: defaultTimes.probeTimeout,
  backgroundFlush: defaultTimes.backgroundFlush,
};

/** Settings of a client session. */
export interface ClientSessionOptions {
  /** Cryptographically strong, except in a simulation. */
  readonly random: Random;
  /** Ms since 1970, for pongs alone (LIV-2): nothing is decided by it. */
  readonly wall: () => number;
  readonly codec?: FrameCodec;
  /** Name and version of the application, for the relay's logs, at most 128 bytes. */
  readonly agent?: string;
  readonly features?: readonly string[];
  /** Whether the transport is a byte stream, which does not say the major version (TRN-3). */
  readonly byteStream?: boolean;
  /** Bytes of chats that the relay may have sent and this client not processed: a whole number from 512 KiB to 2^53−1 (CRD-5). */
  readonly creditBytes?: number;
  readonly outbox?: Partial<OutboxLimits>;
  readonly batch?: Partial<BatchOptions>;
  /** Nothing more is published while the transport holds so many bytes (PUB-23); 65,536 by default, at least 1. */
  readonly sendBufferBytes?: number;
  readonly backoff?: Partial<BackoffOptions>;
  /** How often a message that is rejected for now is sent again (PUB-24); by default without end. See {@link linearRetry}. */
  readonly retry?: Partial<RetryOptions>;
  readonly times?: Partial<ClientTimes>;
  /** Sees every frame that passes, after it was read or before it is sent. */
  readonly observe?: (direction: "in" | "out", frame: Frame, bytes: number) => void;
}

/** Defaults of {@link ClientSessionOptions}. */
export const defaultBatch: BatchOptions = { maxItems: 10, maxBytes: 16 * 1024, maxDelayMs: 5 };
export const defaultSendBufferBytes: number = 64 * 1024;
export const defaultOutbox: OutboxLimits = { maxEntries: 1000, maxBytes: 16 * 1024 * 1024 };

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
  probeTimeout: ms(1),
  backgroundFlush: ms(0),
};
const outbox: Rules<OutboxLimits> = { maxEntries: whole(1), maxBytes: whole(1) };
const batch: Rules<BatchOptions> = { maxItems: whole(1), maxBytes: whole(1), maxDelayMs: ms(0) };

/** A rule for each option of a session that whoever drives it passes on. */
export const sessionRules: Rules<Omit<ClientSessionOptions, "wall" | "byteStream" | "observe">> = {
  random: callable,
  codec: must("a FrameCodec", isCodec),
  agent: text,
  features: texts,
  // Half of it is granted anew when half is used, and a frame of the largest size must fit then (CRD-5).
  creditBytes: whole(2 * clientFrameBytes),
  outbox,
  batch,
  sendBufferBytes: whole(1),
  backoff: backoffRules,
  retry: retryRules,
  times,
};

const allRules: Rules<ClientSessionOptions> = { ...sessionRules, wall: callable, byteStream: yesOrNo, observe: callable };

/** @returns a copy, without what is absent. @throws UsageError OPTION_INVALID, with the name of the option. */
export function checkedSessionOptions(options: ClientSessionOptions): ClientSessionOptions {
  return checkedBy(allRules, options, "options", "", ["random", "wall"]) as unknown as ClientSessionOptions;
}
