/**
 * The messages of the active room.
 *
 * Law: who is at the end stays at the end, and has read what is there; who is not is not moved. However many messages a room has, the page
 * has a part of them, which moves on as one scrolls.
 */

import type { Chat } from "../chat.ts";
import { byId, h, icon, setText } from "../dom.ts";
import { listOf, plural } from "../format.ts";
import type { RoomView } from "../room-view.ts";
import type { Item } from "../timeline.ts";
import { chosenMessage } from "./chosen-message.ts";
import { KeyedList } from "./keyed-list.ts";
import { messageRows } from "./message-rows.ts";
import { holdPlace, type Place, placeOf } from "./place.ts";

/** So near to the end counts as at the end. */
const endPx = 48;
/** So near to either side of what is in the page, the page moves on. */
const nearPx = 400;

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
  const keepFocus = chosenMessage(container);
  let active: RoomView | undefined;
  /** Where each room was scrolled to, when another one was opened. */
  const places: Map<string, Place> = new Map();
  const label = h("span", {});
  toEnd.append(icon("down"), label);

  const isNearEnd = (px: number) => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < px;
  /** Whether the place where the page is scrolled to means that one follows. */
  const noteEnd = () => {
    if (active === undefined) return;
    const isAtEnd = isNearEnd(endPx) && !active.window.shown.hasAfter;
    if (isAtEnd) active.window.follow();
    else active.window.hold();
  };
  const noteRead = () => {
    // A panel that is not shown has no height.
    const isSeen = document.visibilityState === "visible" && scroll.clientHeight > 0;
    if (active?.window.isFollowing === true && isSeen) chat.markRead(active.name);
  };
  const tellEnd = () => {
    toEnd.hidden = active === undefined || active.window.isFollowing;
    const unread = active?.unread ?? 0;
    setText(label, unread > 0 ? plural(unread, "new message") : "To the end");
  };
  const jump = () => {
    if (active === undefined) return;
    const isThere = active.window.isFollowing;
    active.window.follow();
    scroll.scrollTop = scroll.scrollHeight;
    if (!isThere) chat.onChange();
  };

  scroll.addEventListener("scroll", () => {
    if (active === undefined) return;
    noteEnd();
    tellEnd();
    noteRead();
    if (active.window.isFollowing) return;
    if (scroll.scrollTop < nearPx && !earlier.hidden) void chat.showEarlier(active.name);
    else if (isNearEnd(nearPx) && active.window.shown.hasAfter) chat.showLater(active.name);
  });
  // The space becomes smaller when a keyboard or a banner comes.
  new ResizeObserver(() => {
    if (active?.window.isFollowing === true) scroll.scrollTop = scroll.scrollHeight;
    noteRead();
  }).observe(scroll);
  document.addEventListener("visibilitychange", noteRead);
  toEnd.onclick = jump;
  earlier.onclick = () => {
    if (active !== undefined) void chat.showEarlier(active.name);
  };

  return {
    render(room) {
      const isOther = room !== active;
      if (isOther && active !== undefined && !active.window.isFollowing) places.set(active.name, placeOf(scroll));
      const place = isOther ? places.get(room?.name ?? "") : room?.window.isFollowing === false ? placeOf(scroll) : undefined;
      if (isOther) places.delete(room?.name ?? "");
      active = room;
      keepFocus(() => list.render(room === undefined ? [] : messageRows(chat, room, edit)));
      const hasBefore = room !== undefined && (room.window.shown.before !== undefined || room.timeline.earlier !== undefined);
      earlier.hidden = !hasBefore;
      earlier.disabled = room?.isLoading === true;
      setText(earlier, room?.isLoading === true ? "Loading…" : "Show earlier messages");
      tellEmpty(empty, room, chat.isReady);
      setText(typing, room === undefined ? "" : typingText(chat, room.typing));
      if (place !== undefined && room?.window.isFollowing === false) {
        holdPlace(scroll, place);
        noteEnd();
      } else scroll.scrollTop = scroll.scrollHeight;
      tellEnd();
      noteRead();
    },
    toEnd: jump,
  };
}

function tellEmpty(empty: HTMLElement, room: RoomView | undefined, isReady: boolean): void {
  empty.hidden = room?.timeline.isEmpty === false;
  if (empty.hidden) return;
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
