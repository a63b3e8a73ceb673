/**
 * A client's life over its connections: in which state it is, when it tries again, and with which session and attempt.
 *
 * Law: the transition is looked up first (transitions.ts), what follows from it comes second; the verdict of an end decides what comes
 * after it (LIV-6, LIV-8).
 */

import type { Outbox } from "../delivery/outbox.ts";
import { errorOfCloseCode, ProtocolError } from "../errors.ts";
import type { Goodbye } from "../wire/codec.ts";
import type { Backoff, EndVerdict } from "./backoff.ts";
import { toRetry } from "./client-convert.ts";
import type { ClientEvent } from "./client-events.ts";
import type { ClientTimes } from "./client-options.ts";
import type { Random } from "./host.ts";
import { Timers } from "./timers.ts";
import { type CircuitState, type ClientInput, type ClientState, nextClientState } from "./transitions.ts";
import type { Transmit } from "./transmit.ts";

/** How this side closes where no error says more. */
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
  /** When to pause, sent or not (LIV-9). */
  "pause",
] as const;

/** Why no connection is wanted for a while (LIV-9). */
export type PauseReason = "offline" | "background";

/** What a life needs from its session. */
export interface LifeHost {
  readonly outbox: Outbox;
  readonly times: ClientTimes;
  readonly backoff: Backoff;
  readonly random: Random;
  readonly emit: (event: ClientEvent) => void;
  readonly transmit: (transmit: Transmit) => void;
  /** The connection, if there was one, is gone: nothing is open on it any more. */
  readonly detached: (now: number) => void;
  /** Another connection holds the session (SES-7): what was sent under it is given up. */
  readonly leaveSession: () => void;
}

/** See the head of this file. */
export class ClientLife {
  readonly #host: LifeHost;
  readonly #timers: Timers<(typeof timerKinds)[number]> = new Timers(timerKinds);
  #state: ClientState = "idle";
  /** What was last told of the circuit breaker. */
  #circuit: CircuitState = "closed";
  #lockedUntil = 0;
  /** When the time of the token is over, as far as the relay has told it; connections come and go meanwhile. */
  #tokenEnd = Number.POSITIVE_INFINITY;
  /** Before this time the relay does not want to be tried again, whatever the device says. */
  #notBefore = 0;
  readonly #holds: Set<PauseReason> = new Set();
  /** What a goodbye has said of the end that follows it. */
  #goodbye: EndVerdict | undefined;

  constructor(host: LifeHost) {
    this.#host = host;
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Whether frames are exchanged in full. */
  get isWelcome(): boolean {
    return this.#state === "ready" || this.#state === "draining";
  }

  /** Whether hello has been sent on a transport that is open. */
  get isConnected(): boolean {
    return this.isWelcome || this.#state === "authenticating";
  }

  /** Whether a write to storage may be tried. */
  get mayStore(): boolean {
    return this.#timers.get("store") === Number.POSITIVE_INFINITY;
  }

  /** When {@link handleTimeout} has something to do; infinity: never. */
  get deadline(): number {
    return this.#timers.next() ?? Number.POSITIVE_INFINITY;
  }

  start(now: number): void {
    const isFirst = this.#state === "idle" || this.#state === "closed";
    if (!this.#input("start")) return;
    if (isFirst) this.#host.backoff.begin();
    // The application may know better than to wait for a token.
    this.#tokenEnd = Number.POSITIVE_INFINITY;
    // One that is paused knows what the device says, and is wanted all the same.
    if (isFirst && this.#holds.size > 0) this.pause(now);
    else this.#prepare(now);
  }

  /** No attempts are made for this reason, until it is released. */
  hold(why: PauseReason, now: number): void {
    this.#holds.add(why);
    // What lives may do so in spite of what the device says; what drains ends by itself.
    if (why === "offline" ? this.isWelcome : this.#state === "draining") return;
    const isUnderWay = this.#hasTransport || this.#state === "preparing";
    if (why === "background" && isUnderWay && this.#host.outbox.size > 0)
      this.#timers.set("pause", now + this.#host.times.backgroundFlush);
    else this.pause(now);
  }

  /** The reason is none any more, or never was one: it is worth a try. */
  release(why: PauseReason, now: number): void {
    this.#holds.delete(why);
    if (this.#holds.size > 0) return;
    this.#timers.clear("pause");
    if (this.#state !== "paused" && this.#state !== "waiting") return;
    const isHurried = this.#host.backoff.hurry(now);
    if (this.#state === "waiting" && !isHurried) return;
    const at = Math.max(now + (isHurried ? 0 : this.#host.backoff.wait()), this.#notBefore);
    this.#input("resume", { retryInMs: at - now });
    this.#timers.set("backoff", at);
  }

  /** Whether the connection is used for what is left in the outbox alone, and then given up. */
  get isLeaving(): boolean {
    return this.#timers.get("pause") !== Number.POSITIVE_INFINITY;
  }

  /** Gives up the connection, or the attempt, until the device wants it again. */
  pause(now: number): void {
    const close = this.#hasTransport ? ownClose : undefined;
    if (!this.#input("pause")) return;
    this.#host.backoff.abandon();
    this.#tellCircuit();
    this.#detach(now, close);
  }

  /** Ends for good. @param farewell - what is said first to a relay that has welcomed this side. */
  stop(now: number, farewell: () => void): void {
    const wasWelcome = this.isWelcome;
    const close = this.#hasTransport ? ownClose : undefined;
    if (!this.#input("stop")) return;
    if (wasWelcome) farewell();
    this.#host.backoff.abandon();
    this.#tellCircuit();
    this.#detach(now, close);
  }

  /** There is a fresh token. */
  unlock(now: number): void {
    this.#tokenEnd = Number.POSITIVE_INFINITY;
    if (this.#state !== "locked") return;
    if (this.#lockedUntil > now) this.#timers.set("backoff", this.#lockedUntil);
    else this.#again("token", now);
  }

  /** The transport is open. @returns whether it was awaited. */
  opened(): boolean {
    return this.#input("open");
  }

  /** Storage holds what it was given. */
  stored(now: number): void {
    if (this.#state !== "preparing" || !this.#host.outbox.sessionStored || !this.#input("prepared")) return;
    this.#host.backoff.attempt();
    this.#tellCircuit();
    this.#host.transmit({ type: "open" });
    this.#timers.set("connect", now + this.#host.times.connectTimeout);
  }

  storeFailed(now: number): void {
    this.#timers.set("store", now + this.#host.times.storeRetry);
  }

  welcomed(expiresInMs: number, now: number): void {
    this.#timers.clear("connect");
    this.#notBefore = 0;
    this.#input("welcome");
    this.#host.backoff.reset();
    this.#tellCircuit();
    this.armToken(expiresInMs, now);
  }

  /** Says when the token's time is nearly over (AUT-4). @param expiresInMs - 0: never. */
  armToken(expiresInMs: number, now: number): void {
    const lifetime = expiresInMs > 0 ? expiresInMs : Number.POSITIVE_INFINITY;
    this.#tokenEnd = now + lifetime;
    this.#timers.set("token", now + lifetime * 0.8);
  }

  /** The relay has announced the end (GBY). @returns whether acks may still come. */
  goodbye({ retry, afterMinMs, afterMaxMs, drainMs }: Goodbye, now: number): boolean {
    this.#goodbye = { retry: toRetry(retry), retryAfterMs: 0, range: { min: afterMinMs, max: afterMaxMs } };
    if (!this.isWelcome) return false;
    this.#input("goodbye");
    this.#timers.set("drain", now + drainMs);
    return true;
  }

  /** Nothing is owed on this connection any more, or a goodbye's time is over (GBY-4). */
  drained(now: number): void {
    this.#lost(this.#goodbye ?? { retry: "after", retryAfterMs: 0 }, undefined, now, ownClose);
  }

  /** The connection is over for a reason that has a verdict of its own (ERR-8). */
  failed(error: ProtocolError, now: number, close: Transmit = ownClose): void {
    this.#lost({ retry: error.retry, retryAfterMs: error.retryAfterMs }, error, now, close);
  }

  /** The transport has ended, with this close code. */
  closed(code: number, now: number): void {
    if (!this.isConnected && this.#state !== "connecting") return;
    const error = errorOfCloseCode(code);
    const verdict = this.#goodbye ?? { retry: error?.retry ?? "after", retryAfterMs: 0 };
    this.#lost(verdict, error, now, undefined);
  }

  handleTimeout(now: number): void {
    for (let kind = this.#timers.takeDue(now); kind !== undefined; kind = this.#timers.takeDue(now)) this.#due[kind](now);
  }

  /** What each timer does when it is due. */
  readonly #due: Readonly<Record<(typeof timerKinds)[number], (now: number) => void>> = {
    connect: (now) =>
      this.failed(new ProtocolError("UNAVAILABLE", "no welcome in time", { origin: "remote", scope: "connection" }), now),
    backoff: (now) => this.#again(this.#state === "locked" ? "token" : "due", now),
    token: () => this.#host.emit({ type: "tokenWanted", code: undefined }),
    drain: (now) => this.drained(now),
    store: () => undefined,
    pause: (now) => this.pause(now),
  };

  #input(input: ClientInput, details: { retryInMs?: number; error?: ProtocolError } = {}): boolean {
    const next = nextClientState(this.#state, input);
    if (next === undefined) return false;
    const { error, retryInMs } = details;
    if (next !== this.#state || error !== undefined || retryInMs !== undefined)
      this.#host.emit({ type: "state", state: next, ...details });
    this.#state = next;
    return true;
  }

  #tellCircuit(): void {
    const { circuit } = this.#host.backoff;
    if (circuit === this.#circuit) return;
    this.#circuit = circuit;
    this.#host.emit({ type: "circuit", state: circuit });
  }

  /** A token or a time says that there may be an attempt. */
  #again(input: "token" | "due", now: number): void {
    if (!this.#input(input)) return;
    if (this.#holds.size > 0) this.pause(now);
    else this.#prepare(now);
  }

  #prepare(now: number): void {
    this.#timers.clearAll();
    if (now >= this.#tokenEnd && this.#input("expired")) {
      this.#lockedUntil = now;
      this.#host.emit({ type: "tokenWanted", code: "TOKEN_EXPIRED" });
      return;
    }
    const { session } = this.#host.outbox;
    if (session === undefined) this.#mintSession(1);
    else this.#host.outbox.setSession(session.session, session.attempt + 1);
    this.stored(now);
  }

  #lost(verdict: EndVerdict, error: ProtocolError | undefined, now: number, close: Transmit | undefined): void {
    const isTaken = error?.code === "SESSION_TAKEN";
    this.#detach(now, this.#hasTransport ? close : undefined);
    if (isTaken) this.#takeNewSession();
    const comeback = this.#host.backoff.next(isTaken ? { retry: "after", retryAfterMs: 0 } : verdict, now);
    this.#tellCircuit();
    const why = error === undefined ? {} : { error };
    const { retryAfterMs, range } = verdict;
    this.#notBefore = now + (range !== undefined && range.max > 0 ? range.min : retryAfterMs);
    if (comeback.input === "refused") {
      const { attempts } = comeback;
      if (this.#input("refused", why) && attempts !== undefined) this.#host.emit({ type: "gaveUp", attempts, error });
    } else if (comeback.input === "unauthenticated" && this.#input("unauthenticated", why)) {
      this.#lockedUntil = now + comeback.delayMs;
      this.#host.emit({ type: "tokenWanted", code: error?.code });
    } else if (this.#input("lost", { ...why, retryInMs: comeback.delayMs })) {
      this.#timers.set("backoff", now + comeback.delayMs);
      if (this.#holds.size > 0) this.pause(now);
    }
  }

  /** What was never sent moves to a new session (SES-7). */
  #takeNewSession(): void {
    this.#host.leaveSession();
    this.#mintSession(0);
  }

  #mintSession(attempt: number): void {
    const bytes = new Uint8Array(16);
    this.#host.random(bytes);
    this.#host.outbox.setSession(bytes, attempt);
  }

  get #hasTransport(): boolean {
    return this.isConnected || this.#state === "connecting";
  }

  #detach(now: number, close: Transmit | undefined): void {
    if (close !== undefined) this.#host.transmit(close);
    this.#timers.clearAll();
    this.#goodbye = undefined;
    this.#host.detached(now);
  }
}
