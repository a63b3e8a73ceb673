/** What is said rather than shown: new messages to screen readers, troubles to everybody, for a while. */

import { byId, h } from "../dom.ts";

const maxLines = 5;
const troubleMs = 8000;

/** Lets a screen reader say it when it has finished what it says now. */
export function announce(text: string): void {
  const announcer = byId("announcer", HTMLElement);
  announcer.append(h("p", {}, text));
  while (announcer.childElementCount > maxLines) announcer.firstElementChild?.remove();
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
