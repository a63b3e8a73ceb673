/**
 * The pump between an engine, a transport, a storage and a clock.
 *
 * Law: the engine decides everything. Whatever happens is one input to it; after each input the driver does what the engine says until
 * it says nothing more, then arms one timer. Nothing happens before the storage is read, and nothing ever where it cannot be read.
 */

import { UsageError } from "../errors.ts";
import type { ClientEvent } from "../session/client-events.ts";
import type { ClientSession } from "../session/client-session.ts";
import type { Clock } from "../session/host.ts";
import { check, doing } from "../session/option-rules.ts";
import type { OutboxStorage } from "./storage.ts";
import type { Connect, Transport, TransportEvents } from "./transport.ts";

/** What a driver connects. */
export interface DriverOptions {
  readonly engine: ClientSession;
  /** Where the next transport goes. */
  readonly url: () => string;
  readonly clock: Clock;
  readonly connect: Connect;
  readonly storage: OutboxStorage;
  /** Told each event of the engine, in order. MUST NOT throw. */
  readonly onEvent: (event: ClientEvent) => void;
  /** The engine has nothing more to say for now. MUST NOT throw. */
  readonly onQuiet: () => void;
  /** A transport could not be made, or has thrown: it has ended (1006), and the engine decides about trying again. */
  readonly onTransportFailed: (cause: unknown) => void;
  /** The storage could not be read: nothing will ever happen. */
  readonly onLoadFailed: (error: UsageError) => void;
}

type Transmit = NonNullable<ReturnType<ClientSession["pollTransmit"]>>;

/** What stands for a transport that could not be made, until its end is told. */
const nowhere = (): Transport => ({ send: () => undefined, close: () => undefined });

/** See the head of this file. */
export class Driver {
  /** Settles when the storage has answered, also where it could not be read. */
  readonly ready: Promise<void>;
  readonly #options: DriverOptions;
  #loading: "pending" | "done" | UsageError = "pending";
  #transport: Transport | undefined;
  #timer: unknown;
  #isPumping = false;
  /** The write that is under way, and what follows at once from its end. */
  #writing: Promise<void> | undefined;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.ready = this.#load();
  }

  /** Why nothing will ever happen; undefined while it may. */
  get failure(): UsageError | undefined {
    return this.#loading instanceof UsageError ? this.#loading : undefined;
  }

  /** Settles when the storage has answered, and no write is under way. */
  async stored(): Promise<void> {
    await this.ready;
    while (this.#writing !== undefined) await this.#writing;
  }

  /** One input, at once: a command that needs no storage. @returns what it returns; what it throws is thrown on. */
  now<T>(input: (now: number) => T): T {
    try {
      return input(this.#options.clock.now());
    } finally {
      this.#pump();
    }
  }

  /** One input, as soon as the storage is read: at once, where it is. In the order of the calls. @param otherwise - where it cannot be. */
  do(input: (now: number) => void, otherwise: (failure: UsageError) => void = () => undefined): void {
    if (this.#loading === "done") this.now(input);
    else void this.ready.then(() => (this.failure === undefined ? this.now(input) : otherwise(this.failure)));
  }

  async #load(): Promise<void> {
    const { engine, storage, onLoadFailed } = this.#options;
    try {
      engine.restore(await storage.load());
      this.#loading = "done";
    } catch (cause) {
      const why = "the storage could not be read: nothing is sent, so that nothing is lost";
      this.#loading = cause instanceof UsageError ? cause : new UsageError("OUTBOX_CORRUPT", why, cause);
      onLoadFailed(this.#loading);
    }
    this.#pump();
  }

  #pump(): void {
    if (this.#isPumping || this.#loading !== "done") return;
    this.#isPumping = true;
    try {
      while (this.#turn());
    } finally {
      this.#isPumping = false;
    }
    this.#options.onQuiet();
    this.#arm();
  }

  /** Does what the engine says now. @returns whether it may have more to say. */
  #turn(): boolean {
    const { engine, onEvent } = this.#options;
    let isBusy = false;
    const ops = engine.pollStore();
    if (ops !== undefined) this.#write(ops);
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      isBusy = true;
      this.#transmit(next);
    }
    for (let event = engine.pollEvent(); event !== undefined; event = engine.pollEvent()) {
      isBusy = true;
      onEvent(event);
    }
    return isBusy;
  }

  #next(): Transmit | undefined {
    const { engine, clock } = this.#options;
    return engine.pollTransmit(clock.now(), this.#transport?.bufferedAmount);
  }

  #arm(): void {
    const { engine, clock } = this.#options;
    if (this.#timer !== undefined) clock.clearTimer(this.#timer);
    this.#timer = undefined;
    const now = clock.now();
    const at = engine.pollTimeout(now);
    if (at === undefined) return;
    this.#timer = clock.setTimer(Math.max(0, at - now), () => {
      this.#timer = undefined;
      this.now((due) => engine.handleTimeout(due));
    });
  }

  #write(ops: Parameters<OutboxStorage["write"]>[0]): void {
    const { engine, storage } = this.#options;
    // A storage that throws at once has failed as one that rejects.
    const write = async () => storage.write(ops);
    const ended = (input: (now: number) => void) => {
      this.#writing = undefined;
      this.now(input);
    };
    this.#writing = write().then(
      () => ended((now) => engine.handleStored(now)),
      (cause: unknown) => ended((now) => engine.handleStoreFailed(cause, now)),
    );
  }

  #transmit(transmit: Transmit): void {
    const transport = this.#transport;
    if (transmit.type === "open") {
      this.#open();
    } else if (transmit.type === "close") {
      this.#transport = undefined;
      this.#try(() => transport?.close(transmit.code, transmit.reason));
    } else if (!this.#try(() => transport?.send(transmit.data))) {
      // What else was to be sent goes nowhere; it is sent again on the next connection, as after any other end.
      this.#transport = undefined;
      this.#try(() => transport?.close(1000, ""));
      this.#options.engine.handleClose(1006, this.#options.clock.now());
    }
  }

  /** What a transport throws is no error of whoever gave the command that led to it. @returns whether it did not. */
  #try(call: () => void): boolean {
    try {
      call();
      return true;
    } catch (cause) {
      this.#options.onTransportFailed(cause);
      return false;
    }
  }

  #open(): void {
    const { engine, url, clock, connect, onTransportFailed } = this.#options;
    let transport: Transport | undefined;
    const ifCurrent = (input: (now: number) => void) => {
      if (transport === undefined) throw new UsageError("STATE_INVALID", "connect must return before it tells anything");
      // A transport that was given up says nothing any more.
      if (transport === this.#transport) this.now(input);
    };
    const events: TransportEvents = {
      open: (subprotocol) => ifCurrent((now) => engine.handleOpen(subprotocol, now)),
      message: (data) => ifCurrent((now) => engine.handleMessage(data, now)),
      close: (code) =>
        ifCurrent((now) => {
          this.#transport = undefined;
          engine.handleClose(code, now);
        }),
    };
    try {
      const made = connect(url(), [engine.codec.subprotocol], events);
      check(doing("send", "close"), "connect", made);
      transport = made;
    } catch (cause) {
      // As WebSocket's constructor does where a page's policy forbids the address.
      transport = nowhere();
      clock.setTimer(0, () => events.close(1006));
      onTransportFailed(cause);
    }
    this.#transport = transport;
  }
}
