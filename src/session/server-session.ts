/**
 * A relay's side of one connection, without IO: what comes in becomes events for the hub, the hub's commands become what goes out.
 *
 * Law: the state is looked up first (SES-9), then FRM-4, then the frame is acted upon. A client's input never throws; a hub's misuse
 * throws UsageError STATE_INVALID. After the end all commands are passed over: answers race with ends. Whatever is sent may itself be the
 * end (CRD-6), so a command sends last; no event follows `closed`.
 */

import { closeCode, type ErrorCodeName, errorCodeName, ProtocolError } from "../errors.ts";
import { createFrame, type Frame, type Init, type PresenceMark, type Right, Verdict } from "../wire/codec.ts";
import { preAuthFrameBytes } from "../wire/limits.ts";
import { ErrorBudget } from "./server-errors.ts";
import type {
  Acceptance,
  Delivery,
  HistoryEvent,
  JoinedInfo,
  PageInfo,
  PublishOutcome,
  PublishTicket,
  ServerEvent,
} from "./server-events.ts";
import {
  bounded32,
  codeNumber,
  type ErrorSubject,
  errorFrame,
  goodbyeFrame,
  helloInfo,
  joinedFrame,
  misuse,
  pageFrame,
  remote,
  wallMs,
  welcomeFrame,
  withScope,
} from "./server-frames.ts";
import { HeldFrames } from "./server-held.ts";
import {
  type CheckedServerOptions,
  checkedServerOptions,
  type DrainOptions,
  type ServerSessionOptions,
} from "./server-options.ts";
import { ServerOutput } from "./server-output.ts";
import { settle } from "./server-publishing.ts";
import { Fifo } from "./server-queues.ts";
import { Receiver, type ReceiverPort } from "./server-receiver.ts";
import type { ServerRoom } from "./server-room.ts";
import { ServerRooms } from "./server-rooms.ts";
import { judgeFirst } from "./server-rules.ts";
import { count } from "./tally.ts";
import { Timers } from "./timers.ts";
import { nextServerState, type ServerInput, type ServerState } from "./transitions.ts";
import type { Data, SharedFrame, Transmit } from "./transmit.ts";

/**
 * One connection of a relay (SES-9), from the opening of its transport to the event `closed`. Its driver gives it what comes in (`handle…`),
 * takes what the hub is to do (`pollEvent`) and what goes out (`pollTransmit`), and calls `handleTimeout` when `pollTimeout` says. All times
 * are ms of one clock that never steps back. The other methods are the hub's answers and commands.
 */
export class ServerSession {
  readonly #options: CheckedServerOptions;
  readonly #output: ServerOutput;
  readonly #rooms: ServerRooms;
  readonly #receiver: Receiver;
  readonly #events = new Fifo<ServerEvent>();
  readonly #timers = new Timers(["dead", "auth", "expiry", "drain", "ping", "coalesce"]);
  #state: ServerState = "open";
  readonly #held = new HeldFrames();
  /** The refreshes that were being decided when the token expired: while one of them is, the connection goes on (AUT-4). */
  readonly #hopes = new Set<number>();
  #features: readonly string[] = [];
  readonly #errors: ErrorBudget;

  /** In state `open`, with the opening of the transport still to come. @throws UsageError OPTION_INVALID, with the name of the option. */
  constructor(given: ServerSessionOptions) {
    const options = checkedServerOptions(given);
    this.#options = options;
    const { tally } = options;
    this.#errors = new ErrorBudget(options.errorsPerMinute);
    this.#output = new ServerOutput({
      codec: options.codec,
      coalesceMs: options.times.rosterInterval,
      chatQueueBytes: options.chatQueueBytes,
      controlQueueBytes: options.controlQueueBytes,
      readEntries: options.limits.pageEntries,
      tally,
      onBacklog: () => {
        this.#output.clear();
        this.#end(remote("BACKLOG_EXCEEDED", "the client does not read what it is sent"), 0);
      },
    });
    const port: ReceiverPort = {
      limits: options.limits,
      tally,
      state: () => this.#state,
      event: (event) => {
        if (this.#state !== "closed") this.#events.push(event);
      },
      error: (error, subject) => this.#error(error, subject),
      end: (error, ref) => this.#end(error, ref),
      grant: (total) => this.#output.grant(total),
      pong: (echoMs) => this.#output.pong(createFrame("pong", { echoMs, timeMs: wallMs(this.#options.wall()) })),
    };
    this.#rooms = new ServerRooms(options.limits, port);
    this.#receiver = new Receiver(port, this.#rooms);
  }

  /** The state (SES-9). */
  get state(): ServerState {
    return this.#state;
  }

  /** The transport is open: hello has to come in time (AUT-3). @throws UsageError STATE_INVALID the second time. */
  handleOpen(now: number): void {
    if (this.#state !== "open") throw misuse(`opened while ${this.#state}`);
    this.#timers.set("auth", now + this.#options.times.authTimeout);
  }

  /** One whole message of the transport (TRN-1). Never throws; bytes that are kept are copied. */
  handleMessage(data: Data, now: number): void {
    if (this.#state === "closed" || this.#receiver.isDeaf) return;
    const frameBytes =
      this.#state === "open" || this.#state === "authenticating" ? preAuthFrameBytes : this.#options.limits.frameBytes;
    this.#errors.now = now;
    let frame: Frame;
    try {
      // Text may be 8 times as long as what it says (LIM-4).
      if (typeof data === "string" && data.length > 8 * frameBytes) throw remote("FRAME_TOO_LARGE", "the text is too long");
      frame = this.#options.codec.parse(data, { frameBytes, verbatim: "keep" });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.#end(error, 0);
    }
    if (this.#state === "open") this.#first(frame, now);
    else if (this.#state === "authenticating") {
      const refused = this.#held.add(frame, data);
      if (refused !== undefined) this.#end(refused.error, refused.ref);
    } else {
      this.#heard(now);
      this.#receiver.receive(frame, now);
    }
  }

  /** The transport has failed before a message was whole, or its library refused one (TRN-12). */
  handleFault(error: ProtocolError): void {
    this.#end(error, 0);
  }

  /** The transport has ended: what waits is forgotten. */
  handleClose(_now: number): void {
    if (this.#go("lost") === undefined) return;
    this.#output.clear();
    this.#finish(undefined);
  }

  /** A deadline has passed; one that has not is passed over. */
  handleTimeout(now: number): void {
    // Of "coalesce" the next pollTransmit takes what may go.
    for (let kind = this.#timers.takeDue(now); kind !== undefined; kind = this.#timers.takeDue(now)) {
      switch (kind) {
        case "auth":
          if (this.#state === "open") this.#end(remote("AUTH_TIMEOUT", "no hello came in time"), 0);
          else this.#end(remote("UNAVAILABLE", "authentication takes too long", "connection"), 0);
          break;
        case "dead":
          this.#output.clear();
          this.#end(remote("HEARTBEAT_TIMEOUT", "nothing was heard for too long"), 0);
          break;
        case "ping":
          this.#output.control(createFrame("ping", { timeMs: BigInt(Math.max(0, Math.floor(now))) }));
          break;
        case "expiry":
          for (const ref of this.#rooms.refreshes) this.#hopes.add(ref);
          if (this.#hopes.size === 0) this.#end(remote("TOKEN_EXPIRED", "the token has expired"), 0);
          break;
        case "drain":
          this.#end(undefined, 0);
          break;
      }
    }
  }

  /** Welcome (SES-5), and then what waited for it. While draining, and after the end, its result does not matter (GBY-5). */
  accept(acceptance: Acceptance, now: number): void {
    const before = this.#state;
    if (before === "closed") return;
    if (this.#go("accept") === undefined) throw misuse(`accept while ${before}`);
    if (before !== "authenticating") return;
    this.#timers.clear("auth");
    this.#expireAt(acceptance.expiresInMs ?? 0, now);
    this.#heard(now);
    this.#output.control(welcomeFrame(acceptance, this.#options, this.#features, wallMs(this.#options.wall())));
    for (const frame of this.#held.takeAll(this.#options.codec)) this.#receiver.receive(frame, now);
  }

  /** The answer to a request, with scope FRAME (FRM-7); with ref 0 to hello: it ends the connection (FRM-4). */
  fail(ref: number, error: ProtocolError, room = 0): void {
    if (this.#state === "closed") return;
    if (ref === 0) return this.#end(error, 0);
    this.#rooms.kindOf(ref);
    this.#error(withScope(error, "frame"), { ref, room });
    this.#rooms.failed(ref);
    if (this.#hopes.delete(ref) && this.#hopes.size === 0) this.#end(remote("TOKEN_EXPIRED", "the token has expired"), 0);
  }

  /** The room is open (ROM-3), newly or again; the answer to a join, or unsolicited (ROM-6). */
  joined(info: JoinedInfo): void {
    if (!this.#isReady()) return;
    const { room, border } = this.#rooms.open(info);
    this.#output.takeBack(room);
    const head = Math.max(info.announced, info.log.head);
    // The right to read has come: delivery begins here (ROM-6).
    if (info.start === undefined && !info.publishOnly && room.mode === "publishOnly") room.next = head + 1;
    room.mode = info.publishOnly ? "publishOnly" : "subscribed";
    room.rights = new Set(info.rights);
    const start = info.start ?? (info.publishOnly ? info.log.head + 1 : room.next);
    // One that only tells new rights leaves publishing alone (PUB-19).
    if (info.start === undefined) room.head = Math.max(room.head, head);
    else room.begin(start, head, border, info.ref === 0 && info.verdict === Verdict.RESET ? "suspended" : "open");
    this.#output.catchUp(room);
    this.#output.control(joinedFrame(info, start));
    if (info.ref !== 0) this.#rooms.answered(info.ref);
  }

  /** Rights in an open room have changed: they hold at once, before `joined` tells them (AUT-8). */
  setRights(handle: number, rights: readonly Right[]): void {
    this.#rooms.setRights(handle, rights);
  }

  /** The room's log has another epoch, which {@link joined} will tell: until then no publish of the room is taken or answered (PUB-19). */
  suspend(handle: number): void {
    this.#rooms.suspend(handle);
  }

  /** The room is closed (ROM-8); the answer to a leave, or with ref 0 unsolicited, with the reason. */
  left(ref: number, handle: number, code: ErrorCodeName = "UNSPECIFIED"): void {
    if (!this.#isReady()) return;
    const room = this.#rooms.close(ref, handle);
    if (room === undefined) return this.fail(ref, remote("ROOM_UNKNOWN", "the room is not open"), handle);
    this.#output.takeBack(room);
    this.#output.control(createFrame("left", { room: handle, code: codeNumber(code) }, { ref }));
    this.#rooms.closed(ref, room);
  }

  /** A live entry of a room (RES-8). Of a room that is not open it is passed over. */
  deliver(handle: number, delivery: Delivery): void {
    const room = this.#rooms.get(handle);
    if (room !== undefined && this.#isReady()) this.#output.deliver(room, delivery);
  }

  /** The answer to the event `read`: entries after what it named, ascending. One for an earlier joined is passed over. */
  fill(
    handle: number,
    token: number,
    entries: readonly Delivery[],
    log: { readonly firstRetained: number; readonly head: number },
  ): void {
    const room = this.#rooms.get(handle);
    if (room !== undefined && room.reading === token && this.#isReady()) this.#output.fill(room, entries, log);
  }

  /** What became of a publish (PUB-17, 6). */
  settle(ticket: PublishTicket, outcome: PublishOutcome): void {
    const room = ticket.feed as ServerRoom;
    if (this.#state === "closed") return;
    const answer = settle(room, ticket, outcome);
    if (answer.type === "ack") this.#output.ack(room, ticket.seq, answer.offset, answer.timeMs);
    else if (answer.type === "error") this.#error(answer.error, answer.subject);
    this.#rooms.settled(room);
  }

  /** The answer to `history` (HIS-3). */
  page(event: HistoryEvent, page: PageInfo): void {
    if (!this.#isReady()) return;
    this.#rooms.answered(event.ref);
    this.#output.control(pageFrame(event.ref, event.room, page, "after" in event.anchor ? "first" : "last"));
  }

  /** The answer to `watch`: a mark of each user that it named (PRS-7). */
  snapshot(ref: number, marks: readonly Init<PresenceMark>[]): void {
    if (!this.#isReady()) return;
    this.#rooms.answered(ref);
    this.#output.control(createFrame("presence", { marks: [...marks], snapshot: true }, { ref }));
  }

  /** The answer to `refresh`: the fresh token holds (AUT-6). */
  refreshed(ref: number, expiresInMs: number, now: number): void {
    if (!this.#isReady()) return;
    this.#rooms.answered(ref);
    this.#hopes.clear();
    this.#expireAt(expiresInMs, now);
    this.#output.control(createFrame("refreshed", { expiresInMs: bounded32(expiresInMs) }, { ref }));
  }

  /** An ephemeral frame: members, receipt, typing, presence or signal. Coalesced where it cannot go at once. */
  send(frame: SharedFrame, now: number): void {
    if (this.#state === "ready" || this.#state === "draining") this.#output.ephemeral(frame, now);
  }

  /** Says goodbye (GBY-1); a second one replaces the first. Before welcome the connection closes at once (GBY-5). */
  drain(options: DrainOptions, now: number): void {
    const before = this.#state;
    if (before === "closed") return;
    if (this.#go("drain") === undefined) return this.#end(remote("GOING_AWAY", "the relay is going away"), 0);
    if (before !== "authenticating") this.#timers.set("drain", now + options.drainMs);
    this.#output.control(goodbyeFrame(options));
    if (before === "authenticating") this.#end(undefined, 0);
  }

  /** Ends the connection for a reason of the protocol (ERR-8). */
  end(error: ProtocolError): void {
    this.#end(error, 0);
  }

  /** Ends the connection because the application wishes so, with 1000 (TRN-13). */
  close(): void {
    if (this.#go("close") === undefined) return;
    this.#output.close(undefined, 1000, "");
    this.#finish(undefined);
  }

  /** What the driver is to do next. It stops asking while its transport is full. */
  pollTransmit(now: number): Transmit | undefined {
    const transmit = this.#output.take(now);
    if (transmit === undefined && this.#state !== "closed") {
      const due = this.#output.coalesceDue;
      if (due === undefined) this.#timers.clear("coalesce");
      else this.#timers.set("coalesce", due);
    }
    return transmit;
  }

  /** When `handleTimeout` is wanted, in ms of the same clock as `now`. */
  pollTimeout(): number | undefined {
    return this.#timers.next();
  }

  /** The next event; reads and histories only while there is room for what they bring. */
  pollEvent(): ServerEvent | undefined {
    const event = this.#events.shift();
    if (event !== undefined || !(this.#state === "ready" || this.#state === "draining")) return event;
    return (this.#output.hasRoom ? this.#rooms.takeHistory() : undefined) ?? this.#output.takeRead();
  }

  #first(frame: Frame, now: number): void {
    const { body } = frame;
    count(this.#options.tally.framesReceived, body.case ?? "unknown");
    // An error is always allowed, and is for logs (ERR-9).
    if (body.case === "error") return void this.#events.push({ type: "peerError", code: errorCodeName(body.value.code) });
    const hello = judgeFirst(frame, this.#options.requireMajor);
    if (hello instanceof ProtocolError) return this.#end(hello, frame.ref);
    this.#go("hello");
    this.#timers.set("auth", now + this.#options.times.authTimeout);
    this.#features = hello.features;
    this.#output.grant(Number(hello.creditBytes));
    this.#events.push({ type: "hello", hello: helloInfo(hello) });
  }

  /** Each frame is life (LIV-4). */
  #heard(now: number): void {
    this.#timers.set("ping", now + this.#options.times.pingAfter);
    this.#timers.set("dead", now + this.#options.times.deadAfter);
  }

  #expireAt(expiresInMs: number, now: number): void {
    if (expiresInMs === 0) this.#timers.clear("expiry");
    else this.#timers.set("expiry", now + bounded32(expiresInMs));
  }

  #error(error: ProtocolError, subject: ErrorSubject): void {
    if (this.#state === "closed") return;
    this.#output.control(errorFrame(error, subject));
    const last = this.#errors.add(error);
    if (last !== undefined) this.#end(last, 0);
  }

  /** Without an error a goodbye was sent: it stands in its place (ERR-8). */
  #end(error: ProtocolError | undefined, ref: number): void {
    if (this.#go("close") === undefined) return;
    const { code, retry } = error ?? { code: "GOING_AWAY", retry: "after" };
    const frame = error && errorFrame(withScope(error, "connection"), { ref });
    this.#output.close(frame, closeCode(code, retry), code);
    this.#finish(error);
  }

  #finish(error: ProtocolError | undefined): void {
    this.#timers.clearAll();
    this.#held.clear();
    this.#events.push({ type: "closed", error });
  }

  #go(input: ServerInput): ServerState | undefined {
    const next = nextServerState(this.#state, input);
    if (next !== undefined) this.#state = next;
    return next;
  }

  #isReady(): boolean {
    if (this.#state === "closed") return false;
    if (this.#state !== "ready" && this.#state !== "draining") throw misuse(`a command while ${this.#state}`);
    return true;
  }
}
