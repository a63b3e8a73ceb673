/** Rooms with their unread counts, people with their presence, and the own name. */

import type { UserPresence } from "chappe/client";
import type { Chat } from "../chat.ts";
import { byId, h, icon, setText } from "../dom.ts";
import { emblem } from "../emblem.ts";
import { agoOf } from "../format.ts";
import { type Reach, reachOf } from "../people.ts";
import type { RoomView } from "../room-view.ts";
import { cleanRoom } from "../settings.ts";
import { KeyedList, type Row } from "./keyed-list.ts";

/** What the side asks the page to do. */
export interface SideActions {
  readonly open: (room: string) => void;
  readonly signOut: () => void;
  readonly ownReach: () => Reach;
}

const reachNames: Readonly<Record<Reach, string>> = {
  online: "online",
  idle: "idle",
  away: "away",
  busy: "busy",
  offline: "offline",
  unknown: "not known",
};

/** Most that a badge counts to. */
const maxBadge = 99;

export function badgeText(count: number): string {
  return count > maxBadge ? `${maxBadge}+` : String(count);
}

export function sideView(chat: Chat, actions: SideActions): (active: RoomView | undefined) => void {
  const rooms = new KeyedList(byId("rooms", HTMLElement));
  const people = new KeyedList(byId("people", HTMLElement));
  const title = byId("people-title", HTMLElement);
  const me = byId("me", HTMLElement);
  const [join, input] = [byId("join", HTMLFormElement), byId("join-room", HTMLInputElement)];
  const meReach = h("span", { class: "person-text" });
  join.querySelector("button")?.append(icon("plus"));
  join.onsubmit = (event) => {
    event.preventDefault();
    const name = cleanRoom(input.value);
    input.setAttribute("aria-invalid", String(name === undefined));
    if (name === undefined) return;
    input.value = "";
    actions.open(name);
  };
  me.append(
    emblem(chat.name.toLowerCase()),
    h("span", { class: "person-name" }, chat.name),
    meReach,
    h("button", { class: "quiet", type: "button", onclick: actions.signOut }, "Sign out"),
  );

  return (active) => {
    rooms.render([...chat.rooms.values()].map((room) => roomRow(room, room === active, actions)));
    setText(meReach, chat.isReady ? reachNames[actions.ownReach()] : "offline");
    const { here, gone, count, isFull } = chat.people.roster(active?.name ?? "");
    setText(title, count === 0 ? "People" : `People here: ${count}`);
    const rows = here.map((user) => personRow(chat, user, true, actions));
    if (!isFull) rows.push(noteRow("note", "In rooms this large only the number of people is told."));
    if (gone.length > 0) rows.push(noteRow("gone", "Was here"), ...gone.map((user) => personRow(chat, user, false, actions)));
    people.render(rows);
  };
}

function roomRow(room: RoomView, isActive: boolean, actions: SideActions): Row {
  const { name, unread, state } = room;
  const note = state === "joining" ? "joining" : state === "refused" ? "not open" : "";
  return {
    key: name,
    facts: [unread, note, isActive],
    build: () =>
      h(
        "li",
        {},
        h(
          "button",
          {
            ...{ type: "button", class: "room", "data-action": "open", "data-room": name },
            "aria-current": isActive ? "true" : undefined,
            onclick: () => actions.open(name),
          },
          h("span", { class: "room-hash", "aria-hidden": "true" }, "#"),
          h("span", { class: "room-name" }, name),
          note === "" ? undefined : h("span", { class: "room-note" }, note),
          unread === 0 ? undefined : h("span", { class: "badge" }, badgeText(unread), h("span", { class: "sr-only" }, " unread")),
        ),
      ),
  };
}

function personRow(chat: Chat, user: string, isHere: boolean, actions: SideActions): Row {
  const isSelf = chat.isOwn(user);
  const presence = chat.people.presenceOf(user);
  // Without a connection nothing is known of anybody.
  const reach = !chat.isReady ? "unknown" : isSelf ? actions.ownReach() : reachOf(presence);
  const text = chat.isReady || !isHere ? presenceText(reach, presence, isHere) : reachNames.unknown;
  const name = chat.people.nameOf(user);
  return {
    key: user,
    facts: [name, reach, text, isHere],
    build: () =>
      h(
        "li",
        { class: "person", "data-user": user, "data-reach": reach, "data-here": String(isHere) },
        h("span", { class: "person-sign" }, emblem(user), h("span", { class: "dot", "aria-hidden": "true" })),
        h("span", { class: "person-name", dir: "auto" }, name, isSelf ? h("span", { class: "person-you" }, " (you)") : undefined),
        h("span", { class: "person-text" }, text),
      ),
  };
}

function presenceText(reach: Reach, presence: UserPresence | undefined, isHere: boolean): string {
  const isAbsent = reach === "offline" || reach === "unknown";
  // Who has told no presence, as a program may, is in the room all the same.
  if (isAbsent && isHere) return "in the room";
  if (isAbsent) return (presence?.lastSeenMs ?? 0) > 0 ? `last seen ${agoOf(presence?.lastSeenMs ?? 0, Date.now())}` : "gone";
  if (presence?.statusText) return presence.statusText;
  return (presence?.devices ?? 0) > 1 ? `${reachNames[reach]} on ${presence?.devices} devices` : reachNames[reach];
}

function noteRow(key: string, text: string): Row {
  return { key: `note:${key}`, facts: [text], build: () => h("li", { class: "people-note" }, text) };
}
