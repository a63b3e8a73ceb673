#!/usr/bin/env node
// @ts-check
/**
 * Fuzzes the codecs guided by coverage, with Jazzer.js: what is thrown and is no refusal, what hangs, and what takes too much memory ends it with
 * exit code 1, and the input is written to dist/proof/guided-crashes. What it has learnt is kept in node_modules/.cache for the next run.
 *
 *   npm run fuzz:codec:guided -- [--seconds 60]
 */

import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "./proof/bundle.js";
import { built, root } from "./proof/generate.js";
import { launcher, Unavailable } from "./proof/glibc.js";
import { installed } from "./proof/programs.js";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" } } });
const seconds = Number(values.seconds);
if (!(seconds >= 1)) {
  console.error("fuzz: --seconds must be a number from 1 up");
  process.exit(2);
}

try {
  const cli = join(installed("@jazzer.js/core"), "dist/cli.js");
  const addon = join(installed("@jazzer.js/core"), "../fuzzer/dist/addon.js");
  const start = launcher([process.execPath, addon]);
  const target = await bundle("guided", "cjs");
  const crashes = join(built, "guided-crashes");
  const corpus = join(root, "node_modules/.cache/chappe-proof/corpus");
  for (const folder of [crashes, corpus]) mkdirSync(folder, { recursive: true });
  const limits = [
    `-max_total_time=${Math.round(seconds)}`,
    "-timeout=10",
    "-rss_limit_mb=4096",
    "-max_len=4096",
    "-print_final_stats=1",
  ];
  const args = [cli, target, "--sync", "--includes", "guided.cjs", corpus, "--", ...limits, `-artifact_prefix=${crashes}/`];
  const [command = process.execPath, ...rest] = [...start, process.execPath, ...args];
  const { status, signal } = spawnSync(command, rest, { cwd: join(root, "scripts/proof"), stdio: "inherit" });
  if (signal !== null) console.error(`the fuzzer ended with ${signal}`);
  process.exitCode = status === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  console.error(`fuzz: ${error.message}`);
  process.exitCode = 1;
}
