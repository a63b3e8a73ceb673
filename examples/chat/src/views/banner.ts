/** The state of the connection, where it is not as it should be, and the button that helps. */

import type { Chat } from "../chat.ts";
import { byId, h, setText } from "../dom.ts";

export function bannerView(chat: Chat, signOut: () => void): () => void {
  const banner = byId("banner", HTMLElement);
  // The seconds are for the eye: a screen reader would say each of them.
  const [text, countdown] = [h("p", {}), h("span", { class: "countdown", "aria-hidden": "true" })];
  const reconnect = h("button", { type: "button", class: "quiet", onclick: () => chat.start() }, "Reconnect now");
  const choose = h("button", { type: "button", class: "quiet", onclick: signOut }, "Choose another name");
  banner.append(text, countdown, reconnect, choose);

  const tick = () => {
    const retryAtMs = chat.report?.retryAtMs;
    const seconds = retryAtMs === undefined ? 0 : Math.max(0, Math.ceil((retryAtMs - Date.now()) / 1000));
    setText(countdown, retryAtMs === undefined ? "" : `Reconnecting in ${seconds} s`);
  };
  setInterval(tick, 250);

  return () => {
    const { report } = chat;
    banner.hidden = report === undefined;
    document.documentElement.dataset["link"] = chat.isReady ? "ready" : report?.retryAtMs === undefined ? "trying" : "waiting";
    const link = byId("link", HTMLElement);
    link.dataset["ready"] = String(chat.isReady);
    setText(link, chat.stateName);
    if (report === undefined) return;
    banner.dataset["tone"] = report.tone;
    setText(text, report.text);
    reconnect.hidden = report.action !== "reconnect";
    choose.hidden = report.action !== "signOut";
    tick();
  };
}
