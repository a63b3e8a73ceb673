/** The rows of a room as they are in the page: days, messages that stand together, lines of the page itself. */

import type { Chat } from "../chat.ts";
import { dayOf } from "../format.ts";
import type { RoomView } from "../room-view.ts";
import type { Item, TimelineRow } from "../timeline.ts";
import type { Row } from "./keyed-list.ts";
import { dayRow, messageRow, noticeRow } from "./message-row.ts";

/** Messages of one sender within this time stand together. */
const groupMs = 5 * 60_000;

export function messageRows(chat: Chat, room: RoomView, edit: (item: Item) => void): Row[] {
  const { rows: shown, before } = room.window.shown;
  const nowMs = Date.now();
  const rows: Row[] = [];
  const days = new Set<string>();
  let previous = before;
  for (const [index, row] of shown.entries()) {
    if (row.type === "notice") rows.push(noticeRow(chat, room, row));
    else {
      const day = dayOf(row.timeMs, nowMs);
      if (!days.has(day)) rows.push(dayRow(day));
      days.add(day);
      const near = { isGrouped: belongs(previous, row, nowMs), isFollowed: belongs(row, shown[index + 1], nowMs) };
      rows.push(messageRow(chat, room, row, near, edit));
    }
    previous = row;
  }
  return rows;
}

/** Whether the second message stands together with the first. */
function belongs(a: TimelineRow | undefined, b: TimelineRow | undefined, nowMs: number): boolean {
  if (a?.type !== "message" || b?.type !== "message" || a.sender !== b.sender) return false;
  return Math.abs(b.timeMs - a.timeMs) < groupMs && dayOf(a.timeMs, nowMs) === dayOf(b.timeMs, nowMs);
}
