/**
 * Every way in which something can go wrong has one code, and every code one verdict: what to do about it (ERR-1 to ERR-4).
 *
 * A peer's input never throws out of an engine: it becomes a {@link ProtocolError} with `origin: "remote"`, which is told to the
 * peer and to the application as an event. Misuse by the caller throws one with `origin: "local"`, at once.
 */

/** What went wrong: the names of `chappe.v1.ErrorCode` without their prefix. */
export type ErrorCodeName = keyof typeof verdicts;

/** Whether it helps to try again (ERR-3). */
export type RetryName = "never" | "now" | "after" | "reauthenticate";

/** What the error ends (ERR-3). */
export type ScopeName = "frame" | "room" | "connection";

/** Whether what was asked for has been done (ERR-3). */
export type ProcessedName = "no" | "maybe" | "yes";

/** What is said of an error unless the place where it happens knows better: the code's number in `chappe.v1.ErrorCode`, and its verdict. */
type Row = readonly [number: number, retry: RetryName, scope: ScopeName, processed: ProcessedName];

/** The verdict of each code. The numbers are those of `ErrorCode` in error.proto; a test holds the two together. */
export const verdicts = {
  UNSPECIFIED: [0, "never", "frame", "maybe"],
  FRAME_TOO_LARGE: [1, "never", "connection", "no"],
  FRAME_TRUNCATED: [2, "never", "connection", "no"],
  VARINT_OVERLONG: [3, "never", "connection", "no"],
  TAG_INVALID: [4, "never", "connection", "no"],
  GROUP_UNBALANCED: [5, "never", "connection", "no"],
  UTF8_INVALID: [6, "never", "connection", "no"],
  INTEGER_RANGE: [7, "never", "connection", "no"],
  DEPTH_EXCEEDED: [8, "never", "connection", "no"],
  ELEMENTS_EXCEEDED: [9, "never", "connection", "no"],
  FIELD_INVALID: [10, "never", "frame", "no"],
  BATCH_NESTED: [11, "never", "frame", "no"],
  JSON_INVALID: [12, "never", "connection", "no"],
  UNEXPECTED_FRAME: [20, "never", "connection", "no"],
  UNSUPPORTED_FRAME: [21, "never", "frame", "no"],
  UNSUPPORTED_VERSION: [22, "never", "connection", "no"],
  REF_INVALID: [23, "never", "frame", "no"],
  TOO_MANY_REQUESTS: [24, "after", "frame", "no"],
  ROOM_UNKNOWN: [25, "now", "frame", "no"],
  WINDOW_EXCEEDED: [26, "never", "connection", "no"],
  LIMIT_EXCEEDED: [27, "never", "frame", "no"],
  HEARTBEAT_TIMEOUT: [28, "now", "connection", "maybe"],
  AUTH_TIMEOUT: [29, "after", "connection", "no"],
  CREDIT_EXCEEDED: [30, "never", "connection", "maybe"],
  OFFSET_INVALID: [31, "now", "connection", "maybe"],
  UNAUTHENTICATED: [40, "reauthenticate", "connection", "no"],
  TOKEN_EXPIRED: [41, "reauthenticate", "connection", "no"],
  PRINCIPAL_CHANGED: [42, "reauthenticate", "frame", "no"],
  ROOM_UNAVAILABLE: [43, "never", "frame", "no"],
  FORBIDDEN: [44, "never", "frame", "no"],
  ACCESS_REVOKED: [45, "never", "room", "no"],
  SESSION_TAKEN: [46, "never", "connection", "maybe"],
  SEQ_CONFLICT: [50, "now", "room", "no"],
  OUT_OF_ORDER: [51, "now", "frame", "no"],
  SEQ_FORGOTTEN: [52, "never", "frame", "maybe"],
  REJECTED: [53, "never", "frame", "no"],
  TARGET_UNKNOWN: [54, "never", "frame", "no"],
  EPOCH_CHANGED: [55, "now", "frame", "no"],
  UNAVAILABLE: [70, "after", "frame", "no"],
  INTERNAL: [71, "after", "frame", "maybe"],
  RATE_LIMITED: [72, "after", "frame", "no"],
  GOING_AWAY: [73, "after", "connection", "no"],
  BACKLOG_EXCEEDED: [74, "after", "connection", "maybe"],
} as const;

const rows: Readonly<Record<ErrorCodeName, Row>> = verdicts;

const retryClass: Record<RetryName, number> = { never: 1, now: 2, after: 3, reauthenticate: 4 };

/**
 * The WebSocket close code for a connection that ends for this reason: 4000 + 100 × retry + code (ERR-4).
 * @throws UsageError OPTION_INVALID for what is no code.
 */
export function closeCode(code: ErrorCodeName, retry: RetryName = rowOf(code)[1]): number {
  return 4000 + 100 * retryClass[retry] + rowOf(code)[0];
}

function rowOf(code: ErrorCodeName): Row {
  if (!Object.hasOwn(rows, code)) throw new UsageError("OPTION_INVALID", `code: "${String(code)}" is none of the protocol`);
  return rows[code];
}

const namesByNumber: ReadonlyMap<number, ErrorCodeName> = new Map(
  Object.entries(rows).map(([name, [number]]) => [number, name as ErrorCodeName]),
);

/** The name of a number of `chappe.v1.ErrorCode`; `UNSPECIFIED` where this version does not know it (ERR-2). */
export function errorCodeName(number: number): ErrorCodeName {
  return namesByNumber.get(number) ?? "UNSPECIFIED";
}

/**
 * What the close code of a WebSocket that the other side or the network has ended says about coming back (ERR-4). Codes outside
 * 4100 to 4499 are no verdict: `after`, also for 1000 and 1001. (What the application closes itself does not come back, whatever the code.)
 */
export function retryOfCloseCode(code: number): RetryName {
  if (code >= 4100 && code < 4500) {
    return (["never", "now", "after", "reauthenticate"] as const)[Math.floor((code - 4100) / 100)] ?? "after";
  }
  return "after";
}

/** What a {@link ProtocolError} may say beyond its code. */
export interface ProtocolErrorDetails {
  /** Whose fault: the caller's (`local`, the default) or the peer's (`remote`). */
  readonly origin?: "local" | "remote";
  /** Whether it helps to try again, in the place of the code's own verdict. */
  readonly retry?: RetryName;
  /** What it ends, in the place of the code's own verdict. */
  readonly scope?: ScopeName;
  /** Whether it has been done, in the place of the code's own verdict. */
  readonly processed?: ProcessedName;
  /** When to try again, in ms from now; 0 where nothing is said. */
  readonly retryAfterMs?: number;
  /** Index of the first byte that is wrong, where bytes are. */
  readonly at?: number;
  /** Path of the field that is wrong, as `publish.content.headers`. */
  readonly field?: string;
  /** The error behind it. It is told to no peer. */
  readonly cause?: unknown;
}

/** An error with a stable code. Compare `code`, never `message`. */
export class ProtocolError extends Error {
  /** The same for all of this class. */
  override readonly name = "ProtocolError";
  /** What went wrong (ERR-2). */
  readonly code: ErrorCodeName;
  /** Whose fault: the caller's, or the peer's. */
  readonly origin: "local" | "remote";
  /** Whether it helps to try again (ERR-3). */
  readonly retry: RetryName;
  /** What it ends (ERR-3). */
  readonly scope: ScopeName;
  /** Whether what was asked for has been done (ERR-3). */
  readonly processed: ProcessedName;
  /** When to try again, in ms from the moment it was told, 0 to 2^32−1; 0: nothing is said. */
  readonly retryAfterMs: number;
  /** Index of the first byte that is wrong; undefined where no bytes are. */
  readonly at: number | undefined;
  /** Path of the field that is wrong, as `publish.content.headers` (ENC-8); undefined where none is. */
  readonly field: string | undefined;

  /**
   * @param message - for people and logs; without tokens and content (ERR-7).
   * @throws UsageError OPTION_INVALID for what is no code.
   */
  constructor(code: ErrorCodeName, message: string, details: ProtocolErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    const [, retry, scope, processed] = rowOf(code);
    this.code = code;
    this.origin = details.origin ?? "local";
    this.retry = details.retry ?? retry;
    this.scope = details.scope ?? scope;
    this.processed = details.processed ?? processed;
    this.retryAfterMs = details.retryAfterMs ?? 0;
    this.at = details.at;
    this.field = details.field;
  }
}

/** What a close code says as an error (ERR-4), where nothing else could; undefined: it is no verdict. */
export function errorOfCloseCode(code: number): ProtocolError | undefined {
  if (code < 4100 || code >= 4500) return undefined;
  const details = { origin: "remote", scope: "connection", retry: retryOfCloseCode(code) } as const;
  return new ProtocolError(errorCodeName(code % 100), `the connection was closed with ${code}`, details);
}

/** What a caller can do wrong with this library, apart from the protocol. */
export type UsageErrorCode =
  | "OUTBOX_FULL"
  | "OUTBOX_CORRUPT"
  | "OUTBOX_LOCKED"
  | "ENTRY_SETTLED"
  | "ROOM_NOT_JOINED"
  | "OPTION_INVALID"
  | "STATE_INVALID"
  | "CLOSED"
  | "DEPENDENCY_MISSING"
  | "ABORTED"
  | "STREAM_OVERFLOW"
  | "COUNTER_EXHAUSTED"
  | "LOG_INVALID"
  | "STORE_LOCKED"
  | "STORE_UNUSABLE";

/** Misuse by the caller, or a bound of its own making. Compare `code`, never `message`. */
export class UsageError extends Error {
  /** The same for all of this class. */
  override readonly name = "UsageError";
  /** What was wrong. */
  readonly code: UsageErrorCode;

  /** @param message - for people and logs. @param cause - the error behind it. */
  constructor(code: UsageErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
