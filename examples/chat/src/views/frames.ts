/** The pane with the frames as they pass. */

import type { ObservedFrame } from "chappe/client";
import { byId, h, setText } from "../dom.ts";
import { bytesOf, plural, preciseTimeOf } from "../format.ts";
import { FrameLog, jsonOf, type LoggedFrame, maxFrames } from "../frame-log.ts";

/** What a frame is for, as colours tell it. */
const families: Readonly<Record<string, string>> = {
  ...{ chat: "log", publish: "log", ack: "log", batch: "log", gap: "log", history: "log", page: "log" },
  ...{ receipt: "social", typing: "social", presence: "social", members: "social", signal: "social" },
  ...{ watch: "social", unwatch: "social", ping: "life", pong: "life", credit: "life" },
  ...{ error: "error", goodbye: "error" },
};

const endPx = 32;

/** @returns what takes the frames. */
export function framesView(): (frame: ObservedFrame) => void {
  const log = new FrameLog();
  const list = byId("frame-list", HTMLElement);
  const note = byId("frames-note", HTMLElement);
  const totals = byId("frames-totals", HTMLElement);
  const filter = byId("frames-filter", HTMLSelectElement);
  const pause = byId("frames-pause", HTMLButtonElement);
  let isPaused = false;
  let unseen = 0;
  let waiting: LoggedFrame[] = [];
  let isAtEnd = true;

  const toEnd = () => {
    // Who reads a frame is not moved away from it.
    if (isAtEnd && list.querySelector("pre") === null) list.scrollTop = list.scrollHeight;
  };
  list.addEventListener("scroll", () => {
    isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < endPx;
  });
  new ResizeObserver(toEnd).observe(list);
  const isWanted = ({ body }: LoggedFrame) => filter.value === "" || body === filter.value;
  const show = (frames: readonly LoggedFrame[]) => {
    list.append(...frames.filter(isWanted).map(row));
    while (list.childElementCount > maxFrames) list.firstElementChild?.remove();
    toEnd();
  };
  const again = () => {
    list.replaceChildren();
    waiting = [];
    unseen = 0;
    isAtEnd = true;
    show(log.frames);
    tell();
  };
  const tell = () => {
    const said = (arrow: string, { frames, bytes }: { frames: number; bytes: number }) =>
      `${arrow} ${frames} · ${bytesOf(bytes)}`;
    setText(totals, `${said("↑", log.totals.out)}   ${said("↓", log.totals.in)}`);
    totals.title = "Frames and bytes since the page was opened: sent, and received";
    if (isPaused) setText(note, `Paused. ${plural(unseen, "frame")} since then.`);
    else if (list.childElementCount === 0) setText(note, "No frame of this kind has passed yet.");
    else setText(note, `The last ${maxFrames} frames. Choose one to see all of it.`);
  };
  const offerBodies = () => {
    const names = [...log.bodies.keys()].sort();
    if (filter.options.length === names.length + 1) return;
    const chosen = filter.value;
    filter.replaceChildren(h("option", { value: "" }, "All bodies"), ...names.map((name) => h("option", { value: name }, name)));
    filter.value = chosen;
  };
  const flush = () => {
    offerBodies();
    show(waiting);
    waiting = [];
    tell();
  };

  offerBodies();
  filter.onchange = again;
  pause.onclick = () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    setText(pause, isPaused ? "Go on" : "Pause");
    if (isPaused) tell();
    else again();
  };
  byId("frames-clear", HTMLButtonElement).onclick = () => {
    log.clear();
    again();
  };
  tell();

  return (frame) => {
    const logged = log.add(frame);
    if (isPaused) {
      unseen++;
      tell();
      return;
    }
    // A burst is laid out once.
    if (waiting.push(logged) === 1) queueMicrotask(flush);
  };
}

function row(logged: LoggedFrame): HTMLElement {
  const { direction, body, bytes, atMs, summary, frame } = logged;
  const button = h(
    "button",
    { type: "button", class: "frame", "aria-expanded": "false" },
    h("span", { class: "frame-way" }, direction === "out" ? "↑" : "↓", h("span", { class: "sr-only" }, direction)),
    h("span", { class: "frame-body" }, body),
    h("span", { class: "frame-bytes" }, `${bytes} B`),
    h("time", { class: "frame-time" }, preciseTimeOf(atMs)),
    h("span", { class: "frame-summary", dir: "auto" }, summary),
  );
  const item = h("li", { "data-body": body, "data-way": direction, "data-family": families[body] ?? "session" }, button);
  button.onclick = () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) item.querySelector("pre")?.remove();
    else item.append(h("pre", { class: "frame-json", tabindex: "0" }, jsonOf(frame)));
    item.scrollIntoView({ block: "nearest" });
  };
  return item;
}
