/**
 * What storage gives back, looked at before it is believed: one damaged record costs that record, never the others
 * (PUB-22).
 *
 * Law: a record that breaks a rule is set aside and reported, as it is; nothing is guessed. Where that leaves a hole in the seqs of a room,
 * a void takes its place (PUB-12), as the broker would wait for it for ever (PUB-6). Without the session, what was sent is in doubt.
 */

import { UsageError } from "../errors.ts";
import { ChatKind, checkFrame, createFrame, encodedSize } from "../wire/codec.ts";
import { messageIdKey } from "./message-id.ts";
import type { StoredEntry, StoredState } from "./outbox.ts";

/** A record that cannot be used. */
export interface CorruptRecord {
  readonly kind: "session" | "entry";
  /** As storage gave it. */
  readonly record: unknown;
  /** The rule that it breaks, in words. */
  readonly why: string;
}

/** What of a stored state can be used. */
export interface ReadState {
  readonly state: StoredState;
  /** In the order in which storage gave them. */
  readonly corrupt: readonly CorruptRecord[];
  /** The highest order that any record has: new entries stand above it, and take no damaged record's place. */
  readonly lastOrder: number;
  /** Whether entries were sent in a session that is not known any more. */
  readonly isSessionLost: boolean;
}

type Raw = Readonly<Record<string, unknown>>;
type Rule = readonly [must: string, test: (value: unknown, record: Raw) => boolean];

const isBytes = (value: unknown, ...lengths: number[]): boolean => value instanceof Uint8Array && lengths.includes(value.length);
const isWhole = (value: unknown, least: number): boolean => Number.isSafeInteger(value) && (value as number) >= least;
/** What a Publish counts beyond its content, at most. */
const mostOverhead = 4096;

const sessionRules: Readonly<Record<keyof NonNullable<StoredState["session"]>, Rule>> = {
  session: ["16 bytes", (value) => isBytes(value, 16)],
  attempt: ["a whole number from 0 up", (value) => isWhole(value, 0)],
};

/** In this order: a rule may count on those before it. */
const entryRules: Readonly<Record<keyof StoredEntry, Rule>> = {
  order: ["a whole number from 1 up", (value) => isWhole(value, 1)],
  state: ["queued, sent or voiding", (value) => value === "queued" || value === "sent" || value === "voiding"],
  seq: [
    "0 where it was never sent, else from 1 up",
    (value, { state }) => (state === "queued" ? value === 0 : isWhole(value, 1)),
  ],
  epoch: [
    "0 where it was never sent, else from 1 up",
    (value, { state }) => (state === "queued" ? value === 0 : isWhole(value, 1)),
  ],
  room: [
    "the name of a room",
    (value) => typeof value === "string" && checkFrame(createFrame("join", { name: value })) === undefined,
  ],
  id: ["16 bytes that are a message id", (value) => isBytes(value, 16)],
  kind: ["a number", (value) => isWhole(value, 0)],
  target: ["16 bytes, or none", (value) => isBytes(value, 0, 16)],
  content: ["what a Publish may carry", (_, record) => isPublishable(record)],
  bytes: ["the size that it counts", (value, { content }) => isWhole(value, 0) && isSizeOf(value as number, content)],
};

/** Whether the relay would take it; a void is made of its id and seq alone. */
function isPublishable({ id, kind, target, content, state }: Raw): boolean {
  if (state === "voiding" && content === undefined) return true;
  const made = content === undefined ? {} : { content };
  const frame = createFrame("publish", { room: 1, seq: 1n, id, kind, target, ...made } as object);
  return (content !== undefined || kind === ChatKind.REDACTION) && checkFrame(frame) === undefined && encodedSize(frame) > 0;
}

function isSizeOf(bytes: number, content: unknown): boolean {
  const least = content === undefined ? 0 : encodedSize(content as Parameters<typeof encodedSize>[0]);
  return least <= bytes && bytes <= least + mostOverhead;
}

/** The first rule that a record breaks. Looking at it may throw, as a damaged object does. */
function broken(record: unknown, rules: Readonly<Record<string, Rule>>): string | undefined {
  if (typeof record !== "object" || record === null) return "must be an object";
  try {
    for (const [name, [must, test]] of Object.entries(rules)) {
      if (!test((record as Raw)[name], record as Raw)) return `${name} must be ${must}`;
    }
  } catch {
    return "cannot be read";
  }
  return undefined;
}

/** What a damaged record still tells, if it can be looked at. */
function told(record: unknown, name: keyof StoredEntry): unknown {
  try {
    return (record as Raw | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

/** The same for a number from 1 up; 0 where it is none. */
function numberOf(record: unknown, name: "order" | "seq"): number {
  const value = told(record, name);
  return isWhole(value, 1) ? (value as number) : 0;
}

/**
 * Looks at what `load` of a storage gave.
 *
 * @param mintId - makes a fresh message id, for a void whose own id is lost.
 * @throws UsageError OUTBOX_CORRUPT where it is no stored state at all: then nothing of it can be told apart.
 */
export function readStoredState(raw: unknown, mintId: () => Uint8Array): ReadState {
  const { session, entries } = containerOf(raw);
  const corrupt: CorruptRecord[] = [];
  const kept: StoredEntry[] = [];
  let lastOrder = 0;
  const orders = new Set<number>();
  const ids = new Set<string>();
  for (const record of entries) {
    lastOrder = Math.max(lastOrder, numberOf(record, "order"));
    const entry = record as StoredEntry;
    const why =
      broken(record, entryRules) ??
      (orders.has(entry.order) ? "its order is another's" : undefined) ??
      (ids.has(messageIdKey(entry.id)) ? "its id is another's" : undefined);
    if (why !== undefined) {
      corrupt.push({ kind: "entry", record, why });
      continue;
    }
    orders.add(entry.order);
    ids.add(messageIdKey(entry.id));
    kept.push(entry);
  }
  kept.sort((a, b) => a.order - b.order);
  const inOrder = withoutDisorder(kept, corrupt);
  const whole = corrupt.length === 0 ? inOrder : [...inOrder, ...voids(inOrder, { corrupt, orders, ids, mintId })];

  const wrong = session === undefined ? undefined : broken(session, sessionRules);
  const wasSent = whole.some(({ seq }) => seq > 0);
  const isSessionLost = wrong !== undefined || (session === undefined && wasSent);
  if (isSessionLost) corrupt.push({ kind: "session", record: session, why: wrong ?? "must be there where entries were sent" });
  return {
    state: { session: isSessionLost ? undefined : (session as StoredState["session"]), entries: whole },
    corrupt,
    lastOrder,
    isSessionLost,
  };
}

function containerOf(raw: unknown): { readonly session: unknown; readonly entries: readonly unknown[] } {
  const { session, entries } = Object(raw) as { session?: unknown; entries?: unknown };
  if (!Array.isArray(entries)) throw new UsageError("OUTBOX_CORRUPT", "the storage gave no list of entries");
  return { session: session ?? undefined, entries };
}

/** In each room the sent ones come first, with rising seqs: what contradicts those before it is set aside. */
function withoutDisorder(entries: readonly StoredEntry[], corrupt: CorruptRecord[]): StoredEntry[] {
  const last = new Map<string, number>();
  return entries.filter((entry) => {
    const before = last.get(entry.room) ?? 0;
    if (entry.seq > before || entry.seq === 0) {
      last.set(entry.room, entry.seq === 0 ? Number.POSITIVE_INFINITY : entry.seq);
      return true;
    }
    corrupt.push({ kind: "entry", record: entry, why: "its seq must be above those before it" });
    return false;
  });
}

/** What a void is made from. */
interface Remains {
  readonly corrupt: readonly CorruptRecord[];
  readonly orders: ReadonlySet<number>;
  readonly ids: ReadonlySet<string>;
  readonly mintId: () => Uint8Array;
}

/** What takes the place of seqs that are missing among those that were sent: no more than records were lost. */
function voids(entries: readonly StoredEntry[], { corrupt, orders, ids, mintId }: Remains): StoredEntry[] {
  const made: StoredEntry[] = [];
  const taken = new Set(orders);
  const last = new Map<string, StoredEntry>();
  for (const entry of entries) {
    const before = last.get(entry.room) ?? { order: 0, seq: lowest(entry, corrupt) - 1 };
    last.set(entry.room, entry);
    if (entry.seq === 0) continue;
    const missing = entry.seq - before.seq - 1;
    if (missing < 1 || missing > corrupt.length - made.length) continue;
    const free: number[] = [];
    for (let order = before.order + 1; order < entry.order && free.length < missing; order++)
      if (!taken.has(order)) free.push(order);
    // Where there is no room between the two, the relay says what it lacks (PUB-16).
    if (free.length < missing) continue;
    for (const [i, order] of free.entries()) {
      taken.add(order);
      const seq = before.seq + 1 + i;
      const id = idOf(entry.room, seq, corrupt, ids) ?? mintId();
      const { room, epoch } = entry;
      const nothing = { kind: ChatKind.VOID, target: new Uint8Array(0), content: undefined, bytes: 0 };
      made.push({ order, room, id, ...nothing, seq, epoch, state: "voiding" });
    }
  }
  return made;
}

/** The lowest seq of a row of damaged records that ends before this entry, the first of its room; its own where there is none. */
function lowest({ room, seq: first }: StoredEntry, corrupt: readonly CorruptRecord[]): number {
  let seq = first;
  while (damagedAt(room, seq - 1, corrupt) !== undefined) seq--;
  return seq;
}

/** The damaged record that still tells this room and seq. */
function damagedAt(room: string, seq: number, corrupt: readonly CorruptRecord[]): CorruptRecord | undefined {
  return seq < 1 ? undefined : corrupt.find(({ record }) => numberOf(record, "seq") === seq && told(record, "room") === room);
}

/** The id that the damaged record with this seq still tells: then the relay says what became of it (PUB-7). */
function idOf(room: string, seq: number, corrupt: readonly CorruptRecord[], ids: ReadonlySet<string>): Uint8Array | undefined {
  const id = told(damagedAt(room, seq, corrupt)?.record, "id");
  return isBytes(id, 16) && !ids.has(messageIdKey(id as Uint8Array)) ? (id as Uint8Array).slice() : undefined;
}
