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
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";
import { isLater } from "./later.ts";
import { ReceiptCounts } from "./receipt-counts.ts";
import { memberOf, Roster } from "./roster.ts";

/** Users whose watermarks are held. */
const maxMarks = 10_000;

/** A connection in a room. */
export interface Seat {
  readonly connection: Connection;
  readonly room: Room;
  readonly user: string;
  readonly tail: number;
  readonly mode: "subscribed" | "publishOnly";
  rights: readonly Right[];
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
  readonly #seats = new Map<Connection, Seat>();
  readonly #locals = new Map<string, Local>();
  readonly #roster = new Roster();
  readonly #marks = new Map<string, Watermarks>();
  readonly #counts = new ReceiptCounts();
  /** Joins that are under way, seats, and users about to exit. */
  #uses = 0;
  #log: RoomLog | undefined;
  #counting: { readonly notBefore: number; readonly timer: unknown } = { notBefore: 0, timer: undefined };
  /** Kept when the broker has opened the room. */
  readonly ready: MaybePromise<void>;

  /** @param user - whose join has come first. @throws what the broker does. */
  constructor(hub: Hub, name: string, user: string) {
    this.#hub = hub;
    this.name = name;
    this.handle = hub.handles.acquire(name);
    this.#topic = roomTopic(name);
    let opened: MaybePromise<RoomLog>;
    try {
      opened = hub.link.open(name, user);
    } catch (error) {
      hub.handles.release(this.handle);
      throw error;
    }
    const registry = hub.topics.acquire(this.#topic);
    // Receipts need an open log; what they were is nice to know, no more.
    this.ready =
      isLater(opened) || isLater(registry)
        ? Promise.all([opened, registry]).then(async ([log, values]) =>
            this.#begin(log, values, await hub.link.receipts(name, maxMarks)),
          )
        : this.#begin(opened, registry, hub.link.receipts(name, maxMarks));
  }

  /** The log as it was announced so far. Known once {@link ready}. */
  get log(): RoomLog {
    if (this.#log === undefined) throw new Error("the room is not ready");
    return this.#log;
  }

  get roster(): Roster {
    return this.#roster;
  }

  seats(): Iterable<Seat> {
    return this.#seats.values();
  }

  seat(connection: Connection): Seat | undefined {
    return this.#seats.get(connection);
  }

  retain(): void {
    this.#uses++;
  }

  release(): void {
    if (--this.#uses > 0) return;
    if (this.#counting.timer !== undefined) this.#hub.config.clock.clearTimer(this.#counting.timer);
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
    this.#seats.set(seat.connection, seated);
    if (before !== undefined) this.release();
    return seated;
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
    if (this.#counting.timer !== undefined) clock.clearTimer(this.#counting.timer);
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
    for (const seat of this.#seats.values()) if (seat.epoch === this.#log.epoch) seat.connection.deliver(this, delivery);
  }

  /** ROM-6: all that have the room open are told, each with what the new log expects of it. */
  onEpochChanged(log: RoomLog): void {
    this.#log = log;
    this.#marks.clear();
    this.#counts.clear();
    for (const seat of this.#seats.values()) seat.connection.tellJoined(seat, "reset");
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
    let counting = false;
    for (const seat of this.#seats.values()) {
      if (seat.receipts === Detail.COUNTS) counting = true;
      if (seat.receipts === Detail.ALL || seat.user === user) this.#send(seat, frame);
    }
    if (!counting) return;
    this.#counts.moved(before, marks);
    this.#tellCounts();
  }

  /** The room's registry has changed: members (MBR-1). */
  onChanged(key: string, before: RegistryValue | undefined, value: RegistryValue | undefined): void {
    const change = this.#roster.change(key, before, value);
    if (change === undefined || this.#log === undefined) return;
    const count = this.#roster.size;
    const init = { room: this.handle, count };
    const numbers = new SharedFrame(createFrame("members", init));
    const names = new SharedFrame(
      createFrame("members", {
        ...init,
        ...(change.entered !== undefined && { entered: [change.entered] }),
        ...(change.exited !== undefined && { exited: [change.exited] }),
      }),
    );
    const now = this.#details();
    for (const seat of this.#seats.values()) {
      if (seat.roster === Detail.ALL && now.roster !== Detail.ALL) {
        // The room has grown beyond its bound (MBR-2).
        Object.assign(seat, now);
        seat.connection.tellJoined(seat, "update");
      } else this.#send(seat, seat.roster === Detail.ALL ? names : numbers);
    }
  }

  onAnnounced(announcement: Announcement): void {
    switch (announcement.type) {
      case "typing": {
        const { user, ttlMs } = announcement;
        const frame = new SharedFrame(createFrame("typing", { room: this.handle, marks: [{ user, ttlMs }] }));
        // In large rooms it is dropped altogether (TYP-4).
        for (const seat of this.#seats.values()) if (seat.roster === Detail.ALL && seat.user !== user) this.#send(seat, frame);
        break;
      }
      case "signal": {
        const frame = signalFrame(this.handle, announcement.sender, announcement.name, announcement.content);
        for (const seat of this.#seats.values()) if (seat.connection.id !== announcement.origin) this.#send(seat, frame);
        break;
      }
      case "close":
        for (const seat of [...this.#seats.values()]) seat.connection.vacate(seat, "ROOM_UNAVAILABLE");
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
    // What was appended since came before `ready`, and counts.
    this.#log = log;
    for (const [key, value] of registry) this.#roster.change(key, undefined, value);
    const remember = (marks: ReadonlyMap<string, Watermarks>): void => {
      for (const [user, mark] of marks) if (!this.#marks.has(user)) this.#marks.set(user, mark);
    };
    if (!isLater(receipts)) remember(receipts);
  }

  #details(): Pick<Seat, "receipts" | "roster"> {
    const usual = this.#roster.size <= this.#hub.config.detailBound ? "all" : "counts";
    const { receipts = usual, roster = usual } = this.#hub.config.details?.(this.name) ?? {};
    return { receipts: details[receipts], roster: details[roster] };
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

  /** Counts are made at most once per interval, for all (RCP-6). */
  #tellCounts(): void {
    const { clock, times } = this.#hub.config;
    const now = clock.now();
    if (this.#counting.timer !== undefined) return;
    if (now < this.#counting.notBefore) {
      const timer = clock.setTimer(this.#counting.notBefore - now, () => {
        this.#counting = { notBefore: 0, timer: undefined };
        this.#tellCounts();
        this.#hub.flush();
      });
      this.#counting = { notBefore: this.#counting.notBefore, timer };
      return;
    }
    this.#counting = { notBefore: now + times.rosterInterval, timer: undefined };
    for (const [user, counts] of this.#counts.take(this.#roster.users(), this.#marks)) {
      const frame = new SharedFrame(createFrame("receipt", { room: this.handle, counts }));
      for (const seat of this.#seats.values()) {
        if (seat.receipts === Detail.COUNTS && seat.user === user) this.#send(seat, frame);
      }
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
