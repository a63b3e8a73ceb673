// @ts-check
/** Starts the processes that measure, and the pages, one after the other, and gathers what they found. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { measurePage } from "./chromium.js";
import { bench } from "./paths.js";
import { bundleSizes } from "./sizes.js";

/** @typedef {import("./measure.js").Cell} Cell */
/** @typedef {import("./measure.js").Plan} Plan */
/** @typedef {{ cells: Cell[], loopNs: number, version: string, omitted: { library: string, reason: string }[] }} Found */
/** @typedef {{ key: "node" | "node24" | "chromium", version: string, processes: Found[] }} Runtime */
/** @typedef {{ frame: string, library: string, encode: number, decode: number }} Allocation bytes for one frame */
/** @typedef {{ library: string, minified: number, gzip: number }} Size */
/** @typedef {{ runtimes: Runtime[], plan: Omit<Plan, "seed">, processes: number, allocations: Allocation[], sizes: Size[] }} Result */

/** @param {string} command @param {readonly string[]} args @returns {Promise<any>} */
async function started(command, ...args) {
  const { stdout } = await promisify(execFile)(command, args, { cwd: bench, maxBuffer: 2 ** 28 });
  return JSON.parse(stdout);
}

/** @param {ReturnType<typeof import("./options.js").parseOptions>} options @returns {Promise<Result>} */
export async function measureAll(options) {
  const { frames, libraries, processes, quick } = options;
  const plan = { frames, libraries, rounds: quick ? 3 : 5, roundMs: 20, warmupMs: quick ? 15 : 30 };

  /** @type {Record<Runtime["key"], (plan: Plan) => Promise<Found>>} */
  const ways = {
    node: (own) => started(process.execPath, "worker.js", JSON.stringify(own)),
    node24: (own) => started(node24(), "worker.js", JSON.stringify(own)),
    chromium: measurePage,
  };
  const keys = /** @type {Runtime["key"][]} */ ([
    "node",
    ...(options.node24 ? ["node24"] : []),
    ...(options.chromium ? ["chromium"] : []),
  ]);

  const runtimes = [];
  for (const key of keys) {
    /** @type {Found[]} */
    const found = [];
    for (let seed = 1; seed <= processes; seed++) {
      console.error(`${key}: process ${seed} of ${processes} …`);
      found.push(await ways[key]({ ...plan, seed }));
    }
    runtimes.push({ key, version: found[0].version, processes: found });
  }
  if (!options.docs) return { runtimes, plan, processes, allocations: [], sizes: [] };

  console.error("allocation …");
  const flags = ["--expose-gc", "--min-semi-space-size=128", "--max-semi-space-size=128"];
  const allocations = await started(
    process.execPath,
    ...flags,
    "allocation.js",
    JSON.stringify({ ...plan, frames: ["chat", "ping", "batch10"], seed: 1 }),
  );
  return { runtimes, plan, processes, allocations, sizes: await bundleSizes() };
}

function node24() {
  const path = join(bench, "node_modules/node/bin/node");
  if (!existsSync(path))
    throw new Error(`${path} is missing: npm was told not to run install scripts, and one of them puts it there`);
  return path;
}
