/**
 * A room's log, page by page, from the latest entry back (HIS-5).
 *
 * Law: pages adjoin, in one epoch. Where the room gets another log in between, the next page rejects with EPOCH_CHANGED: what was read is of
 * the old one.
 */

import { ProtocolError } from "../errors.ts";
import type { HistoryPage } from "../session/client-events.ts";
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
 * @throws as {@link Room.history}, from the loop; ProtocolError EPOCH_CHANGED.
 */
export async function* historyPages(room: Pick<Room, "history">, options: PagesOptions = {}): AsyncGenerator<HistoryPage, void> {
  let { before } = options;
  for (let epoch: number | undefined; ; ) {
    const page = await room.history({ ...options, ...(before !== undefined && { before }) });
    epoch ??= page.epoch;
    if (page.epoch !== epoch) throw new ProtocolError("EPOCH_CHANGED", "the room has another log now", { origin: "remote" });
    const [first] = page.messages;
    if (first === undefined) return;
    yield page;
    before = first.offset;
    if (before <= page.firstRetained) return;
  }
}
