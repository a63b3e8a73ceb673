// @ts-check
/** The same measurements in Chromium: Debian's, or the one that the variable CHROMIUM names. Each call has a browser of its own. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { bench } from "./paths.js";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const origin = "http://localhost/";

/** Without these two headers a page's clock is coarser. */
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** @type {Promise<string> | undefined} */
let bundled;

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [join(bench, "page.js")],
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    target: "chrome111",
    logLevel: "error",
    define: { global: "globalThis" },
    // avsc is made for Node; of its parts, those that encode and decode need little of it.
    absWorkingDir: bench,
    alias: { avsc: "avsc/etc/browser/avsc-types.js", util: join(bench, "browser/util.cjs") },
  });
  return outputFiles[0].text;
}

/** @param {import("./measure.js").Plan} plan @returns {Promise<import("./processes.js").Found>} */
export async function measurePage(plan) {
  if (!existsSync(executablePath))
    throw new Error(`${executablePath} is missing: install Debian's package chromium, or name another one in CHROMIUM`);
  bundled ??= bundle();
  const script = await bundled;
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  try {
    const page = await browser.newPage();
    // Nothing is asked of the network: the page and its script are answered here.
    await page.route("**/*", (route) =>
      route.request().url() === origin
        ? route.fulfill({
            headers: { ...headers, "Content-Type": "text/html" },
            body: "<!doctype html><script src=page.js></script>",
          })
        : route.fulfill({ headers: { ...headers, "Content-Type": "text/javascript; charset=utf-8" }, body: script }),
    );
    page.on("pageerror", (error) => console.error(error));
    await page.goto(origin);
    page.setDefaultTimeout(0);
    const found = await page.evaluate((own) => /** @type {any} */ (globalThis).measure(own), plan);
    return { ...found, version: `Chromium ${browser.version()}`, omitted: [] };
  } finally {
    await browser.close();
  }
}
