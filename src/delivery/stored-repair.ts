/**
 * What damaged records leave behind in a room: entries that contradict each other, and holes in the seqs.
 *
 * Law: of entries that contradict each other, the fewest are set aside. Where a seq is missing that a damaged record may have had, a void
 * takes its place, as for a message that was cancelled (PUB-12): without it the broker would wait (PUB-6), or the client would take
 * the rest of the room for forgotten (PUB-8, e). A void of a seq that another message has used up is harmless (PUB-18).
 */

import { ChatKind } from "../wire/codec.ts";
import { messageIdKey } from "./message-id.ts";
import type { StoredEntry } from "./outbox.ts";

/** What a record that was set aside still tells; undefined what cannot be read. */
export interface Suspect {
  readonly room: string | undefined;
  readonly seq: number | undefined;
  readonly id: Uint8Array | undefined;
  /** 0: cannot be read. */
  readonly order: number;
  /** It never had a seq, so that none is missing by it. */
  readonly isQueued: boolean;
}

/** Of a room, seqs of what was sent are no further from their middle: they were in flight together (PUB-10), and no window is as large. */
const mostApart = 2 ** 16;

/**
 * By order; of each room as many as can stand so: those with a seq first, by rising seq, none far from the others, then those without.
 * `others`: the rest.
 */
export function inOrder(entries: readonly StoredEntry[]): { readonly entries: StoredEntry[]; readonly others: StoredEntry[] } {
  const sorted = [...entries].sort((a, b) => a.order - b.order);
  const kept = new Set([...byRoom(sorted).values()].map(nearEachOther).flatMap(longestRise));
  return { entries: sorted.filter((entry) => kept.has(entry)), others: sorted.filter((entry) => !kept.has(entry)) };
}

/** Without those whose seqs are far from the middle one: one such would use all seqs of the room up. */
function nearEachOther(entries: readonly StoredEntry[]): readonly StoredEntry[] {
  const seqs = entries.flatMap(({ seq }) => (seq === 0 ? [] : [seq])).sort((a, b) => a - b);
  const middle = seqs[(seqs.length - 1) >>> 1];
  if (middle === undefined) return entries;
  return entries.filter(({ seq }) => seq === 0 || Math.abs(seq - middle) <= mostApart);
}

/** The longest run of entries, not all of them neighbours, whose seqs rise; what has none counts as the highest, and as equal. */
function longestRise(entries: readonly StoredEntry[]): StoredEntry[] {
  // Of the runs of each length, the one that ends lowest: its last entry, and what stands before that in its run.
  const ends: StoredEntry[] = [];
  const before = new Map<StoredEntry, StoredEntry | undefined>();
  for (const entry of entries) {
    let length = 0;
    for (let high = ends.length; length < high; ) {
      const middle = (length + high) >>> 1;
      if (mayFollow(entry, ends[middle])) length = middle + 1;
      else high = middle;
    }
    if (entry.seq !== 0 && ends[length]?.seq === entry.seq) continue;
    before.set(entry, ends[length - 1]);
    ends[length] = entry;
  }
  const run: StoredEntry[] = [];
  for (let entry = ends.at(-1); entry !== undefined; entry = before.get(entry)) run.push(entry);
  return run;
}

function mayFollow(entry: StoredEntry, other: StoredEntry | undefined): boolean {
  return other === undefined || entry.seq === 0 || (other.seq !== 0 && entry.seq > other.seq);
}

/** The voids that the rooms need. Each has an order of its own, between its neighbours'. */
export function voids(entries: readonly StoredEntry[], suspects: readonly Suspect[], mintId: () => Uint8Array): StoredEntry[] {
  const orders = new Set(entries.map(({ order }) => order));
  const ids = new Set(entries.map(({ id }) => messageIdKey(id)));
  const idOf = (room: string, seq: number): Uint8Array => {
    const id = suspects.find((suspect) => suspect.room === room && suspect.seq === seq)?.id;
    if (id === undefined || ids.has(messageIdKey(id))) return mintId();
    ids.add(messageIdKey(id));
    return id;
  };
  return [...byRoom(entries)].flatMap(([room, lane]) =>
    holes(
      lane.filter(({ seq }) => seq > 0),
      suspects.filter((suspect) => !suspect.isQueued && (suspect.room ?? room) === room),
    ).flatMap(([seq, next, floor]) => {
      let order = next.order - 1;
      while (orders.has(order)) order--;
      // Without a place of its own it cannot be kept: the relay will say what it lacks (PUB-16, 6).
      if (order <= floor) return [];
      orders.add(order);
      return [voidOf({ room, order, id: idOf(room, seq), seq, epoch: next.epoch })];
    }),
  );
}

/**
 * The seqs that are missing by what was set aside, each with the entry that follows and the order that it stands above; of neighbours the
 * highest first.
 */
function holes(sent: readonly StoredEntry[], suspects: readonly Suspect[]): [seq: number, next: StoredEntry, floor: number][] {
  const found: [number, StoredEntry, number][] = [];
  const [first] = sent;
  let left = suspects.length;
  for (const [index, next] of sent.entries()) {
    const before = sent[index - 1];
    const missing = before === undefined ? 0 : next.seq - before.seq - 1;
    // A hole that is larger than the damage is none of its making.
    if (before === undefined || missing > left) continue;
    left -= missing;
    for (let seq = next.seq - 1; seq > before.seq; seq--) found.push([seq, next, before.order]);
  }
  if (first === undefined) return found;
  left = Math.min(left, suspects.filter((suspect) => !isBehind(suspect, first)).length);
  for (let seq = first.seq - 1; seq > 0 && seq >= first.seq - left; seq--) found.push([seq, first, 0]);
  return found;
}

/** Whether all that a record still tells says that it stood behind this entry. */
function isBehind({ seq, order }: Suspect, first: StoredEntry): boolean {
  const signs = [...(seq === undefined ? [] : [seq > first.seq]), ...(order === 0 ? [] : [order > first.order])];
  return signs.length > 0 && signs.every(Boolean);
}

function voidOf(of: Pick<StoredEntry, "room" | "order" | "id" | "seq" | "epoch">): StoredEntry {
  return { ...of, kind: ChatKind.VOID, target: new Uint8Array(0), content: undefined, bytes: 0, state: "voiding" };
}

function byRoom(entries: readonly StoredEntry[]): Map<string, StoredEntry[]> {
  const rooms = new Map<string, StoredEntry[]>();
  for (const entry of entries) {
    const lane = rooms.get(entry.room);
    if (lane === undefined) rooms.set(entry.room, [entry]);
    else lane.push(entry);
  }
  return rooms;
}
