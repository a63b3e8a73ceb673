/** Where messages are written, and changed. */

import type { Chat } from "../chat.ts";
import { byId, icon } from "../dom.ts";
import type { RoomView } from "../room-view.ts";
import type { Item } from "../timeline.ts";

const maxHeightPx = 160;

export interface ComposerView {
  render(room: RoomView | undefined): void;
  edit(item: Item): void;
}

export function composerView(chat: Chat, onSent: () => void): ComposerView {
  const form = byId("composer", HTMLFormElement);
  const field = byId("text", HTMLTextAreaElement);
  const editing = byId("editing", HTMLElement);
  let active: RoomView | undefined;
  let changes: string | undefined;
  const drafts: Map<string, string> = new Map();
  const sendButton = byId("send", HTMLButtonElement);
  sendButton.append(icon("send"));

  const grow = () => {
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, maxHeightPx)}px`;
  };
  const put = (text: string) => {
    field.value = text;
    grow();
  };
  const stopEditing = () => {
    changes = undefined;
    editing.hidden = true;
  };

  field.addEventListener("input", () => {
    grow();
    if (active !== undefined && changes === undefined) chat.typing(active.name, field.value === "");
  });
  field.addEventListener("keydown", (event) => {
    // A composition, as of Japanese, uses Enter for itself.
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      form.requestSubmit();
    } else if (event.key === "Escape" && changes !== undefined) {
      stopEditing();
      put("");
    }
  });
  byId("editing-stop", HTMLButtonElement).onclick = () => {
    stopEditing();
    put("");
    field.focus();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (active === undefined || text === "") return;
    const isTaken = changes === undefined ? chat.send(active.name, text) : chat.edit(active.name, changes, text);
    if (!isTaken) return;
    stopEditing();
    put("");
    onSent();
    field.focus();
  };

  return {
    render(room) {
      if (room !== active) {
        if (active !== undefined && changes === undefined) drafts.set(active.name, field.value);
        stopEditing();
        active = room;
        put(drafts.get(room?.name ?? "") ?? "");
      }
      const isClosed = room === undefined || room.state === "refused";
      field.disabled = isClosed;
      sendButton.disabled = isClosed;
      const closed = room === undefined ? "Join a room to write" : "This room is not open";
      field.placeholder = isClosed ? closed : `Write to #${room.name}`;
    },
    edit(item) {
      if (active === undefined) return;
      changes = item.id;
      editing.hidden = false;
      put(active.timeline.shownText(item));
      field.focus();
    },
  };
}
