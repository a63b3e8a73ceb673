/** What is said rather than shown: new messages to screen readers, troubles to everybody, for a while. */

import { Announcements } from "../announcements.ts";
import { byId, h } from "../dom.ts";

const maxLines = 5;
/** What comes within this time is said together. */
const gatherMs = 1000;
const troubleMs = 8000;

/** Lets a screen reader say it when it has finished what it says now. @returns what takes a message of somebody else. */
export function announcer(activeRoom: () => string): (room: string, sender: string, text: string) => void {
  const box = byId("announcer", HTMLElement);
  const announcements = new Announcements();
  let isGathering = false;
  const say = () => {
    isGathering = false;
    box.append(...announcements.take(activeRoom()).map((line) => h("p", {}, line)));
    while (box.childElementCount > maxLines) box.firstElementChild?.remove();
  };
  return (room, sender, text) => {
    announcements.add(room, sender, text);
    if (isGathering) return;
    isGathering = true;
    setTimeout(say, gatherMs);
  };
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows that something has gone wrong, for some seconds. */
export function tellTrouble(text: string): void {
  const box = byId("trouble", HTMLElement);
  box.textContent = text;
  box.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => {
    box.hidden = true;
  }, troubleMs);
}
