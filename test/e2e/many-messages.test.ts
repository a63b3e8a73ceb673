/** The chat page where much comes at once: what it draws is counted, not how long it takes. */

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { maxFrames } from "../../examples/chat/src/frame-log.ts";
import { followedRows, maxRows } from "../../examples/chat/src/row-window.ts";
import { Client, type WebSocketConstructor } from "../../src/client/index.ts";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";
import { type OwnServer, startOwnServer } from "./chat-server.ts";
import { Tab } from "./tab.ts";

const patience = { timeout: 15_000, interval: 20 };
const many = 1000;
/** Elements of the whole page, whatever has come. */
const maxElements = 6000;

/** What the script below adds to the page. */
interface Probe {
  /** Frames are drawn only when the test says so. */
  isHeld: boolean;
  /** How often the list of messages has changed: once for each time that it was drawn. */
  changes: number;
  /** What a screen reader was told, also what has gone from the page since. */
  said: string[];
  draw(): void;
}
declare const probe: Probe;

/** Runs in the page before its own code. */
function watch(): void {
  const natural = requestAnimationFrame.bind(window);
  let held: FrameRequestCallback[] = [];
  const own: Probe = {
    isHeld: false,
    changes: 0,
    said: [],
    draw: () => {
      const all = held;
      held = [];
      for (const callback of all) callback(performance.now());
    },
  };
  window.requestAnimationFrame = (callback) => (own.isHeld ? held.push(callback) : natural(callback));
  const observer = new MutationObserver(() => own.changes++);
  const listener = new MutationObserver((records) => {
    for (const { addedNodes } of records) for (const node of addedNodes) own.said.push(node.textContent ?? "");
  });
  addEventListener("DOMContentLoaded", () => {
    observer.observe(document.getElementById("messages") ?? document, { childList: true });
    listener.observe(document.getElementById("announcer") ?? document, { childList: true });
  });
  Object.assign(window, { probe: own });
}

const title = chromiumMissing === undefined ? "many messages" : `many messages (${chromiumMissing})`;

describe.skipIf(chromiumMissing !== undefined)(title, () => {
  let browser: Browser;
  let server: OwnServer;
  let page: Page;
  let ada: Tab;
  let bob: Client;

  beforeAll(async () => {
    [browser, server] = await Promise.all([launchChromium(), startOwnServer({})]);
  });

  afterEach(async () => {
    const { complaints } = ada;
    await Promise.all([page.context().close(), bob.close()]);
    expect(complaints).toEqual([]);
  });

  afterAll(async () => {
    server?.stop();
    await browser?.close();
  });

  /** Ada in a tab, and Bob, who is a program. */
  async function meet(room: string): Promise<void> {
    page = await browser.newContext({ viewport: { width: 1280, height: 800 } }).then((context) => context.newPage());
    ada = new Tab(page);
    await page.addInitScript(watch);
    await page.goto(`http://127.0.0.1:${server.port}/#name=Ada&room=${room}`);
    await expect.poll(() => ada.notices(), patience).toContain(`You joined #${room}.`);
    bob = new Client({
      url: `ws://127.0.0.1:${server.port}/`,
      token: "Bob",
      webSocket: WebSocket as unknown as WebSocketConstructor,
    });
    bob.start();
    await bob.room(room).join();
    await expect.poll(() => ada.reach("bob"), patience).not.toBe(null);
  }

  /** Bob's messages; they have come when the tab's client says so. */
  async function flood(room: string, first: number, last: number): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      bob.on("receipt", ({ marks }) => {
        if (marks.some(({ user, delivered }) => user === "ada" && delivered >= last)) resolve();
      });
    });
    for (let number = first; number <= last; number++) bob.room(room).publish(`message ${number}`);
    await bob.flush();
    await reached;
  }

  const elements = () => page.evaluate(() => document.querySelectorAll("*").length);
  const texts = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, index) => `message ${first + index}`);
  const numbers = async () => (await ada.texts()).map((text) => Number(text.replace("message ", "")));
  const last = (all: readonly number[]) => all.at(-1);

  it("draws 1,000 that come within one frame once, the last of them, and says how many they are", async () => {
    await meet("at-once");
    await page.evaluate(() => {
      probe.isHeld = true;
      probe.changes = 0;
    });
    await flood("at-once", 1, many);
    expect(await page.evaluate(() => probe.changes)).toBe(0);
    // However long they take to come: each is counted once, or, where few came together, read out.
    const told = async () => {
      const said = await page.evaluate(() => probe.said);
      return said.reduce((sum, line) => sum + Number(/^(\d+) new messages?$/.exec(line)?.[1] ?? /^Bob: /.test(line)), 0);
    };
    await expect.poll(told, patience).toBe(many);

    const draw = async () => {
      await page.evaluate(() => probe.draw());
      return ada.texts();
    };
    await expect.poll(draw, patience).toEqual(texts(many + 1 - followedRows, many));
    expect(await page.evaluate(() => probe.changes)).toBe(1);
    expect(await elements()).toBeLessThan(maxElements);
  });

  it("reads them from the end to the beginning and back, with a part of them in the page at a time", async () => {
    await meet("to-and-fro");
    await flood("to-and-fro", 1, many);
    await expect.poll(numbers, patience).toHaveLength(followedRows);
    const seen = new Set<number>();
    const look = async () => {
      const all = await numbers();
      expect(all).toEqual(all.map((_, index) => (all[0] ?? 0) + index));
      expect(all.length).toBeLessThanOrEqual(maxRows);
      expect(await elements()).toBeLessThan(maxElements);
      for (const number of all) seen.add(number);
      return all;
    };
    const scrollTo = (end: "top" | "bottom") =>
      page.locator("#scroll").evaluate((element, to) => element.scrollTo(0, to === "top" ? 0 : element.scrollHeight), end);

    for (let all = await look(); all[0] !== 1; all = await look()) {
      const before = all[0] ?? 0;
      await scrollTo("top");
      await expect.poll(async () => (await numbers())[0], patience).toBeLessThan(before);
    }
    expect(seen.size).toBe(many);
    // The line that Ada has joined stands before all of them.
    await scrollTo("top");
    await expect.poll(() => page.locator("#earlier").isVisible(), patience).toBe(false);
    expect(await ada.notices()).toContain("You joined #to-and-fro.");

    // Who reads what is old is not moved by what is new.
    const first = await page.locator("li.message").first().boundingBox();
    await flood("to-and-fro", many + 1, many + 20);
    await expect.poll(() => page.textContent("#to-end"), patience).toBe("20 new messages");
    expect(await page.locator("li.message").first().boundingBox()).toEqual(first);

    for (let all = await look(); last(all) !== many + 20; all = await look()) {
      const before = last(all) ?? 0;
      await scrollTo("bottom");
      await expect.poll(async () => last(await numbers()), patience).toBeGreaterThan(before);
    }
    expect(seen.size).toBe(many + 20);
    await scrollTo("bottom");
    await expect.poll(() => page.locator("#to-end").isVisible(), patience).toBe(false);

    await scrollTo("top");
    await page.click("#to-end");
    await expect.poll(numbers, patience).toHaveLength(followedRows);
    expect(last(await numbers())).toBe(many + 20);
  });

  it("lists the last frames, and stands still while somebody reads them", async () => {
    await meet("frames");
    await flood("frames", 1, many);
    const lines = () => page.locator("#frame-list li");
    const listed = () => lines().evaluateAll((all) => all.map((line) => Number((line as HTMLElement).dataset["id"])));
    await page.selectOption("#frames-filter", "chat");
    await expect.poll(() => lines().last().textContent(), patience).toContain(`offset ${many} `);
    expect((await listed()).length).toBeLessThan(maxFrames);

    await lines().last().locator("button").click();
    expect(JSON.parse((await page.textContent(".frame-json")) ?? "")).toMatchObject({ chat: { offset: String(many) } });
    const read = await listed();
    await flood("frames", many + 1, many + 500);
    await expect.poll(() => page.textContent("#frames-note"), patience).toContain("Paused.");
    await expect.poll(() => ada.texts().then((texts) => texts.at(-1)), patience).toBe(`message ${many + 500}`);
    expect(await listed()).toEqual(read);
    await page.click("#frames-pause");
    await expect.poll(() => lines().last().textContent(), patience).toContain(`offset ${many + 500} `);
    expect(await page.locator(".frame-json").count()).toBe(0);
  });

  it("folds a message that is as long as a message can be, and shows all of it to who wants it", async () => {
    await meet("long");
    const text = "semaphore ".repeat(6553);
    await bob.room("long").publish(text);
    await expect.poll(() => page.locator(".unfold").count(), patience).toBe(1);
    expect((await ada.texts())[0]?.length).toBeLessThan(1000);
    await page.click(".unfold");
    await expect.poll(() => ada.texts(), patience).toEqual([text]);
    await page.click(".unfold");
    await expect.poll(async () => (await ada.texts())[0]?.length, patience).toBeLessThan(1000);
    expect(await page.locator(".unfold").evaluate((button) => button === document.activeElement)).toBe(true);
  });

  it("draws what comes to a hidden tab, within the same bounds, and leaves it unread", async () => {
    await meet("unseen");
    await page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
      // A hidden tab gets no frames.
      probe.isHeld = true;
    });
    await flood("unseen", 1, many);
    await expect.poll(() => page.title(), patience).toBe("(99+) #unseen \u00b7 Chappe");
    await expect.poll(async () => last(await numbers()), patience).toBe(many);
    expect((await numbers()).length).toBe(followedRows);
    expect(await elements()).toBeLessThan(maxElements);
    await page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "visible", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    const draw = async () => {
      await page.evaluate(() => probe.draw());
      return page.title();
    };
    await expect.poll(draw, patience).toBe("#unseen \u00b7 Chappe");
  });
});
