#!/usr/bin/env node
// @ts-check
/** Bundles the chat page into examples/chat/dist. The package must be built before: the page imports it by its name, as any user does. */

import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const page = join(fileURLToPath(import.meta.url), "../../examples/chat");
const dist = join(page, "dist");

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await build({
  entryPoints: [join(page, "src/main.ts"), join(page, "style.css")],
  outdir: dist,
  entryNames: "[name]",
  bundle: true,
  minify: true,
  sourcemap: true,
  format: "esm",
  target: ["chrome111", "firefox115", "safari16.4"],
  logLevel: "warning",
});
for (const file of ["index.html", "mark.svg"]) await copyFile(join(page, file), join(dist, file));
