/**
 * What storage gives back, looked at before it is believed: one damaged record costs that record, never the others.
 *
 * Law: a record that breaks a rule is set aside and reported as it is; nothing is guessed, nothing throws. What it leaves behind in its
 * room is mended (stored-repair.ts). Without the session, what was sent is in doubt, for its seqs belong to that session alone.
 */

import { ChatKind, createFrame, encodedSize, encodeFrame } from "../wire/codec.ts";
import { entryTable, isEnd } from "./entry-states.ts";
import { messageIdKey } from "./message-id.ts";
import type { Repair, StoredEntry, StoredState } from "./outbox.ts";
import { inOrder, type Suspect, voids } from "./stored-repair.ts";

/** A record that cannot be used. */
export interface CorruptRecord {
  /** `state`: all of it, as nothing in it can be told apart. */
  readonly kind: "state" | "session" | "entry";
  /** As storage gave it. */
  readonly record: unknown;
  /** The room that it names, where that can be read. */
  readonly room: string | undefined;
  /** The rule that it breaks, in words. */
  readonly why: string;
}

/** What of a stored state can be used. */
export interface ReadState extends Repair {
  readonly state: StoredState;
  /** Each damaged record once. */
  readonly corrupt: readonly CorruptRecord[];
  /** The highest order that any record has: new entries stand above it, and take no damaged record's place. */
  readonly lastOrder: number;
  /** Whether the session is another one from now on: entries that were sent are in doubt (SES-7). */
  readonly isSessionLost: boolean;
}

type Session = NonNullable<StoredState["session"]>;
type Raw = Readonly<Record<string, unknown>>;
type Rule = readonly [must: string, test: (value: unknown, record: Raw) => boolean];

/** Counters go on from here, and stay far from where numbers are no longer exact. */
const mostCounted = 2 ** 52;
/** The last seq that can be used (PUB-5). */
const lastSeq = Number.MAX_SAFE_INTEGER - 1;
/** What an entry counts beyond its content, at most. */
const mostOverhead = 4096;

const isBytes = (value: unknown, ...lengths: number[]): boolean => value instanceof Uint8Array && lengths.includes(value.length);
const isWhole = (value: unknown, least: number, most: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
const hasEnded = (state: unknown): boolean => isState(state) && isEnd(state);
const isState = (value: unknown): value is keyof typeof entryTable =>
  typeof value === "string" && Object.hasOwn(entryTable, value);
/** One that has ended may have been sent, or not. */
const isNumbered = (value: unknown, { state }: Raw, most: number): boolean =>
  state === "queued" ? value === 0 : isWhole(value, hasEnded(state) ? 0 : 1, most);

const sessionRules: Readonly<Record<keyof Session, Rule>> = {
  session: ["16 bytes", (value) => isBytes(value, 16)],
  attempt: ["a whole number from 0 to 2^52", (value) => isWhole(value, 0, mostCounted)],
};

const entryRules: Readonly<Record<keyof StoredEntry, Rule>> = {
  order: ["a whole number from 1 to 2^52", (value) => isWhole(value, 1, mostCounted)],
  state: ["queued, sent, voiding, failed, maybe or cancelled", (value) => isState(value) && value !== "stored"],
  seq: ["0 where it was not sent, else from 1 to 2^53-2", (value, record) => isNumbered(value, record, lastSeq)],
  epoch: [
    "0 where it was not sent, else from 1 to 2^53-1",
    (value, record) => isNumbered(value, record, Number.MAX_SAFE_INTEGER),
  ],
  room: ["the name of a room", (value) => typeof value === "string" && isEncodable(createFrame("join", { name: value }))],
  id: ["16 bytes", (value) => isBytes(value, 16)],
  kind: ["that of a publish", (value) => isWhole(value, 0, 0x7fffffff)],
  target: ["16 bytes, or none", (value) => isBytes(value, 0, 16)],
  content: ["what a Publish may carry", (_, record) => isPublishable(record)],
  bytes: ["the size that it counts", (value, { content }) => isSizeOf(value, content)],
};

function isEncodable(frame: Parameters<typeof encodeFrame>[0]): boolean {
  return encodeFrame(frame).length > 0;
}

/** Whether a relay could take it. A void is made of its id and seq alone. */
function isPublishable({ id, kind, target, content, state }: Raw): boolean {
  if (content === undefined && (state === "voiding" || hasEnded(state))) return true;
  if (content === undefined && kind !== ChatKind.REDACTION) return false;
  const made = content === undefined ? {} : { content };
  return isEncodable(createFrame("publish", { room: 1, seq: 1n, id, kind, target, ...made } as object));
}

function isSizeOf(bytes: unknown, content: unknown): boolean {
  const least = content === undefined ? 0 : encodedSize(content as Parameters<typeof encodedSize>[0]);
  return isWhole(bytes, least, least + mostOverhead);
}

/** A record by these rules, read once; or which rule it breaks, in words. To look at a damaged object may throw. */
function read<T>(record: unknown, rules: Readonly<Record<keyof T & string, Rule>>): T | string {
  if (typeof record !== "object" || record === null) return "it must be an object";
  try {
    const entries = Object.entries<Rule>(rules);
    const copy: Raw = Object.fromEntries(entries.map(([name]) => [name, (record as Raw)[name]]));
    const wrong = entries.find(([name, [, test]]) => !isHeld(() => test(copy[name], copy)));
    return wrong === undefined ? (copy as T) : `${wrong[0]} must be ${wrong[1][0]}`;
  } catch {
    return "it cannot be read";
  }
}

/** What throws on being looked at is not as it must be. */
function isHeld(test: () => boolean): boolean {
  try {
    return test();
  } catch {
    return false;
  }
}

/**
 * Looks at what `load` of a storage gave, whatever that is: adapters may call it to judge what they hold.
 * @param mintId - makes a fresh message id, for a void whose own id is lost.
 * @example
 * ```ts
 * const { state, corrupt } = readStoredState(await database.get("outbox"), () => crypto.getRandomValues(new Uint8Array(16)));
 * ```
 */
export function readStoredState(raw: unknown, mintId: () => Uint8Array): ReadState {
  const container = containerOf(raw);
  if (container === undefined) {
    const corrupt: CorruptRecord = { kind: "state", record: raw, room: undefined, why: "it must hold a list of entries" };
    return {
      state: { session: undefined, entries: [] },
      made: [],
      aside: [],
      corrupt: [corrupt],
      lastOrder: 0,
      isSessionLost: true,
    };
  }
  const corrupt: CorruptRecord[] = [];
  const suspects: Suspect[] = [];
  const setAside = (record: unknown, why: string) => {
    const suspect = suspectOf(record);
    suspects.push(suspect);
    corrupt.push({ kind: "entry", record, room: suspect.room, why });
  };

  const kept = new Map<StoredEntry, unknown>();
  const orders = new Set<number>();
  const ids = new Set<string>();
  for (const record of container.entries) {
    const entry = read<StoredEntry>(record, entryRules);
    if (typeof entry === "string") setAside(record, entry);
    else if (orders.has(entry.order)) setAside(record, "order must not be another's");
    else if (!isEnd(entry.state) && ids.has(messageIdKey(entry.id))) setAside(record, "id must not be another's");
    else {
      orders.add(entry.order);
      // What has ended may be published again under its id, before that is told.
      if (!isEnd(entry.state)) ids.add(messageIdKey(entry.id));
      kept.set(entry, record);
    }
  }
  const ended = [...kept.keys()].filter(({ state }) => isEnd(state));
  const { entries, others } = inOrder([...kept.keys()].filter(({ state }) => !isEnd(state)));
  for (const entry of others)
    setAside(kept.get(entry), "seq must rise in its room, near the others, and none follow what is queued");
  const lastOrder = [...orders, ...suspects.map(({ order }) => order)].reduce((most, order) => Math.max(most, order), 0);

  const aside = corrupt.map(({ record }) => record);
  const wasSent = entries.some(({ seq }) => seq > 0);
  const session = container.session === undefined && !wasSent ? undefined : read<Session>(container.session, sessionRules);
  if (typeof session === "string") {
    corrupt.push({ kind: "session", record: container.session, room: undefined, why: session });
    const state = { session: undefined, entries: [...entries, ...ended] };
    return { state, made: [], aside, corrupt, lastOrder, isSessionLost: true };
  }
  const made = voids(entries, suspects, mintId);
  const state = { session, entries: [...entries, ...made, ...ended] };
  return { state, made, aside, corrupt, lastOrder, isSessionLost: false };
}

function containerOf(raw: unknown): { readonly session: unknown; readonly entries: readonly unknown[] } | undefined {
  try {
    const { session, entries } = raw as { readonly session: unknown; readonly entries: unknown };
    return Array.isArray(entries) ? { session: session ?? undefined, entries: [...entries] } : undefined;
  } catch {
    return undefined;
  }
}

/** What a record still tells that breaks a rule, or stands where it cannot. */
function suspectOf(record: unknown): Suspect {
  const told = <K extends keyof StoredEntry>(name: K, holds = entryRules[name][1]): StoredEntry[K] | undefined =>
    isHeld(() => holds((record as Raw)[name], { state: "sent" })) ? (record as StoredEntry)[name] : undefined;
  const [seq, epoch, state] = [told("seq"), told("epoch"), told("state")];
  const neverSent = state === "queued" || told("seq", (value) => value === 0) !== undefined;
  const wasSent = seq !== undefined || epoch !== undefined || state === "sent" || state === "voiding";
  return { room: told("room"), seq, id: told("id")?.slice(), order: told("order") ?? 0, isQueued: neverSent && !wasSent };
}
