/**
 * Ephemeral frames to one connection: of each key at most one per interval, holding the latest of what it would have told in several
 * (RCP-6, TYP-4, PRS-9, MBR-1, SIG-3). A sole change after a quiet time goes at once.
 */

import { createFrame, type Frame, type FrameOf, type TypingMark } from "../wire/codec.ts";
import { clientFrameBytes } from "../wire/limits.ts";
import { count, newTally, type Tally } from "./tally.ts";
import { SharedFrame } from "./transmit.ts";

/** Marks of one frame at most (schema). */
const maxMarks = 256;

/** Signals that wait at most, over all rooms (SIG-3). */
const maxSignals = 128;

interface Slot {
  readonly key: string;
  /** Handle of the room; 0: none. */
  readonly room: number;
  waiting: { readonly frame: SharedFrame; readonly since: number } | undefined;
  /** Of members: users whose first change since the last frame was to enter, so that the client need not know them. */
  readonly visitors: Set<string>;
  /** When the next frame of this key may go, in ms. */
  notBefore: number;
}

/** Bounded by what has keys: four per room, one for presence, and {@link maxSignals} signals. */
export class Coalescer {
  readonly #intervalMs: number;
  readonly #tally: Tally;
  /** Slots with something that waits, or whose interval is not over. In the order of their first frames. */
  readonly #slots = new Map<string, Slot>();
  /** Nothing may go before, in ms: found by the last look at all slots. */
  #idleUntil = Number.POSITIVE_INFINITY;
  /** From how many slots on those that are over are removed. */
  #sweepAt = 64;
  /** Signals have no interval: the latest of each key. */
  readonly #signals = new Map<string, { readonly room: number; readonly frame: SharedFrame }>();

  constructor(intervalMs: number, tally: Tally = newTally()) {
    this.#intervalMs = intervalMs;
    this.#tally = tally;
  }

  /** Keys that are held. */
  get size(): number {
    return this.#slots.size + this.#signals.size;
  }

  /** Takes a frame. Its key is its body and room; of a signal also sender and name. */
  put(shared: SharedFrame, now: number): void {
    const { body } = shared.frame;
    if (body.case === "signal") {
      const { room, sender, name } = body.value;
      const key = `${room} ${sender.length} ${sender}${name}`;
      this.#signals.delete(key);
      this.#signals.set(key, { room, frame: shared });
      if (this.#signals.size > maxSignals) {
        for (const oldest of this.#signals.keys()) {
          this.#signals.delete(oldest);
          count(this.#tally.dropped, "signal");
          break;
        }
      }
      return;
    }
    const room = body.case === "presence" || body.value === undefined || !("room" in body.value) ? 0 : body.value.room;
    const key = `${body.case} ${room}`;
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      this.#sweep(now);
      slot = { key, room, waiting: undefined, notBefore: now, visitors: new Set() };
      this.#slots.set(key, slot);
    }
    this.#idleUntil = Math.min(this.#idleUntil, slot.notBefore);
    const { waiting } = slot;
    if (waiting === undefined) {
      slot.waiting = { frame: shared, since: now };
      slot.visitors.clear();
      if (body.case === "members") for (const { user } of body.value.entered) slot.visitors.add(user);
    } else {
      const frame = merged(shortened(waiting, now), shared.frame, slot.visitors);
      slot.waiting = { frame: new SharedFrame(frame), since: now };
    }
  }

  /** The next frame that may go now. */
  take(now: number): SharedFrame | undefined {
    for (const [key, { frame }] of this.#signals) {
      this.#signals.delete(key);
      return frame;
    }
    if (now < this.#idleUntil) return undefined;
    let next = Number.POSITIVE_INFINITY;
    for (const slot of this.#slots.values()) {
      const { waiting } = slot;
      if (waiting === undefined) continue;
      if (slot.notBefore > now) {
        next = Math.min(next, slot.notBefore);
        continue;
      }
      slot.waiting = undefined;
      const frame = shortened(waiting, now);
      if (frame.body.case === "typing" && frame.body.value.marks.length === 0) continue;
      slot.notBefore = now + this.#intervalMs;
      return fitting(frame === waiting.frame.frame ? waiting.frame : new SharedFrame(frame));
    }
    this.#idleUntil = next;
    return undefined;
  }

  /** When something that waits may go, once {@link take} has nothing more; undefined where nothing waits. */
  get due(): number | undefined {
    return this.#idleUntil === Number.POSITIVE_INFINITY ? undefined : this.#idleUntil;
  }

  /** Nothing of this room goes any more: it was joined again, or left. */
  purge(room: number): void {
    for (const slot of this.#slots.values()) if (slot.room === room) slot.waiting = undefined;
    for (const [key, signal] of this.#signals) if (signal.room === room) this.#signals.delete(key);
  }

  clear(): void {
    this.#slots.clear();
    this.#signals.clear();
    this.#idleUntil = Number.POSITIVE_INFINITY;
  }

  /** Removes slots whose interval is over: each is looked at a constant number of times on average. */
  #sweep(now: number): void {
    if (this.#slots.size < this.#sweepAt) return;
    for (const slot of this.#slots.values())
      if (slot.waiting === undefined && slot.notBefore <= now) this.#slots.delete(slot.key);
    this.#sweepAt = 2 * this.#slots.size + 64;
  }
}

/** What has waited is shown for so much less, or left out (TYP-4). */
function shortened({ frame: { frame }, since }: { frame: SharedFrame; since: number }, now: number): Frame {
  const { body } = frame;
  if (body.case !== "typing" || now <= since) return frame;
  const marks = body.value.marks
    .map((mark): TypingMark => ({ ...mark, ttlMs: mark.ttlMs === 0 ? 0 : Math.max(0, mark.ttlMs - Math.floor(now - since)) }))
    .filter((mark, index) => mark.ttlMs > 0 || body.value.marks[index]?.ttlMs === 0);
  return createFrame("typing", { room: body.value.room, marks });
}

/** One frame for two of the same key. */
function merged(older: Frame, newer: Frame, visitors: Set<string>): Frame {
  const [a, b] = [older.body, newer.body];
  if (a.case === "typing" && b.case === "typing") {
    return createFrame("typing", { room: b.value.room, marks: latestBy(a.value.marks, b.value.marks, (mark) => mark.user) });
  }
  if (a.case === "presence" && b.case === "presence") {
    return createFrame("presence", { marks: latestBy(a.value.marks, b.value.marks, (mark) => mark.user) });
  }
  if (a.case === "receipt" && b.case === "receipt") {
    return createFrame("receipt", {
      room: b.value.room,
      marks: latestBy(a.value.marks, b.value.marks, (mark) => mark.user),
      counts: latestBy(a.value.counts, b.value.counts, (count) => count.offset),
    });
  }
  if (a.case === "members" && b.case === "members")
    return mergedMembers(older as FrameOf<"members">, newer as FrameOf<"members">, visitors);
  return newer;
}

/** The latest of each key; of more than {@link maxMarks} the oldest are left out. */
function latestBy<T, K>(older: readonly T[], newer: readonly T[], keyOf: (item: T) => K): T[] {
  const byKey = new Map<K, T>();
  for (const item of [...older, ...newer]) {
    byKey.delete(keyOf(item));
    byKey.set(keyOf(item), item);
  }
  return [...byKey.values()].slice(-maxMarks);
}

/**
 * Net changes: who came and went again is named as gone, who went and came again as there. Where more have gone than a frame holds,
 * visitors are left out, the oldest first. All others are known to the client, which never knows more than a frame holds (MBR-2): of
 * those none may be left out, for it would show them for ever.
 */
function mergedMembers(older: FrameOf<"members">, newer: FrameOf<"members">, visitors: Set<string>): Frame {
  const entered = new Map(older.body.value.entered.map((member) => [member.user, member]));
  const exited = new Set(older.body.value.exited);
  for (const member of newer.body.value.entered) {
    if (!entered.has(member.user) && !exited.has(member.user)) visitors.add(member.user);
    exited.delete(member.user);
    entered.set(member.user, member);
  }
  for (const user of newer.body.value.exited) {
    entered.delete(user);
    exited.add(user);
  }
  for (const user of exited) {
    if (exited.size <= maxMarks) break;
    if (!visitors.delete(user)) continue;
    exited.delete(user);
  }
  const { room, count } = newer.body.value;
  return createFrame("members", {
    room,
    count,
    entered: [...entered.values()].slice(-maxMarks),
    exited: [...exited].slice(-maxMarks),
  });
}

/** LIM-3: members without their profiles where these make the frame too long. They are shared with frames to others, so they are copied. */
function fitting(shared: SharedFrame): SharedFrame {
  const { body } = shared.frame;
  if (body.case !== "members" || body.value.entered.length < 2 || shared.bytes <= clientFrameBytes) return shared;
  const entered = body.value.entered.map(({ profile: _, ...rest }) => rest);
  return new SharedFrame(createFrame("members", { ...body.value, entered }));
}
