/**
 * The pane with the frames as they pass.
 *
 * Law: it is drawn once for each frame of the screen, where it is seen at all; and it stands still while somebody reads it: when it is
 * paused, scrolled up, or shows all of a frame.
 */

import type { ObservedFrame } from "chappe/client";
import { byId, h, setText } from "../dom.ts";
import { eachFrame } from "../each-frame.ts";
import { bytesOf, plural } from "../format.ts";
import { FrameLog, type LoggedFrame, maxFrames } from "../frame-log.ts";
import { frameRow } from "./frame-row.ts";
import { KeyedList } from "./keyed-list.ts";
import { holdPlace, placeOf } from "./place.ts";

const endPx = 32;
/** Frames that are listed while they pass; who stops to read has all that are kept. */
const passingFrames = 60;

/** @returns what takes the frames. */
export function framesView(): (frame: ObservedFrame) => void {
  const log = new FrameLog();
  const element = byId("frame-list", HTMLElement);
  const list = new KeyedList(element);
  const note = byId("frames-note", HTMLElement);
  const totals = byId("frames-totals", HTMLElement);
  const filter = byId("frames-filter", HTMLSelectElement);
  const pause = byId("frames-pause", HTMLButtonElement);
  /** Numbers of the frames that are shown in full. */
  const open: Set<number> = new Set();
  /** The one of them that was chosen just now. */
  let chosen: number | undefined;
  let isSeen = false;
  let isPaused = false;
  let isAtEnd = true;
  /** The frames, and how many had passed, when it began to stand still; undefined: it does not. */
  let held: { readonly frames: readonly LoggedFrame[]; readonly count: number } | undefined;

  const toEnd = () => {
    if (held === undefined) element.scrollTop = element.scrollHeight;
  };
  const follow = () => {
    isPaused = false;
    isAtEnd = true;
    open.clear();
  };
  const render = () => {
    const isHeld = isPaused || !isAtEnd || open.size > 0;
    if (!isHeld) held = undefined;
    else held ??= { frames: [...log.frames], count: log.count };
    if (!isSeen) return;
    offerBodies();
    // What is read stays, also when the log has forgotten it.
    const wanted = (held?.frames ?? log.frames).filter(({ body }) => filter.value === "" || body === filter.value);
    const shown = held === undefined ? wanted.slice(-passingFrames) : wanted;
    const place = isHeld ? placeOf(element) : undefined;
    list.render(shown.map((frame) => frameRow(frame, open.has(frame.number), toggle)));
    if (place !== undefined) holdPlace(element, place);
    if (chosen !== undefined) element.querySelector(`[data-id="${chosen}"]`)?.scrollIntoView({ block: "nearest" });
    chosen = undefined;
    toEnd();
    tell();
  };
  const ask = eachFrame(render);
  const toggle = (number: number) => {
    if (!open.delete(number)) {
      open.add(number);
      chosen = number;
    }
    ask();
  };
  const tell = () => {
    const said = (arrow: string, { frames, bytes }: { frames: number; bytes: number }) =>
      `${arrow} ${frames} · ${bytesOf(bytes)}`;
    setText(totals, `${said("↑", log.totals.out)}   ${said("↓", log.totals.in)}`);
    pause.setAttribute("aria-pressed", String(held !== undefined));
    setText(pause, held === undefined ? "Pause" : "Go on");
    if (held !== undefined) setText(note, `Paused. ${plural(log.count - held.count, "frame")} since then.`);
    else if (element.childElementCount === 0) setText(note, "No frame of this kind has passed yet.");
    else setText(note, `The last ${maxFrames} frames. Choose one to see all of it.`);
  };
  const offerBodies = () => {
    if (filter.options.length === log.bodies.size + 1) return;
    const { value } = filter;
    const names = [...log.bodies].sort();
    filter.replaceChildren(h("option", { value: "" }, "All bodies"), ...names.map((name) => h("option", { value: name }, name)));
    filter.value = value;
  };

  totals.title = "Frames and bytes since the page was opened: sent, and received";
  element.addEventListener("scroll", () => {
    const wasAtEnd = isAtEnd;
    isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < endPx;
    if (isAtEnd !== wasAtEnd) ask();
  });
  new ResizeObserver(() => {
    isSeen = element.clientHeight > 0;
    toEnd();
    ask();
  }).observe(element);
  filter.onchange = () => {
    if (!isPaused) follow();
    ask();
  };
  pause.onclick = () => {
    if (held === undefined) isPaused = true;
    else follow();
    ask();
  };
  byId("frames-clear", HTMLButtonElement).onclick = () => {
    log.clear();
    follow();
    ask();
  };

  return (frame) => {
    log.add(frame);
    ask();
  };
}
