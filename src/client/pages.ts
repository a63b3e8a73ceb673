/**
 * A room's log, page by page, from the latest entry back (HIS-5).
 *
 * Law: pages adjoin, in one epoch. Where the room gets another log in between, the next page rejects with EPOCH_CHANGED: what was read is of
 * the old one.
 */

import { ProtocolError } from "../errors.ts";
import type { HistoryPage } from "../session/client-events.ts";
import { check, doing, isObject, must } from "../session/option-rules.ts";
import type { HistoryOptions, Room } from "./room.ts";
import type { WaitOptions } from "./waiting.ts";

/** Where to begin, and how many entries a page has at most. */
export type PagesOptions = Pick<HistoryOptions, "before" | "limit"> & WaitOptions;

/**
 * Reads backwards, a page for each turn of the loop, up to the first entry that is retained. Within a page the messages ascend.
 *
 * A function beside `Room`, so that who does not page does not carry it.
 * @example
 * ```ts
 * for await (const { messages } of historyPages(room, { limit: 50 })) if (!prepend(messages)) break;
 * ```
 * @throws UsageError OPTION_INVALID for what is no room, or no object, at once; as {@link Room.history}, from the loop; ProtocolError EPOCH_CHANGED.
 */
export function historyPages(room: Pick<Room, "history">, options: PagesOptions = {}): AsyncIterableIterator<HistoryPage> {
  check(doing("history"), "room", room);
  // What is in them is looked at with each page.
  check(must("an object", isObject), "options", options);
  return new Pages(room, options);
}

/** Written out, where an async generator would do: Hermes has none. */
class Pages implements AsyncIterableIterator<HistoryPage> {
  readonly #room: Pick<Room, "history">;
  readonly #options: PagesOptions;
  #before: number | undefined;
  #epoch: number | undefined;
  #state: "open" | "over" = "open";
  /** The page before: each is asked for when that has come. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(room: Pick<Room, "history">, options: PagesOptions) {
    this.#room = room;
    this.#options = options;
    this.#before = options.before;
  }

  next(): Promise<IteratorResult<HistoryPage, undefined>> {
    return this.#inTurn(async () => {
      const value = this.#state === "over" ? undefined : await this.#read();
      return value === undefined ? { value, done: true } : { value, done: false };
    });
  }

  return(): Promise<IteratorResult<HistoryPage, undefined>> {
    return this.#inTurn(async () => {
      this.#state = "over";
      return { value: undefined, done: true };
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act);
    // What a turn rejects with is its caller's to see; the next one finds that it is over.
    this.#last = turn.then(
      () => undefined,
      () => {
        this.#state = "over";
      },
    );
    return turn;
  }

  /** @returns undefined where there is none. */
  async #read(): Promise<HistoryPage | undefined> {
    const before = this.#before;
    const page = await this.#room.history({ ...this.#options, ...(before !== undefined && { before }) });
    this.#epoch ??= page.epoch;
    if (page.epoch !== this.#epoch)
      throw new ProtocolError("EPOCH_CHANGED", "the room has another log now", { origin: "remote" });
    const [first] = page.messages;
    if (first === undefined || first.offset <= page.firstRetained) this.#state = "over";
    this.#before = first?.offset;
    return first === undefined ? undefined : page;
  }
}
