/** Who has come how far in a room that is too large to tell of each member (RCP-5). */

import type { Init, ReceiptCount } from "../wire/codec.ts";
import type { Watermarks } from "./broker.ts";

/** Latest entries whose counts are told. */
const countedEntries = 256;

interface Counted {
  readonly offset: number;
  readonly sender: string;
  /** As they were told last. */
  delivered: number;
  read: number;
}

export class ReceiptCounts {
  /** Ascending. */
  #entries: Counted[] = [];
  /** Offsets between which watermarks have moved since the counts were told: above `#from`, up to `#to`. */
  #from = Number.POSITIVE_INFINITY;
  #to = 0;

  /** A new entry of the log. */
  add(offset: number, sender: string): void {
    if (sender !== "") this.#entries.push({ offset, sender, delivered: 0, read: 0 });
    if (this.#entries.length >= 2 * countedEntries) this.#entries = this.#entries.slice(-countedEntries);
  }

  /** Watermarks have moved. */
  moved(before: Watermarks, after: Watermarks): void {
    this.#from = Math.min(this.#from, before.delivered, before.read);
    this.#to = Math.max(this.#to, after.delivered, after.read);
  }

  clear(): void {
    this.#entries = [];
    this.#from = Number.POSITIVE_INFINITY;
    this.#to = 0;
  }

  /** The counts that have changed since the last call, by sender, the latest first. One pass over the members. */
  take(members: Iterable<string>, marks: ReadonlyMap<string, Watermarks>): Map<string, Init<ReceiptCount>[]> {
    const moved = this.#entries.slice(-countedEntries).filter(({ offset }) => offset > this.#from && offset <= this.#to);
    this.#from = Number.POSITIVE_INFINITY;
    this.#to = 0;
    const counts = moved.map((entry) => ({ entry, delivered: 0, read: 0 }));
    if (counts.length > 0) {
      for (const member of members) {
        const mark = marks.get(member);
        if (mark === undefined) continue;
        for (const count of counts) {
          const { offset, sender } = count.entry;
          if (mark.delivered < offset) break;
          if (sender === member) continue;
          count.delivered++;
          if (mark.read >= offset) count.read++;
        }
      }
    }
    const bySender = new Map<string, Init<ReceiptCount>[]>();
    for (const { entry, delivered, read } of counts.reverse()) {
      if (entry.delivered === delivered && entry.read === read) continue;
      Object.assign(entry, { delivered, read });
      const told = { offset: BigInt(entry.offset), delivered, read };
      const list = bySender.get(entry.sender);
      if (list === undefined) bySender.set(entry.sender, [told]);
      else list.push(told);
    }
    return bySender;
  }
}
