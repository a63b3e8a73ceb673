#!/usr/bin/env node
// @ts-check
/**
 * Searches the model of the protocol, docs/spec/model, to the end; and each broken variant, until it fails for the property that it should.
 *
 *   node scripts/model.js           all of runs.json
 *   node scripts/model.js WORD …    those whose line holds one of the words
 *
 * Wants Debian's spin, and cc. Exit code 1: a search failed, was cut short, or found nothing where it should; 2: something is not installed.
 */

import { execFile, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** @typedef {{ model: string, with: string[], search?: "safety", property?: string }} Run `property`: what a broken variant fails for */
/** @typedef {{ states: number, depth: number, seconds: number, problem?: string, verdict: string }} Result */

const modelDir = join(dirname(fileURLToPath(import.meta.url)), "../docs/spec/model");
const exec = promisify(execFile);
const depthLimit = 1_000_000;
/** A property that no check has: only the formula can fail. */
const noCheck = 999;

/** @type {ReadonlyMap<string, number>} */
const numbers = new Map(
  [...readFileSync(join(modelDir, "properties.pml"), "utf8").matchAll(/^#define ([A-Z_]+) (9\d\d) /gm)].map(
    ([, name = "", n]) => [name, Number(n)],
  ),
);

/** @param {string} dir @param {string} command @param {string[]} args */
async function call(dir, command, args) {
  const { stdout, stderr } = await exec(command, args, { cwd: dir, maxBuffer: 1 << 26 });
  return stdout + stderr;
}

/** What failed, by the first line in which pan says so; undefined: nothing. @param {string} output */
function failure(output) {
  if (/acceptance cycle|invalid end state \(/.test(output)) return "LIVENESS";
  const failed = /assertion violated .*!=(9\d\d)\)/.exec(output);
  if (failed !== null) return [...numbers].find(([, n]) => n === Number(failed[1]))?.[0] ?? `check ${failed[1]}`;
  return /assertion violated .*/.exec(output)?.[0];
}

/** @param {string} output @param {Run} run @returns {Pick<Result, "problem" | "verdict">} */
function judge(output, { property }) {
  const failed = failure(output);
  const errors = Number(/errors: (\d+)/.exec(output)?.[1] ?? Number.NaN);
  if (property !== undefined) {
    if (failed === property && errors > 0) return { verdict: `fails, as it should: ${property}` };
    return {
      verdict: "FAILED",
      problem: `should fail for ${property}, but ${failed === undefined ? "holds" : `fails for ${failed}`}`,
    };
  }
  if (failed !== undefined) return { verdict: "FAILED", problem: failed };
  if (errors !== 0) return { verdict: "FAILED", problem: "pan did not say that there are no errors" };
  const short = /max search depth too small|Search not completed|out of memory|memory limit|Bit statespace/.exec(output);
  if (short !== null) return { verdict: "FAILED", problem: `cut short: ${short[0]}` };
  return { verdict: "holds" };
}

/** @param {Run} run @returns {Promise<Result>} */
async function search(run) {
  const dir = mkdtempSync(join(tmpdir(), "chappe-model-"));
  try {
    cpSync(modelDir, dir, { recursive: true });
    // Which search: a variant that should fail for a check needs no formula, and the formula of one that should not no checks.
    const safety = run.search === "safety" || (run.property !== undefined && run.property !== "LIVENESS");
    const only = run.property === undefined ? 0 : (numbers.get(run.property) ?? noCheck);
    await call(dir, "spin", [`-DONLY=${only}`, ...run.with.map((name) => `-D${name}`), "-a", `${run.model}.pml`]);
    const optimise = run.property === undefined ? "-O2" : "-O0";
    const kind = safety ? ["-DSAFETY", "-DNOCLAIM"] : [];
    await call(dir, "cc", [optimise, "-w", "-DCOLLAPSE", "-DMEMLIM=3000", ...kind, "-o", "pan", "pan.c"]);
    // An end that is none is another property.
    const flags = !safety ? ["-a", "-N", "LIVENESS"] : run.property === undefined ? [] : ["-E"];
    const started = performance.now();
    const output = await call(dir, "./pan", [`-m${depthLimit}`, "-w23", ...flags]);
    const seconds = (performance.now() - started) / 1000;
    const states = Number(/(\d+) states, stored/.exec(output)?.[1] ?? 0);
    const depth = Number(/depth reached (\d+)/.exec(output)?.[1] ?? 0);
    return { states, depth, seconds, ...judge(output, run) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** @param {Run} run */
const title = (run) => [run.model, ...run.with].join(" ");

/** @param {Run[]} runs */
async function searchAll(runs) {
  const waiting = [...runs];
  /** @type {Map<Run, Result>} */
  const results = new Map();
  const worker = async () => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) {
      const failed = (/** @type {unknown} */ error) => ({
        states: 0,
        depth: 0,
        seconds: 0,
        verdict: "FAILED",
        problem: String(error),
      });
      results.set(run, await search(run).catch(failed));
    }
  };
  // Two at a time: each may take a gigabyte.
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
  return results;
}

for (const [command, flag] of [
  ["spin", "-V"],
  ["cc", "--version"],
]) {
  if (spawnSync(command ?? "", [flag ?? ""]).error === undefined) continue;
  console.error(`${command} is not installed: apt-get install -y spin gcc libc6-dev`);
  process.exit(2);
}
/** @type {{ holds: Run[], fails: Run[] }} */
const all = JSON.parse(readFileSync(join(modelDir, "runs.json"), "utf8"));
const words = process.argv.slice(2);
const runs = [...all.holds, ...all.fails].filter((run) => words.length === 0 || words.some((word) => title(run).includes(word)));
const results = await searchAll(runs);
const width = Math.max(...runs.map((run) => title(run).length));
console.log(`${"model".padEnd(width)}     states  depth  seconds  verdict`);
for (const run of runs) {
  const { states, depth, seconds, verdict, problem } = /** @type {Result} */ (results.get(run));
  const cells = [
    title(run).padEnd(width),
    String(states).padStart(10),
    String(depth).padStart(6),
    seconds.toFixed(1).padStart(8),
  ];
  console.log(`${cells.join(" ")}  ${verdict}${problem === undefined ? "" : `: ${problem}`}`);
}
const failed = [...results.values()].filter(({ verdict }) => verdict === "FAILED").length;
console.log(`\n${runs.length - failed} ok, ${failed} failed`);
process.exitCode = failed > 0 || runs.length === 0 ? 1 : 0;
