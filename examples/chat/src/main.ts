/** The chat page: asks who it is, then keeps one client and one page in step. */

import { Chat } from "./chat.ts";
import { byId, setText } from "./dom.ts";
import { eachFrame } from "./each-frame.ts";
import { plural } from "./format.ts";
import { followPresence, type OwnPresence } from "./own-presence.ts";
import { reachOf } from "./people.ts";
import type { RoomView } from "./room-view.ts";
import { fromHash, load, type Settings, save } from "./settings.ts";
import { announcer, tellTrouble } from "./views/announce.ts";
import { bannerView } from "./views/banner.ts";
import { composerView } from "./views/composer.ts";
import { framesView } from "./views/frames.ts";
import { messagesView } from "./views/messages.ts";
import { badgeText, sideView } from "./views/side.ts";
import { signIn } from "./views/sign-in.ts";

const defaultRoom = "lobby";

/** What a link proposes goes before what the tab remembers; without a name the page asks. */
async function whoIsIt(): Promise<Settings> {
  const [link, kept] = [fromHash(location.hash), load()];
  const name = link.name ?? kept?.name;
  if (name !== undefined) {
    const active = link.room ?? (kept?.name === name ? kept.active : defaultRoom);
    const rooms = kept?.name === name ? kept.rooms : [];
    return { name, active, rooms: [...new Set([...rooms, active || defaultRoom])] };
  }
  const answer = await signIn({ name: "", room: link.room ?? defaultRoom, problem: "" });
  return { name: answer.name, active: answer.room, rooms: [answer.room] };
}

function run({ name, rooms, active: first }: Settings): void {
  const app = byId("app", HTMLElement);
  app.hidden = false;
  const url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/`;
  const chat = new Chat(url, name, framesView());
  let activeName = first;
  let own: OwnPresence = { state: "online", activity: "viewing" };

  let isOver = false;

  const signOut = () => {
    isOver = true;
    save(undefined);
    chat.close();
    // Without the name of a link, which would sign in again.
    history.replaceState(null, "", location.pathname);
    location.reload();
  };
  const open = (room: string) => {
    activeName = room;
    chat.join(room);
    app.dataset["tab"] = "chat";
    ask();
  };
  const composer = composerView(chat, () => messages.toEnd());
  const messages = messagesView(chat, (item) => composer.edit(item));
  const renderBanner = bannerView(chat, signOut);
  const renderSide = sideView(chat, { open, signOut, ownReach: () => reachOf(own) });
  const renderShell = shell(chat, app, () => {
    chat.leave(activeName);
    activeName = chat.rooms.keys().next().value ?? "";
    ask();
  });

  const ask = eachFrame(() => {
    if (isOver) return;
    const active = chat.rooms.get(activeName);
    save({ name, rooms: [...chat.rooms.keys()], active: activeName });
    // First, for what it shows is read, and not counted by the others.
    messages.render(active);
    renderBanner();
    renderSide(active);
    composer.render(active);
    renderShell(active);
  });

  chat.onChange = ask;
  chat.onTrouble = tellTrouble;
  chat.onMessage = announcer(() => activeName);
  for (const room of rooms) chat.join(room);
  followPresence((presence) => {
    own = presence;
    chat.setPresence(presence.state, presence.activity);
    ask();
  });
  chat.start();

  addEventListener("hashchange", () => {
    const link = fromHash(location.hash);
    if (link.room !== undefined && (link.name === undefined || link.name === name)) open(link.room);
  });
  addEventListener("beforeunload", (event) => {
    if (chat.waiting > 0) event.preventDefault();
  });
  // A goodbye, so that nobody waits for this tab to come back.
  addEventListener("pagehide", () => chat.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted) chat.start();
  });
  // "3 min ago" becomes 4.
  setInterval(ask, 30_000);
}

/** The head of the room, the parts that are shown, and the title of the tab. */
function shell(chat: Chat, app: HTMLElement, leave: () => void): (active: RoomView | undefined) => void {
  const [title, facts] = [byId("room-title", HTMLElement), byId("room-facts", HTMLElement)];
  const toggle = byId("frames-toggle", HTMLButtonElement);
  const leaveButton = byId("leave", HTMLButtonElement);
  const unreadBadge = byId("tab-unread", HTMLElement);
  const tabs = [...app.querySelectorAll<HTMLButtonElement>("[data-shows]")];
  const follow = () => {
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.dataset["shows"] === app.dataset["tab"]));
    toggle.setAttribute("aria-expanded", String(app.dataset["frames"] === "open"));
  };
  // There is room for the pane beside the chat, or there is not.
  app.dataset["frames"] = matchMedia("(min-width: 1100px)").matches ? "open" : "closed";
  toggle.onclick = () => {
    app.dataset["frames"] = app.dataset["frames"] === "open" ? "closed" : "open";
    follow();
  };
  leaveButton.onclick = leave;
  for (const tab of tabs) {
    tab.onclick = () => {
      app.dataset["tab"] = tab.dataset["shows"] ?? "chat";
      follow();
    };
  }

  return (active) => {
    follow();
    setText(title, active === undefined ? "No room" : `#${active.name}`);
    const { count } = chat.people.roster(active?.name ?? "");
    setText(facts, active?.state === "open" && count > 0 ? plural(count, "person", "people") : "");
    leaveButton.hidden = active === undefined;
    const others = [...chat.rooms.values()].reduce((sum, room) => sum + room.unread, 0);
    unreadBadge.hidden = others === 0;
    setText(unreadBadge, badgeText(others));
    document.title = `${others > 0 ? `(${badgeText(others)}) ` : ""}${active === undefined ? "Chappe" : `#${active.name} · Chappe`}`;
  };
}

run(await whoIsIt());
