/**
 * One room's messages and notices, in the order in which they are shown.
 *
 * Law: an id is shown once; the log decides the order, and what is not in the log yet stands last. Offsets of different
 * epochs are not comparable: each epoch that this tab has seen is an *era*, and eras follow each other.
 */

import type { EntryState, JoinedRoom, Message, MessageContent, ReceiptTally, UserReceipt } from "chappe/client";
import { Ordered } from "./ordered.ts";

/** A message as it is shown. */
export interface Item {
  readonly type: "message";
  readonly id: string;
  readonly sender: string;
  readonly own: boolean;
  /** 0: not in a log yet. */
  era: number;
  offset: number;
  timeMs: number;
  text: string;
  deleted: boolean;
  /** Of own messages. */
  state: EntryState;
  /** Why it has failed, or waits. */
  problem: string;
  /** Members other than the sender whom it has reached, and who have read it. */
  delivered: number;
  read: number;
  readonly order: number;
}

/** A line of the page itself. */
export interface Notice {
  readonly type: "notice";
  readonly key: string;
  readonly tone: "plain" | "warning";
  readonly text: string;
  /** What a button offers to load, where there is one. */
  readonly missing: Range | undefined;
  readonly era: number;
  /** Stands before the entry with the first offset above this. */
  readonly offset: number;
  readonly order: number;
}

export interface Range {
  readonly first: number;
  readonly last: number;
}

/** A reaction: who, and the id by which it is taken back. */
export interface Reaction {
  readonly id: string;
  readonly sender: string;
  readonly text: string;
}

/** A line of either kind. */
export type TimelineRow = Item | Notice;

/** Kept at most, and while somebody reads what is old; the oldest are forgotten first, and can be loaded again. */
const maxItems = 1000;
const maxItemsHeld = 5000;
/** Lines of the page itself; the oldest are forgotten first. */
const maxNotices = 100;
/** Messages of which changes are known, also of those that are not shown and may be loaded; and reactions to one message. */
const maxChanges = 2 * maxItems;

/** The text of a content; what is not text is named, never interpreted. */
export function textOf(content: MessageContent | undefined): string {
  if (content === undefined) return "";
  if (content.data !== undefined) return `(${content.data.length} bytes of ${content.contentType || "data"})`;
  return content.text ?? "";
}

export class Timeline {
  /** The log's epochs, as this tab has seen them. */
  readonly #epochs: number[] = [];
  /** All lines, in the order in which they are shown. */
  readonly rows: Ordered<TimelineRow> = new Ordered(compareRows);
  readonly #items: Map<string, Item> = new Map();
  readonly #notices: Map<string, Notice> = new Map();
  readonly #edits: Map<string, { offset: number; id: string; text: string }> = new Map();
  readonly #reactions: Map<string, Map<string, Reaction>> = new Map();
  readonly #redacted: Set<string> = new Set();
  readonly #marks: Map<string, UserReceipt> = new Map();
  readonly #tallies: Map<number, ReceiptTally> = new Map();
  #order = 0;
  /** First offset of this era that is here, and that the log retains. */
  #first = 1;
  #firstRetained = 1;

  /** The era of the log as it is now; 0 before the room was opened. */
  get era(): number {
    return this.#epochs.length;
  }

  /** Offset before which there is more; undefined: this is all. */
  get earlier(): number | undefined {
    return this.era > 0 && this.#first > this.#firstRetained ? this.#first : undefined;
  }

  get isEmpty(): boolean {
    return this.#items.size === 0;
  }

  item(id: string): Item | undefined {
    return this.#items.get(id);
  }

  /** Whether the message can still be edited, reacted to, deleted: it is in the log as it is now. */
  isCurrent(item: Item): boolean {
    return item.era === this.era && item.offset > 0 && !item.deleted;
  }

  shownText(item: Item): string {
    return this.#edits.get(item.id)?.text ?? item.text;
  }

  isEdited(item: Item): boolean {
    return this.#edits.has(item.id);
  }

  reactions(item: Item): Reaction[] {
    return [...(this.#reactions.get(item.id)?.values() ?? [])].filter(({ id }) => !this.#redacted.has(id));
  }

  /** The room is open, at this place of this log. */
  joined({ epoch, start, head, firstRetained, marks }: JoinedRoom): void {
    if (this.#epochs.at(-1) !== epoch) {
      this.#epochs.push(epoch);
      this.#first = start;
      this.#marks.clear();
      this.#tallies.clear();
    }
    this.#first = Math.min(this.#first, head + 1);
    this.#firstRetained = firstRetained;
    this.receipts(marks, []);
  }

  /** An own message that was handed over. */
  add(id: string, sender: string, text: string, timeMs: number): void {
    this.#show({ ...this.#blank(id, sender, timeMs), own: true, text, state: "queued" });
  }

  /** What became of an own message. */
  settle(id: string, state: EntryState, details: { offset?: number; timeMs?: number; problem?: string }): void {
    const item = this.#items.get(id);
    if (item === undefined) return;
    if (state === "cancelled") return this.remove(id);
    // Its chat has come before, which says more.
    if (item.offset > 0) return;
    item.state = state;
    item.problem = details.problem ?? "";
    if (state === "stored" && details.offset !== undefined) this.#place(item, details.offset, details.timeMs ?? item.timeMs);
  }

  remove(id: string): void {
    const item = this.#items.get(id);
    if (item === undefined) return;
    this.#items.delete(id);
    this.rows.remove(item);
  }

  /** An entry of the log, live or from history. @returns whether a message is shown that was not. */
  apply(message: Message, own: boolean): boolean {
    const era = this.#epochs.lastIndexOf(message.epoch) + 1;
    const { id, kind, target, offset, timeMs, sender } = message;
    if (era === this.era) this.#first = Math.min(this.#first, offset);
    if (kind === "redaction" && target !== undefined) this.#redact(target);
    if (kind === "edit" && target !== undefined && !this.#redacted.has(target)) {
      const known = this.#edits.get(target);
      if (known === undefined || known.offset <= offset) {
        this.#edits.set(target, { offset, id, text: textOf(message.content) });
      }
    }
    if (kind === "reaction" && target !== undefined) {
      const reactions = this.#reactions.get(target) ?? new Map<string, Reaction>();
      reactions.set(id, { id, sender, text: textOf(message.content).slice(0, 16) });
      forget(reactions, maxChanges);
      this.#reactions.set(target, reactions);
    }
    // The tombstone of an edit or a reaction is about another message, and says nothing of its own.
    if (kind !== "content" && (kind !== "tombstone" || target !== undefined)) return false;
    const known = this.#items.get(id);
    if (known !== undefined) {
      if (kind === "tombstone") this.#redact(id);
      else if (known.offset === 0) this.#place(known, offset, timeMs);
      return false;
    }
    const item: Item = { ...this.#blank(id, sender, timeMs), own, text: textOf(message.content), era, offset, state: "stored" };
    item.deleted = kind === "tombstone" || this.#redacted.has(id);
    this.#show(item);
    this.#count(item);
    return true;
  }

  /** A page of history was read; its messages are applied by themselves. */
  pageRead(firstRetained: number, first: number | undefined): void {
    this.#firstRetained = firstRetained;
    if (first === undefined) this.#first = firstRetained;
  }

  receipts(marks: readonly UserReceipt[], counts: readonly ReceiptTally[]): void {
    for (const mark of marks) this.#marks.set(mark.user, mark);
    for (const tally of counts) this.#tallies.set(tally.offset, tally);
    while (this.#tallies.size > maxItems) this.#tallies.delete(this.#tallies.keys().next().value ?? 0);
    for (const item of this.#items.values()) this.#count(item);
  }

  /** A line of the page; one with the same key is replaced. */
  notice(key: string, text: string, offset: number, details: { tone?: Notice["tone"]; missing?: Range } = {}): void {
    const { tone = "plain", missing } = details;
    this.removeNotice(key);
    const notice: Notice = { type: "notice", key, tone, text, missing, era: this.era, offset, order: this.#order++ };
    this.#notices.set(key, notice);
    this.rows.insert(notice);
    for (const oldest of this.#notices.keys()) {
      if (this.#notices.size <= maxNotices) return;
      this.removeNotice(oldest);
    }
  }

  removeNotice(key: string): void {
    const notice = this.#notices.get(key);
    if (notice === undefined) return;
    this.#notices.delete(key);
    this.rows.remove(notice);
  }

  /**
   * Forgets the oldest messages above the bound, and the oldest changes of messages that are not shown.
   * @param isHeld - somebody reads what is old: more of it is kept.
   */
  trim(isHeld = false): void {
    const isShown = (id: string) => this.#items.has(id);
    for (const changes of [this.#edits, this.#reactions, this.#redacted]) forget(changes, maxChanges, isShown);
    const excess = this.#items.size - (isHeld ? maxItemsHeld : maxItems);
    if (excess <= 0) return;
    const oldest: Item[] = [];
    for (const row of this.rows.values) {
      if (oldest.length === excess) break;
      if (row.type === "message" && row.era > 0) oldest.push(row);
    }
    for (const item of oldest) {
      this.remove(item.id);
      if (item.era === this.era) this.#first = Math.max(this.#first, item.offset + 1);
    }
  }

  #show(item: Item): void {
    this.#items.set(item.id, item);
    this.rows.insert(item);
  }

  #blank(id: string, sender: string, timeMs: number): Item {
    const [era, offset, delivered, read] = [0, 0, 0, 0];
    const base = { type: "message" as const, id, sender, own: false, era, offset, timeMs, text: "", deleted: false };
    return { ...base, state: "stored", problem: "", delivered, read, order: this.#order++ };
  }

  #place(item: Item, offset: number, timeMs: number): void {
    this.rows.remove(item);
    item.era = this.era;
    item.offset = offset;
    item.timeMs = timeMs;
    item.state = "stored";
    item.deleted = this.#redacted.has(item.id);
    this.rows.insert(item);
    this.#count(item);
  }

  /** Watermarks of this era; those of a log that is gone stay as they were. */
  #count(item: Item): void {
    if (!item.own || item.era !== this.era || item.offset === 0) return;
    const tally = this.#tallies.get(item.offset);
    let [delivered, read] = [0, 0];
    for (const mark of this.#marks.values()) {
      if (mark.user === item.sender) continue;
      if (mark.delivered >= item.offset) delivered++;
      if (mark.read >= item.offset) read++;
    }
    item.delivered = Math.max(delivered, tally?.delivered ?? 0);
    item.read = Math.max(read, tally?.read ?? 0);
  }

  #redact(target: string): void {
    this.#redacted.add(target);
    this.#edits.delete(target);
    for (const [message, edit] of this.#edits) if (edit.id === target) this.#edits.delete(message);
    for (const reactions of this.#reactions.values()) reactions.delete(target);
    const item = this.#items.get(target);
    if (item === undefined) return;
    item.deleted = true;
    item.text = "";
  }
}

/** Forgets the oldest above the bound, of those that are not kept. */
function forget(
  from: { readonly size: number; keys(): Iterable<string>; delete(key: string): boolean },
  most: number,
  isKept: (key: string) => boolean = () => false,
): void {
  if (from.size <= most) return;
  for (const key of from.keys()) {
    if (!isKept(key)) from.delete(key);
    if (from.size <= most) return;
  }
}

/** What is not in a log yet stands last. */
function compareRows(a: TimelineRow, b: TimelineRow): number {
  if (a.era !== b.era) return a.era === 0 ? 1 : b.era === 0 ? -1 : a.era - b.era;
  return a.offset - b.offset || a.order - b.order;
}
