/** The chat page under axe-core in a real Chromium: no page, width or colour scheme may have a violation, contrast included. */

import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { RelayOptions } from "../../src/relay/index.ts";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";
import { type OwnServer, startOwnServer } from "./chat-server.ts";
import { Tab } from "./tab.ts";

const patience = { timeout: 15_000, interval: 20 };

const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const wide: BrowserContextOptions = { viewport: { width: 1280, height: 800 } };
const narrow: BrowserContextOptions = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** One line for each rule that is broken, and each element that breaks it. */
async function violations(page: Page): Promise<string[]> {
  // Not as a script element, which the page's own policy would have to allow.
  await page.evaluate(axe.source);
  const result = await page.evaluate(
    (values) => (globalThis as unknown as { axe: typeof axe }).axe.run({ runOnly: { type: "tag", values } }),
    tags,
  );
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
  );
}

const title = chromiumMissing === undefined ? "accessibility" : `accessibility (${chromiumMissing})`;

describe.skipIf(chromiumMissing !== undefined)(title, () => {
  let browser: Browser;
  let server: OwnServer;
  let pages: Page[] = [];
  let rooms = 0;

  beforeAll(async () => {
    const onPublish: RelayOptions["onPublish"] = (_, { content }) =>
      content?.text === "refused" ? { reject: "the line is closed on Sundays" } : undefined;
    [browser, server] = await Promise.all([launchChromium(), startOwnServer({ onPublish })]);
  });

  afterEach(async () => {
    await Promise.all(pages.map((page) => page.context().close()));
    pages = [];
  });

  afterAll(async () => {
    server?.stop();
    await browser?.close();
  });

  async function open(hash: string, options: BrowserContextOptions): Promise<Tab> {
    // What fades in has no contrast until it is there.
    const context = await browser.newContext({ reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    pages.push(page);
    await page.goto(`http://127.0.0.1:${server.port}/${hash}`);
    return new Tab(page);
  }

  /** Two people, and messages in each state that a message can have. */
  async function talk(options: BrowserContextOptions): Promise<Tab> {
    const room = `room-${++rooms}`;
    const [ada, bob] = await Promise.all([
      open(`#name=Ada&room=${room}`, options),
      open(`#name=Bob&room=${room}`, { viewport: { width: 1280, height: 800 } }),
    ]);
    for (const tab of [ada, bob]) await expect.poll(() => tab.notices(), patience).toContain(`You joined #${room}.`);
    for (const text of ["first", "refused", "last"]) await ada.write(text);
    for (const text of ["from Bob", "to delete"]) await bob.write(text);
    await expect.poll(() => bob.texts().then((texts) => texts.length), patience).toBe(4);
    await bob.act("first", "add");
    await bob.act("to delete", "delete");
    await expect.poll(() => ada.texts(), patience).toContain("This message was deleted.");
    await expect.poll(() => ada.page.locator(".reaction").count(), patience).toBe(1);
    await expect.poll(() => ada.state("refused"), patience).toBe("failed");
    await expect.poll(() => ada.state("last"), patience).toBe("read");
    const typing = async () => {
      await bob.page.type("#text", "m");
      return ada.typing();
    };
    await expect.poll(typing, { ...patience, interval: 200 }).toBe("Bob is typing…");
    return ada;
  }

  describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
    it.each([
      ["wide", wide],
      ["narrow", narrow],
    ])("sign-in, %s, before and after a mistake", async (_, size) => {
      const { page } = await open("", { ...size, colorScheme });
      expect(await violations(page)).toEqual([]);
      await page.click("button:has-text('Enter')");
      expect(await page.textContent("#name-problem")).not.toBe("");
      expect(await violations(page)).toEqual([]);
    });

    it("chat, wide: messages in all states, a frame, an edit, no connection", async () => {
      const ada = await talk({ ...wide, colorScheme });
      await ada.page.locator("#frame-list button.frame").last().click();
      await ada.page.waitForSelector(".frame-json");
      // Its actions are shown, and cover nothing that can be pressed.
      await ada.page.locator("li.message", { hasText: "first" }).hover();
      expect(await violations(ada.page)).toEqual([]);
      await ada.act("last", "edit");
      await ada.page.waitForSelector("#editing:visible");
      await ada.page.mouse.move(0, 0);
      expect(await violations(ada.page)).toEqual([]);
      await ada.page.click("#editing-stop");
      await ada.page.context().setOffline(true);
      server.cut();
      await ada.page.waitForSelector("#banner:visible");
      await ada.write("kept");
      await expect.poll(() => ada.state("kept"), patience).toBe("queued");
      expect(await violations(ada.page)).toEqual([]);
    });

    it("chat, narrow: each part", async () => {
      const ada = await talk({ ...narrow, colorScheme });
      for (const part of ["Rooms", "Frames", "Chat"]) {
        await ada.page.locator(".tabs button", { hasText: part }).tap();
        expect(await violations(ada.page)).toEqual([]);
      }
    });
  });
});
