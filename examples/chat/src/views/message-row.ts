/** One message, or one line of the page itself, as an element. */

import type { Chat } from "../chat.ts";
import { h, type IconName, icon } from "../dom.ts";
import { emblem } from "../emblem.ts";
import { beginningOf, bytesOf, momentOf, timeOf } from "../format.ts";
import type { RoomView } from "../room-view.ts";
import type { Item, Notice, Reaction } from "../timeline.ts";
import type { Row } from "./keyed-list.ts";

/** What can be said without words. */
const reactionTexts: readonly { text: string; label: string }[] = [
  { text: "\u2714\uFE0F", label: "a tick" },
  { text: "\u2764\uFE0F", label: "a heart" },
  { text: "\u{1F602}", label: "laughter" },
  { text: "\u{1F62E}", label: "surprise" },
];

/** How far an own message has come, and how that is shown. */
interface Progress {
  readonly name: "queued" | "sent" | "stored" | "delivered" | "read" | "failed" | "maybe" | "voiding";
  readonly label: string;
  readonly icon: IconName;
}

function progressOf({ state, delivered, read }: Item): Progress {
  if (state === "stored") {
    if (read > 0) return { name: "read", label: read > 1 ? `Read by ${read}` : "Read", icon: "read" };
    if (delivered > 0) {
      return { name: "delivered", label: delivered > 1 ? `Delivered to ${delivered}` : "Delivered", icon: "delivered" };
    }
    return { name: "stored", label: "Stored", icon: "stored" };
  }
  if (state === "failed" || state === "cancelled") return { name: "failed", label: "Not sent", icon: "failed" };
  if (state === "maybe") return { name: "maybe", label: "Not certain", icon: "failed" };
  if (state === "voiding") return { name: "voiding", label: "Being taken back", icon: "queued" };
  return state === "sent" ? { name: "sent", label: "Sent", icon: "sent" } : { name: "queued", label: "Queued", icon: "queued" };
}

/** Where a message stands among its neighbours. */
export interface Neighbours {
  /** The one before is of the same sender, and recent. */
  readonly isGrouped: boolean;
  /** So is the one after. */
  readonly isFollowed: boolean;
}

export function messageRow(chat: Chat, room: RoomView, item: Item, near: Neighbours, edit: (item: Item) => void): Row {
  const { timeline } = room;
  const text = timeline.shownText(item);
  const name = chat.people.nameOf(item.sender);
  const progress = progressOf(item);
  const reactions = timeline.reactions(item);
  const isCurrent = timeline.isCurrent(item);
  const isEdited = timeline.isEdited(item);
  const isUnfolded = room.unfolded.has(item.id);
  const { deleted, state, problem, delivered, read, offset, timeMs } = item;
  const said = reactions.map(({ id, sender }) => `${id} ${chat.people.nameOf(sender)}`).join();
  return {
    key: item.id,
    facts: [
      ...[text, name, said, near.isGrouped, near.isFollowed, isCurrent, isEdited, isUnfolded],
      ...[deleted, state, problem, delivered, read, offset, timeMs],
    ],
    build: () => {
      const beginning = beginningOf(text);
      const meta = h(
        "span",
        { class: "message-meta" },
        isEdited && !item.deleted ? h("span", {}, "changed") : undefined,
        h("time", { datetime: new Date(item.timeMs).toISOString(), title: momentOf(item.timeMs) }, timeOf(item.timeMs)),
        item.own ? h("span", { class: "state", title: stateTitle(item) }, icon(progress.icon), stateLabel(progress)) : undefined,
      );
      const bubble = h(
        "div",
        { class: "bubble" },
        item.deleted
          ? h("p", { class: "message-text is-deleted" }, "This message was deleted.")
          : h("p", { class: "message-text", dir: "auto" }, isUnfolded ? text : (beginning ?? text)),
        beginning === undefined || item.deleted ? undefined : unfoldButton(chat, room, item, text, isUnfolded),
        meta,
      );
      const element = h(
        "li",
        {
          ...{ onpointerenter: () => reveal(), onfocusin: () => reveal() },
          class: ["message", item.own && "is-own", near.isGrouped && "is-grouped", near.isFollowed && "is-followed"]
            .filter(Boolean)
            .join(" "),
          tabindex: -1,
          "data-id": item.id,
          "data-state": item.own ? progress.name : undefined,
        },
        item.own || near.isGrouped ? undefined : emblem(item.sender),
        near.isGrouped
          ? h("span", { class: "sr-only" }, `${item.own ? "You" : name}:`)
          : h("span", { class: item.own ? "sr-only" : "message-sender", dir: "auto" }, item.own ? "You:" : name),
        bubble,
        item.deleted ? undefined : reactionList(chat, room, item, reactions, isCurrent),
        problemBox(chat, room, item),
      );
      // Few of many messages are ever pointed at.
      const reveal = () => {
        if (element.querySelector(":scope > .actions") === null) element.append(...actionList(chat, room, item, edit));
      };
      return element;
    },
  };
}

function unfoldButton(chat: Chat, room: RoomView, item: Item, text: string, isUnfolded: boolean): HTMLElement {
  const label = isUnfolded ? "Show less" : `Show all ${bytesOf(new TextEncoder().encode(text).length)}`;
  const onclick = () => chat.unfold(room.name, item.id);
  return h("button", { type: "button", class: "quiet unfold", "data-action": "unfold", onclick }, label);
}

function stateLabel({ label }: Progress): HTMLElement {
  return h("span", { class: "state-label" }, label);
}

function stateTitle({ offset, delivered, read }: Item): string {
  return offset === 0 ? "Not in the log yet" : `Offset ${offset} of the log; delivered to ${delivered}, read by ${read}`;
}

function reactionList(
  chat: Chat,
  room: RoomView,
  item: Item,
  reactions: Reaction[],
  isCurrent: boolean,
): HTMLElement | undefined {
  if (reactions.length === 0) return undefined;
  const byText = new Map<string, Set<string>>();
  for (const { text, sender } of reactions) byText.set(text, (byText.get(text) ?? new Set()).add(sender));
  const chips = [...byText].map(([text, senders]) => {
    const names = [...senders].map((sender) => (chat.isOwn(sender) ? "you" : chat.people.nameOf(sender))).join(", ");
    return h(
      "button",
      {
        ...{ type: "button", class: "reaction", title: names, "data-action": `react:${text}` },
        "aria-pressed": String([...senders].some((sender) => chat.isOwn(sender))),
        "aria-label": `${text} ${senders.size}, by ${names}`,
        disabled: !isCurrent,
        onclick: () => chat.react(room.name, item.id, text),
      },
      text,
      h("span", { class: "reaction-count" }, String(senders.size)),
    );
  });
  return h("div", { class: "reactions" }, ...chips);
}

function actionList(chat: Chat, room: RoomView, item: Item, edit: (item: Item) => void): HTMLElement[] {
  const button = (action: string, label: string, text: string, onclick: () => void) =>
    h("button", { type: "button", "data-action": action, "aria-label": label, title: label, onclick }, text);
  const buttons: HTMLElement[] = [];
  if (room.timeline.isCurrent(item)) {
    for (const { text, label } of reactionTexts) {
      buttons.push(button(`add:${text}`, `React with ${label}`, text, () => chat.react(room.name, item.id, text)));
    }
    if (item.own) {
      buttons.push(button("edit", "Change this message", "Change", () => edit(item)));
      buttons.push(button("delete", "Delete this message", "Delete", () => chat.redact(room.name, item.id)));
    }
  } else if (item.offset === 0 && (item.state === "queued" || item.state === "sent")) {
    buttons.push(button("cancel", "Take this message back", "Take back", () => chat.cancel(room.name, item.id)));
  }
  if (buttons.length === 0) return [];
  return [h("div", { class: "actions", role: "group", "aria-label": "Actions on this message" }, ...buttons)];
}

function problemBox(chat: Chat, room: RoomView, item: Item): HTMLElement | undefined {
  const button = (action: string, text: string, onclick: () => void) =>
    h("button", { type: "button", class: "quiet", "data-action": action, onclick }, text);
  if (item.state === "failed" || item.state === "maybe") {
    const text =
      item.state === "failed"
        ? `The relay has refused it: ${item.problem || "no reason is known"}.`
        : "Nobody can say whether it was stored. If you send it again it may be there twice.";
    return h(
      "div",
      { class: "message-problem" },
      h("p", {}, text),
      button("again", "Send as a new message", () => chat.sendAgain(room.name, item.id)),
      button("discard", "Discard", () => chat.discard(room.name, item.id)),
    );
  }
  if (item.offset > 0 || item.problem === "") return undefined;
  return h("div", { class: "message-problem is-mild" }, h("p", {}, `It waits: ${item.problem}.`));
}

export function noticeRow(chat: Chat, room: RoomView, notice: Notice): Row {
  const { key, text, tone, missing } = notice;
  const canLoad = missing !== undefined && notice.era === room.timeline.era;
  return {
    key: `notice:${key}`,
    facts: [text, canLoad, room.isLoading],
    build: () =>
      h(
        "li",
        { class: "notice", "data-tone": tone },
        h("span", {}, text),
        canLoad
          ? h(
              "button",
              {
                ...{ type: "button", class: "quiet", "data-action": "load", disabled: room.isLoading },
                onclick: () => void chat.loadMissing(room.name, key, missing),
              },
              "Load them",
            )
          : undefined,
      ),
  };
}

export function dayRow(text: string): Row {
  return { key: `day:${text}`, facts: [text], build: () => h("li", { class: "day" }, h("span", {}, text)) };
}
