/**
 * A client: what an application says and hears. It carries neither out: the engine decides, the driver acts, the outcomes keep promises.
 *
 * Law: a command that hands something over, or waits for an answer, is refused while the client is closed. Everything else is kept
 * until there is a connection, or is lost as its own comment says.
 */

import type { OutboxLimits } from "../delivery/outbox.ts";
import { type ProtocolError, UsageError } from "../errors.ts";
import type { OwnPresence } from "../session/client-conversation.ts";
import type { ContentInput } from "../session/client-convert.ts";
import type { ClientEvent, ClientEvents, UserPresence } from "../session/client-events.ts";
import type { PauseReason } from "../session/client-life.ts";
import { defaultOutbox } from "../session/client-options.ts";
import { ClientSession } from "../session/client-session.ts";
import type { Clock } from "../session/host.ts";
import type { ClientState } from "../session/transitions.ts";
import { defaultTimes } from "../wire/limits.ts";
import {
  checkEvent,
  checkedClientOptions,
  checkListener,
  checkPause,
  checkPresence,
  checkStream,
  checkWait,
  type EventName,
} from "./checks.ts";
import { Commands } from "./commands.ts";
import { Driver } from "./driver.ts";
import { Emitter } from "./emitter.ts";
import { Endpoints } from "./endpoints.ts";
import type { StreamOptions } from "./event-stream.ts";
import { type ClientOptions, engineOptions } from "./options.ts";
import { Outcomes, type Sent } from "./outcomes.ts";
import { platformClock, platformRandom, platformWebSocket, reportError } from "./platform.ts";
import { Positions } from "./positions.ts";
import { type Finding, reportOf } from "./report.ts";
import { Room } from "./room.ts";
import { Rooms } from "./rooms.ts";
import { type ClientStatistics, Statistics } from "./statistics.ts";
import { MemoryStorage } from "./storage.ts";
import { Streams } from "./streams.ts";
import { TokenSource } from "./token-source.ts";
import { webSocketConnect } from "./transport.ts";
import { unlessAborted, type WaitOptions } from "./waiting.ts";

/**
 * A client of one relay, or of several that share a broker.
 *
 * @example
 * ```ts
 * const client = new Client({ url: "wss://chat.example.org/", token: () => fetchToken() });
 * client.on("message", ({ room, sender, content }) => console.log(room, sender, content?.text));
 * client.start();
 * const lobby = client.room("lobby");
 * await lobby.join({ tail: 50 });
 * await lobby.publish("hello");
 * ```
 */
export class Client {
  readonly #clock: Clock;
  readonly #events: Emitter<ClientEvents> = new Emitter(reportError);
  readonly #outcomes: Outcomes = new Outcomes();
  readonly #streams: Streams = new Streams(this.#events);
  readonly #rooms: Rooms = new Rooms((name) => this.#makeRoom(name));
  readonly #statistics: Statistics = new Statistics();
  readonly #outboxLimits: OutboxLimits;
  readonly #endpoints: Endpoints;
  readonly #engine: ClientSession;
  readonly #driver: Driver;
  readonly #commands: Commands;
  readonly #tokens: TokenSource | undefined;
  readonly #positions: Positions | undefined;
  /** What the application wants, as far as the engine does not know it yet: `start` waits for a token, `close` for the storage. */
  #wish: "start" | "close" | undefined;
  /** Why the last run has ended; undefined: it goes on, or the application closed it. */
  #end: ProtocolError | undefined;
  #user: string | undefined;

  /** @throws UsageError OPTION_INVALID, naming the option; DEPENDENCY_MISSING. */
  constructor(given: ClientOptions) {
    const options = checkedClientOptions(given);
    const { token, random = platformRandom, storage = new MemoryStorage() } = options;
    this.#endpoints = new Endpoints(options.url);
    this.#clock = options.clock ?? platformClock();
    this.#outboxLimits = { ...defaultOutbox, ...options.outbox };
    const count = (direction: "in" | "out", bytes: number) => this.#statistics.frame(direction, bytes);
    this.#engine = new ClientSession(engineOptions(options, this.#clock, count));
    if (options.positions !== undefined)
      this.#positions = new Positions({
        store: options.positions,
        clock: this.#clock,
        known: (room) => this.#engine.rooms.room(room),
        onError: (error) => this.#complain(error),
      });
    this.#driver = new Driver({
      engine: this.#engine,
      url: () => this.#endpoints.current,
      clock: this.#clock,
      connect: options.connect ?? webSocketConnect(options.webSocket ?? platformWebSocket()),
      storage: this.#positions?.before(storage) ?? storage,
      onEvent: (event) => this.#deliver(event),
      onQuiet: () => this.#quiet(),
      onTransportFailed: (cause) => this.#complain(new UsageError("OPTION_INVALID", "the transport has thrown an error", cause)),
      onLoadFailed: (error) => {
        this.#outcomes.lost(error);
        this.#streams.end({ error });
        this.#complain(error);
      },
    });
    this.#commands = new Commands({
      engine: this.#engine,
      driver: this.#driver,
      outcomes: this.#outcomes,
      clock: this.#clock,
      requireOpen: () => this.#requireOpen(),
    });
    if (typeof token === "function") {
      this.#tokens = new TokenSource({
        fetch: token,
        clock: this.#clock,
        random,
        timeoutMs: options.times?.connectTimeout ?? defaultTimes.connectTimeout,
        onFailure: (cause) =>
          this.#complain(new UsageError("OPTION_INVALID", "the token function failed; it is called again", cause)),
      });
    } else if (token !== undefined) {
      this.#engine.setToken(token, this.#clock.now());
    }
  }

  /** State of the connection (SES-8). */
  get state(): ClientState {
    return this.#engine.state;
  }

  /** User id of the principal, once the relay has told it. */
  get user(): string | undefined {
    return this.#user;
  }

  /** Publishes that are not settled. */
  get outboxSize(): number {
    return this.#engine.outboxSize;
  }

  /** Average round-trip time in ms; undefined before the first measure. */
  get rttMs(): number | undefined {
    return this.#engine.rooms.rttMs;
  }

  /** A picture of what the client has measured since it was made; later ones do not change it. */
  statistics(): ClientStatistics {
    const { rttMs, clockOffsetMs, outboxBytes } = this.#engine.rooms;
    const [now, atMs] = [this.#clock.now(), this.#clock.wall()];
    // The engine knows the clock that drives it alone.
    const offset = clockOffsetMs === undefined ? undefined : clockOffsetMs + now - atMs;
    const outbox = { entries: this.outboxSize, bytes: outboxBytes, ...this.#outboxLimits };
    const { current: endpoint } = this.#endpoints;
    return this.#statistics.snapshot({ atMs, state: this.state, endpoint, rttMs, clockOffsetMs: offset, outbox }, now);
  }

  /** What of the {@link statistics} is out of range, and what can be done about it; nothing where all is well. */
  report(): Finding[] {
    return reportOf(this.statistics());
  }

  /**
   * Calls back on each event of this name. What a listener throws ends neither the client nor the other listeners: it is thrown again from
   * a timer, so that the platform tells it as any error that nobody handles. In browsers that is the window's `error` event; in Node
   * `uncaughtException`, which ends the process unless it is handled.
   * @returns a function that ends it.
   * @throws UsageError OPTION_INVALID for an event that there is not, and a listener that is no function.
   */
  on<K extends EventName>(name: K, listener: (event: ClientEvents[K]) => void): () => void {
    checkListener(name, listener);
    return this.#events.on(name, listener);
  }

  /**
   * As {@link on}, as an async iterator: each event of this name from now on, until the client is closed. Rejects, behind the events that
   * wait, with a UsageError STREAM_OVERFLOW where more than `capacity` of them wait; CLOSED where the relay has ended the client for good;
   * OUTBOX_CORRUPT; at once with the reason of `signal`.
   * @example
   * ```ts
   * for await (const { state } of client.events("state")) show(state);
   * ```
   * @throws UsageError OPTION_INVALID; CLOSED while the client is closed; OUTBOX_CORRUPT. The reason of a signal that was aborted already.
   */
  events<K extends EventName>(name: K, options: StreamOptions = {}): AsyncIterableIterator<ClientEvents[K]> {
    return this.#stream(name, options);
  }

  /** Connects, and comes back after each end that permits it. Where it waits for its next attempt: at once. */
  start(): void {
    this.#wish = "start";
    this.#driver.do((now) => {
      if (this.#tokens === undefined || this.#engine.state === "locked") this.#begin(now);
      else this.#fetchToken();
    });
  }

  /**
   * There is no network (`offline`), or nobody looks (`background`): makes no attempt, except by {@link start}, until {@link resume} (LIV-9).
   * See {@link followBrowser}, {@link followNetwork}, {@link followLifeCycle}.
   */
  pause(why: PauseReason): void {
    checkPause(why);
    this.#driver.now((now) => this.#engine.pause(why, now));
  }

  /** This is the case no more, or never was, and things have changed: tries at once, or asks whether the relay is still there (LIV-9). */
  resume(why: PauseReason): void {
    checkPause(why);
    this.#tokens?.hurry();
    this.#driver.now((now) => this.#engine.resume(why, now));
  }

  /**
   * Says goodbye and closes, until the next {@link start}, which also enters the rooms again. What is not settled stays in the outbox, and
   * its promise open; what waits for an answer rejects with a UsageError CLOSED, as it does where the relay ends the client
   * for good. Settles when the storage has been read, or could not be, and no write to it is under way.
   */
  async close(): Promise<void> {
    this.#wish = "close";
    this.#driver.do((now) => {
      this.#tokens?.stop();
      this.#engine.stop(now);
    });
    await this.#driver.stored();
    await this.#positions?.flush();
  }

  /**
   * Waits until nothing is left in the outbox; what was published in a room that was left counts too. Goes on waiting over reconnects, a
   * {@link close} and the next {@link start}, as a publish does: who closes the client must not wait for it any more.
   * @throws UsageError CLOSED where something is left and the client is closed; OUTBOX_CORRUPT; OPTION_INVALID. The reason of `signal`.
   */
  async flush(options: WaitOptions = {}): Promise<void> {
    checkWait(options, "flush");
    if (this.outboxSize > 0) this.#requireOpen();
    const flushed = new Promise<void>((resolve, reject) => {
      this.#outcomes.flush({ resolve, reject });
      this.#driver.do(() => undefined, reject);
    });
    await unlessAborted(options.signal, flushed);
  }

  /** As {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A fresh token: for the next connection, and told at once on a living one (AUT-5). */
  setToken(token: string): void {
    this.#driver.now((now) => this.#engine.setToken(token, now));
  }

  /**
   * The room of this name; nothing is sent. The same object for the same name, as long as the room is used: one that was left, and of whose
   * messages none is open, is forgotten, and the next call makes a new one. The old one can still be used, and joined again.
   * @throws ProtocolError FIELD_INVALID (local) where no room can have this name.
   */
  room(name: string): Room {
    return this.#rooms.get(name);
  }

  /** Publishes in the room of this name: as {@link Room.publish}, also in what it throws. */
  publish(room: string, content: ContentInput, options: WaitOptions = {}): Sent {
    return this.room(room).publish(content, options);
  }

  /** Sends an event to the application behind the relay (SIG-2). Lost while there is no connection. @throws UsageError CLOSED. */
  signal(event: string, content?: ContentInput): void {
    this.#commands.signal(undefined, event, content);
  }

  /** Says the own presence, now, after every reconnect, and in time (PRS-5). */
  setPresence(presence: OwnPresence): void {
    checkPresence(presence);
    this.#driver.now((now) => this.#engine.rooms.setPresence(presence, now));
  }

  /**
   * Follows users. @returns what is known as soon as there is a connection; changes come as `presence`. Rejects with a UsageError CLOSED,
   * OPTION_INVALID; the reason of `signal`.
   */
  async watch(users: readonly string[], options: WaitOptions = {}): Promise<UserPresence[]> {
    checkWait(options, "watch");
    return this.#commands.ask<UserPresence[]>((now) => this.#engine.rooms.watch(users, now), options);
  }

  /**
   * Follows these users no more, also on later connections. A {@link watch} that names one of them and has no answer yet rejects with a
   * ProtocolError UNAVAILABLE: the others that it names stay watched.
   */
  unwatch(users: readonly string[]): void {
    this.#driver.now(() => this.#engine.rooms.unwatch(users));
  }

  #makeRoom(name: string): Room {
    const room: Room = new Room(name, {
      ...this.#commands.inRoom(name),
      join: ({ signal, ...options }) => {
        this.#rooms.entered(room);
        return this.#commands.join(name, () => this.#positions?.resuming(name, options) ?? options, { signal });
      },
      leave: (options) => {
        this.#rooms.left(name);
        return this.#commands.leave(name, options);
      },
      messages: (options) => this.#stream("message", options, name),
    });
    return room;
  }

  #stream<K extends EventName>(name: K, options: StreamOptions, room?: string): AsyncIterableIterator<ClientEvents[K]> {
    checkEvent(name);
    checkStream(options);
    this.#requireOpen();
    return this.#streams.open(name, options, room);
  }

  /** Refuses what would wait in vain. A client that was not started yet, or waits for a token, is none of that kind. */
  #requireOpen(): void {
    if (this.#driver.failure !== undefined) throw this.#driver.failure;
    if (this.#isClosed) throw this.#closed("start it first");
  }

  get #isClosed(): boolean {
    return this.#wish === "close" || (this.#wish === undefined && this.state === "closed");
  }

  #closed(what: string): UsageError {
    return new UsageError("CLOSED", `the client is closed; ${what}`, this.#end);
  }

  #begin(now: number): void {
    // Where it was closed behind the start, before the storage was read, the close comes next.
    if (this.#wish === "start") this.#wish = undefined;
    this.#end = undefined;
    this.#engine.start(now);
  }

  /** Gets a token, for whatever waits for one by then. */
  #fetchToken(): void {
    this.#tokens?.get((token) =>
      this.#driver.now((now) => {
        this.#engine.setToken(token, now);
        if (this.#wish === "start") this.#begin(now);
      }),
    );
  }

  #complain(error: ProtocolError | UsageError): void {
    this.#events.emit("error", { error, room: undefined });
  }

  #deliver(event: ClientEvent): void {
    this.#statistics.event(event, this.#clock.now());
    if (event.type === "answer") {
      this.#outcomes.answered(event);
      return;
    }
    if (event.type === "entry") this.#outcomes.settled(event);
    if (event.type === "welcome") this.#user = event.user;
    if (event.type === "state") {
      this.#endpoints.entered(event.state);
      if (event.state === "closed") this.#end = event.error;
    }
    if (event.type === "tokenWanted") this.#fetchToken();
    const { type, ...rest } = event;
    this.#events.emit(type, rest as never);
    this.#positions?.event(event);
  }

  #quiet(): void {
    if (this.outboxSize === 0) this.#outcomes.flushed();
    if (this.#isClosed) {
      const error = this.#closed("no answer will come");
      this.#outcomes.ended(error);
      this.#streams.end(this.#end && { error });
    }
    this.#rooms.forget((name) => {
      const { state = "left" } = this.#engine.rooms.room(name) ?? {};
      return state === "left" && !this.#outcomes.hasPublishes(name);
    });
  }
}
