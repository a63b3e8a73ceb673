/**
 * A room as one relay has it, while anyone uses it: who of its connections has it open, who is in it, how far they have come. What the
 * broker tells of the room is told on to all of them; a chat is encoded once (ROM-4).
 */

import type { DetailName } from "../session/client-events.ts";
import type { Delivery } from "../session/server-events.ts";
import { SharedFrame } from "../session/transmit.ts";
import {
  type Chat,
  type Content,
  createFrame,
  Detail,
  type Init,
  type Member,
  type ReceiptMark,
  type Right,
} from "../wire/codec.ts";
import { type Announcement, type MaybePromise, type RegistryValue, type RoomLog, roomTopic, type Watermarks } from "./broker.ts";
import { atOnce } from "./checks.ts";
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";
import { isLater, orBroken } from "./later.ts";
import { Paced } from "./paced.ts";
import { ReceiptCounts } from "./receipt-counts.ts";
import { memberOf, Roster } from "./roster.ts";
import { checkedDetails } from "./rules.ts";
import { Seats } from "./seats.ts";

/** Users whose watermarks are held. */
const maxMarks = 10_000;

/** Members at most of whom each is told (MBR-2). */
const maxNamed = 255;

/** A connection in a room. */
export interface Seat {
  readonly connection: Connection;
  readonly room: Room;
  readonly user: string;
  readonly tail: number;
  /** No chats are wanted, whatever the rights (ROM-5). */
  readonly publishOnly: boolean;
  /** What the connection was told. */
  mode: "subscribed" | "publishOnly";
  rights: readonly Right[];
  /** How often the rights were looked up again, and the latest of those whose answer holds. */
  asked: number;
  decided: number;
  /** The epoch that the connection was told last. */
  epoch: number;
  receipts: Detail;
  roster: Detail;
}

/** A user's seats here that count for membership, or the timer of its exit (MBR-3). */
interface Local {
  seats: number;
  exit: unknown;
}

const details: Readonly<Record<DetailName, Detail>> = { all: Detail.ALL, counts: Detail.COUNTS, own: Detail.OWN };

export class Room {
  readonly name: string;
  readonly handle: number;
  readonly #hub: Hub;
  readonly #topic: string;
  readonly #seats = new Seats();
  readonly #locals = new Map<string, Local>();
  readonly #roster = new Roster();
  readonly #marks = new Map<string, Watermarks>();
  readonly #counts = new ReceiptCounts();
  /** Joins that are under way, seats, and users about to exit. */
  #uses = 0;
  #log: RoomLog | undefined;
  /** Numbers are told at most once per interval, for all: of members (MBR-1) and of receipts (RCP-6). */
  readonly #numbers: Paced;
  readonly #counting: Paced;
  /** Kept when the broker has opened the room; broken where it has not. Who asks for the room waits for it. */
  readonly ready: MaybePromise<void>;

  /** @param user - whose join has come first. @throws what the broker does. */
  constructor(hub: Hub, name: string, user: string) {
    this.#hub = hub;
    this.name = name;
    this.handle = hub.handles.acquire(name);
    this.#topic = roomTopic(name);
    const { clock, times } = hub.config;
    const paced = (call: () => void): Paced => new Paced(clock, times.rosterInterval, call, () => hub.flush());
    this.#numbers = paced(() => this.#tellNumbers());
    this.#counting = paced(() => this.#tellCounts());
    let opened: MaybePromise<RoomLog>;
    try {
      opened = hub.link.open(name, user);
    } catch (error) {
      hub.handles.release(this.handle);
      throw error;
    }
    const registry = hub.topics.acquire(this.#topic);
    // Receipts need an open log; what they were is nice to know, no more.
    this.ready = orBroken(() =>
      isLater(opened) || isLater(registry)
        ? Promise.all([opened, registry]).then(async ([log, values]) =>
            this.#begin(log, values, await hub.link.receipts(name, maxMarks)),
          )
        : this.#begin(opened, registry, hub.link.receipts(name, maxMarks)),
    );
  }

  /** The log as it was announced so far. Known once {@link ready}. */
  get log(): RoomLog {
    if (this.#log === undefined) throw new Error("the room is not ready");
    return this.#log;
  }

  /** Whether no further connection may open it. */
  get isFull(): boolean {
    return this.#seats.size >= this.#hub.config.seatsPerRoom;
  }

  retain(): void {
    this.#uses++;
  }

  release(): void {
    if (--this.#uses > 0) return;
    this.#numbers.clear();
    this.#counting.clear();
    this.#hub.link.close(this.name);
    this.#hub.topics.release(this.#topic);
    this.#hub.handles.release(this.handle);
    this.#hub.roomUnused(this);
  }

  /** A connection opens the room, or opens it again: the seat takes the place of an earlier one, its use that of the caller. */
  enter(seat: Omit<Seat, "room" | "receipts" | "roster" | "epoch">, profile: Member["profile"]): Seat {
    const before = this.#seats.get(seat.connection);
    if (seat.mode === "subscribed" && before?.mode !== "subscribed") this.#arrive(seat.user, profile);
    if (seat.mode === "publishOnly" && before?.mode === "subscribed") this.#depart(seat.user, "graceful");
    const seated: Seat = { ...seat, room: this, epoch: this.log.epoch, ...this.#details() };
    this.#seats.add(seated);
    if (before !== undefined) this.release();
    return seated;
  }

  /** The right to read has come to one that wants chats: the user is a member from now on (ROM-6). */
  subscribe(seat: Seat): void {
    if (seat.mode === "subscribed" || this.#seats.get(seat.connection) !== seat) return;
    // First, for what comes of the arrival may end here again.
    seat.mode = "subscribed";
    this.#arrive(seat.user, seat.connection.profile);
    this.#seats.detail(seat, this.#details());
  }

  /** A connection has left, or is gone. `lost`: without a word, so that it may come back (MBR-3). */
  leave(connection: Connection, how: "graceful" | "lost"): void {
    const seat = this.#seats.get(connection);
    if (seat === undefined) return;
    this.#seats.delete(connection);
    if (seat.mode === "subscribed") this.#depart(seat.user, how);
    this.release();
  }

  /** The relay ends: nobody waits for anybody. */
  dispose(): void {
    const { clock } = this.#hub.config;
    for (const { exit } of this.#locals.values()) if (exit !== undefined) clock.clearTimer(exit);
    this.#numbers.clear();
    this.#counting.clear();
  }

  /** What `joined` tells of members and receipts (MBR-2, MBR-4). */
  facts(seat: Seat): { members: Init<Member>[]; count: number; read: number; marks: Init<ReceiptMark>[] } {
    const { user, connection, mode } = seat;
    const self = memberOf(user, connection.profile);
    const isMember = this.#roster.has(user) || mode === "publishOnly";
    const members = seat.roster === Detail.ALL ? this.#roster.members() : seat.roster === Detail.OWN ? [self] : [];
    if (!isMember && seat.roster === Detail.ALL) members.push(self);
    const told = seat.receipts === Detail.ALL ? [...this.#roster.users()] : [user];
    const marks: Init<ReceiptMark>[] = [];
    for (const each of new Set(told)) {
      const mark = this.#marks.get(each);
      if (mark !== undefined && marks.length < 256) marks.push(markOf(each, mark));
    }
    const empty = mode === "publishOnly";
    return {
      members: empty ? [] : members.slice(-256),
      count: this.#roster.size + (isMember ? 0 : 1),
      read: this.#marks.get(user)?.read ?? 0,
      marks: empty ? [] : marks,
    };
  }

  /** An entry, for the readers of this relay. */
  delivery(entry: Chat): Delivery {
    return { offset: Number(entry.offset), frame: new SharedFrame(createFrame("chat", { ...entry, room: this.handle })) };
  }

  onAppended(entry: Chat, firstRetained: number): void {
    if (this.#log === undefined) return;
    const delivery = this.delivery(entry);
    this.#log = { ...this.#log, head: delivery.offset, firstRetained };
    this.#counts.add(delivery.offset, entry.sender);
    for (const seat of this.#seats.all()) if (seat.epoch === this.#log.epoch) seat.connection.deliver(this, delivery);
  }

  /** ROM-6: all that have the room open are told, each with what the new log expects of it. */
  onEpochChanged(log: RoomLog): void {
    this.#log = log;
    this.#marks.clear();
    this.#counts.clear();
    for (const seat of this.#seats.all()) seat.connection.tellJoined(seat, "reset");
  }

  onReceipt(user: string, marks: Watermarks): void {
    const before = this.#marks.get(user) ?? { delivered: 0, read: 0 };
    this.#marks.delete(user);
    this.#marks.set(user, marks);
    for (const oldest of this.#marks.keys()) {
      if (this.#marks.size <= maxMarks) break;
      this.#marks.delete(oldest);
    }
    const frame = new SharedFrame(createFrame("receipt", { room: this.handle, marks: [markOf(user, marks)] }));
    for (const seat of this.#seats.detailed) if (seat.receipts === Detail.ALL && seat.user !== user) this.#send(seat, frame);
    for (const seat of this.#seats.ofUser(user)) this.#send(seat, frame);
    if (this.#seats.counted === 0) return;
    this.#counts.moved(before, marks);
    this.#counting.ask();
  }

  /** The room's registry has changed: members (MBR-1). */
  onChanged(key: string, before: RegistryValue | undefined, value: RegistryValue | undefined): void {
    const change = this.#roster.change(key, before, value);
    if (change === undefined || this.#log === undefined) return;
    if (this.#seats.others > 0) this.#numbers.ask();
    if (this.#seats.detailed.size === 0) return;
    const names = new SharedFrame(
      createFrame("members", {
        room: this.handle,
        count: this.#roster.size,
        ...(change.entered !== undefined && { entered: [change.entered] }),
        ...(change.exited !== undefined && { exited: [change.exited] }),
      }),
    );
    const now = this.#details();
    const grown = ({ roster, receipts }: Seat): boolean =>
      (roster === Detail.ALL && now.roster !== Detail.ALL) || (receipts === Detail.ALL && now.receipts !== Detail.ALL);
    for (const seat of [...this.#seats.detailed]) {
      if (grown(seat)) {
        // The room has grown beyond its bound (MBR-2).
        this.#seats.detail(seat, now);
        seat.connection.tellJoined(seat, "update");
      } else this.#send(seat, seat.roster === Detail.ALL ? names : this.#numbersFrame());
    }
  }

  onAnnounced(announcement: Announcement): void {
    switch (announcement.type) {
      case "typing": {
        const { user, ttlMs } = announcement;
        const frame = new SharedFrame(createFrame("typing", { room: this.handle, marks: [{ user, ttlMs }] }));
        // In large rooms it is dropped altogether (TYP-4).
        for (const seat of this.#seats.detailed) if (seat.roster === Detail.ALL && seat.user !== user) this.#send(seat, frame);
        break;
      }
      case "signal": {
        const frame = signalFrame(this.handle, announcement.sender, announcement.name, announcement.content);
        for (const seat of this.#seats.all()) if (seat.connection.id !== announcement.origin) this.#send(seat, frame);
        break;
      }
      case "close":
        for (const seat of [...this.#seats.all()]) seat.connection.vacate(seat, "ROOM_UNAVAILABLE");
        break;
      default:
        break;
    }
  }

  #begin(
    log: RoomLog,
    registry: ReadonlyMap<string, RegistryValue>,
    receipts: MaybePromise<ReadonlyMap<string, Watermarks>>,
  ): void {
    // Another epoch may have been told before. What was appended before is known by `producer`, which each join asks for after this.
    this.#log ??= log;
    for (const [key, value] of registry) this.#roster.change(key, undefined, value);
    const remember = (marks: ReadonlyMap<string, Watermarks>): void => {
      for (const [user, mark] of marks) if (!this.#marks.has(user)) this.#marks.set(user, mark);
    };
    if (!isLater(receipts)) remember(receipts);
  }

  /** The application's wish, as far as it can be met: of more members not all are told (MBR-2). */
  #details(): Pick<Seat, "receipts" | "roster"> {
    const { config } = this.#hub;
    const usual = this.#roster.size <= config.detailBound ? "all" : "counts";
    let wished: ReturnType<NonNullable<typeof config.details>>;
    try {
      const given = atOnce("details", config.details?.(this.name));
      if (given !== undefined) wished = checkedDetails(given);
    } catch (error) {
      config.log.error("failed", { what: "details", room: this.name, error });
    }
    const met = (wish: DetailName = usual): Detail => {
      return details[wish === "all" && this.#roster.size > maxNamed ? "counts" : wish] ?? details[usual];
    };
    return { receipts: met(wished?.receipts), roster: met(wished?.roster) };
  }

  #arrive(user: string, profile: Member["profile"]): void {
    const local = this.#locals.get(user);
    if (local === undefined) {
      this.#locals.set(user, { seats: 1, exit: undefined });
      this.retain();
    } else {
      local.seats++;
      if (local.exit !== undefined) this.#hub.config.clock.clearTimer(local.exit);
      local.exit = undefined;
    }
    this.#hub.link.put(this.#topic, this.#key(user), { type: "member", user, profile }, undefined);
  }

  #depart(user: string, how: "graceful" | "lost"): void {
    const local = this.#locals.get(user);
    if (local === undefined || --local.seats > 0) return;
    if (how === "graceful") this.#exit(user);
    else {
      const { clock, times } = this.#hub.config;
      local.exit = clock.setTimer(times.presenceDebounce, () => {
        this.#exit(user);
        this.#hub.flush();
      });
    }
  }

  #exit(user: string): void {
    this.#locals.delete(user);
    this.#hub.link.remove(this.#topic, this.#key(user));
    this.release();
  }

  #key(user: string): string {
    return `${this.#hub.link.relayId}/${user}`;
  }

  #numbersFrame(): SharedFrame {
    return new SharedFrame(createFrame("members", { room: this.handle, count: this.#roster.size }));
  }

  #tellNumbers(): void {
    const frame = this.#numbersFrame();
    for (const seat of this.#seats.all()) if (!this.#seats.detailed.has(seat)) this.#send(seat, frame);
  }

  #tellCounts(): void {
    for (const [user, counts] of this.#counts.take(this.#roster.users(), this.#marks)) {
      const frame = new SharedFrame(createFrame("receipt", { room: this.handle, counts }));
      for (const seat of this.#seats.ofUser(user)) if (seat.receipts === Detail.COUNTS) this.#send(seat, frame);
    }
  }

  #send(seat: Seat, frame: SharedFrame): void {
    if (seat.mode === "subscribed") seat.connection.send(frame);
  }
}

export function signalFrame(room: number, sender: string, name: string, content: Content | undefined): SharedFrame {
  return new SharedFrame(createFrame("signal", { room, sender, name, ...(content !== undefined && { content }) }));
}

function markOf(user: string, { delivered, read }: Watermarks): Init<ReceiptMark> {
  return { user, delivered: BigInt(delivered), read: BigInt(read) };
}
