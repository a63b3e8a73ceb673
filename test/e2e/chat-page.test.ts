/** The chat page in a real Chromium, against its own server over real sockets: what people see, and what was on the wire. */

import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { Client, type WebSocketConstructor } from "../../src/client/index.ts";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";
import { ChatServer, freePort, startOwnServer } from "./chat-server.ts";
import { Tab } from "./tab.ts";

const patience = { timeout: 15_000, interval: 20 };

const title = chromiumMissing === undefined ? "the chat page" : `the chat page (${chromiumMissing})`;

describe.skipIf(chromiumMissing !== undefined)(title, () => {
  let browser: Browser;
  let server: ChatServer;
  let tabs: Tab[] = [];
  let rooms = 0;

  beforeAll(async () => {
    server = new ChatServer(await freePort());
    [browser] = await Promise.all([launchChromium(), server.start()]);
  });

  afterEach(async () => {
    const complaints = tabs.flatMap((tab) => tab.complaints);
    await Promise.all(tabs.map(({ page }) => page.context().close()));
    tabs = [];
    expect(complaints).toEqual([]);
  });

  afterAll(async () => {
    await Promise.all([browser?.close(), server?.stop("SIGKILL")]);
  });

  async function tab(hash: string, options: BrowserContextOptions = {}, port: number = server.port): Promise<Tab> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const made = new Tab(await context.newPage());
    tabs.push(made);
    await made.page.goto(`http://127.0.0.1:${port}/${hash}`);
    return made;
  }

  /** A tab of this user, in this room. */
  async function enter(
    name: string,
    room: string,
    options: BrowserContextOptions = {},
    port: number = server.port,
  ): Promise<Tab> {
    const made = await tab(`#name=${name}&room=${room}`, options, port);
    await expect.poll(() => made.notices(), patience).toContain(`You joined #${room}.`);
    return made;
  }

  async function connect(name: string): Promise<Client> {
    const url = `ws://127.0.0.1:${server.port}/`;
    const client = new Client({ url, token: name, webSocket: WebSocket as unknown as WebSocketConstructor });
    client.start();
    return client;
  }

  const newRoom = () => `room-${++rooms}`;

  it("asks for a name, and keeps it for the tab alone", async () => {
    const ada = await tab("");
    await ada.page.click("button:has-text('Enter')");
    expect(await ada.page.textContent("#name-problem")).toContain("1 to 32 characters");
    await ada.page.fill("#name", "Ada");
    await ada.page.click("button:has-text('Enter')");
    await expect.poll(() => ada.notices(), patience).toContain("You joined #lobby.");
    await ada.page.reload();
    await expect.poll(() => ada.notices(), patience).toContain("You joined #lobby.");
    expect(await ada.page.textContent("#me .person-name")).toBe("Ada");
    await ada.page.click("text=Sign out");
    await ada.page.waitForSelector("#sign-in-form");
    expect(await ada.page.inputValue("#name")).toBe("");
  });

  it("carries messages between two tabs: stored, delivered, read, by the receipts on the wire", async () => {
    const room = newRoom();
    const ada = await enter("Ada", room);
    await ada.write("alone");
    await expect.poll(() => ada.state("alone"), patience).toBe("stored");

    const bob = await enter("Bob", room);
    await expect.poll(() => bob.texts(), patience).toEqual(["alone"]);
    await expect.poll(() => ada.state("alone"), patience).toBe("read");

    // Bob looks elsewhere: the message reaches the tab, not the eye.
    await bob.page.fill("#join-room", newRoom());
    await bob.page.press("#join-room", "Enter");
    await ada.write("unseen");
    await expect.poll(() => ada.state("unseen"), patience).toBe("delivered");
    expect(await bob.page.textContent(`[data-room=${room}] .badge`)).toBe("1 unread");
    await expect.poll(() => ada.frames("receipt", "in").then((all) => all.join()), patience).toContain("bob delivered 2, read 1");

    await bob.page.click(`[data-room=${room}]`);
    await expect.poll(() => ada.state("unseen"), patience).toBe("read");
    expect((await ada.frames("receipt", "in")).join()).toContain("bob delivered 2, read 2");
    expect((await bob.frames("receipt", "out")).join()).toContain("delivered 2, read 2");
    await bob.write("seen");
    await expect.poll(() => ada.texts(), patience).toEqual(["alone", "unseen", "seen"]);
  });

  it("shows a frame as ProtoJSON, and never what authenticates", async () => {
    const ada = await enter("Ada", newRoom());
    await ada.page.selectOption("#frames-filter", "hello");
    await ada.page.click("#frame-list button.frame");
    const json = (await ada.page.textContent(".frame-json")) ?? "";
    expect(JSON.parse(json)).toMatchObject({ hello: { token: "(not shown)", agent: "chappe-chat-page" } });
  });

  it("shows who is typing, and stops by itself", async () => {
    const room = newRoom();
    const [ada, bob] = await Promise.all([enter("Ada", room), enter("Bob", room)]);
    await bob.page.type("#text", "Hm");
    await expect.poll(() => ada.typing(), patience).toBe("Bob is typing…");
    expect(await bob.typing()).toBe("");
    await expect.poll(() => ada.typing(), patience).toBe("");
  });

  it("shows who is there: online, away, gone", async () => {
    // Of one user a watcher hears at most once in this time; 5 s by default.
    const { port, stop } = await startOwnServer({ times: { presenceDebounce: 100 } });
    const [ada, bob] = await Promise.all([enter("Ada", "tower", {}, port), enter("Bob", "tower", {}, port)]);
    await expect.poll(() => ada.reach("bob"), patience).toBe("online");
    await bob.page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await expect.poll(() => ada.reach("bob"), patience).toBe("away");
    await bob.page.goto("about:blank");
    await expect.poll(() => ada.reach("bob"), patience).toBe("offline");
    await expect.poll(() => ada.page.textContent(".person[data-user=bob]"), patience).toContain("last seen");
    expect(await ada.page.getAttribute(".person[data-user=bob]", "data-here")).toBe("false");
    stop();
  });

  it("shows markup as the text that it is", async () => {
    const room = newRoom();
    const [ada, bob] = await Promise.all([enter("Ada", room), enter("Bob", room)]);
    const markup = `<img src=x onerror="document.title='taken'"><b>bold</b><script>document.title='taken'</script>`;
    await ada.write(markup);
    for (const tab of [ada, bob]) {
      await expect.poll(() => tab.texts(), patience).toEqual([markup]);
      expect(await tab.page.locator(".message-text *").count()).toBe(0);
      expect(await tab.page.title()).not.toContain("taken");
    }
  });

  it("changes, deletes and reacts", async () => {
    const room = newRoom();
    const [ada, bob] = await Promise.all([enter("Ada", room), enter("Bob", room)]);
    await ada.write("frist");
    await ada.write("wrong");
    await expect.poll(() => bob.texts(), patience).toEqual(["frist", "wrong"]);

    await ada.page.hover("text=frist");
    await ada.page.locator("li.message", { hasText: "frist" }).locator("[data-action=edit]").click();
    expect(await ada.page.inputValue("#text")).toBe("frist");
    await ada.write("first");
    await expect.poll(() => bob.texts(), patience).toEqual(["first", "wrong"]);

    await ada.page.hover("text=wrong");
    await ada.page.locator("li.message", { hasText: "wrong" }).locator("[data-action=delete]").click();
    await expect.poll(() => bob.texts(), patience).toEqual(["first", "This message was deleted."]);

    const reactions = (tab: Tab) => tab.page.locator(".reaction").allTextContents();
    await bob.act("first", "add");
    await expect.poll(() => reactions(ada), patience).toEqual(["\u2714\uFE0F1"]);
    await bob.page.locator(".reaction").click();
    await expect.poll(() => reactions(ada), patience).toEqual([]);

    // By the keyboard alone: the last message, the one before it, its first action.
    await bob.page.focus("li.message[tabindex='0']");
    for (const key of ["ArrowUp", "Tab", "Enter"]) await bob.page.keyboard.press(key);
    await expect.poll(() => reactions(ada), patience).toEqual(["\u2714\uFE0F1"]);

    // Who comes later sees the same.
    const cyd = await enter("Cyd", room);
    await expect.poll(() => cyd.texts(), patience).toEqual(["first", "This message was deleted."]);
  });

  it("loads what was before, as one scrolls up", async () => {
    const room = newRoom();
    const client = await connect("Dora");
    await client.room(room).join();
    const all = Array.from({ length: 120 }, (_, index) => `line ${index + 1}`);
    for (const text of all) client.room(room).publish(text);
    await client.flush();

    const ada = await enter("Ada", room);
    await expect.poll(() => ada.texts(), patience).toEqual(all.slice(-50));
    for (const count of [100, 120]) {
      await ada.page.locator("#scroll").evaluate((element) => element.scrollTo(0, 0));
      await expect.poll(() => ada.texts(), patience).toEqual(all.slice(-count));
    }
    expect(await ada.page.locator("#earlier").isVisible()).toBe(false);
    await client.close();
  });

  it("shows what was said in a room to who has left it and comes back", async () => {
    const [room, other] = [newRoom(), newRoom()];
    const [ada, bob] = await Promise.all([enter("Ada", room), enter("Bob", room)]);
    await ada.write("one");
    await expect.poll(() => bob.texts(), patience).toEqual(["one"]);
    await bob.page.fill("#join-room", other);
    await bob.page.press("#join-room", "Enter");
    await bob.page.click(`[data-room=${room}]`);
    await bob.page.click("#leave");
    await expect.poll(() => bob.page.textContent("#room-title"), patience).toBe(`#${other}`);
    await expect.poll(() => ada.page.getAttribute(".person[data-user=bob]", "data-here"), patience).toBe("false");
    await ada.write("two");
    await expect.poll(() => ada.state("two"), patience).toBe("stored");
    await bob.page.fill("#join-room", room);
    await bob.page.press("#join-room", "Enter");
    await expect.poll(() => bob.texts(), patience).toEqual(["one", "two"]);

    // Of no room there is nothing to see, and nothing to say.
    for (const left of [other, ""]) {
      await bob.page.click("#leave");
      await expect.poll(() => bob.page.textContent("#room-title"), patience).toBe(left === "" ? "No room" : `#${left}`);
    }
    expect(await bob.page.locator(".person").count()).toBe(0);
    expect(await bob.page.locator("#text").isDisabled()).toBe(true);
  });

  it("speaks with a client that is no browser", async () => {
    const room = newRoom();
    const [ada, bob] = await Promise.all([enter("Ada", room), enter("Bob", room)]);
    const client = await connect("Cyd");
    const heard: (string | undefined)[] = [];
    client.on("message", ({ content }) => heard.push(content?.text));
    await client.room(room).join();
    await expect.poll(() => ada.page.locator(".person[data-here=true]").count(), patience).toBe(3);
    await client.room(room).publish("from a terminal");
    for (const tab of [ada, bob]) await expect.poll(() => tab.texts(), patience).toEqual(["from a terminal"]);
    await ada.write("from a tab");
    await expect.poll(() => heard, patience).toEqual(["from a terminal", "from a tab"]);
    await expect.poll(() => ada.page.textContent("li.message.is-own .state-label"), patience).toBe("Read");
    client.room(room).markRead(2);
    await expect.poll(() => ada.page.textContent("li.message.is-own .state-label"), patience).toBe("Read by 2");
    await client.close();
  });

  it("keeps what is written while the relay is down, and tells that its log is gone", async () => {
    const room = newRoom();
    const [ada, bob] = await Promise.all([enter("Ada", room), enter("Bob", room)]);
    await ada.write("before, by Ada");
    await expect.poll(() => bob.texts(), patience).toEqual(["before, by Ada"]);
    await bob.write("before, by Bob");
    const before = ["before, by Ada", "before, by Bob"];
    await expect.poll(() => ada.texts(), patience).toEqual(before);

    await server.stop("SIGKILL");
    for (const tab of [ada, bob]) await tab.page.waitForSelector("#banner:visible >> text=No connection to the relay");
    await ada.write("kept, one");
    await ada.write("kept, two");
    const after = [...before, "kept, one", "kept, two"];
    await expect.poll(() => ada.texts(), patience).toEqual(after);
    expect(await ada.state("kept, one")).toBe("queued");
    expect(await ada.state("kept, two")).toBe("queued");
    expect(await ada.page.textContent("#banner")).toContain("2 messages wait to be sent.");
    expect(await bob.texts()).toEqual(before);

    await server.start();
    await Promise.all([ada.reconnect(), bob.reconnect()]);
    for (const tab of [ada, bob]) {
      await expect.poll(() => tab.notices(), { ...patience, timeout: 40_000 }).toContain("The relay has lost its log");
      await expect.poll(() => tab.texts(), patience).toEqual(after);
      await tab.page.waitForSelector("#banner", { state: "hidden" });
    }
    await expect.poll(() => ada.state("kept, one"), patience).toBe("read");
    await expect.poll(() => ada.state("kept, two"), patience).toBe("read");
    // Nothing more comes behind it: a message that is sent now is the next one.
    await bob.write("back again");
    for (const tab of [ada, bob]) await expect.poll(() => tab.texts(), patience).toEqual([...after, "back again"]);
  }, 60_000);

  it("tells what was missed while the connection was cut, and loads it", async () => {
    const own = await startOwnServer({ limits: { pageEntries: 20 } });
    const ada = await enter("Ada", "tower", {}, own.port);
    const say = (first: number, last: number) => {
      const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
      return Promise.all(numbers.map((number) => own.relay.publish("tower", { content: `sign ${number}` })));
    };
    const signs = (first: number, last: number) =>
      Array.from({ length: last - first + 1 }, (_, index) => `sign ${first + index}`);
    own.cut();
    await say(1, 3);
    await ada.reconnect();
    await expect.poll(() => ada.texts(), patience).toEqual(signs(1, 3));
    expect(await ada.notices()).toContain("The connection is back. 3 entries came in the meantime.");

    own.cut();
    await say(4, 33);
    await ada.reconnect();
    await expect.poll(() => ada.texts(), patience).toEqual([...signs(1, 3), ...signs(14, 33)]);
    expect(await ada.notices()).toContain("10 messages were missed.");
    await ada.page.locator("button", { hasText: "Load them" }).click();
    await expect.poll(() => ada.texts(), patience).toEqual(signs(1, 33));
    expect(await ada.notices()).not.toContain("were missed");
    own.stop();
  });

  it("shows a message that was refused, with the reason, and sends it again as a new one", async () => {
    let refusals = 1;
    const onPublish = () => (refusals-- > 0 ? { reject: "the line is closed on Sundays" } : undefined);
    const own = await startOwnServer({ onPublish });
    const ada = await enter("Ada", "tower", {}, own.port);
    await ada.write("Is anybody there?");
    await expect.poll(() => ada.state("Is anybody there?"), patience).toBe("failed");
    expect(await ada.page.textContent(".message-problem")).toContain("the line is closed on Sundays (REJECTED)");
    await ada.page.locator("button", { hasText: "Send as a new message" }).click();
    await expect.poll(() => ada.state("Is anybody there?"), patience).toBe("stored");
    expect(await ada.texts()).toEqual(["Is anybody there?"]);
    own.stop();
  });

  it("fits on a phone", async () => {
    const options = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
    const [empty, ada] = await Promise.all([tab("", options), enter("Ada", newRoom(), options)]);
    expect(await empty.hasHorizontalScroll()).toBe(false);
    await ada.write(`a long word: ${"Semaphor".repeat(40)}`);
    await expect.poll(() => ada.texts().then(({ length }) => length), patience).toBe(1);
    for (const part of ["Rooms", "Frames", "Chat"]) {
      await ada.page.locator(".tabs button", { hasText: part }).tap();
      expect(await ada.hasHorizontalScroll()).toBe(false);
    }
    expect(await ada.page.locator("#frames").isVisible()).toBe(false);
  });

  it("says goodbye on SIGTERM, and refuses a port that is in use", async () => {
    const ada = await enter("Ada", newRoom());
    const second = new ChatServer(server.port);
    await expect(second.start()).rejects.toThrow(
      `the server ended with 2: Port ${server.port} is in use: choose another with --port.`,
    );
    expect(await server.stop("SIGTERM")).toBe(0);
    await expect.poll(() => ada.frames("goodbye", "in").then(({ length }) => length), patience).toBe(1);
    await server.start();
  });

  it("keeps what is written while the browser is offline, and sends it once and in order", async () => {
    const own = await startOwnServer({});
    const [ada, bob] = [await enter("ada", "tunnel", {}, own.port), await enter("bob", "tunnel", {}, own.port)];
    const link = () => ada.page.evaluate(() => document.documentElement.dataset["link"]);
    await ada.write("before");
    await expect.poll(() => bob.texts(), patience).toEqual(["before"]);
    for (const round of [1, 2]) {
      const shown = await bob.texts();
      await ada.page.context().setOffline(true);
      // The browser's switch leaves a connection that is open as it is: a network that goes takes it away.
      own.cut();
      await expect.poll(() => ada.page.locator("#banner").textContent(), patience).toContain("This device is offline.");
      await expect.poll(() => bob.page.evaluate(() => document.documentElement.dataset["link"]), patience).toBe("ready");
      const [kept, meanwhile] = [`kept ${round}`, `meanwhile ${round}`];
      for (const part of ["a", "b", "c"]) await ada.write(`${kept}${part}`);
      await bob.write(meanwhile);
      await expect.poll(() => bob.texts(), patience).toEqual([...shown, meanwhile]);
      await expect.poll(() => bob.state(meanwhile), patience).toBe("stored");
      expect(await ada.state(`${kept}a`)).toBe("queued");
      await ada.page.context().setOffline(false);
      const all = [...shown, meanwhile, `${kept}a`, `${kept}b`, `${kept}c`];
      await expect.poll(() => bob.texts(), patience).toEqual(all);
      await expect.poll(link, patience).toBe("ready");
      await expect.poll(async () => new Set(await ada.texts()), patience).toEqual(new Set(all));
      expect(await ada.texts()).toHaveLength(all.length);
    }
    own.stop();
  });
});
