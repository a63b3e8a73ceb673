// @ts-check
/**
 * Where the time of one library, operation and frame type goes: `node bench/profile.js chappe decode chat` prints the functions with the
 * most time of their own. The package must be built, and the benchmark installed, as `npm run bench:codec` does.
 */

import { Session } from "node:inspector/promises";
import { frameNames, pool } from "./frames/frames.js";
import { libraries } from "./libraries/index.js";
import { prepare } from "./verify.js";

const [name, op, frame] = process.argv.slice(2);
const found = libraries.find((each) => each.name === name);
if (
  found === undefined ||
  (op !== "encode" && op !== "decode") ||
  !(/** @type {readonly string[]} */ (frameNames).includes(frame))
) {
  throw new Error("node bench/profile.js LIBRARY encode|decode FRAME");
}
const library = found;

/** The last result, so that none is optimized away. @type {unknown} */
export let kept;

/** @param {(item: any) => unknown} call @param {readonly any[]} items @param {number} seconds */
function run(call, items, seconds) {
  const end = process.hrtime.bigint() + BigInt(seconds * 1e9);
  while (process.hrtime.bigint() < end) for (const item of items) kept = call(item);
}

// As the benchmark does: the other frame types come first, so that the code is compiled for all of them.
const mixed = prepare(
  library,
  frameNames.flatMap((each) => pool(each).slice(0, 32)),
);
run(library.encode, mixed.natives, 0.5);
run(library.decode, mixed.encoded, 0.5);
const { natives, encoded } = prepare(library, pool(/** @type {"chat"} */ (frame)));
const items = op === "encode" ? natives : encoded;
run(library[op], items, 0.5);

const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.setSamplingInterval", { interval: 200 });
await session.post("Profiler.start");
run(library[op], items, 4);
const { profile } = await session.post("Profiler.stop");

/** @type {Map<string, number>} */
const own = new Map();
/** @type {Map<string, number>} */
const lines = new Map();
let total = 0;
for (const { callFrame, hitCount = 0, positionTicks = [] } of profile.nodes) {
  const file = callFrame.url.split("/").slice(-2).join("/");
  const place = `${callFrame.functionName || "(anonymous)"} ${file === "" ? "" : `${file}:${callFrame.lineNumber + 1}`}`;
  own.set(place, (own.get(place) ?? 0) + hitCount);
  for (const { line, ticks } of positionTicks) lines.set(`${file}:${line}`, (lines.get(`${file}:${line}`) ?? 0) + ticks);
  total += hitCount;
}
for (const [title, counts] of /** @type {const} */ ([
  ["functions, inlined ones within their callers", own],
  ["lines", lines],
])) {
  console.log(`${title}:`);
  for (const [place, count] of [...counts].sort((a, b) => b[1] - a[1]).slice(0, 14)) {
    console.log(`${((100 * count) / total).toFixed(1).padStart(6)} %  ${place}`);
  }
}
