/**
 * The client's side of a conversation, over all its connections: sans-IO, deterministic, driven by whoever holds a transport, a clock
 * and a storage.
 *
 * Law: a peer's input never throws; misuse by the caller does. The driver calls an input, then does what {@link ClientSession.pollStore},
 * {@link ClientSession.pollTransmit} and {@link ClientSession.pollEvent} say until each has nothing more, then calls
 * {@link ClientSession.handleTimeout} at {@link ClientSession.pollTimeout}.
 */

import { formatMessageId, MessageIdGenerator } from "../delivery/message-id.ts";
import { Outbox, type StoreOp } from "../delivery/outbox.ts";
import { readStoredState } from "../delivery/stored-state.ts";
import { closeCode, ProtocolError, UsageError } from "../errors.ts";
import { checkFrame, createFrame, encodedSize, encodeFrame, type Frame, Retry, Scope, type Welcome } from "../wire/codec.ts";
import { clientFrameBytes, contentBytes, type SessionLimits } from "../wire/limits.ts";
import { Backoff, defaultBackoff } from "./backoff.ts";
import { ClientConversation } from "./client-conversation.ts";
import { fromError, toError, toProfile } from "./client-convert.ts";
import type { ClientEvent } from "./client-events.ts";
import { helloOf } from "./client-hello.ts";
import { ClientLife, type PauseReason } from "./client-life.ts";
import {
  type ClientSessionOptions,
  type ClientTimes,
  checkedSessionOptions,
  defaultBatch,
  defaultClientTimes,
  defaultOutbox,
  defaultSendBufferBytes,
} from "./client-options.ts";
import { Heartbeat } from "./heartbeat.ts";
import { randomFraction } from "./host.ts";
import type { ClientState } from "./transitions.ts";
import { binaryCodec, type Data, type FrameCodec, type Transmit } from "./transmit.ts";

/** See the head of this file. */
export class ClientSession {
  readonly codec: FrameCodec;
  readonly #options: ClientSessionOptions;
  readonly #ids: MessageIdGenerator;
  readonly #outbox: Outbox;
  readonly #life: ClientLife;
  readonly #conversation: ClientConversation;
  readonly #heartbeat: Heartbeat = new Heartbeat();
  /** What goes out next; `publishes` stands for those that wait for a batch, whatever they are when its turn comes. */
  readonly #transmits: (Transmit | "publishes")[] = [];
  readonly #events: ClientEvent[] = [];
  readonly #creditWindow: number;
  readonly #times: ClientTimes;
  #token = "";

  /** @throws UsageError OPTION_INVALID; ProtocolError FIELD_INVALID (local) for what hello cannot hold. */
  constructor(given: ClientSessionOptions) {
    const options = checkedSessionOptions(given);
    this.#options = options;
    this.codec = options.codec ?? binaryCodec;
    this.#creditWindow = options.creditBytes ?? 1024 * 1024;
    this.#requireHello("");
    const random = () => randomFraction(options.random);
    const times = { ...defaultClientTimes, ...options.times };
    this.#times = times;
    const backoff = { ...defaultBackoff, ...options.backoff };
    const emit = (event: ClientEvent) => void this.#events.push(event);
    const outbox = new Outbox({ ...defaultOutbox, ...options.outbox });
    this.#ids = new MessageIdGenerator(options.random);
    this.#outbox = outbox;
    this.#conversation = new ClientConversation({
      outbox,
      times,
      batch: { ...defaultBatch, ...options.batch },
      sendBufferBytes: options.sendBufferBytes ?? defaultSendBufferBytes,
      backoff,
      retry: options.retry ?? {},
      random,
      wall: options.wall,
      emit,
      send: (frame) => this.#send(frame),
      end: (error, now) => this.#endConnection(error, now),
      refreshed: (expiresInMs, now) => this.#life.armToken(expiresInMs, now),
      creditWindow: this.#creditWindow,
    });
    this.#life = new ClientLife({
      outbox,
      times,
      backoff: new Backoff(backoff, random),
      random: options.random,
      emit,
      transmit: (transmit) => this.#transmits.push(transmit),
      detached: (now) => {
        this.#heartbeat.stop();
        this.#conversation.disconnected(now);
      },
      leaveSession: () => this.#conversation.leaveSession(),
    });
  }

  get state(): ClientState {
    return this.#life.state;
  }

  /** Entries of the outbox that are not settled. */
  get outboxSize(): number {
    return this.#outbox.size;
  }

  /** What the application does in rooms: its commands are legal in every state. */
  get rooms(): ClientConversation {
    return this.#conversation;
  }

  /**
   * Takes over what storage holds, before the start, or between an end and the next. Each publish is told with its state. Records that are
   * damaged are set aside, each with an `error` event; where that is the session, or all of it, a new session begins, and what was sent in
   * the old one is told as `maybe` (PUB-22). What was known and is not stored any more is forgotten without a word.
   * @param stored - what it gave; it is looked at before it is believed.
   * @throws UsageError STATE_INVALID while it is started.
   */
  restore(stored: unknown): void {
    if (this.state !== "idle" && this.state !== "closed") throw new UsageError("STATE_INVALID", "the session is started");
    const read = readStoredState(stored, () => this.nextId(this.#options.wall()));
    const { left, ended } = this.#outbox.restore(read.state, read.lastOrder, read);
    this.#conversation.ended(left);
    for (const { order, room, id, state } of [...read.state.entries].sort((x, y) => x.order - y.order)) {
      const end = ended.find((entry) => entry.order === order);
      if (end === undefined) this.#events.push({ type: "entry", room, id: formatMessageId(id), state });
      else this.#conversation.ended([end]);
    }
    for (const { kind, record, room, why } of read.corrupt) {
      const error = new UsageError("OUTBOX_CORRUPT", `a stored ${kind} is set aside: ${why}`);
      this.#events.push({ type: "error", error, room, record });
    }
    // Under which session they were sent is not known: whether they are stored, nobody can say (SES-7).
    if (read.isSessionLost) this.#conversation.leaveSession();
  }

  // Commands

  /** Connects, and comes back after every end that permits it. Where it waits: at once. */
  start(now: number): void {
    this.#life.start(now);
  }

  /** Ends for good, until {@link start}. */
  stop(now: number): void {
    this.#life.stop(now, () => {
      this.#sendWaiting();
      this.#send(createFrame("goodbye", { retry: Retry.NEVER }));
    });
  }

  /** The device has no network, or the application is in the background: no attempts, until {@link resume} (LIV-9). */
  pause(why: PauseReason, now: number): void {
    this.#life.hold(why, now);
  }

  /** The reason is none any more, or the network may be another: tries at once, or asks whether the relay is still there (LIV-9). */
  resume(why: PauseReason, now: number): void {
    if (this.#heartbeat.isDead(now)) this.#dead(now);
    this.#life.release(why, now);
    if (this.#life.isWelcome && this.#heartbeat.probe(this.#times.probeTimeout, now)) this.#ping(now);
  }

  /**
   * The token for the next hello; on a living connection it is told at once (AUT-5).
   * @throws ProtocolError FIELD_INVALID (local): nothing has changed.
   */
  setToken(token: string, now: number): void {
    if (typeof token !== "string" || token === "")
      throw new ProtocolError("FIELD_INVALID", "token: is missing", { field: "token" });
    this.#requireHello(token);
    // This may refuse it too, so it comes before anything is changed.
    if (this.#life.isWelcome) this.#conversation.refresh(token, now);
    this.#token = token;
    this.#life.unlock(now);
  }

  /** A message id of this session's own making. @param wallMs - ms since 1970. */
  nextId(wallMs: number): Uint8Array {
    return this.#ids.next(wallMs);
  }

  // Inputs from the transport

  /** The transport is open. @param subprotocol - the one that the relay has chosen. */
  handleOpen(subprotocol: string, now: number): void {
    if (!this.#life.opened()) return;
    if (subprotocol !== this.codec.subprotocol) {
      // Nothing is said, for the other side may speak anything (TRN-2, 4).
      const error = new ProtocolError("UNSUPPORTED_VERSION", `the relay speaks "${subprotocol}" (TRN-2)`, { origin: "remote" });
      this.#life.failed(error, now, toClose(error));
      return;
    }
    const session = this.#outbox.session;
    if (session === undefined) throw new UsageError("STATE_INVALID", "a transport is open before there is a session");
    this.#send(helloOf(this.#options, this.#creditWindow, session.session, session.attempt, this.#token));
    this.#conversation.opened(now);
  }

  /** A message has come. */
  handleMessage(data: Data, now: number): void {
    if (!this.#life.isConnected) return;
    // A process that was suspended finds out by this frame: it comes too late (LIV-4).
    if (this.#heartbeat.isDead(now)) {
      this.#dead(now);
      return;
    }
    this.#heartbeat.heard(now);
    let frame: Frame;
    try {
      frame = this.codec.parse(data, { frameBytes: clientFrameBytes, unknownFields: "drop" });
    } catch (error) {
      this.#endConnection(asProtocolError(error), now);
      return;
    }
    this.#options.observe?.("in", frame, typeof data === "string" ? encodedSize(frame) : data.length);
    this.#handleFrame(frame, typeof data === "string" ? undefined : data.length, now);
  }

  /** The transport has ended, or could not be opened. @param code - the WebSocket close code; 1006 where there is none. */
  handleClose(code: number, now: number): void {
    this.#life.closed(code, now);
  }

  /** Time has passed. Call it at {@link pollTimeout}, or at any other time. */
  handleTimeout(now: number): void {
    // First of all: a process that was suspended wakes up here (LIV-4).
    if (this.#heartbeat.isDead(now)) this.#dead(now);
    this.#life.handleTimeout(now);
    this.#conversation.handleTimeout(now);
    if (this.#heartbeat.poll(now) === "ping") this.#ping(now);
  }

  /** The write that {@link pollStore} gave is done, durably. */
  handleStored(now: number): void {
    const { added, ended } = this.#outbox.handleStored();
    for (const { room, id } of added) this.#events.push({ type: "entry", room, id, state: "queued" });
    this.#conversation.ended(ended);
    this.#life.stored(now);
  }

  /** The write that {@link pollStore} gave has failed; it is tried again. */
  handleStoreFailed(cause: unknown, now: number): void {
    this.#outbox.handleStoreFailed();
    this.#life.storeFailed(now);
    const error = new ProtocolError("UNAVAILABLE", "the outbox could not be stored", { origin: "local", cause });
    this.#events.push({ type: "error", error, room: undefined });
  }

  // Outputs

  /** What is to be stored now, in one atomic write; undefined: nothing, or a write is under way. */
  pollStore(): StoreOp[] | undefined {
    return this.#life.mayStore ? this.#outbox.pollStore() : undefined;
  }

  /**
   * What is to be done with the transport next; undefined: nothing.
   * @param buffered - bytes that the transport was given and has not sent yet, where it can tell (PUB-23).
   */
  pollTransmit(now: number, buffered = 0): Transmit | undefined {
    const waiting = this.#shift();
    if (waiting !== undefined || !this.#life.isWelcome) return waiting;
    const frame = this.#conversation.poll(now, buffered);
    if (frame !== undefined) return this.#encode(frame);
    if (this.state === "draining" && this.#conversation.inFlight === 0) this.#life.drained(now);
    else if (this.#life.isLeaving && this.#outbox.size === 0) this.#life.pause(now);
    return this.#shift();
  }

  /** When {@link handleTimeout} is to be called; undefined: nothing waits for a time. */
  pollTimeout(now: number): number | undefined {
    const own = Math.min(this.#life.deadline, this.#heartbeat.deadline);
    const least = Math.min(own, this.#life.isConnected ? this.#conversation.deadline(now) : Number.POSITIVE_INFINITY);
    return least === Number.POSITIVE_INFINITY ? undefined : least;
  }

  /** The next event for the application; undefined: none. */
  pollEvent(): ClientEvent | undefined {
    return this.#events.shift();
  }

  // Inside

  #handleFrame(frame: Frame, bytes: number | undefined, now: number): void {
    const { body } = frame;
    const violation = body.case === "batch" ? checkFrame(frame) : undefined;
    if (violation !== undefined) {
      this.#endConnection(violation, now);
    } else if (body.case === "batch") {
      for (const inner of body.value.frames) {
        if (this.#life.isWelcome) this.#handleBare(inner, undefined, now);
      }
      if (this.state === "authenticating") this.#unexpected("batch", now);
    } else {
      this.#handleBare(frame, bytes, now);
    }
  }

  #handleBare(frame: Frame, bytes: number | undefined, now: number): void {
    const { body } = frame;
    const violation = checkFrame(frame);
    if (violation !== undefined) {
      this.#endConnection(violation, now);
    } else if (body.case === "batch") {
      this.#endConnection(new ProtocolError("BATCH_NESTED", "a batch in a batch", { origin: "remote" }), now);
    } else if (body.case === "welcome" && this.state === "authenticating") {
      this.#welcome(body.value, now);
    } else if (body.case === "goodbye") {
      if (this.#life.goodbye(body.value, now)) this.#conversation.stopPublishing();
    } else if (body.case === "error" && body.value.scope === Scope.CONNECTION) {
      this.#life.failed(toError(body.value), now);
    } else if (!this.#life.isWelcome || body.case === "welcome") {
      this.#unexpected(body.case ?? "no body", now);
    } else {
      this.#conversation.handleFrame(frame, bytes, now);
    }
  }

  #ping(now: number): void {
    const timeMs = BigInt(Math.max(0, Math.floor(now)));
    this.#conversation.pinged(timeMs);
    this.#send(createFrame("ping", { timeMs }));
  }

  #dead(now: number): void {
    this.#endConnection(new ProtocolError("HEARTBEAT_TIMEOUT", "nothing heard from the relay", { origin: "remote" }), now);
  }

  #unexpected(what: string, now: number): void {
    this.#endConnection(new ProtocolError("UNEXPECTED_FRAME", `${what} while ${this.state} (FRM-5)`, { origin: "remote" }), now);
  }

  #welcome(welcome: Welcome, now: number): void {
    this.#life.welcomed(welcome.expiresInMs, now);
    this.#heartbeat.start(welcome.deadMs, now);
    const { user, features, expiresInMs } = welcome;
    const profile = toProfile(welcome.profile);
    this.#events.push({ type: "welcome", user, profile, features, expiresInMs, timeMs: Number(welcome.timeMs) });
    // Present by the schema's constraints.
    const { $typeName: _, $unknown: __, ...limits } = welcome.limits as NonNullable<Welcome["limits"]>;
    const usable: SessionLimits = { ...limits, contentBytes: limits.contentBytes || contentBytes };
    this.#conversation.welcome(user, usable, now);
    // Else a connection on which the relay is never silent would have no measure (LIV-3).
    this.#ping(now);
  }

  /** Ends the connection for a reason of this protocol (ERR-8). */
  #endConnection(error: ProtocolError, now: number): void {
    if (!this.#life.isConnected) return;
    this.#send(createFrame("error", fromError(error, "connection")));
    this.#life.failed(error, now, toClose(error));
  }

  /** What the application gives for hello is refused when it gives it, not when a connection opens. */
  #requireHello(token: string): void {
    encodeFrame(helloOf(this.#options, this.#creditWindow, new Uint8Array(16), 1, token));
  }

  /** Nothing overtakes the publishes that wait, except a pong (LIV-2). */
  #send(frame: Frame): void {
    if (this.#conversation.isWaiting && frame.body.case !== "pong") this.#transmits.push("publishes");
    this.#transmits.push(this.#encode(frame));
  }

  #shift(): Transmit | undefined {
    let next = this.#transmits.shift();
    while (next === "publishes") {
      this.#transmits.unshift(...this.#conversation.flush().map((frame) => this.#encode(frame)));
      next = this.#transmits.shift();
    }
    return next;
  }

  #sendWaiting(): void {
    for (const frame of this.#conversation.flush()) this.#transmits.push(this.#encode(frame));
  }

  #encode(frame: Frame): Transmit {
    const data = this.codec.encode(frame);
    this.#options.observe?.("out", frame, typeof data === "string" ? encodedSize(frame) : data.length);
    return { type: "send", data };
  }
}

function toClose(error: ProtocolError): Transmit {
  return { type: "close", code: closeCode(error.code, error.retry), reason: error.code };
}

function asProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  throw error;
}
