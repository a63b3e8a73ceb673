/**
 * One connection at a relay: pumps its engine, and does what the engine's events ask for. Law: after each input events are taken, then what
 * is to be sent is given to the transport while that has room, then one timer is armed.
 */

import { type ErrorCodeName, ProtocolError } from "../errors.ts";
import { toContent } from "../session/client-convert.ts";
import { check, yesOrNo } from "../session/option-rules.ts";
import type { Delivery, PublishOutcome, PublishTicket, ServerEvent } from "../session/server-events.ts";
import type { DrainOptions } from "../session/server-options.ts";
import { ServerSession } from "../session/server-session.ts";
import { count } from "../session/tally.ts";
import type { TokenBucket } from "../session/token-bucket.ts";
import type { Data, SharedFrame } from "../session/transmit.ts";
import { type Profile, Right } from "../wire/codec.ts";
import { Admission } from "./admission.ts";
import { roomTopic } from "./broker.ts";
import { atOnce } from "./checks.ts";
import type { Hub } from "./hub.ts";
import type { Principal } from "./options.ts";
import { PublishDesk } from "./publish-desk.ts";
import { isLimited, type Limited } from "./rates.ts";
import type { Room, Seat } from "./room.ts";
import { RoomDesk } from "./room-desk.ts";
import type { ConnectionInfo, RelayConnection, RelayTransport } from "./transport.ts";

/** Events that count also once the connection has ended. */
const afterEnd: ReadonlySet<ServerEvent["type"]> = new Set(["goodbye", "peerError", "forgotten", "closed"]);

export class Connection implements RelayConnection {
  readonly id: string;
  readonly #hub: Hub;
  readonly #transport: RelayTransport;
  readonly #engine: ServerSession;
  readonly #admission: Admission;
  readonly #rooms: RoomDesk;
  readonly #publishing: PublishDesk;
  #timer: { readonly at: number; readonly handle: unknown } | undefined;
  #farewell: "graceful" | "lost" = "lost";
  #isHeld = false;
  readonly #bucket: TokenBucket | undefined;

  constructor(hub: Hub, id: string, transport: RelayTransport, info: ConnectionInfo) {
    const { limits, times, clock, controlQueueBytes, chatQueueBytes, rates } = hub.config;
    this.id = id;
    this.#hub = hub;
    this.#transport = transport;
    this.#engine = new ServerSession({
      codec: info.codec,
      limits,
      times,
      wall: () => clock.wall(),
      controlQueueBytes,
      chatQueueBytes,
      tally: hub.meter.tally,
      ...(rates.errorsPerMinute !== undefined && { errorsPerMinute: rates.errorsPerMinute }),
      ...(info.requireMajor !== undefined && { requireMajor: info.requireMajor }),
    });
    this.#bucket = hub.rates.bucket();
    this.#admission = new Admission(hub, this, this.#engine, info.headers ?? new Map());
    this.#rooms = new RoomDesk(hub, this, this.#engine);
    this.#publishing = new PublishDesk(hub, this, this.#engine, (handle) => this.#rooms.seat(handle));
    this.#engine.handleOpen(clock.now());
  }

  get isClosed(): boolean {
    return this.#engine.state === "closed";
  }

  /** User id; empty before authentication. */
  get user(): string {
    return this.#admission.user;
  }

  get profile(): Profile | undefined {
    return this.#admission.profile;
  }

  /** Hexadecimal; of fixed length. */
  get session(): string {
    return this.#admission.session;
  }

  get attempt(): number {
    return this.#admission.attempt;
  }

  /** Who publishes, as a broker knows it (PUB-9). */
  get producer(): string {
    return this.#admission.producer;
  }

  get principal(): Principal {
    const { principal } = this.#admission;
    if (principal === undefined) throw new Error("not authenticated");
    return principal;
  }

  get seats(): readonly Seat[] {
    return this.#rooms.seats();
  }

  handleMessage(data: Data): void {
    this.guard(() => this.#engine.handleMessage(data, this.#now()));
    this.turn();
  }

  handleMessages(messages: readonly Data[]): void {
    // This one is answered message by message, as ever; all others once.
    this.#hub.hold(() => {
      for (const data of messages) {
        this.guard(() => {
          this.#engine.handleMessage(data, this.#now());
          this.pump();
        });
      }
    });
    this.turn();
  }

  get bufferedBytes(): number {
    return this.#transport.bufferedBytes;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  handleWritable(): void {
    this.turn();
  }

  handleClose(): void {
    this.guard(() => this.#engine.handleClose(this.#now()));
    this.turn();
  }

  handleFault(error: ProtocolError): void {
    this.guard(() => this.#engine.handleFault(error));
    this.turn();
  }

  deliver(room: Room, delivery: Delivery): void {
    this.guard(() => this.#engine.deliver(room.handle, delivery));
    this.#hub.touch(this);
  }

  send(frame: SharedFrame): void {
    this.guard(() => this.#engine.send(frame, this.#now()));
    this.#hub.touch(this);
  }

  settle(ticket: PublishTicket, outcome: PublishOutcome): void {
    this.guard(() => this.#engine.settle(ticket, outcome));
    this.#hub.touch(this);
  }

  tellJoined(seat: Seat, why: "reset" | "update"): void {
    this.guard(() => this.#rooms.tellJoined(seat, why));
  }

  vacate(seat: Seat, code: ErrorCodeName): void {
    this.guard(() => this.#rooms.vacate(seat, code));
  }

  drain(options: DrainOptions): void {
    this.#engine.drain(options, this.#now());
    this.#hub.touch(this);
  }

  /** Ends the connection for this reason (ERR-8). Where access was revoked, nobody waits for it to come back (MBR-3). */
  end(error: ProtocolError): void {
    if (error.code === "ACCESS_REVOKED") this.#farewell = "graceful";
    this.#engine.end(error);
    this.turn();
  }

  /** Rights are looked up again, for one room or all, within so many ms; `then` when all is told (AUT-6, AUT-8). */
  reauthorize(room: string | undefined, withinMs: number, then: () => void): void {
    this.guard(() => {
      if (room === undefined) this.#hub.presence.review(this);
      this.#rooms.reauthorize(room, withinMs, then);
    });
  }

  /** The user has to leave this room, or to go altogether (AUT-8). */
  kick(room: string | undefined): void {
    if (room === undefined) this.end(new ProtocolError("ACCESS_REVOKED", "access was taken away"));
    else this.guard(() => this.#rooms.kick(room));
  }

  /** A room is closed for all: joins that are under way are asked about again (ROM-8). */
  doubtJoins(): void {
    this.#rooms.doubtJoins();
  }

  /** PRS-6. @throws what the application's hook throws; UsageError where it gives neither true nor false. */
  maySee(user: string): boolean {
    const sees = atOnce("maySee", this.#hub.config.maySee(this.principal, user));
    check(yesOrNo, "maySee", sees);
    return sees;
  }

  /** What a client is told where the service fails: nothing of why; that goes to the log. Errors that are meant for it pass. */
  unavailable(what: string, error: unknown): ProtocolError {
    if (error instanceof ProtocolError && (error.code === "UNAVAILABLE" || error.code === "RATE_LIMITED")) return error;
    this.#hub.meter.faults++;
    this.#hub.config.log.error("failed", { what, connection: this.id, error });
    return new ProtocolError("UNAVAILABLE", "the service cannot do this now");
  }

  /** A fault of the relay's own: it ends this connection, and no other. */
  crash(error: unknown): void {
    this.#hub.meter.faults++;
    this.#hub.config.log.error("fault", { connection: this.id, error });
    this.#engine.end(new ProtocolError("INTERNAL", "the service failed"));
    this.#hub.touch(this);
  }

  /** What was thrown where nobody can catch it: in a promise's continuation. */
  readonly fault = (error: unknown): void => {
    this.crash(error);
    this.#hub.flush();
  };

  /** A fault in this ends the connection, and does not reach the caller: the broker, a transport, a timer. */
  guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.crash(error);
    }
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
      while (true) {
        this.#isHeld = !this.isClosed && this.#transport.bufferedBytes >= this.#hub.config.transportBytes;
        if (this.#isHeld) break;
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
    // What waited when the connection ended is done no more: it may have ended because nothing is allowed any more.
    if (this.isClosed && !afterEnd.has(event.type)) return;
    if (isLimited(event)) {
      const waitMs = this.#hub.rates.take(this.#bucket, this.user, this.#now());
      if (waitMs > 0) return this.#limit(event, waitMs);
    }
    switch (event.type) {
      case "hello":
        return this.#admission.hello(event.hello);
      case "join":
        return this.#rooms.join(event);
      case "leave":
        return this.#rooms.leave(event);
      case "publish":
        return this.#publishing.publish(event);
      case "history":
        return this.#rooms.history(event);
      case "read":
        return this.#rooms.read(event);
      case "forgotten":
        return this.#rooms.forget(event.room);
      case "receipt": {
        const seat = this.#signalling(event.room);
        if (seat !== undefined) this.#hub.link.receipt(seat.room.name, this.user, event);
        return;
      }
      case "typing": {
        const seat = this.#signalling(event.room);
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
            this.turn();
          },
          (error) => {
            this.#engine.fail(ref, this.unavailable("watch", error));
            this.turn();
          },
        );
      }
      case "unwatch":
        return this.#hub.presence.unwatch(this, event.users);
      case "refresh":
        return this.#admission.refresh(event.ref, event.token);
      case "goodbye":
        return this.#onGoodbye();
      case "peerError":
        return this.#hub.config.log.info("peer error", { connection: this.id, code: event.code });
      case "closed":
        return this.#onClosed(event.error);
    }
  }

  /** Nothing is done (ERR-6): who can be answered is told; the rest is ephemeral. */
  #limit(event: Limited, retryAfterMs: number): void {
    const error = new ProtocolError("RATE_LIMITED", "too much in too short a time", { retryAfterMs });
    if (event.type === "publish") this.#engine.settle(event.ticket, { type: "retry", error });
    else if ("ref" in event) this.#engine.fail(event.ref, error, event.type === "history" ? event.room : 0);
    else count(this.#hub.meter.tally.dropped, "rate");
  }

  /** The room, if it is still open, and the right still there: both may have gone since the frame was received (AUT-8). */
  #signalling(handle: number): Seat | undefined {
    const seat = this.#rooms.seat(handle);
    return seat?.rights.includes(Right.SIGNAL) ? seat : undefined;
  }

  /** SIG-2. */
  #onSignal({ room, name, content }: ServerEvent & { readonly type: "signal" }): void {
    const { config, link } = this.#hub;
    if (room === 0) {
      try {
        atOnce("onSignal", config.onSignal?.(this.principal, { name, content: toContent(content) }));
      } catch (error) {
        this.unavailable("onSignal", error);
      }
      return;
    }
    const seat = this.#signalling(room);
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
    count(this.#hub.meter.closed, error?.code ?? "none");
    this.#hub.config.log.info("closed", { connection: this.id, user: this.user, code: error?.code });
    this.#rooms.end(this.#farewell);
    this.#hub.presence.ended(this, this.#farewell);
    this.#hub.presence.forget(this);
    this.#admission.end();
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
      this.guard(() => this.#engine.handleTimeout(this.#now()));
      this.turn();
    });
    this.#timer = { at, handle };
  }

  /** Something has been given to the engine from outside of a turn. */
  turn(): void {
    this.#hub.touch(this);
    this.#hub.flush();
  }

  #now(): number {
    return this.#hub.config.clock.now();
  }
}
