/** What a relay's engine is made with. */

import type { SessionLimits } from "../wire/limits.ts";
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
}

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
