// @ts-check
/**
 * Bytes that encoding and decoding a frame allocate, on the heap and outside of it. Started with a young generation so large that nothing
 * is collected while it is counted: what is in use grows by what is allocated. A count in which something was collected does not count.
 */

import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { pool } from "./frames/frames.js";
import { chosen } from "./measure.js";
import { median } from "./summary.js";
import { prepare } from "./verify.js";

/** The last result, so that none is optimized away. @type {unknown} */
export let kept;

const collect = /** @type {() => void} */ (globalThis.gc);

function inUse() {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ["gc"] });

/**
 * Undefined where something was collected meanwhile.
 * @param {(item: any) => unknown} call
 * @param {readonly unknown[]} items
 * @param {number} passes
 */
async function count(call, items, passes) {
  collect();
  await setTimeout(5);
  const earlier = collections;
  const before = inUse();
  for (let pass = 0; pass < passes; pass++) for (const item of items) kept = call(item);
  const grown = inUse() - before;
  await setTimeout(5);
  return collections === earlier ? grown / (passes * items.length) : undefined;
}

/** @param {(item: any) => unknown} call @param {readonly unknown[]} items */
async function allocated(call, items) {
  for (const started = process.hrtime.bigint(); process.hrtime.bigint() - started < 150_000_000n; )
    for (const item of items) kept = call(item);
  /** @type {number[]} */
  const counts = [];
  // 20 MB at a time, or less where that makes V8 collect.
  let passes = 1;
  for (let tries = 0; counts.length < 3 && tries < 20; tries++) {
    const bytes = await count(call, items, passes);
    if (bytes === undefined) passes = Math.max(1, passes >> 1);
    else if (tries === 0) passes = Math.max(1, Math.floor((20 * 2 ** 20) / (Math.max(64, bytes) * items.length)));
    else counts.push(bytes);
  }
  if (counts.length === 0) throw new Error("V8 collected in every count");
  return median(counts);
}

/** @type {import("./measure.js").Plan} */
const plan = JSON.parse(process.argv[2]);
const found = [];
for (const frame of plan.frames) {
  const frames = pool(/** @type {"chat"} */ (frame));
  for (const library of chosen(plan)) {
    const { natives, encoded } = prepare(library, frames);
    const encode = await allocated(library.encode, natives);
    found.push({ frame, library: library.name, encode, decode: await allocated(library.decode, encoded) });
  }
}
process.stdout.write(JSON.stringify(found));
