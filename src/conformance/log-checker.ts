/**
 * Checks what clients were told, from outside: logs of any implementation, against the invariants that need no look inside.
 *
 * Law: what one client was told is judged at once where its own log suffices, and at the end where only the logs together tell it.
 * Memory grows with the messages that were shown, not with the lines.
 */

import type { EntryRecord, JoinedRecord, LogRecord, MessageRecord } from "./log-record.ts";
import { RoomRecord } from "./room-record.ts";
import type { LogInvariant, LogViolation, Tell } from "./violation.ts";

/** How much was looked at: logs that hold nothing prove nothing. */
export interface LogTotals {
  readonly clients: number;
  readonly records: number;
  readonly messages: number;
  readonly publishes: number;
  /** Publishes of which the logs tell no end. */
  readonly open: number;
}

/** A room, as one process of a client has shown it. */
class View {
  isOpen = false;
  epoch = 0;
  /** The offset that comes next. */
  next = 0;
  /** Ids that were shown, each with how many were before it. */
  readonly seen = new Map<string, number>();
  /** How many of them were shown in earlier epochs: they are not shown again (MID-6). */
  earlier = 0;

  open(epoch: number, next: number): void {
    if (epoch !== this.epoch) this.earlier = this.seen.size;
    this.isOpen = true;
    this.epoch = epoch;
    this.next = next;
  }
}

/** What one client published. */
interface Publish {
  readonly room: string;
  readonly place: string;
  state: string;
  processed?: EntryRecord["processed"];
  /** Of the log that holds it, or does not. */
  epoch?: number | undefined;
  offset?: number;
}

/** Offsets that a client passed over in silence: what stands there must have been shown before (MID-6). */
interface Skip {
  readonly client: string;
  readonly room: string;
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
  readonly seen: ReadonlyMap<string, number>;
  /** How many were shown before, and how many of them in earlier epochs. */
  readonly shown: number;
  readonly earlier: number;
  readonly place: string;
}

class ClientLog {
  readonly views = new Map<string, View>();
  readonly publishes = new Map<string, Publish>();

  view(room: string): View {
    let view = this.views.get(room);
    if (view === undefined) {
      view = new View();
      this.views.set(room, view);
    }
    return view;
  }
}

const ends: ReadonlySet<string> = new Set(["stored", "failed", "maybe", "cancelled"]);

/** Ends of what is not in the log. */
const buried: ReadonlySet<string> = new Set(["failed", "cancelled"]);

/** States that follow `stored`, and say nothing else of the message than that it is. */
const receipts: ReadonlySet<string> = new Set(["delivered", "read"]);

/**
 * Takes the records of all clients, each client's in the order in which they were written; then says what is wrong.
 *
 * @example
 * ```ts
 * const checker = new LogChecker();
 * for (const line of lines) checker.add(parseLogRecord(line), line);
 * console.log(checker.finish());
 * ```
 */
export class LogChecker {
  readonly #clients: Map<string, ClientLog> = new Map();
  readonly #rooms: Map<string, RoomRecord> = new Map();
  readonly #skips: Skip[] = [];
  readonly #violations: LogViolation[] = [];
  #records = 0;
  #messages = 0;

  /** @param place - where the record stands, for whoever reads the verdict. */
  add(record: LogRecord | undefined, place: string): void {
    if (record === undefined) return;
    this.#records++;
    const client = this.#client(record.client);
    switch (record.event) {
      case "start":
        client.views.clear();
        break;
      case "end":
        if (record.outbox === 0) this.#closed(record.client, client, place);
        break;
      case "joined":
        this.#joined(client, record, place);
        break;
      case "left":
        client.view(record.room).isOpen = false;
        break;
      case "message":
        this.#message(client, record, place);
        break;
      case "gap":
        this.#gap(client, record, place);
        break;
      case "entry":
        this.#entry(client, record, place);
        break;
    }
  }

  /** What is wrong, those first that one log alone shows. */
  finish(): readonly LogViolation[] {
    const violations = [...this.#violations];
    const tell = (invariant: LogInvariant, message: string, place: string): void =>
      void violations.push({ invariant, message, place });
    const holders = this.#holders();
    for (const room of this.#rooms.values()) room.finish((id) => (holders.get(id) ?? 0) > 1, tell);
    for (const skip of this.#skips) this.#checkSkip(skip, tell);
    for (const [name, client] of this.#clients) this.#checkPublishes(name, client, holders, tell);
    return violations;
  }

  get totals(): LogTotals {
    let publishes = 0;
    let open = 0;
    for (const client of this.#clients.values()) {
      publishes += client.publishes.size;
      for (const { state } of client.publishes.values()) if (!ends.has(state) && !receipts.has(state)) open++;
    }
    return { clients: this.#clients.size, records: this.#records, messages: this.#messages, publishes, open };
  }

  #client(name: string): ClientLog {
    let client = this.#clients.get(name);
    if (client === undefined) {
      client = new ClientLog();
      this.#clients.set(name, client);
    }
    return client;
  }

  #room(name: string): RoomRecord {
    let room = this.#rooms.get(name);
    if (room === undefined) {
      room = new RoomRecord(name);
      this.#rooms.set(name, room);
    }
    return room;
  }

  #tell(invariant: LogInvariant, message: string, place: string): void {
    this.#violations.push({ invariant, message, place });
  }

  #joined(client: ClientLog, record: { client: string } & JoinedRecord, place: string): void {
    const { room, verdict, epoch, start, missing } = record;
    const view = client.view(room);
    if (verdict === "fresh" && view.isOpen)
      this.#tell("no-loss", `${record.client} is anew in ${room}, where it was at ${view.epoch}/${view.next}`, place);
    if (!view.isOpen || verdict === "fresh" || verdict === "reset") {
      view.open(epoch, start);
      return;
    }
    if (view.epoch !== epoch) {
      this.#tell("no-loss", `${record.client} has ${room} ${verdict} in ${epoch}, where it was in ${view.epoch}`, place);
      view.open(epoch, start);
      return;
    }
    if (missing !== undefined && verdict === "resumed")
      this.#tell("no-loss", `${record.client} has ${room} resumed, and misses ${missing.first} to ${missing.last}`, place);
    if (missing !== undefined && missing.last !== start - 1)
      this.#tell("no-loss", `${record.client} misses ${room} up to ${missing.last}, and goes on at ${start}`, place);
    this.#passOver(view, record, missing?.first ?? start, place);
    view.next = Math.max(view.next, start);
  }

  #gap(client: ClientLog, record: { client: string; room: string; first: number; last: number }, place: string): void {
    const view = client.view(record.room);
    if (!view.isOpen)
      return this.#tell("authority", `${record.client} is told a gap in ${record.room}, which it is not in`, place);
    this.#passOver(view, record, record.first, place);
    view.next = Math.max(view.next, record.last + 1);
  }

  #message(client: ClientLog, record: { client: string } & MessageRecord, place: string): void {
    const { room, epoch, offset, id } = record;
    this.#messages++;
    this.#room(room).place(epoch, offset, record, place);
    const view = client.view(room);
    if (!view.isOpen) this.#tell("authority", `${record.client} is shown ${id} of ${room}, which it is not in`, place);
    else if (view.epoch !== epoch || offset < view.next)
      this.#tell(
        "order",
        `${record.client} is shown ${epoch}/${offset} of ${room} where ${view.epoch}/${view.next} comes next`,
        place,
      );
    else this.#passOver(view, record, offset, place);
    if (view.seen.has(id)) this.#tell("no-duplicate", `${record.client} is shown ${id} of ${room} twice`, place);
    else view.seen.set(id, view.seen.size);
    if (view.isOpen) view.open(epoch, offset + 1);
  }

  /** Judged at the end: what lies between may have been shown in an earlier epoch. */
  #passOver(view: View, { client, room }: { client: string; room: string }, to: number, place: string): void {
    const { epoch, next, seen, earlier } = view;
    if (to > next) this.#skips.push({ client, room, epoch, first: next, last: to - 1, seen, shown: seen.size, earlier, place });
  }

  #checkSkip({ client, room, epoch, first, last, seen, shown, earlier, place }: Skip, tell: Tell): void {
    for (let offset = first; offset <= last; offset++) {
      const id = this.#room(room).idAt(epoch, offset);
      // What no log shows may have been shown in an earlier epoch, if anything was.
      if (id === undefined ? earlier > 0 : (seen.get(id) ?? shown) < shown) continue;
      const what = id === undefined ? "" : ` (${id})`;
      tell("no-loss", `${client} goes on in ${room} at ${epoch}/${last + 1}, without ${offset}${what}`, place);
      return;
    }
  }

  #entry(client: ClientLog, record: { client: string } & EntryRecord, place: string): void {
    const { room, id, state } = record;
    let publish = client.publishes.get(id);
    if (publish === undefined || (publish.state === "failed" && state === "queued")) {
      // Published again by its application, with the same id.
      publish = { room, place, state };
      client.publishes.delete(id);
      client.publishes.set(id, publish);
    }
    const before = publish.state;
    // Told once more after a crash, and of another log after a change of epoch; nothing else.
    const isSame = before === state || before === "maybe" || receipts.has(state) || receipts.has(before) || state === "maybe";
    if (ends.has(before) && ends.has(state) && !isSame)
      this.#tell("ack", `${id} of ${record.client} was ${before}, and is ${state}`, place);
    if (state === "failed" && record.processed === "maybe")
      this.#tell("ack", `${id} of ${record.client} is failed, of which nobody can say it`, place);
    if (!ends.has(before) || ends.has(state) || receipts.has(state)) {
      publish.state = state;
      publish.processed = record.processed;
      const view = client.view(room);
      if (buried.has(state)) publish.epoch = view.isOpen ? view.epoch : undefined;
    }
    if (state !== "stored" || record.epoch === undefined || record.offset === undefined) return;
    if (publish.epoch === record.epoch && publish.offset !== record.offset)
      this.#tell("ack", `${id} of ${record.client} is stored at ${publish.offset} and at ${record.offset} of ${room}`, place);
    publish.epoch = record.epoch;
    publish.offset = record.offset;
    this.#room(room).acknowledge(record.epoch, record.offset, id, place);
  }

  #closed(name: string, client: ClientLog, place: string): void {
    for (const [id, { state }] of client.publishes)
      if (!ends.has(state) && !receipts.has(state))
        this.#tell("no-loss", `${id} of ${name} has left the outbox without an end`, place);
  }

  /** How many clients hold each id: copies of an outbox decide each for itself. */
  #holders(): Map<string, number> {
    const holders = new Map<string, number>();
    for (const client of this.#clients.values())
      for (const id of client.publishes.keys()) holders.set(id, (holders.get(id) ?? 0) + 1);
    return holders;
  }

  #checkPublishes(name: string, client: ClientLog, holders: ReadonlyMap<string, number>, tell: Tell): void {
    const last = new Map<string, { offset: number; id: string }>();
    for (const [id, { room, state, processed, epoch: end, place }] of client.publishes) {
      if (holders.get(id) !== 1) continue;
      const places = this.#room(room).placesOf(id);
      const at = buried.has(state) && processed !== "yes" ? places.find(({ epoch }) => epoch === end) : undefined;
      if (at !== undefined)
        tell("no-invention", `${id} of ${name} is ${state}, and stands at ${at.epoch}/${at.offset} of ${room}`, place);
      for (const { epoch, offset } of places) {
        const key = `${epoch} ${room}`;
        const before = last.get(key);
        if (before !== undefined && before.offset > offset)
          tell(
            "order",
            `${id} of ${name} stands at ${epoch}/${offset} of ${room}, and ${before.id}, published before it, at ${before.offset}`,
            place,
          );
        last.set(key, { offset, id });
      }
    }
  }
}
