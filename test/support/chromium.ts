/** A real Chromium for tests: Debian's, driven by playwright-core. Where it is absent a test is skipped, in CI it fails. */

import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Why tests in a browser cannot run here; undefined: they can. */
export const chromiumMissing: string | undefined = existsSync(executablePath)
  ? undefined
  : `${executablePath} is missing: install Debian's package chromium, or name another one in the variable CHROMIUM`;

if (chromiumMissing !== undefined && process.env["CI"]) throw new Error(chromiumMissing);

/** Starts it, without anything that would talk to the world. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--no-first-run",
      "--disable-gpu",
      "--disable-quic",
      "--disable-extensions",
      "--disable-sync",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-default-apps",
      "--disable-dev-shm-usage",
      "--metrics-recording-only",
    ],
  });
}
