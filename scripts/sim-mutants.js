#!/usr/bin/env node
// @ts-check
/**
 * Plants each bug of test/sim/mutants.js in a copy of the sources, and lets the simulator look for it.
 *
 *   node scripts/sim-mutants.js              all of them, 1,000 seeds each
 *   node scripts/sim-mutants.js WORD …       those whose area or name holds one of the words
 *   node scripts/sim-mutants.js --list       their names
 */

import { spawn } from "node:child_process";
import { mutants } from "../test/sim/mutants.js";
import { bundle } from "./sim/bundle.js";

const seeds = 1000;
/** Fewer than these fail: of each area, and of all that were planted. Of so many as are planted at least, one may stay unfound. */
const demands = { area: 6, planted: 25 };

/** @param {string} file @returns {Promise<{ code: number | null, text: string }>} */
function simulate(file) {
  const args = ["--enable-source-maps", file, "--seed", "1", "--count", String(seeds), "--until", "1", "--no-save"];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => (text += part));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, text }));
  });
}

const words = process.argv.slice(2);
const chosen = mutants.filter(
  ({ area, name }) => words.length === 0 || words.some((word) => area === word || name.includes(word)),
);
if (words[0] === "--list") {
  for (const { area, name } of mutants) console.log(`${area.padEnd(8)}  ${name}`);
} else {
  let caught = 0;
  for (const [i, { area, name, ...change }] of chosen.entries()) {
    const began = performance.now();
    const { code, text } = await simulate(await bundle(`mutant-${i}`, [change]));
    const found = /^seed (\d+): (.*)$/m.exec(text);
    if (code === 2 || !/seeds\/s/.test(text)) throw new Error(`${name}: the simulator did not run\n${text}`);
    if (found !== null) caught++;
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    console.log(
      `${found === null ? "MISSED" : "caught"}  ${area.padEnd(8)}  ${name} (${found === null ? `${seeds} seeds` : found[0].slice(0, 110)}; ${seconds} s)`,
    );
  }
  const areas = new Map(mutants.map(({ area }) => [area, mutants.filter((other) => other.area === area).length]));
  console.log(`\nplanted: ${[...areas].map(([area, count]) => `${count} ${area}`).join(", ")}`);
  console.log(`caught ${caught} of ${chosen.length}`);
  const isEnough = mutants.length >= demands.planted && [...areas.values()].every((count) => count >= demands.area);
  process.exitCode = isEnough && chosen.length - caught <= Math.ceil(chosen.length / demands.planted) ? 0 : 1;
}
