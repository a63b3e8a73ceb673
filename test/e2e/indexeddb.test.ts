/** An outbox in IndexedDB, in the tabs of a real Chromium, against a relay over real sockets: it outlives its tab, and no two tabs share it. */

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.ts";
import type { IndexedDbStorage } from "../../src/indexeddb/storage.ts";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";
import { type PageServer, servePage } from "../support/page-server.ts";
import { type RelayServer, startRelay } from "../support/relay-server.ts";

/** What the page has as `outbox` in its global scope. */
interface PageGlobals {
  begin(relay: string, token: string, isStarted: boolean): Promise<void>;
  client: Client;
  storage: IndexedDbStorage;
  told: string[];
  errors: { code: string; record: unknown }[];
}
declare const outbox: PageGlobals;
/** What the test sees. */
declare function show(text: string): void;

const code = `
  import { Client, followBrowser } from "./src/client/index.ts";
  import { IndexedDbStorage } from "./src/indexeddb/index.ts";

  globalThis.outbox = { begin };

  async function begin(url, token, isStarted) {
    const storage = new IndexedDbStorage({ name: token });
    const client = new Client({ url, token, storage });
    Object.assign(outbox, { client, storage, told: [], errors: [] });
    client.on("entry", ({ state }) => outbox.told.push(state));
    client.on("error", ({ error, record }) => outbox.errors.push({ code: error.code, record }));
    if (isStarted) {
      followBrowser(client);
      client.start();
      await client.room("lobby").join();
    }
    // The storage is read when a command that waits for it is done.
    while (storage.number === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  }
`;

const patience = { timeout: 15_000, interval: 20 };
const title = chromiumMissing === undefined ? "an outbox in IndexedDB" : `an outbox in IndexedDB (${chromiumMissing})`;

describe.skipIf(chromiumMissing !== undefined)(title, () => {
  let browser: Browser;
  let pages: PageServer;
  let relay: RelayServer;
  let context: BrowserContext;
  let reader: Page;
  const shown: string[] = [];

  beforeAll(async () => {
    pages = await servePage(code);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    pages?.close();
  });

  beforeEach(async () => {
    relay = await startRelay({}, { origins: [new URL(pages.url).origin] });
    context = await browser.newContext();
    // What is in the log, as somebody else sees it.
    reader = await (await browser.newContext()).newPage();
    await reader.goto(pages.url);
    shown.length = 0;
    await reader.exposeFunction("show", (text: string) => void shown.push(text));
    await reader.evaluate(async (url) => {
      await outbox.begin(url, "reader", true);
      outbox.client.on("message", ({ content }) => show(content?.text ?? ""));
    }, relay.url);
  });
  afterEach(async () => {
    await context.close();
    await reader.context().close();
    relay.close();
  });

  async function tab(token: string, isStarted: boolean): Promise<Page> {
    const page = await context.newPage();
    await page.goto(pages.url);
    await page.evaluate(([url, as, started]) => outbox.begin(url, as, started), [relay.url, token, isStarted] as const);
    return page;
  }

  /** Publishes, and settles when each is stored by the browser. */
  const publish = (page: Page, texts: readonly string[]) =>
    page.evaluate(async (all) => {
      const before = outbox.told.filter((state) => state === "queued").length;
      for (const text of all) void outbox.client.publish("lobby", text).catch(() => undefined);
      while (outbox.told.filter((state) => state === "queued").length < before + all.length)
        await new Promise((resolve) => setTimeout(resolve, 5));
    }, texts);
  const number = (page: Page) => page.evaluate(() => outbox.storage.number);

  it("outlives its tab: what was published without a connection is sent by the next one, once and in order", async () => {
    const first = await tab("ada", false);
    await publish(first, ["one", "two", "three"]);
    await first.close();
    const second = await tab("ada", true);
    expect(await number(second)).toBe(0);
    await publish(second, ["four"]);
    await expect.poll(() => shown, patience).toEqual(["one", "two", "three", "four"]);
    await expect.poll(() => second.evaluate(() => outbox.client.outboxSize), patience).toBe(0);
    // Nothing is left for a third.
    await second.close();
    const third = await tab("ada", true);
    expect(await third.evaluate(() => [outbox.client.outboxSize, outbox.told.length])).toEqual([0, 0]);
  });

  it("is one tab's: two tabs of a user have two, and neither hinders the other", async () => {
    const [first, second] = [await tab("ada", true), await tab("ada", true)];
    expect([await number(first), await number(second)]).toEqual([0, 1]);
    await publish(first, ["a"]);
    await publish(second, ["b"]);
    await expect.poll(() => [...shown].sort(), patience).toEqual(["a", "b"]);
    expect(await number(await tab("grace", true))).toBe(0);
  });

  it("is taken over from a tab that has died, before one that is empty", async () => {
    const [first, second] = [await tab("ada", false), await tab("ada", false)];
    await publish(second, ["left by the second"]);
    // Its process ends at once.
    const session = await context.newCDPSession(second);
    await Promise.race([session.send("Page.crash"), new Promise((resolve) => second.once("crash", resolve))]);
    await first.close();
    const third = await tab("ada", true);
    expect(await number(third)).toBe(1);
    await expect.poll(() => shown, patience).toEqual(["left by the second"]);
  });

  it("loses by damage what is damaged alone, tells it, and keeps it (PUB-22)", async () => {
    const first = await tab("ada", false);
    await publish(first, ["one", "two"]);
    await first.evaluate(async () => {
      await outbox.client.close();
      await outbox.storage.close();
      await new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open("chappe");
        opening.onerror = reject;
        opening.onsuccess = () => {
          const tx = opening.result.transaction("entries", "readwrite");
          tx.objectStore("entries").put("damaged", ["ada", 0, 1]);
          tx.oncomplete = () => {
            opening.result.close();
            resolve();
          };
        };
      });
    });
    await first.close();
    const second = await tab("ada", true);
    expect(await second.evaluate(() => outbox.errors)).toEqual([{ code: "OUTBOX_CORRUPT", record: "damaged" }]);
    await expect.poll(() => shown, patience).toEqual(["two"]);
    const aside = await second.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const opening = indexedDB.open("chappe");
          opening.onerror = reject;
          opening.onsuccess = () => {
            const all = opening.result.transaction("damaged").objectStore("damaged").getAll();
            all.onsuccess = () => resolve(all.result);
          };
        }),
    );
    expect(aside).toEqual([{ outbox: ["ada", 0], record: "damaged" }]);
  });

  it("tells the application what the database says, and goes on where it is closed under it", async () => {
    const page = await tab("ada", false);
    await publish(page, ["one"]);
    // Somebody deletes it: the storage lets go of it, and makes it anew with the next write.
    await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const deleting = indexedDB.deleteDatabase("chappe");
          deleting.onsuccess = resolve;
          deleting.onerror = reject;
        }),
    );
    await publish(page, ["two"]);
    expect(await page.evaluate(() => outbox.errors)).toEqual([]);
    const codes = await page.evaluate(async () => {
      await outbox.client.close();
      await outbox.storage.close();
      return outbox.storage.write([]).catch((error: { code: string }) => error.code);
    });
    expect(codes).toBe("STATE_INVALID");
  });
});
