/**
 * The messages of the active room.
 *
 * Law: who is at the end stays at the end, and has read what is there; who is not is not moved.
 */

import type { Chat, RoomView } from "../chat.ts";
import { byId, h, icon, setText } from "../dom.ts";
import { dayOf, listOf, plural } from "../format.ts";
import type { Item } from "../timeline.ts";
import { KeyedList, type Row } from "./keyed-list.ts";
import { dayRow, messageRow, noticeRow } from "./message-row.ts";

/** Messages of one sender within this time stand together. */
const groupMs = 5 * 60_000;
/** So near to the end counts as at the end. */
const endPx = 48;
/** So near to the beginning, the page loads what is before. */
const beginPx = 80;

export interface MessagesView {
  render(room: RoomView | undefined): void;
  toEnd(): void;
}

export function messagesView(chat: Chat, edit: (item: Item) => void): MessagesView {
  const scroll = byId("scroll", HTMLElement);
  const container = byId("messages", HTMLElement);
  const earlier = byId("earlier", HTMLButtonElement);
  const empty = byId("empty", HTMLElement);
  const toEnd = byId("to-end", HTMLButtonElement);
  const typing = byId("typing", HTMLElement);
  const list = new KeyedList(container);
  let active: RoomView | undefined;
  let isAtEnd = true;
  /** Where each room was scrolled to, when another one was opened. */
  const places: Map<string, number> = new Map();
  const label = h("span", {});
  toEnd.append(icon("down"), label);

  const distance = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight;
  const jump = () => {
    scroll.scrollTop = scroll.scrollHeight;
    isAtEnd = true;
  };
  const noteRead = () => {
    // A panel that is not shown has no height.
    const isSeen = document.visibilityState === "visible" && scroll.clientHeight > 0;
    if (active !== undefined && isAtEnd && isSeen) chat.markRead(active.name);
  };
  const noteEnd = () => {
    toEnd.hidden = isAtEnd;
    const unread = active?.unread ?? 0;
    setText(label, unread > 0 ? plural(unread, "new message") : "To the end");
  };

  scroll.addEventListener("scroll", () => {
    isAtEnd = distance() < endPx;
    noteEnd();
    noteRead();
    if (active !== undefined && scroll.scrollTop < beginPx && !isAtEnd) void chat.loadEarlier(active.name);
  });
  // The space becomes smaller when a keyboard or a banner comes.
  new ResizeObserver(() => {
    if (isAtEnd) jump();
    noteRead();
  }).observe(scroll);
  document.addEventListener("visibilitychange", noteRead);
  toEnd.onclick = jump;
  earlier.onclick = () => {
    if (active !== undefined) void chat.loadEarlier(active.name);
  };
  // One message is in the tab order, the last one at first; the arrows go to its neighbours.
  let chosen: string | undefined;
  container.addEventListener("focusin", (event) => {
    const message = event.target instanceof Element ? event.target.closest<HTMLElement>(".message") : null;
    chosen = message?.dataset["id"];
    chooseOne();
  });
  container.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step === undefined || !(event.target instanceof HTMLElement) || !event.target.matches(".message")) return;
    event.preventDefault();
    const messages = [...container.querySelectorAll<HTMLElement>(".message")];
    messages[messages.indexOf(event.target) + step]?.focus();
  });
  const chooseOne = () => {
    const messages = [...container.querySelectorAll<HTMLElement>(".message")];
    const one = messages.find(({ dataset }) => dataset["id"] === chosen) ?? messages.at(-1);
    for (const message of messages) message.tabIndex = message === one ? 0 : -1;
  };

  return {
    render(room) {
      const isOther = room !== active;
      if (isOther && active !== undefined && !isAtEnd) places.set(active.name, scroll.scrollTop);
      active = room;
      const anchor = isAtEnd ? undefined : firstSeen(scroll, container);
      const [id, before] = [anchor?.dataset["id"], anchor?.getBoundingClientRect().top ?? 0];
      list.render(room === undefined ? [] : rowsOf(chat, room, edit));
      chooseOne();
      earlier.hidden = room?.timeline.earlier === undefined;
      earlier.disabled = room?.isLoading === true;
      setText(earlier, room?.isLoading === true ? "Loading…" : "Load earlier messages");
      tellEmpty(empty, room, chat.isReady);
      setText(typing, room === undefined ? "" : typingText(chat, room.typing));
      if (isOther) {
        const place = places.get(room?.name ?? "");
        places.delete(room?.name ?? "");
        if (place === undefined) jump();
        else scroll.scrollTop = place;
        isAtEnd = distance() < endPx;
      } else if (isAtEnd) {
        jump();
      } else if (id !== undefined) {
        // Whatever was added above it: what is seen stays where it is. The element may be another one now.
        const after = container.querySelector(`[data-id="${id}"]`)?.getBoundingClientRect().top ?? before;
        scroll.scrollTop += after - before;
      }
      noteEnd();
      noteRead();
    },
    toEnd: jump,
  };
}

/** The first message that is at least partly in sight. */
function firstSeen(scroll: HTMLElement, container: HTMLElement): HTMLElement | undefined {
  const { top } = scroll.getBoundingClientRect();
  return [...container.querySelectorAll<HTMLElement>(".message")].find((element) => element.getBoundingClientRect().bottom > top);
}

function rowsOf(chat: Chat, room: RoomView, edit: (item: Item) => void): Row[] {
  const shown = room.timeline.rows();
  const rows: Row[] = [];
  let day = "";
  const belongs = (a: (typeof shown)[number] | undefined, b: (typeof shown)[number] | undefined) =>
    a?.type === "message" &&
    b?.type === "message" &&
    a.sender === b.sender &&
    b.timeMs - a.timeMs < groupMs &&
    dayOf(a.timeMs, Date.now()) === dayOf(b.timeMs, Date.now());
  for (const [index, row] of shown.entries()) {
    if (row.type === "notice") {
      rows.push(noticeRow(chat, room, row));
      continue;
    }
    const ownDay = dayOf(row.timeMs, Date.now());
    if (ownDay !== day && !rows.some(({ key }) => key === `day:${ownDay}`)) rows.push(dayRow(ownDay));
    day = ownDay;
    const near = { isGrouped: belongs(shown[index - 1], row), isFollowed: belongs(row, shown[index + 1]) };
    rows.push(messageRow(chat, room, row, near, edit));
  }
  return rows;
}

function tellEmpty(empty: HTMLElement, room: RoomView | undefined, isReady: boolean): void {
  const hasMessages = room?.timeline.rows().some(({ type }) => type === "message") === true;
  empty.hidden = hasMessages;
  if (room === undefined) setText(empty, "You are in no room. Join one by its name.");
  else if (room.state === "refused") setText(empty, `#${room.name} is not open to you. ${room.problem}`);
  else if (room.state === "joining")
    setText(empty, isReady ? `Joining #${room.name}…` : `#${room.name} opens as soon as the relay answers.`);
  else setText(empty, `Nothing has been said in #${room.name} yet. Write the first message, or open this page in a second tab.`);
}

function typingText(chat: Chat, users: readonly string[]): string {
  if (users.length === 0) return "";
  const names = users.map((user) => chat.people.nameOf(user));
  return `${listOf(names)} ${users.length === 1 ? "is" : "are"} typing…`;
}
