/** What a relay needs of whatever carries its connections, and what it gives. */

import type { ProtocolError } from "../errors.ts";
import type { Data, FrameCodec } from "../session/transmit.ts";

/** What carries a connection. */
export interface RelayTransport {
  /** Sends one message. MUST NOT throw, MUST keep the order; after {@link close} it is not called. */
  send(data: Data): void;
  /** Closes, with this WebSocket close code and reason (TRN-13). MUST NOT wait for a peer that does not read longer than 5 s. */
  close(code: number, reason: string): void;
  /** Bytes that were given to {@link send} and are not on their way yet. */
  readonly bufferedBytes: number;
}

/** What is known of a connection when it opens. */
export interface ConnectionInfo {
  /** The form of frames, by the subprotocol (TRN-2). */
  readonly codec: FrameCodec;
  /** Of the upgrade request, names in lower case. */
  readonly headers?: ReadonlyMap<string, string>;
  /** The only `Hello.major` that is taken: 1 on byte streams; absent on WebSocket (TRN-3). */
  readonly requireMajor?: number;
}

/** Where a transport tells what comes in. None of these throws; each may call the transport. */
export interface RelayConnection {
  /** A message has come, whole. */
  handleMessage(data: Data): void;
  /** Messages have come, whole, in this order: what they bring about is told once. */
  handleMessages(messages: readonly Data[]): void;
  /** Whether something waits for the transport to have room. */
  readonly isHeld: boolean;
  /** The transport has room again: it is told so where {@link isHeld}. */
  handleWritable(): void;
  /** The transport has ended. */
  handleClose(): void;
  /** The transport cannot go on for this reason, as a frame that is too long (TRN-12) or an unfinished one (TRN-11). */
  handleFault(error: ProtocolError): void;
}
