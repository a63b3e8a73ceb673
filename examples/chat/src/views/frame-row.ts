/** One frame of the pane, as an element: a line, and all of it where that was chosen. */

import { h } from "../dom.ts";
import { preciseTimeOf } from "../format.ts";
import { jsonOf, type LoggedFrame } from "../frame-log.ts";
import type { Row } from "./keyed-list.ts";

/** What a frame is for, as colours tell it. */
const families: Readonly<Record<string, string>> = {
  ...{ chat: "log", publish: "log", ack: "log", batch: "log", gap: "log", history: "log", page: "log" },
  ...{ receipt: "social", typing: "social", presence: "social", members: "social", signal: "social" },
  ...{ watch: "social", unwatch: "social", ping: "life", pong: "life", credit: "life" },
  ...{ error: "error", goodbye: "error" },
};

export function frameRow(logged: LoggedFrame, isOpen: boolean, toggle: (number: number) => void): Row {
  const { number, direction, body, bytes, atMs, summary, frame } = logged;
  return {
    key: String(number),
    facts: [isOpen],
    build: () => {
      const onclick = () => toggle(number);
      const button = h(
        "button",
        { type: "button", class: "frame", "data-action": "open", "aria-expanded": String(isOpen), onclick },
        h("span", { class: "frame-way" }, direction === "out" ? "↑" : "↓", h("span", { class: "sr-only" }, direction)),
        h("span", { class: "frame-body" }, body),
        h("span", { class: "frame-bytes" }, `${bytes} B`),
        h("time", { class: "frame-time" }, preciseTimeOf(atMs)),
        h("span", { class: "frame-summary", dir: "auto" }, summary),
      );
      const json = isOpen ? h("pre", { class: "frame-json", tabindex: "0" }, jsonOf(frame)) : undefined;
      return h(
        "li",
        { "data-id": number, "data-body": body, "data-way": direction, "data-family": families[body] ?? "session" },
        button,
        json,
      );
    },
  };
}
