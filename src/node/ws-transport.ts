/**
 * One accepted WebSocket: a relay's transport on one side, and what the relay is told of it on the other. `ws` reads, answers pings and closes;
 * messages are written past it, all of one turn in one write. Law: what is written is whole frames, and none behind a close.
 */

import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { closeCode, ProtocolError } from "../errors.ts";
import type { RelayConnection, RelayTransport } from "../relay/transport.ts";
import type { Data } from "../session/transmit.ts";
import { Intake } from "./intake.ts";
import { MessageBoundary } from "./message-boundary.ts";
import type { Turning, Turns } from "./turns.ts";
import type { Framing } from "./ws-frames.ts";

/** Below so many bytes that wait in this process, the relay is asked for more. */
const lowWaterBytes = 64 * 1024;

/** `WebSocket.OPEN`. */
const open = 1;

/**
 * | state | in | out |
 * | --- | --- | --- |
 * | open | told | sent |
 * | closing: the relay ends it | dropped | dropped |
 * | ended: the peer, or `ws` over what it objects to (TRN-12) | what came before is told, then the end | dropped |
 */
type State = "open" | "closing" | "ended";

/** What all connections of a server share. */
export interface Shared {
  readonly turns: Turns;
  readonly framing: Framing;
}

/** The transport of one WebSocket. */
export class WsTransport implements RelayTransport, Turning {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #shared: Shared;
  /** What this turn writes. */
  #frames: Buffer[] = [];
  #frameBytes = 0;
  /** What came in this turn. */
  #inbox: Data[] = [];
  #connection: RelayConnection | undefined;
  #intake: Intake | undefined;
  #state: State = "open";
  #isTelling = false;

  constructor(ws: WebSocket, socket: Duplex, shared: Shared) {
    this.#ws = ws;
    this.#socket = socket;
    this.#shared = shared;
    // What ws objects to, it closes by itself (TRN-12); the close event follows. Heard from the start: a first frame may come with the
    // request, and an error that nobody hears ends the process.
    ws.on("error", () => this.#ended());
  }

  /** Bytes that wait here, and have not been given to the operating system. */
  get bufferedBytes(): number {
    return this.#ws.bufferedAmount + this.#frameBytes;
  }

  send(data: Data): void {
    if (this.#state !== "open") return;
    const frame = this.#shared.framing.frame(data);
    this.#frameBytes += frame.length;
    if (this.#frames.push(frame) === 1) this.#shared.turns.speaks(this);
  }

  close(code: number, reason: string): void {
    if (this.#state === "closing") return;
    const before = this.#state;
    this.#state = "closing";
    this.#intake?.drop();
    this.#inbox = [];
    if (before === "ended") return;
    this.write();
    this.#ws.close(code, reason);
    // A peer that is dead answers no closing handshake (LIV-4).
    if (code === closeCode("HEARTBEAT_TIMEOUT")) setImmediate(() => this.#ws.terminate());
  }

  /**
   * Tells the connection what comes.
   * @param messageTimeoutMs how long a message that has begun may take (TRN-11).
   */
  attach(connection: RelayConnection, messageTimeoutMs: number): void {
    this.#connection = connection;
    const intake = new Intake(this.#shared.turns, {
      deliver: (data) => {
        if (this.#inbox.push(data) === 1) this.#shared.turns.hears(this);
      },
      ended: () => {
        this.tell();
        connection.handleClose();
      },
      pause: () => this.#ws.pause(),
      resume: () => this.#ws.resume(),
    });
    this.#intake = intake;
    // The relay may have closed it already.
    if (this.#state !== "open") intake.drop();
    this.#ws.on("message", (data: Buffer, isBinary) => {
      intake.push(isBinary ? new Uint8Array(data.buffer, data.byteOffset, data.length) : data.toString());
    });
    this.#ws.once("close", () => {
      this.#ended();
      intake.end();
    });
    this.#boundMessages(connection, intake, messageTimeoutMs);
  }

  #ended(): void {
    if (this.#state === "open") this.#state = "ended";
  }

  /** All messages of one turn come as one: what they bring about is told once. */
  tell(): void {
    const messages = this.#inbox;
    if (messages.length === 0) return;
    this.#inbox = [];
    this.#connection?.handleMessages(messages);
  }

  /** All frames of one turn leave in one write. */
  write(): void {
    const frames = this.#frames;
    if (frames.length === 0) return;
    this.#frames = [];
    this.#frameBytes = 0;
    // Behind the answer of ws to a peer that closes nothing may follow.
    if (this.#ws.readyState === open) this.#socket.write(this.#shared.framing.join(frames), this.#flushed);
  }

  /** Called for each write that is on its way; many are so at once, and are told once. */
  readonly #flushed = (): void => {
    if (this.#isTelling || this.#connection?.isHeld !== true || this.bufferedBytes > lowWaterBytes) return;
    this.#isTelling = true;
    process.nextTick(() => {
      this.#isTelling = false;
      if (this.#state === "open") this.#connection?.handleWritable();
    });
  };

  #boundMessages(connection: RelayConnection, intake: Intake, timeoutMs: number): void {
    const boundary = new MessageBoundary();
    let timer: NodeJS.Timeout | undefined;
    let message = 0;
    const unfinished = (): void => {
      // While this side does not read, the rest cannot come.
      if (intake.isPaused) timer = setTimeout(unfinished, timeoutMs);
      else if (this.#state === "open") {
        connection.handleFault(new ProtocolError("HEARTBEAT_TIMEOUT", "a message has begun and not ended"));
      }
    };
    this.#socket.on("data", (chunk: Uint8Array) => {
      boundary.push(chunk);
      if (timer !== undefined && (!boundary.isInside || boundary.ended !== message)) {
        clearTimeout(timer);
        timer = undefined;
      }
      if (boundary.isInside && timer === undefined) {
        message = boundary.ended;
        timer = setTimeout(unfinished, timeoutMs);
      }
    });
    this.#socket.once("close", () => clearTimeout(timer));
  }
}
