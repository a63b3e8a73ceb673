/** The codec in a real Chromium, on a page that allows no code but its own script: nothing in it is made from text. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";
import { type PageServer, servePage } from "../support/page-server.ts";

interface Result {
  readonly wrong: string[];
  readonly count: number;
  /** Directives that the page has broken. */
  readonly violations: string[];
}
declare const check: { run(): Result; breakTheRule(): void };

const code = `
  import { createFrame, decodeFrame, encodeFrame } from "./src/index.ts";
  import { runVectors } from "./test/support/run-vectors.ts";
  import valid from "./test/vectors/frames.json";
  import invalid from "./test/vectors/invalid.json";

  const violations = [];
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => violations.push(effectiveDirective));
  globalThis.check = {
    run: () => ({ ...runVectors({ createFrame, decodeFrame, encodeFrame }, valid, invalid), violations }),
    // In a turn of the page's own: what a test evaluates is free of the policy.
    breakTheRule: () =>
      setTimeout(() => {
        try {
          new Function("return 1")();
        } catch {
          // The event tells.
        }
      }),
  };
`;

const title = chromiumMissing === undefined ? "a page with a strict policy" : `a page with a strict policy (${chromiumMissing})`;

describe.skipIf(chromiumMissing !== undefined)(title, () => {
  let browser: Browser;
  let pages: PageServer;

  beforeAll(async () => {
    const policy = "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";
    pages = await servePage(code, { "Content-Security-Policy": policy });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    pages?.close();
  });

  it("runs every vector", async () => {
    const page = await browser.newPage();
    await page.goto(pages.url);
    const { wrong, count, violations } = await page.evaluate(
      () => new Promise<Result>((resolve) => setTimeout(() => resolve(check.run()))),
    );
    expect([wrong, violations]).toEqual([[], []]);
    expect(count).toBeGreaterThan(500);
    // The policy is in force.
    await page.evaluate(() => check.breakTheRule());
    await expect.poll(() => page.evaluate(() => check.run().violations)).toHaveLength(1);
  });
});
