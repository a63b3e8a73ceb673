/**
 * A client: drives one {@link ClientSession} with a transport, a clock and a storage, and turns its answers into promises.
 *
 * Law: the engine decides everything; after each input the pump carries out what it says, and arms one timer.
 */

import { formatMessageId, parseMessageId } from "../delivery/message-id.ts";
import { UsageError } from "../errors.ts";
import type { OwnPresence } from "../session/client-conversation.ts";
import type { ContentInput } from "../session/client-convert.ts";
import type { ClientEvent, ClientEvents, EntryChange, HistoryPage, JoinedRoom, UserPresence } from "../session/client-events.ts";
import type { ClientSessionOptions } from "../session/client-options.ts";
import { ClientSession } from "../session/client-session.ts";
import type { Clock, Random } from "../session/host.ts";
import type { ClientState } from "../session/transitions.ts";
import type { ChatKind, Frame } from "../wire/codec.ts";
import { defaultTimes } from "../wire/limits.ts";
import { Emitter } from "./emitter.ts";
import { platformClock, platformRandom, platformWebSocket, reportError } from "./platform.ts";
import { Room } from "./room.ts";
import { MemoryStorage, type OutboxStorage } from "./storage.ts";
import { TokenSource } from "./token-source.ts";
import { type Connect, type Transport, type WebSocketConstructor, webSocketConnect } from "./transport.ts";

/** A frame that passes, for people who look on. */
export interface ObservedFrame {
  readonly direction: "in" | "out";
  readonly frame: Frame;
  /** Bytes of its binary form. */
  readonly bytes: number;
  /** Ms since 1970. */
  readonly atMs: number;
}

/** Settings of a client. */
export interface ClientOptions extends Partial<Omit<ClientSessionOptions, "observe" | "wall" | "random" | "byteStream">> {
  /** `ws://` or `wss://`. A token has no place in it (AUT-2). */
  readonly url: string;
  /** What authentication wants; or a function that gets it, called whenever a fresh one is wanted. */
  readonly token?: string | (() => string | Promise<string>);
  /** Whether a token may go to another machine over `ws://`, for anyone on the way to read (TRN-10). */
  readonly insecure?: "refuse" | "allow";
  /** By default the platform's WebSocket. */
  readonly webSocket?: WebSocketConstructor;
  /** Any other transport, in the place of a WebSocket. */
  readonly connect?: Connect;
  /** By default in memory. */
  readonly storage?: OutboxStorage;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly onFrame?: (observed: ObservedFrame) => void;
}

/** Where a message is stored. */
export interface Stored {
  readonly offset: number;
  /** Ms since 1970. */
  readonly timeMs: number;
}

/** A message that was handed over. */
export interface Sent {
  /** Its id, in text form. */
  readonly id: string;
  /**
   * Settles with the message, however long that takes. Rejects with a ProtocolError where it is finally rejected, with
   * `processed: "maybe"` where nobody can say, and with a UsageError ENTRY_SETTLED where it was cancelled.
   */
  readonly stored: Promise<Stored>;
}

interface Settler<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

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
 * await lobby.publish("hello").stored;
 * ```
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #clock: Clock;
  readonly #connect: Connect;
  readonly #storage: OutboxStorage;
  readonly #events: Emitter<ClientEvents> = new Emitter(reportError);
  readonly #rooms: Map<string, Room> = new Map();
  readonly #answers: Map<number, Settler<unknown>> = new Map();
  readonly #sent: Map<string, Settler<Stored>> = new Map();
  readonly #tokens: TokenSource | undefined;
  readonly #ready: Promise<void>;
  #engine: ClientSession;
  #transport: Transport | undefined;
  #timer: unknown;
  #isPumping = false;
  #isLoaded = false;
  #user: string | undefined;

  /** @throws UsageError OPTION_INVALID, naming the option; DEPENDENCY_MISSING. */
  constructor(options: ClientOptions) {
    this.#options = options;
    checkUrl(options);
    this.#clock = options.clock ?? platformClock();
    this.#storage = options.storage ?? new MemoryStorage();
    this.#connect = options.connect ?? webSocketConnect(options.webSocket ?? platformWebSocket());
    this.#engine = new ClientSession(this.#engineOptions());
    const { token } = options;
    if (typeof token === "function") {
      this.#tokens = new TokenSource({
        fetch: token,
        clock: this.#clock,
        random: options.random ?? platformRandom,
        timeoutMs: options.times?.connectTimeout ?? defaultTimes.connectTimeout,
        onFailure: (cause) => {
          const error = new UsageError("OPTION_INVALID", "the token function failed; it is called again", cause);
          this.#events.emit("error", { error, room: undefined });
        },
      });
    } else if (token !== undefined) {
      this.#engine.setToken(token, this.#clock.now());
    }
    this.#ready = this.#load();
    this.#ready.catch((cause: unknown) => {
      const error = new UsageError(
        "OUTBOX_CORRUPT",
        "the storage could not be read: nothing is sent, so that nothing is lost",
        cause,
      );
      this.#events.emit("error", { error, room: undefined });
    });
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

  /** Calls back on each event of this name. @returns a function that ends it. */
  on<K extends Exclude<keyof ClientEvents, "answer">>(name: K, listener: (event: ClientEvents[K]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Connects, and comes back after each end that permits it. Where it waits for its next attempt: at once. */
  start(): void {
    this.#do(() => {
      if (this.#tokens === undefined || this.#engine.state === "locked") this.#engine.start(this.#clock.now());
      else this.#fetchToken(() => this.#engine.start(this.#clock.now()));
    });
  }

  /** Says goodbye and closes. What is not settled stays in the outbox; promises that wait for it stay open. */
  async close(): Promise<void> {
    this.#tokens?.stop();
    await this.#ready;
    this.#do(() => this.#engine.stop(this.#clock.now()));
    for (const answer of this.#answers.values()) answer.reject(new UsageError("CLOSED", "the client was closed"));
    this.#answers.clear();
  }

  /** Waits until nothing is left in the outbox. */
  async flush(): Promise<void> {
    await this.#ready;
    while (this.outboxSize > 0) {
      await new Promise<void>((resolve) => {
        const off = this.on("entry", () => {
          off();
          resolve();
        });
      });
    }
  }

  /** As {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A fresh token: for the next connection, and told at once on a living one (AUT-5). */
  setToken(token: string): void {
    this.#now(() => this.#engine.setToken(token, this.#clock.now()));
  }

  /** The room of this name; nothing is sent. The same object for the same name. */
  room(name: string): Room {
    let room = this.#rooms.get(name);
    if (room === undefined) {
      room = new Room(name, {
        join: (options) => this.#ask((now) => this.#engine.rooms.join(name, options, now)) as Promise<JoinedRoom>,
        leave: () => this.#ask((now) => this.#engine.rooms.leave(name, now)) as Promise<void>,
        publish: (content, kind, target) => this.#publish(name, content, kind, target),
        cancel: (id) => this.#now(() => this.#engine.rooms.cancel(id)),
        type: (state) => this.#now(() => this.#engine.rooms.type(name, state, this.#clock.now())),
        markRead: (offset) => this.#now(() => this.#engine.rooms.markRead(name, offset)),
        history: (options) => this.#ask((now) => this.#engine.rooms.history(name, options, now)) as Promise<HistoryPage>,
        signal: (event, content) => this.#now(() => this.#engine.rooms.signal(name, event, content)),
        joined: () => {
          const known = this.#engine.rooms.room(name);
          return known?.state === "joined" ? known.joined : undefined;
        },
      });
      this.#rooms.set(name, room);
    }
    return room;
  }

  /** Sends an event to the application behind the relay (SIG-2). */
  signal(event: string, content?: ContentInput): void {
    this.#now(() => this.#engine.rooms.signal(undefined, event, content));
  }

  /** Says the own presence, now, after every reconnect, and in time (PRS-5). */
  setPresence(presence: OwnPresence): void {
    this.#now(() => this.#engine.rooms.setPresence(presence, this.#clock.now()));
  }

  /** Follows users. @returns what is known now; changes come as `presence`. */
  watch(users: readonly string[]): Promise<UserPresence[]> {
    return this.#ask((now) => this.#engine.rooms.watch(users, now)) as Promise<UserPresence[]>;
  }

  unwatch(users: readonly string[]): void {
    this.#now(() => this.#engine.rooms.unwatch(users));
  }

  #publish(room: string, content: ContentInput | undefined, kind: ChatKind, target: string | undefined): Sent {
    const targetBytes = target === undefined ? new Uint8Array(0) : parseMessageId(target);
    const idBytes = this.#engine.nextId(this.#clock.wall());
    const id = formatMessageId(idBytes);
    const stored = new Promise<Stored>((resolve, reject) => this.#sent.set(id, { resolve, reject }));
    // Who does not look at it must not be ended by it.
    stored.catch(() => undefined);
    try {
      this.#now(() => this.#engine.rooms.publish({ room, id: idBytes, content, kind, target: targetBytes }));
    } catch (error) {
      this.#sent.delete(id);
      throw error;
    }
    return { id, stored };
  }

  #engineOptions(): ClientSessionOptions {
    const {
      url: _url,
      token: _token,
      webSocket: _ws,
      connect: _connect,
      storage: _storage,
      clock: _clock,
      onFrame,
      ...rest
    } = this.#options;
    const wall = () => this.#clock.wall();
    return {
      ...rest,
      random: this.#options.random ?? platformRandom,
      wall,
      ...(onFrame !== undefined && {
        observe: (direction, frame, bytes) => {
          try {
            onFrame({ direction, frame, bytes, atMs: wall() });
          } catch (error) {
            reportError(error);
          }
        },
      }),
    };
  }

  async #load(): Promise<void> {
    const stored = await this.#storage.load();
    if (stored.session !== undefined || stored.entries.length > 0) this.#engine.restore(stored);
    this.#isLoaded = true;
    this.#pump();
  }

  #fetchToken(then: () => void): void {
    this.#tokens?.get((token) => {
      this.#now(() => this.#engine.setToken(token, this.#clock.now()));
      this.#now(then);
    });
  }

  /** Carries out a command as soon as the storage is loaded, then pumps. */
  #do(command: () => void): void {
    if (this.#isLoaded) this.#now(command);
    else
      void this.#ready.then(
        () => this.#now(command),
        () => undefined, // Told by the event.
      );
  }

  /** Carries out a command at once, then pumps. */
  #now<T>(command: () => T): T {
    try {
      return command();
    } finally {
      this.#pump();
    }
  }

  async #ask(command: (now: number) => number): Promise<unknown> {
    await this.#ready;
    if (this.state === "closed") throw new UsageError("CLOSED", "the client is closed; start it first");
    return new Promise((resolve, reject) => {
      try {
        this.#answers.set(command(this.#clock.now()), { resolve, reject });
      } catch (error) {
        reject(error);
      }
      this.#pump();
    });
  }

  /** Does what the engine says until it has nothing more to say, then arms the timer. */
  #pump(): void {
    if (this.#isPumping || !this.#isLoaded) return;
    this.#isPumping = true;
    try {
      for (let again = true; again; ) {
        again = false;
        const ops = this.#engine.pollStore();
        if (ops !== undefined) {
          this.#write(ops);
        }
        for (
          let next = this.#engine.pollTransmit(this.#clock.now());
          next !== undefined;
          next = this.#engine.pollTransmit(this.#clock.now())
        ) {
          again = true;
          this.#transmit(next);
        }
        for (let event = this.#engine.pollEvent(); event !== undefined; event = this.#engine.pollEvent()) {
          again = true;
          this.#deliver(event);
        }
      }
    } finally {
      this.#isPumping = false;
    }
    this.#arm();
  }

  #arm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    const now = this.#clock.now();
    const at = this.#engine.pollTimeout(now);
    if (at === undefined) return;
    this.#timer = this.#clock.setTimer(Math.max(0, at - now), () => {
      this.#timer = undefined;
      this.#now(() => this.#engine.handleTimeout(this.#clock.now()));
    });
  }

  #write(ops: Parameters<OutboxStorage["write"]>[0]): void {
    const write = async () => this.#storage.write(ops);
    write().then(
      () => this.#now(() => this.#engine.handleStored(this.#clock.now())),
      (cause: unknown) => this.#now(() => this.#engine.handleStoreFailed(cause, this.#clock.now())),
    );
  }

  #transmit(transmit: NonNullable<ReturnType<ClientSession["pollTransmit"]>>): void {
    if (transmit.type === "send") {
      this.#transport?.send(transmit.data);
    } else if (transmit.type === "close") {
      this.#transport?.close(transmit.code, transmit.reason);
      this.#transport = undefined;
    } else {
      this.#open();
    }
  }

  #open(): void {
    let transport: Transport | undefined;
    // A transport that was given up says nothing any more.
    const ifCurrent = (input: (now: number) => void) => {
      if (transport !== undefined && transport === this.#transport) this.#now(() => input(this.#clock.now()));
    };
    try {
      transport = this.#connect(this.#options.url, [this.#engine.codec.subprotocol], {
        open: (subprotocol) => ifCurrent((now) => this.#engine.handleOpen(subprotocol, now)),
        message: (data) => ifCurrent((now) => this.#engine.handleMessage(data, now)),
        close: (code) =>
          ifCurrent((now) => {
            this.#transport = undefined;
            this.#engine.handleClose(code, now);
          }),
      });
    } catch (cause) {
      // As WebSocket's constructor does where a page's policy forbids the address. The engine decides about trying again.
      this.#events.emit("error", {
        error: new UsageError("OPTION_INVALID", "no transport could be made", cause),
        room: undefined,
      });
      this.#clock.setTimer(0, () => this.#now(() => this.#engine.handleClose(1006, this.#clock.now())));
      return;
    }
    this.#transport = transport;
  }

  #deliver(event: ClientEvent): void {
    const { type, ...rest } = event;
    if (event.type === "answer") {
      const settler = this.#answers.get(event.request);
      this.#answers.delete(event.request);
      if (event.error === undefined) settler?.resolve(event.result);
      else settler?.reject(event.error);
      return;
    }
    if (event.type === "welcome") this.#user = event.user;
    if (event.type === "entry") this.#settle(event);
    if (event.type === "tokenWanted") this.#fetchToken(() => undefined);
    this.#events.emit(type, rest as never);
  }

  #settle({ id, state, offset, timeMs, error }: EntryChange): void {
    const settler = this.#sent.get(id);
    if (settler === undefined) return;
    if (state === "stored" && offset !== undefined && timeMs !== undefined) settler.resolve({ offset, timeMs });
    else if (state === "failed" || state === "maybe")
      settler.reject(error ?? new UsageError("ENTRY_SETTLED", `the message is ${state}`));
    else if (state === "cancelled") settler.reject(new UsageError("ENTRY_SETTLED", "the message was cancelled"));
    else return;
    this.#sent.delete(id);
  }
}

/** This machine, as URLs name it (RFC 6761, RFC 5735, RFC 4291). */
const loopback = /^ws:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(?=[:/?#]|$)/i;

function checkUrl({ url, token, insecure = "refuse" }: ClientOptions): void {
  const invalid = (why: string) => new UsageError("OPTION_INVALID", `url: ${why}`);
  // What stands before an @ only looks like the machine that is reached.
  if (/^wss?:\/\/[^/?#]*@/i.test(url)) throw invalid("must not hold a user or a password");
  if (!/^wss?:\/\/[^/]/.test(url)) throw invalid("must begin with ws:// or wss://");
  if (/[?&](access_)?token=/i.test(url)) throw invalid("a token must not stand in a URL (AUT-2); use the option token");
  if (token !== undefined && url.startsWith("ws:") && !loopback.test(url) && insecure === "refuse") {
    throw invalid('the token would be readable on its way (TRN-10); use wss://, or allow it by insecure: "allow"');
  }
}
