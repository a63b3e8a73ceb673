/**
 * The client's side of a conversation, over all its connections: sans-IO, deterministic, driven by whoever holds a transport, a clock
 * and a storage.
 *
 * Law: the transition is looked up first (transitions.ts), side effects come second. A peer's input never throws; misuse by the caller does.
 * The driver calls an input, then does what {@link ClientSession.pollStore}, {@link ClientSession.pollTransmit} and
 * {@link ClientSession.pollEvent} say until each has nothing more, then calls {@link ClientSession.handleTimeout} at {@link ClientSession.pollTimeout}.
 */

import { MessageIdGenerator } from "../delivery/message-id.ts";
import { Outbox, type StoredState, type StoreOp } from "../delivery/outbox.ts";
import { closeCode, ProtocolError, retryOfCloseCode, UsageError } from "../errors.ts";
import {
  checkFrame,
  createFrame,
  encodedSize,
  encodeFrame,
  type Frame,
  type Goodbye,
  Retry,
  Scope,
  type Welcome,
} from "../wire/codec.ts";
import { clientFrameBytes, contentBytes, maxSafeInteger, type SessionLimits } from "../wire/limits.ts";
import { Backoff, defaultBackoff, type EndVerdict } from "./backoff.ts";
import { ClientConversation } from "./client-conversation.ts";
import { fromError, toError, toProfile, toRetry } from "./client-convert.ts";
import type { ClientEvent } from "./client-events.ts";
import {
  type ClientSessionOptions,
  type ClientTimes,
  defaultBatch,
  defaultClientTimes,
  defaultOutbox,
} from "./client-options.ts";
import { Heartbeat } from "./heartbeat.ts";
import { randomFraction } from "./host.ts";
import { Timers } from "./timers.ts";
import { type ClientInput, type ClientState, nextClientState } from "./transitions.ts";
import { binaryCodec, type Data, type FrameCodec, type Transmit } from "./transmit.ts";

const ownClose: Transmit = { type: "close", code: 1000, reason: "" };

const timerKinds = [
  /** When no welcome has come in time. */
  "connect",
  /** When to try again. */
  "backoff",
  /** When to ask for a fresh token (AUT-4). */
  "token",
  /** When a goodbye's time is over (GBY-4). */
  "drain",
  /** When to write to storage again. */
  "store",
] as const;

/** See the head of this file. */
export class ClientSession {
  readonly codec: FrameCodec;
  readonly #options: ClientSessionOptions;
  readonly #times: ClientTimes;
  readonly #ids: MessageIdGenerator;
  readonly #backoff: Backoff;
  readonly #timers: Timers<(typeof timerKinds)[number]> = new Timers(timerKinds);
  readonly #outbox: Outbox;
  readonly #conversation: ClientConversation;
  readonly #transmits: Transmit[] = [];
  readonly #events: ClientEvent[] = [];
  #state: ClientState = "idle";
  #token = "";
  #lockedUntil = 0;
  #creditWindow: number;
  readonly #heartbeat: Heartbeat = new Heartbeat();
  #end: EndVerdict | undefined;
  #endError: ProtocolError | undefined;

  /** @throws UsageError OPTION_INVALID; ProtocolError FIELD_INVALID (local) for what hello cannot hold. */
  constructor(options: ClientSessionOptions) {
    this.#options = options;
    this.codec = options.codec ?? binaryCodec;
    this.#times = { ...defaultClientTimes, ...options.times };
    this.#creditWindow = options.creditBytes ?? 1024 * 1024;
    // Half of it is granted anew when half is used, and a frame of the largest size must fit then.
    if (!(this.#creditWindow >= 2 * clientFrameBytes)) {
      throw new UsageError("OPTION_INVALID", `creditBytes must be at least ${2 * clientFrameBytes} (CRD-5)`);
    }
    this.#requireHello("");
    const fraction = () => randomFraction(options.random);
    this.#ids = new MessageIdGenerator(options.random);
    this.#backoff = new Backoff({ ...defaultBackoff, ...options.backoff }, fraction);
    this.#outbox = new Outbox({ ...defaultOutbox, ...options.outbox });
    this.#conversation = new ClientConversation({
      outbox: this.#outbox,
      times: this.#times,
      batch: { ...defaultBatch, ...options.batch },
      random: fraction,
      wall: options.wall,
      emit: (event) => this.#events.push(event),
      send: (frame) => this.#send(frame),
      end: (error, now) => this.#endConnection(error, now),
      creditWindow: this.#creditWindow,
    });
  }

  get state(): ClientState {
    return this.#state;
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
   * Takes over what storage holds. Before anything else.
   * @throws UsageError STATE_INVALID after the start.
   */
  restore(stored: StoredState): void {
    if (this.#state !== "idle") throw new UsageError("STATE_INVALID", "the session was started already");
    this.#outbox.restore(stored);
  }

  // Commands

  /** Connects, and comes back after every end that permits it. Where it waits: at once. */
  start(now: number): void {
    if (this.#input("start")) this.#prepare(now);
  }

  /** Ends for good, until {@link start}. */
  stop(now: number): void {
    const wasOpen = this.#isWelcome;
    if (!this.#input("stop")) return;
    if (wasOpen) this.#send(createFrame("goodbye", { retry: Retry.NEVER }));
    this.#detach(now, ownClose);
  }

  /**
   * The token for the next hello; on a living connection it is told at once (AUT-5).
   * @throws ProtocolError FIELD_INVALID (local): nothing has changed.
   */
  setToken(token: string, now: number): void {
    this.#requireHello(token);
    this.#token = token;
    if (this.#isWelcome) this.#conversation.refresh(token, now);
    if (this.#state !== "locked") return;
    if (this.#lockedUntil > now) this.#timers.set("backoff", this.#lockedUntil);
    else if (this.#input("token")) this.#prepare(now);
  }

  /** A message id of this session's own making. @param wallMs - ms since 1970. */
  nextId(wallMs: number): Uint8Array {
    return this.#ids.next(wallMs);
  }

  // Inputs from the transport

  /** The transport is open. @param subprotocol - the one that the relay has chosen. */
  handleOpen(subprotocol: string, now: number): void {
    if (!this.#input("open")) return;
    if (subprotocol !== this.codec.subprotocol) {
      this.#endConnection(
        new ProtocolError("UNSUPPORTED_VERSION", `the relay speaks "${subprotocol}" (TRN-2)`, { origin: "remote" }),
        now,
      );
      return;
    }
    const session = this.#outbox.session;
    if (session === undefined) throw new UsageError("STATE_INVALID", "a transport is open before there is a session");
    this.#send(this.#hello(session.session, session.attempt, this.#token));
    this.#conversation.opened(now);
  }

  /** A message has come. */
  handleMessage(data: Data, now: number): void {
    if (!this.#isConnected) return;
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
    if (!this.#isConnected && this.#state !== "connecting") return;
    this.#lost(this.#end ?? { retry: retryOfCloseCode(code), retryAfterMs: 0 }, now);
  }

  /** Time has passed. Call it at {@link pollTimeout}, or at any other time. */
  handleTimeout(now: number): void {
    for (let kind = this.#timers.takeDue(now); kind !== undefined; kind = this.#timers.takeDue(now)) this.#due[kind](now);
    this.#conversation.handleTimeout(now);
    const alarm = this.#heartbeat.poll(now);
    if (alarm === "ping") this.#send(createFrame("ping", { timeMs: BigInt(Math.max(0, Math.floor(now))) }));
    if (alarm === "dead") {
      this.#endConnection(new ProtocolError("HEARTBEAT_TIMEOUT", "nothing heard from the relay", { origin: "remote" }), now);
    }
  }

  /** The write that {@link pollStore} gave is done, durably. */
  handleStored(now: number): void {
    for (const entry of this.#outbox.handleStored()) {
      this.#events.push({ type: "entry", room: entry.room, id: entry.id, state: entry.state });
    }
    this.#afterStore(now);
  }

  /** The write that {@link pollStore} gave has failed; it is tried again. */
  handleStoreFailed(cause: unknown, now: number): void {
    this.#outbox.handleStoreFailed();
    this.#timers.set("store", now + this.#times.storeRetry);
    const error = new ProtocolError("UNAVAILABLE", "the outbox could not be stored", { origin: "local", cause });
    this.#events.push({ type: "error", error, room: undefined });
  }

  // Outputs

  /** What is to be stored now, in one atomic write; undefined: nothing, or a write is under way. */
  pollStore(): StoreOp[] | undefined {
    return this.#timers.get("store") === Number.POSITIVE_INFINITY ? this.#outbox.pollStore() : undefined;
  }

  /** What is to be done with the transport next; undefined: nothing. */
  pollTransmit(now: number): Transmit | undefined {
    const waiting = this.#transmits.shift();
    if (waiting !== undefined || !this.#isWelcome) return waiting;
    const frame = this.#conversation.poll(now);
    if (frame !== undefined) return this.#encode(frame);
    if (this.#state === "draining" && this.#conversation.inFlight === 0) {
      // Nothing is owed any more (GBY-4).
      this.#lost(this.#end ?? { retry: "after", retryAfterMs: 0 }, now, ownClose);
      return this.#transmits.shift();
    }
    return undefined;
  }

  /** When {@link handleTimeout} is to be called; undefined: nothing waits for a time. */
  pollTimeout(now: number): number | undefined {
    const own = Math.min(this.#timers.next() ?? Number.POSITIVE_INFINITY, this.#heartbeat.deadline);
    const least = Math.min(own, this.#isConnected ? this.#conversation.deadline(now) : Number.POSITIVE_INFINITY);
    return least === Number.POSITIVE_INFINITY ? undefined : least;
  }

  /** The next event for the application; undefined: none. */
  pollEvent(): ClientEvent | undefined {
    return this.#events.shift();
  }

  // Inside

  get #isWelcome(): boolean {
    return this.#state === "ready" || this.#state === "draining";
  }

  get #isConnected(): boolean {
    return this.#isWelcome || this.#state === "authenticating";
  }

  #input(input: ClientInput, details: { retryInMs?: number; error?: ProtocolError } = {}): boolean {
    const next = nextClientState(this.#state, input);
    if (next === undefined) return false;
    if (next !== this.#state || details.error !== undefined) this.#events.push({ type: "state", state: next, ...details });
    this.#state = next;
    return true;
  }

  #prepare(now: number): void {
    this.#timers.clearAll();
    const session = this.#outbox.session;
    if (session === undefined) this.#mintSession(1);
    else this.#outbox.setSession(session.session, session.attempt + 1);
    this.#afterStore(now);
  }

  #afterStore(now: number): void {
    if (this.#state !== "preparing" || !this.#outbox.sessionStored || !this.#input("prepared")) return;
    this.#transmits.push({ type: "open" });
    this.#timers.set("connect", now + this.#times.connectTimeout);
  }

  #handleFrame(frame: Frame, bytes: number | undefined, now: number): void {
    const { body } = frame;
    if (body.case === "batch") {
      for (const inner of body.value.frames) {
        if (this.#isWelcome) this.#handleBare(inner, undefined, now);
      }
      if (this.#state === "authenticating") this.#unexpected("batch", now);
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
    } else if (body.case === "welcome" && this.#state === "authenticating") {
      this.#welcome(body.value, now);
    } else if (body.case === "goodbye") {
      this.#goodbye(body.value, now);
    } else if (body.case === "error" && body.value.scope === Scope.CONNECTION) {
      this.#lost(this.#endOf(toError(body.value)), now, ownClose);
    } else if (!this.#isWelcome || body.case === "welcome") {
      this.#unexpected(body.case ?? "no body", now);
    } else {
      if (body.case === "refreshed") this.#armToken(body.value.expiresInMs, now);
      this.#conversation.handleFrame(frame, bytes, now);
    }
  }

  #unexpected(what: string, now: number): void {
    this.#endConnection(new ProtocolError("UNEXPECTED_FRAME", `${what} while ${this.#state} (FRM-5)`, { origin: "remote" }), now);
  }

  #welcome(welcome: Welcome, now: number): void {
    this.#timers.clearAll();
    this.#input("welcome");
    this.#backoff.reset();
    this.#heartbeat.start(welcome.deadMs, now);
    this.#armToken(welcome.expiresInMs, now);
    const { user, features, expiresInMs } = welcome;
    const profile = toProfile(welcome.profile);
    this.#events.push({ type: "welcome", user, profile, features, expiresInMs, timeMs: Number(welcome.timeMs) });
    // Present by the schema's constraints.
    const { $typeName: _, $unknown: __, ...limits } = welcome.limits as NonNullable<Welcome["limits"]>;
    const usable: SessionLimits = { ...limits, contentBytes: limits.contentBytes || contentBytes };
    this.#conversation.welcome(user, usable, now);
  }

  #goodbye(goodbye: Goodbye, now: number): void {
    const range = { min: goodbye.afterMinMs, max: goodbye.afterMaxMs };
    this.#end = { retry: toRetry(goodbye.retry), retryAfterMs: 0, range };
    if (!this.#isWelcome) return;
    this.#input("goodbye");
    this.#conversation.stopPublishing();
    this.#timers.set("drain", now + goodbye.drainMs);
  }

  #armToken(expiresInMs: number, now: number): void {
    if (expiresInMs > 0) this.#timers.set("token", now + expiresInMs * 0.8);
    else this.#timers.clear("token");
  }

  /** What each timer does when it is due. */
  readonly #due: Readonly<Record<(typeof timerKinds)[number], (now: number) => void>> = {
    connect: (now) => {
      const error = new ProtocolError("UNAVAILABLE", "no welcome in time", { origin: "remote", scope: "connection" });
      this.#lost(this.#endOf(error), now, ownClose);
    },
    backoff: (now) => {
      if (this.#input(this.#state === "locked" ? "token" : "due")) this.#prepare(now);
    },
    token: () => this.#events.push({ type: "tokenWanted", code: undefined }),
    drain: (now) => this.#lost(this.#end ?? { retry: "after", retryAfterMs: 0 }, now, ownClose),
    store: () => undefined,
  };

  /** Ends the connection for a reason of this protocol (ERR-8). */
  #endConnection(error: ProtocolError, now: number): void {
    if (!this.#isConnected) return;
    this.#send(createFrame("error", fromError(error, "connection")));
    const code = closeCode(error.code, error.retry);
    this.#lost(this.#endOf(error), now, { type: "close", code, reason: error.code });
  }

  #endOf(error: ProtocolError): EndVerdict {
    this.#endError = error;
    return { retry: error.retry, retryAfterMs: error.retryAfterMs };
  }

  /** The connection is over; what follows is in the verdict (LIV-6, LIV-8). */
  #lost(verdict: EndVerdict, now: number, close?: Transmit): void {
    const error = this.#endError;
    this.#detach(now, close);
    const isTaken = error?.code === "SESSION_TAKEN";
    if (isTaken) this.#takeNewSession();
    const comeback = this.#backoff.next(isTaken ? { retry: "after", retryAfterMs: 0 } : verdict, now);
    const why = error === undefined ? {} : { error };
    if (comeback.input === "refused") {
      this.#input("refused", why);
    } else if (comeback.input === "unauthenticated" && this.#input("unauthenticated", why)) {
      this.#lockedUntil = now + comeback.delayMs;
      this.#events.push({ type: "tokenWanted", code: error?.code });
    } else if (this.#input("lost", { ...why, retryInMs: comeback.delayMs })) {
      this.#timers.set("backoff", now + comeback.delayMs);
    }
  }

  /** Another connection holds the session (SES-7): what was never sent moves to a new one. */
  #takeNewSession(): void {
    this.#conversation.leaveSession();
    this.#mintSession(0);
  }

  #mintSession(attempt: number): void {
    const bytes = new Uint8Array(16);
    this.#options.random(bytes);
    this.#outbox.setSession(bytes, attempt);
  }

  #detach(now: number, close: Transmit | undefined): void {
    const hadTransport = this.#isConnected || this.#state === "connecting" || this.#state === "closed";
    if (close !== undefined && hadTransport) this.#transmits.push(close);
    this.#timers.clearAll();
    this.#end = undefined;
    this.#endError = undefined;
    this.#heartbeat.stop();
    this.#conversation.disconnected(now);
  }

  #hello(session: Uint8Array, attempt: number, token: string): Frame {
    return createFrame("hello", {
      major: this.#options.byteStream === true ? 1 : 0,
      session,
      attempt: BigInt(attempt),
      token,
      features: [...(this.#options.features ?? [])],
      creditBytes: BigInt(Math.min(this.#creditWindow, maxSafeInteger)),
      agent: this.#options.agent ?? "chappe-ts",
    });
  }

  /** What the application gives for hello is refused when it gives it, not when a connection opens. */
  #requireHello(token: string): void {
    encodeFrame(this.#hello(new Uint8Array(16), 1, token));
  }

  #send(frame: Frame): void {
    this.#transmits.push(this.#encode(frame));
  }

  #encode(frame: Frame): Transmit {
    const data = this.codec.encode(frame);
    this.#options.observe?.("out", frame, typeof data === "string" ? encodedSize(frame) : data.length);
    return { type: "send", data };
  }
}

function asProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  throw error;
}
