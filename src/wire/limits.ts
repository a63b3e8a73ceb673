/**
 * Every bound of the protocol and its default, in one place (LIM-1, LIM-2). Sizes are bytes, times are ms, unless the name says otherwise.
 */

/** Bounds that a decoder applies to one frame before it trusts anything in it. */
export interface DecodeLimits {
  /** Bytes of one frame. */
  readonly frameBytes: number;
  /** How deep messages and groups may be nested; the frame itself is depth 1. */
  readonly depth: number;
  /** Fields and elements in one frame, counted over all its messages: every tag and every packed element is one. */
  readonly elements: number;
}

/** Bounds that a relay advertises in `Welcome.limits`; each is at least 1. The meaning of each stands in session.proto. */
export interface SessionLimits {
  readonly frameBytes: number;
  readonly contentBytes: number;
  readonly windowMessages: number;
  readonly windowBytes: number;
  readonly batchFrames: number;
  readonly openRequests: number;
  readonly rooms: number;
  readonly watchedUsers: number;
  readonly pageEntries: number;
  readonly dedupWindowS: number;
  readonly typingIntervalMs: number;
  readonly presenceTtlMs: number;
}

/** Largest value of a 64-bit field, 2^53−1 (ENC-7). */
export const maxSafeInteger: number = Number.MAX_SAFE_INTEGER;

/** Bytes of a frame that every client accepts. */
export const clientFrameBytes: number = 256 * 1024;

/** Bytes of a frame that a relay accepts by default, and at most. */
export const relayFrameBytes: number = 1024 * 1024;

/** Bytes of a frame before authentication (SES-1). */
export const preAuthFrameBytes: number = 16 * 1024;

/** Bytes of all frames that may wait for authentication (SES-4). */
export const preAuthQueueBytes: number = 64 * 1024;

/** Bytes of one encoded Content by default. */
export const contentBytes: number = 64 * 1024;

/** The bounds of a frame in general: those of the largest frame that anyone may send. */
export const defaultDecodeLimits: DecodeLimits = { frameBytes: relayFrameBytes, depth: 16, elements: 65_536 };

/** Requests open at a time per direction and connection (FRM-7). */
export const openRequests: number = 128;

/** Ids of settled publishes that the broker remembers per session and room (PUB-7). */
export const producerRing: number = 256;

/** What a relay advertises by default. */
export const defaultRelayLimits: SessionLimits = {
  frameBytes: relayFrameBytes,
  contentBytes,
  windowMessages: 256,
  windowBytes: 4 * 1024 * 1024,
  batchFrames: 256,
  openRequests,
  rooms: 1000,
  watchedUsers: 256,
  pageEntries: 1000,
  dedupWindowS: 7 * 24 * 3600,
  typingIntervalMs: 1000,
  presenceTtlMs: 300_000,
};

/** Times by default, in ms. */
export const defaultTimes = {
  connectTimeout: 20_000,
  authTimeout: 10_000,
  answerTimeout: 8000,
  pingAfter: 25_000,
  deadAfter: 60_000,
  reconnectBase: 1000,
  reconnectCap: 30_000,
  requestTimeout: 10_000,
  probeTimeout: 10_000,
  backgroundFlush: 5000,
  typingThrottle: 1000,
  typingStop: 3000,
  typingTtl: 6000,
  presenceRefresh: 30_000,
  presenceDebounce: 5000,
  rosterInterval: 500,
  drain: 5000,
} as const;
