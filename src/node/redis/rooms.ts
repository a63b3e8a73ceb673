/**
 * The logs that a relay has open in Redis. Law: entries are told in order and without a hole, whatever the channel leaves out: what it does not
 * tell is read; and each publish is answered once, in order: one of which nobody knows what became is decided again (PUB-17, 7).
 */

import { ProtocolError } from "../../errors.ts";
import type {
  BackendEntry,
  BrokerSink,
  LogSlice,
  LogState,
  ProducerState,
  PublishOutcome,
  PublishRequest,
  ReadQuery,
  RoomLog,
  Stored,
  Watermarks,
} from "../../relay/broker.ts";
import type { Chat, ChatKind } from "../../wire/codec.ts";
import { type Argument, LostError, type RedisConnection, type Reply, unavailable } from "./connection.ts";
import { bodyBytes, entryOf, headBytes } from "./entries.ts";
import { bufferOf, channelOf, tagOf } from "./keys.ts";
import { marksOf, outcomeOf, resultOf, retry, stateOf } from "./replies.ts";
import type { ScriptName } from "./scripts.ts";

/** What scripts are given of the bounds of a log. */
export interface RoomBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly dedupWindowMs: number;
}

/** What a link needs of its broker. */
export interface RoomsHost {
  readonly connection: RedisConnection;
  readonly bounds: RoomBounds;
  readonly sink: BrokerSink;
  /** Before each key. */
  readonly prefix: string;
  /** Names this link to the fence of a producer: another one each time. */
  readonly linkId: string;
  newEpoch(): number;
  onFault(error: unknown): void;
}

/** A room that is open. */
interface OpenRoom {
  readonly name: string;
  readonly listener: (message: Buffer) => void;
  /** Resolves when the log is known. */
  opened: Promise<void>;
  /** What was told before the answer to who has opened it. */
  early: Buffer[] | undefined;
  epoch: number;
  /** The offset that is told next. */
  next: number;
  /** The highest offset of this epoch that the channel has told of. */
  heard: number;
  first: number;
  /** `filling`: what is missing is read; what the channel tells meanwhile comes with it. */
  state: "opening" | "told" | "filling";
}

/** A publish that is not answered. */
interface Waiting {
  readonly request: PublishRequest;
  /** The epoch in which it was given. */
  readonly epoch: number;
}

/** Publishes of a link that wait at a time; a further one is refused. */
const maxWaiting = 10_000;
/** What is read at a time to fill a hole. */
const fillLimit = 256;
const fillBytes = 1024 * 1024;

export class RedisRooms {
  readonly #host: RoomsHost;
  readonly #rooms = new Map<string, OpenRoom>();
  /** In the order in which they were given. */
  readonly #waiting = new Set<Waiting>();
  /** Refusals that were told: what comes after one passes the fence that it left behind. */
  #refusals = 0;

  constructor(host: RoomsHost) {
    this.#host = host;
  }

  /** Redis is there again: what was missed is told, and what is not known is decided. */
  up(): void {
    for (const room of this.#rooms.values()) if (room.state !== "opening") this.#synchronize(room);
    this.#refusals++;
    for (const waiting of this.#waiting) this.#send(waiting);
  }

  async open(name: string): Promise<RoomLog> {
    const known = this.#rooms.get(name);
    const room = known ?? this.#opening(name);
    await room.opened;
    return { epoch: room.epoch, head: room.next - 1, firstRetained: room.first, durability: this.#host.connection.durability };
  }

  close(name: string): void {
    const room = this.#rooms.get(name);
    if (room === undefined) return;
    this.#rooms.delete(name);
    this.#host.connection.unsubscribe(channelOf(this.#host.prefix, name), room.listener);
  }

  closeAll(): void {
    for (const name of [...this.#rooms.keys()]) this.close(name);
    this.#waiting.clear();
  }

  publish(request: PublishRequest): void {
    const room = this.#rooms.get(request.room);
    const isAway = !this.#host.connection.isUp && this.#waiting.size === 0;
    if (room === undefined || room.state === "opening" || isAway || this.#waiting.size >= maxWaiting) {
      this.#refusals++;
      this.#host.sink.settled(request, retry("Redis is not there"));
      return;
    }
    const waiting: Waiting = { request, epoch: room.epoch };
    this.#waiting.add(waiting);
    if (this.#host.connection.isUp) this.#send(waiting);
  }

  async append(room: string, entry: BackendEntry): Promise<Stored> {
    const { id, sender, kind, target, content } = entry;
    const chat = [bufferOf(id), sender, String(kind), bufferOf(target), headBytes(entry), bodyBytes(content)];
    const result = resultOf((await this.#call("append", room, chat)) as Buffer);
    if (result.type === "stored") return { offset: result.offset, timeMs: result.timeMs };
    throw result.type === "rejected" ? new ProtocolError(result.code, result.message) : unavailable("nothing was stored");
  }

  async producer(room: string, producer: string): Promise<ProducerState> {
    const reply = (await this.#call("state", room, [], producer)) as Buffer[];
    return { ...stateOf(reply), nextSeq: Number(reply[3]) };
  }

  async read(room: string, query: ReadQuery): Promise<LogSlice> {
    const [anchor, way] = "after" in query ? [query.after, "after"] : [query.before, "before"];
    const args = [String(anchor), way, String(query.limit), String(Math.min(query.maxBytes, Number.MAX_SAFE_INTEGER))];
    const [epoch, head, first, ...found] = (await this.#call("read", room, args)) as Reply[];
    const entries = (found as Buffer[][]).map(([offset, timeMs, kind, chatHead, body]) =>
      entryOf(
        { offset: Number(offset), timeMs: Number(timeMs) },
        Number(kind) as ChatKind,
        chatHead ?? Buffer.alloc(0),
        body ?? Buffer.alloc(0),
      ),
    );
    if (way === "before") entries.reverse();
    return { ...stateOf([epoch, head, first] as Buffer[]), entries };
  }

  receipt(room: string, user: string, marks: Watermarks): void {
    this.#call("receipt", room, [user, String(marks.delivered), String(marks.read)]).catch(this.#host.onFault);
  }

  async receipts(room: string, limit: number): Promise<ReadonlyMap<string, Watermarks>> {
    const reply = (await this.#call("receipts", room, [String(limit)])) as Buffer[];
    const marks = new Map<string, Watermarks>();
    for (let i = 0; i + 1 < reply.length; i += 2) marks.set(String(reply[i]), marksOf(String(reply[i + 1])));
    return marks;
  }

  async reset(room: string): Promise<void> {
    await this.#call("reset", room, []);
  }

  #opening(name: string): OpenRoom {
    const room: OpenRoom = {
      name,
      listener: (message) => this.#hear(room, message),
      opened: Promise.resolve(),
      early: [],
      epoch: 0,
      next: 1,
      heard: 0,
      first: 1,
      state: "opening",
    };
    this.#rooms.set(name, room);
    room.opened = this.#load(room);
    return room;
  }

  async #load(room: OpenRoom): Promise<void> {
    const { name, listener } = room;
    try {
      await this.#host.connection.subscribe(channelOf(this.#host.prefix, name), listener);
      const log = stateOf((await this.#call("state", name, [])) as Buffer[]);
      room.epoch = log.epoch;
      room.next = log.head + 1;
      room.first = log.firstRetained;
      room.state = "told";
    } catch (error) {
      if (this.#isOpen(room)) this.close(name);
      throw error;
    }
    // Behind the answer to who has opened it.
    setImmediate(() => {
      const { early = [] } = room;
      room.early = undefined;
      for (const message of early) this.#hear(room, message);
    });
  }

  #isOpen(room: OpenRoom): boolean {
    return this.#rooms.get(room.name) === room;
  }

  /** `A` an entry, `E` another epoch, `R` watermarks. */
  #hear(room: OpenRoom, message: Buffer): void {
    if (!this.#isOpen(room)) return;
    if (room.early !== undefined) {
      room.early.push(message);
      return;
    }
    const end = message.indexOf(10);
    const [type, epoch, ...numbers] = message.toString("latin1", 0, end).split(" ");
    const body = message.subarray(end + 1);
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = numbers.map(Number);
    if (type === "E") this.#epoch(room, { epoch: Number(epoch), head: a, firstRetained: b });
    else if (Number(epoch) !== room.epoch) return;
    else if (type === "R") this.#host.sink.receipt(room.name, body.toString(), { delivered: a, read: b });
    else {
      room.heard = Math.max(room.heard, a);
      if (a > room.next) this.#fill(room);
      else if (a === room.next && room.state === "told") {
        this.#tell(room, entryOf({ offset: a, timeMs: b }, d as ChatKind, body.subarray(0, e), body.subarray(e)), c);
      }
    }
  }

  #tell(room: OpenRoom, entry: Chat, first: number): void {
    room.next = Number(entry.offset) + 1;
    room.first = first;
    this.#host.sink.appended(room.name, entry, first);
  }

  #epoch(room: OpenRoom, log: LogState): void {
    if (log.epoch === room.epoch) return;
    room.epoch = log.epoch;
    room.next = log.head + 1;
    room.heard = 0;
    room.first = log.firstRetained;
    this.#host.sink.epochChanged(room.name, { ...log, durability: this.#host.connection.durability });
  }

  /** Brings a room to what Redis says of it. */
  #synchronize(room: OpenRoom): void {
    // Lost again: with the next connection all of this is done again.
    this.#learn(room).then((log) => {
      if (log !== undefined && log.head >= room.next) this.#fill(room);
    }, this.#host.onFault);
  }

  /** Tells the epoch of a room, where it is another one. @returns the log; undefined where nobody has the room open any more. */
  async #learn(room: OpenRoom): Promise<LogState | undefined> {
    for (;;) {
      const { epoch } = room;
      const log = stateOf((await this.#call("state", room.name, [])) as Buffer[]);
      if (!this.#isOpen(room)) return undefined;
      // The channel was quicker, and what it told may be newer.
      if (room.epoch !== epoch) continue;
      this.#epoch(room, log);
      return log;
    }
  }

  /** Reads what was not told. */
  #fill(room: OpenRoom): void {
    if (room.state === "filling") return;
    room.state = "filling";
    this.#filled(room).then(
      () => {
        room.state = "told";
      },
      (error: unknown) => {
        room.state = "told";
        this.#host.onFault(error);
      },
    );
  }

  async #filled(room: OpenRoom): Promise<void> {
    for (;;) {
      const { epoch } = room;
      const slice = await this.read(room.name, { after: room.next - 1, limit: fillLimit, maxBytes: fillBytes });
      if (!this.#isOpen(room)) return;
      // The channel was quicker, and what it told may be newer.
      if (room.epoch !== epoch) continue;
      if (slice.epoch !== room.epoch || slice.firstRetained > room.next) {
        // Another log, or one of which the next entry is gone: what was told does not lead to it.
        room.epoch = 0;
        this.#epoch(room, slice);
        return;
      }
      for (const entry of slice.entries) if (Number(entry.offset) === room.next) this.#tell(room, entry, slice.firstRetained);
      // What came between the reading and its answer is not in it.
      if (room.next > Math.max(slice.head, room.heard)) return;
    }
  }

  #send(waiting: Waiting): void {
    const { request } = waiting;
    const { room, producer, seq, id, sender, kind, target, mayRedact, reject, content } = request;
    const args: Argument[] = [
      String(waiting.epoch),
      String(seq),
      bufferOf(id),
      sender,
      String(kind),
      bufferOf(target),
      mayRedact ? "1" : "0",
      reject === undefined ? "" : `${reject.code}\n${reject.message}`,
      headBytes(request),
      bodyBytes(content),
      String(this.#host.bounds.dedupWindowMs),
      `${this.#host.linkId} ${this.#refusals}`,
    ];
    this.#call("publish", room, args, producer).then(
      (reply) => this.#answered(waiting, reply as Buffer[]),
      (error: unknown) => {
        // It is decided again once Redis is there.
        if (error instanceof LostError) return;
        this.#settle(waiting, retry(error instanceof Error ? error.message : String(error)));
      },
    );
  }

  #answered(waiting: Waiting, [what, value]: readonly Buffer[]): void {
    const outcome = outcomeOf(String(what), value ?? Buffer.alloc(0));
    const room = this.#rooms.get(waiting.request.room);
    if (outcome !== undefined) this.#settle(waiting, outcome);
    else if (room === undefined || room.epoch !== waiting.epoch) this.#settle(waiting, retry("the log has another epoch"));
    else {
      // The relay has to know of the epoch first (PUB-19).
      this.#learn(room).then(
        () => this.#settle(waiting, retry("the log has another epoch")),
        (error: unknown) => {
          if (!(error instanceof LostError)) this.#settle(waiting, retry("Redis is not there"));
        },
      );
    }
  }

  #settle(waiting: Waiting, outcome: PublishOutcome): void {
    if (!this.#waiting.delete(waiting)) return;
    if (outcome.type === "retry" || outcome.type === "conflict" || outcome.type === "outOfOrder") this.#refusals++;
    this.#host.sink.settled(waiting.request, outcome);
  }

  #call(script: ScriptName, room: string, args: readonly Argument[], producer?: string): Promise<Reply> {
    const { connection, bounds, prefix } = this.#host;
    const tag = tagOf(prefix, room);
    const keys = ["meta", "log", "tombs", "ids", "channel", "receipts", "moves"].map((part) => `${tag}:${part}`);
    if (producer !== undefined) keys.push(`${tag}:p:${producer}`);
    const { maxEntries, maxBytes, maxAgeMs } = bounds;
    const kept = [maxEntries, maxBytes, maxAgeMs].map((bound) => String(Number.isFinite(bound) ? bound : 0));
    return connection.call(script, keys, [connection.server, String(this.#host.newEpoch()), ...kept, ...args]);
  }
}
