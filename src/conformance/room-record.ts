/** A room's logs, put together from what clients were told. Law: one offset has one value in an epoch, one id one offset (LOG-1, LOG-2). */

import type { MessageRecord } from "./log-record.ts";
import type { Tell } from "./violation.ts";

/** What is known of an offset. */
interface Known {
  readonly id: string;
  readonly timeMs: number | undefined;
  readonly place: string;
}

export class RoomRecord {
  readonly #name: string;
  readonly #epochs: Map<number, Map<number, Known>> = new Map();
  readonly #byId: Map<string, { readonly epoch: number; readonly offset: number }[]> = new Map();
  readonly #wrong: Parameters<Tell>[] = [];
  readonly #twins: { id: string; epoch: number; first: number; second: number; place: string }[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  /** A client was shown the entry at this offset. */
  place(epoch: number, offset: number, { id, timeMs }: MessageRecord, place: string): void {
    const entries = this.#epoch(epoch);
    const known = entries.get(offset);
    if (known !== undefined && known.id !== id)
      this.#wrong.push(["order", `${epoch}/${offset} of ${this.#name} is ${known.id} (${known.place}) and ${id}`, place]);
    if (known !== undefined && (known.timeMs !== undefined || known.id !== id)) return;
    if (known === undefined) this.#index(epoch, offset, id, place);
    entries.set(offset, { id, timeMs, place });
  }

  /** A publisher was told that its message stands at this offset. */
  acknowledge(epoch: number, offset: number, id: string, place: string): void {
    const entries = this.#epoch(epoch);
    const known = entries.get(offset);
    if (known === undefined) {
      this.#index(epoch, offset, id, place);
      entries.set(offset, { id, timeMs: undefined, place });
    } else if (known.id !== id)
      this.#wrong.push(["ack", `${id} is told stored at ${epoch}/${offset} of ${this.#name}, where ${known.id} stands`, place]);
  }

  idAt(epoch: number, offset: number): string | undefined {
    return this.#epochs.get(epoch)?.get(offset)?.id;
  }

  placesOf(id: string): readonly { readonly epoch: number; readonly offset: number }[] {
    return this.#byId.get(id) ?? [];
  }

  /** @param isShared - whether several clients hold this id: a copy may be stored once more when the log has forgotten it (PUB-7). */
  finish(isShared: (id: string) => boolean, tell: Tell): void {
    for (const wrong of this.#wrong) tell(...wrong);
    for (const { id, place, ...at } of this.#twins)
      if (!isShared(id))
        tell("no-duplicate", `${id} stands at ${at.first} and ${at.second} of ${this.#name} in ${at.epoch}`, place);
    for (const [epoch, entries] of this.#epochs) {
      let before = 0;
      for (const [offset, { timeMs, place }] of [...entries].sort(([a], [b]) => a - b)) {
        if (timeMs === undefined) continue;
        if (timeMs < before) tell("order", `${epoch}/${offset} of ${this.#name} is of ${timeMs}, after one of ${before}`, place);
        before = Math.max(before, timeMs);
      }
    }
  }

  #epoch(epoch: number): Map<number, Known> {
    let entries = this.#epochs.get(epoch);
    if (entries === undefined) {
      entries = new Map();
      this.#epochs.set(epoch, entries);
    }
    return entries;
  }

  #index(epoch: number, offset: number, id: string, place: string): void {
    const places = this.#byId.get(id) ?? [];
    const twin = places.find((other) => other.epoch === epoch);
    if (twin !== undefined) this.#twins.push({ id, epoch, first: twin.offset, second: offset, place });
    places.push({ epoch, offset });
    this.#byId.set(id, places);
  }
}
