/**
 * Publishes that are not settled yet: bounded, in order for each room, and stored before anything depends on them (PUB-13, PUB-16).
 *
 * The outbox does no input or output: it says what is to be stored ({@link Outbox.pollStore}) and is told when it is.
 * An entry is sent only under a seq that is stored; so one without a seq was never sent.
 */

import { UsageError } from "../errors.ts";
import type { ChatKind, Content } from "../wire/codec.ts";
import { type EntryEnd, type EntryInput, isEnd, nextEntryState } from "./entry-states.ts";
import { Lane, type MutableEntry, type OutboxEntry } from "./lane.ts";
import { formatMessageId } from "./message-id.ts";

export type { OutboxEntry } from "./lane.ts";

/** An entry as storage holds it. */
export interface StoredEntry {
  readonly order: number;
  readonly room: string;
  readonly id: Uint8Array;
  readonly kind: ChatKind;
  readonly target: Uint8Array;
  readonly content: Content | undefined;
  readonly bytes: number;
  readonly seq: number;
  readonly epoch: number;
  /** An end stands here from when the client alone has decided it until it is told (PUB-13). */
  readonly state: "queued" | "sent" | "voiding" | Exclude<EntryEnd, "stored">;
}

/** One change of what is stored. */
export type StoreOp =
  | { readonly type: "put"; readonly entry: StoredEntry }
  | { readonly type: "delete"; readonly order: number }
  | { readonly type: "session"; readonly session: Uint8Array; readonly attempt: number }
  /** A record that cannot be used, the very one that storage gave: it is not given again, and SHOULD be kept where people find it. */
  | { readonly type: "setAside"; readonly record: unknown };

/** All that storage holds: nothing at first. */
export interface StoredState {
  readonly session: { readonly session: Uint8Array; readonly attempt: number } | undefined;
  readonly entries: readonly StoredEntry[];
}

/** What a stored state was found to need (PUB-22): it is stored in the same write as what comes next. */
export interface Repair {
  /** Entries of the state that storage does not hold. */
  readonly made: readonly StoredEntry[];
  /** Records that storage is to set aside. */
  readonly aside: readonly unknown[];
}

/** Bounds of an outbox. */
export interface OutboxLimits {
  /** Entries over all rooms, at least 1. */
  readonly maxEntries: number;
  /** Sum of their bytes, at least 1. */
  readonly maxBytes: number;
}

/** What is published. */
export interface Draft {
  readonly room: string;
  /** The message id, 16 bytes (MID-1). */
  readonly id: Uint8Array;
  readonly kind: ChatKind;
  readonly target: Uint8Array;
  readonly content: Content | undefined;
  /** See {@link OutboxEntry.bytes}. */
  readonly bytes: number;
}

interface Writing {
  readonly puts: [MutableEntry, number][];
  readonly deletes: number[];
  readonly session: boolean;
  readonly aside: unknown[];
}

/** The outbox of one session. */
export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #lanes: Map<string, Lane> = new Map();
  readonly #byId: Map<string, MutableEntry> = new Map();
  #bytes = 0;
  #order = 0;
  /** What storage does not hold yet, by order. */
  readonly #pending: Map<number, MutableEntry | "delete"> = new Map();
  #session: { session: Uint8Array; attempt: number } | undefined;
  #sessionPending = false;
  /** Records that storage is to set aside. */
  #aside: unknown[] = [];
  /** The write that is under way: the entries in it, each with its version. */
  #writing: Writing | undefined;

  /** @throws UsageError OPTION_INVALID. */
  constructor(limits: OutboxLimits) {
    for (const name of ["maxEntries", "maxBytes"] as const) {
      const value = limits?.[name];
      if (!Number.isSafeInteger(value) || value < 1)
        throw new UsageError("OPTION_INVALID", `${name} must be a whole number from 1 up`);
    }
    this.#limits = limits;
  }

  /**
   * Takes over what storage holds, while nothing is sent. What was added since stands behind it; what else was known is forgotten.
   * @param lastOrder - new entries have orders above it.
   * @returns those of which the application has not been told their end: `left` were added and have left before, so that storage never
   * held them; `ended` stand in the state with it.
   */
  restore(
    state: StoredState,
    lastOrder: number = 0,
    repair: Repair = { made: [], aside: [] },
  ): { readonly left: readonly OutboxEntry[]; readonly ended: readonly OutboxEntry[] } {
    const added = [...this.#byId.values()].filter(({ storedVersion }) => storedVersion < 0);
    const left = [...this.#pending.values()].filter((change) => change !== "delete" && isEnd(change.state)) as OutboxEntry[];
    const ended: OutboxEntry[] = [];
    this.#lanes.clear();
    this.#byId.clear();
    this.#pending.clear();
    this.#bytes = 0;
    this.#order = 0;
    this.#aside = [...repair.aside];
    if (state.session !== undefined) this.#session = { ...state.session };
    for (const stored of [...state.entries].sort((a, b) => a.order - b.order)) {
      const { id, ...rest } = stored;
      const entry: MutableEntry = { ...rest, id: formatMessageId(id), idBytes: id, version: 0, storedVersion: 0 };
      this.#order = stored.order;
      if (isEnd(entry.state)) {
        ended.push(entry);
        this.#pending.set(entry.order, "delete");
        continue;
      }
      this.#insert(entry);
      if (repair.made.includes(stored)) this.#touch(entry);
    }
    this.#order = Math.max(this.#order, lastOrder);
    for (const entry of added) {
      entry.order = ++this.#order;
      entry.seq = 0;
      entry.epoch = 0;
      this.#insert(entry);
      this.#touch(entry);
    }
    return { left, ended };
  }

  /** Entries that are not settled. */
  get size(): number {
    return this.#byId.size;
  }

  /** The sum of their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The session and the number of its last attempt, once there is one (SES-2, SES-3). */
  get session(): { readonly session: Uint8Array; readonly attempt: number } | undefined {
    return this.#session;
  }

  /** Whether storage holds the session as it is. */
  get sessionStored(): boolean {
    return !this.#sessionPending && this.#writing?.session !== true;
  }

  /** Whether storage holds, or is being given, everything as it is. */
  get isStored(): boolean {
    return this.#pending.size === 0 && !this.#sessionPending && this.#aside.length === 0;
  }

  setSession(session: Uint8Array, attempt: number): void {
    this.#session = { session, attempt };
    this.#sessionPending = true;
  }

  /** A room's queue; made where there is none. */
  lane(room: string): Lane {
    let lane = this.#lanes.get(room);
    if (lane === undefined) {
      lane = new Lane(room, (entry) => this.#touch(entry));
      this.#lanes.set(room, lane);
    }
    return lane;
  }

  /** Forgets a room's queue where it holds nothing: neither entries nor what an open room needs. */
  release(room: string): void {
    const lane = this.#lanes.get(room);
    if (lane?.size === 0 && !lane.isOpen) this.#lanes.delete(room);
  }

  lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  get(id: string): OutboxEntry | undefined {
    return this.#byId.get(id);
  }

  /**
   * Takes a message.
   * @throws UsageError OUTBOX_FULL: nothing is dropped in its stead.
   */
  add(draft: Draft): OutboxEntry {
    if (this.#byId.size >= this.#limits.maxEntries || this.#bytes + draft.bytes > this.#limits.maxBytes) {
      throw new UsageError("OUTBOX_FULL", `the outbox holds ${this.#byId.size} entries of ${this.#bytes} bytes, its bound`);
    }
    const { id, ...rest } = draft;
    const entry: MutableEntry = {
      ...rest,
      order: ++this.#order,
      id: formatMessageId(id),
      idBytes: id,
      state: "queued",
      seq: 0,
      epoch: 0,
      version: 0,
      storedVersion: -1,
    };
    this.#insert(entry);
    this.#touch(entry);
    return entry;
  }

  /**
   * Something has happened to an entry; settled ones leave the outbox. An entry that has left its lane already is passed in as it is.
   * @param by - who has decided it. An end by `self` is stored first, and comes back from {@link handleStored} to be told; what the broker
   * has said it will say again, so it may be told at once.
   * @throws UsageError STATE_INVALID where the table does not allow it.
   */
  apply(entry: OutboxEntry, input: EntryInput, by: "broker" | "self" = "broker"): void {
    const mutable = entry as MutableEntry;
    const next = nextEntryState(entry.state, input);
    if (next === undefined) throw new UsageError("STATE_INVALID", `an entry that is ${entry.state} cannot ${input}`);
    if (next === mutable.state) return;
    mutable.state = next;
    if (next === "sent") return;
    if (next === "voiding") {
      this.#touch(mutable);
      return;
    }
    this.#lanes.get(entry.room)?.remove(mutable);
    this.#byId.delete(entry.id);
    this.#bytes -= entry.bytes;
    if (by === "self") this.#touch(mutable);
    else this.#pending.set(entry.order, "delete");
    this.release(entry.room);
  }

  /**
   * Another holder uses this session (SES-7): the entries that were sent leave, to be reported; the others stay, for the new session.
   */
  leaveSession(): OutboxEntry[] {
    const left: OutboxEntry[] = [];
    for (const lane of [...this.#lanes.values()]) {
      const { sent, queued } = lane.drain();
      left.push(...sent);
      for (const entry of queued) lane.push(entry);
    }
    for (const entry of left) this.apply(entry, "doubt", "self");
    return left;
  }

  /** What is to be stored next, in one atomic write; undefined where nothing is, or while a write is under way. */
  pollStore(): StoreOp[] | undefined {
    if (this.#writing !== undefined || this.isStored) return undefined;
    const ops: StoreOp[] = [];
    const puts: [MutableEntry, number][] = [];
    const deletes: number[] = [];
    if (this.#sessionPending && this.#session !== undefined) ops.push({ type: "session", ...this.#session });
    for (const [order, change] of this.#pending) {
      if (change === "delete") {
        ops.push({ type: "delete", order });
        deletes.push(order);
      } else {
        ops.push({ type: "put", entry: toStored(change) });
        puts.push([change, change.version]);
      }
    }
    for (const record of this.#aside) ops.push({ type: "setAside", record });
    this.#writing = { puts, deletes, session: this.#sessionPending, aside: this.#aside };
    this.#aside = [];
    this.#pending.clear();
    this.#sessionPending = false;
    return ops;
  }

  /**
   * The write has been done, durably.
   * @returns the entries that storage holds for the first time, and those whose end it holds now: they are to be told, and leave it then.
   */
  handleStored(): { readonly added: readonly OutboxEntry[]; readonly ended: readonly OutboxEntry[] } {
    const added: OutboxEntry[] = [];
    const ended: OutboxEntry[] = [];
    for (const [entry, version] of this.#writing?.puts ?? []) {
      const isNew = entry.storedVersion < 0;
      entry.storedVersion = version;
      // What the broker has ended during the write is told already, and to be deleted.
      if (isEnd(entry.state) && !this.#pending.has(entry.order)) {
        ended.push(entry);
        this.#pending.set(entry.order, "delete");
      } else if (isNew) added.push(entry); // Also one that has ended during the write: after a crash it is sent.
    }
    this.#writing = undefined;
    // After a write that failed, what was added during it comes first.
    return { added: added.sort((a, b) => a.order - b.order), ended };
  }

  /** The write has failed, as a whole: it is to be done again. */
  handleStoreFailed(): void {
    const writing = this.#writing;
    this.#writing = undefined;
    if (writing === undefined) return;
    for (const order of writing.deletes) if (!this.#pending.has(order)) this.#pending.set(order, "delete");
    for (const [entry] of writing.puts) if (!this.#pending.has(entry.order)) this.#pending.set(entry.order, entry);
    this.#sessionPending ||= writing.session;
    this.#aside.unshift(...writing.aside);
  }

  #insert(entry: MutableEntry): void {
    this.lane(entry.room).push(entry);
    this.#byId.set(entry.id, entry);
    this.#bytes += entry.bytes;
  }

  #touch(entry: MutableEntry): void {
    entry.version++;
    this.#pending.set(entry.order, entry);
  }
}

function toStored(entry: MutableEntry): StoredEntry {
  // An entry that has a seq counts as sent: after a crash nobody knows whether it was.
  const { seq, state: now } = entry;
  const state = now !== "stored" && isEnd(now) ? now : seq === 0 ? "queued" : now === "voiding" ? "voiding" : "sent";
  return {
    order: entry.order,
    room: entry.room,
    id: entry.idBytes,
    kind: entry.kind,
    target: entry.target,
    content: entry.content,
    bytes: entry.bytes,
    seq: entry.seq,
    epoch: entry.epoch,
    state,
  };
}
