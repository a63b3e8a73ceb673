/**
 * One connection at a relay: pumps its engine, and does what the engine's events ask for. Law: after each input events are taken, then what
 * is to be sent is given to the transport while that has room, then one timer is armed.
 */

import { type ErrorCodeName, ProtocolError } from "../errors.ts";
import { toContent } from "../session/client-convert.ts";
import type { Delivery, HelloInfo, PublishOutcome, PublishTicket, ServerEvent } from "../session/server-events.ts";
import type { DrainOptions } from "../session/server-options.ts";
import { ServerSession } from "../session/server-session.ts";
import type { Data, SharedFrame } from "../session/transmit.ts";
import type { Profile } from "../wire/codec.ts";
import { roomTopic, userTopic } from "./broker.ts";
import type { Hub } from "./hub.ts";
import { attempt } from "./later.ts";
import { authenticationCodes, type Principal } from "./options.ts";
import type { Room, Seat } from "./room.ts";
import { checkedProfile, RoomDesk } from "./room-desk.ts";
import type { ConnectionInfo, RelayConnection, RelayTransport } from "./transport.ts";

export class Connection implements RelayConnection {
  readonly id: string;
  /** Users whose presence it gets. */
  readonly watched: Set<string> = new Set();
  readonly #hub: Hub;
  readonly #transport: RelayTransport;
  readonly #info: ConnectionInfo;
  readonly #engine: ServerSession;
  readonly #rooms: RoomDesk;
  #timer: { readonly at: number; readonly handle: unknown } | undefined;
  #hello: HelloInfo | undefined;
  #session = "";
  #principal: Principal | undefined;
  #profile: Profile | undefined;
  /** What has to be undone at the end, step by step. */
  #stage: "new" | "following" | "claimed" | "entered" = "new";
  #farewell: "graceful" | "lost" = "lost";

  constructor(hub: Hub, id: string, transport: RelayTransport, info: ConnectionInfo) {
    const { limits, times, clock, controlQueueBytes, chatQueueBytes } = hub.config;
    this.id = id;
    this.#hub = hub;
    this.#transport = transport;
    this.#info = info;
    this.#engine = new ServerSession({
      codec: info.codec,
      limits,
      times,
      wall: () => clock.wall(),
      controlQueueBytes,
      chatQueueBytes,
      ...(info.requireMajor !== undefined && { requireMajor: info.requireMajor }),
    });
    this.#rooms = new RoomDesk(hub, this, this.#engine);
    this.#engine.handleOpen(clock.now());
  }

  get isClosed(): boolean {
    return this.#engine.state === "closed";
  }

  /** User id; empty before authentication. */
  get user(): string {
    return this.#principal?.user ?? "";
  }

  get profile(): Profile | undefined {
    return this.#profile;
  }

  /** Hexadecimal; of fixed length. */
  get session(): string {
    return this.#session;
  }

  get attempt(): number {
    return this.#hello?.attempt ?? 0;
  }

  /** The session comes first: it has one length, so that no two producers have one name. */
  get producer(): string {
    return this.#session + this.user;
  }

  get principal(): Principal {
    if (this.#principal === undefined) throw new Error("not authenticated");
    return this.#principal;
  }

  get seats(): readonly Seat[] {
    return this.#rooms.seats();
  }

  handleMessage(data: Data): void {
    this.#engine.handleMessage(data, this.#now());
    this.#turn();
  }

  handleWritable(): void {
    this.#turn();
  }

  handleClose(): void {
    this.#engine.handleClose(this.#now());
    this.#turn();
  }

  handleFault(error: ProtocolError): void {
    this.#engine.handleFault(error);
    this.#turn();
  }

  deliver(room: Room, delivery: Delivery): void {
    this.#engine.deliver(room.handle, delivery);
    this.#hub.touch(this);
  }

  send(frame: SharedFrame): void {
    this.#engine.send(frame, this.#now());
    this.#hub.touch(this);
  }

  settle(ticket: PublishTicket, outcome: PublishOutcome): void {
    this.#engine.settle(ticket, outcome);
    this.#hub.touch(this);
  }

  tellJoined(seat: Seat, why: "reset" | "update"): void {
    this.#rooms.tellJoined(seat, why);
  }

  vacate(seat: Seat, code: ErrorCodeName): void {
    this.#rooms.vacate(seat, code);
  }

  drain(options: DrainOptions): void {
    this.#engine.drain(options, this.#now());
    this.#hub.touch(this);
  }

  /** Ends the connection for this reason (ERR-8). Where access was revoked, nobody waits for it to come back (MBR-3). */
  end(error: ProtocolError): void {
    if (error.code === "ACCESS_REVOKED") this.#farewell = "graceful";
    this.#engine.end(error);
    this.#turn();
  }

  /** Rights are looked up again (AUT-8). */
  reauthorize(room: string | undefined): void {
    this.#rooms.reauthorize(room, () => this.#turn());
  }

  maySee(user: string): boolean {
    return this.#hub.config.maySee(this.principal, user);
  }

  /** What a client is told where the service fails: nothing of why; that goes to the log. Errors that are meant for it pass. */
  unavailable(what: string, error: unknown): ProtocolError {
    if (error instanceof ProtocolError && (error.code === "UNAVAILABLE" || error.code === "RATE_LIMITED")) return error;
    this.#hub.config.log.error("failed", { what, connection: this.id, error });
    return new ProtocolError("UNAVAILABLE", "the service cannot do this now");
  }

  /** A fault of the relay's own: it ends this connection, and no other. */
  crash(error: unknown): void {
    this.#hub.config.log.error("fault", { connection: this.id, error });
    this.#engine.end(new ProtocolError("INTERNAL", "the service failed"));
    this.#hub.touch(this);
  }

  /** Does all that there is to do, as the law of this file says. */
  pump(): void {
    const engine = this.#engine;
    for (let progress = true; progress; ) {
      progress = false;
      for (let event = engine.pollEvent(); event !== undefined; event = engine.pollEvent()) {
        progress = true;
        this.#on(event);
      }
      // At the end nothing waits for a client that does not read (ERR-8, 3).
      while (this.isClosed || this.#transport.bufferedBytes < this.#hub.config.transportBytes) {
        const transmit = engine.pollTransmit(this.#now());
        if (transmit === undefined) break;
        progress = true;
        if (transmit.type === "send") this.#transport.send(transmit.data);
        else if (transmit.type === "close") this.#transport.close(transmit.code, transmit.reason);
      }
    }
    this.#arm();
  }

  #on(event: ServerEvent): void {
    switch (event.type) {
      case "hello":
        return this.#onHello(event.hello);
      case "join":
        return this.#rooms.join(event);
      case "leave":
        return this.#rooms.leave(event);
      case "publish":
        return this.#rooms.publish(event);
      case "history":
        return this.#rooms.history(event);
      case "read":
        return this.#rooms.read(event);
      case "forgotten":
        return this.#rooms.forget(event.room);
      case "receipt": {
        const seat = this.#rooms.seat(event.room);
        if (seat !== undefined) this.#hub.link.receipt(seat.room.name, this.user, event);
        return;
      }
      case "typing": {
        const seat = this.#rooms.seat(event.room);
        const { ttlMs } = event;
        if (seat !== undefined) this.#hub.link.announce(roomTopic(seat.room.name), { type: "typing", user: this.user, ttlMs });
        return;
      }
      case "signal":
        return this.#onSignal(event);
      case "presence":
        return this.#hub.presence.tell(this, event);
      case "watch": {
        const { ref, users } = event;
        const { presence } = this.#hub;
        return presence.watch(
          this,
          users,
          (marks) => {
            this.#engine.snapshot(ref, marks);
            this.#turn();
          },
          (error) => {
            this.#engine.fail(ref, this.unavailable("broker", error));
            this.#turn();
          },
        );
      }
      case "unwatch":
        return this.#hub.presence.unwatch(this, event.users);
      case "refresh":
        return this.#onRefresh(event.ref, event.token);
      case "goodbye":
        return this.#onGoodbye();
      case "peerError":
        return this.#hub.config.log.info("peer error", { connection: this.id, code: event.code });
      case "closed":
        return this.#onClosed(event.error);
    }
  }

  #onHello(hello: HelloInfo): void {
    const { token, agent } = hello;
    this.#hello = hello;
    this.#session = Array.from(hello.session, (byte) => byte.toString(16).padStart(2, "0")).join("");
    attempt(
      () => this.#hub.config.authenticate({ token, agent, headers: this.#info.headers ?? new Map() }),
      (principal) => this.#identified(principal),
      (error) => this.#refuse(error),
    );
  }

  #identified(principal: Principal): void {
    if (this.isClosed) return;
    try {
      this.#profile = checkedProfile(principal.user, principal.profile);
    } catch (error) {
      return this.#refuse(error);
    }
    this.#principal = principal;
    this.#stage = "following";
    const topic = userTopic(principal.user);
    attempt(
      () => this.#hub.topics.acquire(topic),
      () =>
        attempt(
          () => (this.isClosed ? false : this.#hub.link.claim(principal.user, this.#session, this.attempt)),
          (claimed) => this.#claimed(principal, claimed),
          (error) => this.#refuse(error),
        ),
      (error) => this.#refuse(error),
    );
  }

  #claimed(principal: Principal, claimed: boolean): void {
    if (this.isClosed) {
      if (claimed) this.#hub.link.release(principal.user, this.#session, this.attempt);
      return;
    }
    if (!claimed) return this.end(new ProtocolError("SESSION_TAKEN", "another connection of this session is alive"));
    this.#stage = "entered";
    this.#hub.entered(this);
    this.#engine.accept({ user: principal.user, profile: this.#profile, expiresInMs: principal.expiresInMs }, this.#now());
    this.#hub.config.log.info("welcome", { connection: this.id, user: principal.user, agent: this.#hello?.agent });
    this.#turn();
  }

  #refuse(error: unknown): void {
    this.#engine.fail(0, this.#authenticationError(error));
    this.#turn();
  }

  #authenticationError(error: unknown): ProtocolError {
    return error instanceof ProtocolError && authenticationCodes.has(error.code)
      ? error
      : this.unavailable("authenticate", error);
  }

  /** AUT-5, AUT-6. */
  #onRefresh(ref: number, token: string): void {
    const failed = (error: ProtocolError): void => {
      this.#engine.fail(ref, error);
      this.#turn();
    };
    attempt(
      () => this.#hub.config.authenticate({ token, agent: this.#hello?.agent ?? "", headers: this.#info.headers ?? new Map() }),
      (principal) => {
        if (this.isClosed) return;
        if (principal.user !== this.user)
          return failed(new ProtocolError("PRINCIPAL_CHANGED", "the token is of another principal"));
        try {
          this.#profile = checkedProfile(principal.user, principal.profile);
        } catch (error) {
          return failed(this.unavailable("authenticate", error));
        }
        this.#principal = principal;
        this.#rooms.reauthorize(undefined, () => {
          this.#engine.refreshed(ref, principal.expiresInMs ?? 0, this.#now());
          this.#turn();
        });
      },
      (error) => failed(this.#authenticationError(error)),
    );
  }

  /** SIG-2. */
  #onSignal({ room, name, content }: ServerEvent & { readonly type: "signal" }): void {
    const { config, link } = this.#hub;
    if (room === 0) {
      try {
        config.onSignal?.(this.principal, { name, content: toContent(content) });
      } catch (error) {
        this.unavailable("onSignal", error);
      }
      return;
    }
    const seat = this.#rooms.seat(room);
    if (seat === undefined) return;
    link.announce(roomTopic(seat.room.name), { type: "signal", sender: this.user, name, content, origin: this.id });
  }

  /** Presence and members change at once (GBY-6); the connection goes on until it closes. */
  #onGoodbye(): void {
    this.#farewell = "graceful";
    this.#rooms.end("graceful");
    this.#hub.presence.ended(this, "graceful");
  }

  #onClosed(error: ProtocolError | undefined): void {
    this.#hub.config.log.info("closed", { connection: this.id, user: this.user, code: error?.code });
    this.#rooms.end(this.#farewell);
    this.#hub.presence.ended(this, this.#farewell);
    this.#hub.presence.unwatch(this, [...this.watched]);
    if (this.#stage === "entered") this.#hub.link.release(this.user, this.#session, this.attempt);
    if (this.#stage !== "new") this.#hub.topics.release(userTopic(this.user));
    this.#hub.gone(this);
  }

  /** One timer; one that comes too early arms itself again, so that a deadline that moves on costs nothing. */
  #arm(): void {
    const { clock } = this.#hub.config;
    const at = this.#engine.pollTimeout();
    if (this.#timer !== undefined && (at === undefined || at < this.#timer.at)) {
      clock.clearTimer(this.#timer.handle);
      this.#timer = undefined;
    }
    if (at === undefined || this.#timer !== undefined) return;
    const handle = clock.setTimer(Math.max(0, at - clock.now()), () => {
      this.#timer = undefined;
      this.#engine.handleTimeout(this.#now());
      this.#turn();
    });
    this.#timer = { at, handle };
  }

  #turn(): void {
    this.#hub.touch(this);
    this.#hub.flush();
  }

  #now(): number {
    return this.#hub.config.clock.now();
  }
}
