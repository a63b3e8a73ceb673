// @ts-check
/** Writes docs/benchmarks.md and docs/benchmarks.svg: every number in them was measured in this run. */

import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { libraries as all } from "../libraries/index.js";
import { root } from "../paths.js";
import { geometricMean, summary } from "../summary.js";
import { targets } from "../targets.js";
import { refusesBadText } from "../verify.js";
import { altText, plot } from "./plot.js";

/** @typedef {import("../processes.js").Result} Result */
/** @typedef {import("../processes.js").Runtime} Runtime */

/** @param {number} ns three digits that count, no more */
const rounded = (ns) => (ns < 1000 ? ns.toFixed(0) : Number(ns.toPrecision(3)).toLocaleString("en-US"));
/** @param {readonly string[]} head @param {readonly (readonly string[])[]} rows the first column is of words, the others of numbers */
const table = (head, rows) =>
  [head, ["---", ...head.slice(1).map(() => "---:")], ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

/** @param {Runtime} runtime */
function speeds(runtime) {
  const { libraries, frames, ns, speed, loopNs } = summary(runtime);
  const parts = /** @type {const} */ (["encode", "decode"]).map((op) => {
    const rows = libraries.map((library) => {
      const times = frames.map((frame) => speed(op, frame, library, "protobuf-es"));
      const cells = frames.map((frame, i) => `${rounded(ns(op, frame, library))} (${times[i].toFixed(1)})`);
      return [library === "chappe" ? "**chappe**" : library, ...cells, geometricMean(times).toFixed(2)];
    });
    return `**${op}**, ns for one frame (times as fast as protobuf-es)\n\n${table(["library", ...frames, "mean"], rows)}`;
  });
  const missing = runtime.processes[0].omitted.map(({ library, reason }) => `${library} is left out: ${reason}.`);
  return [...parts, `A call that does nothing takes ${loopNs.toFixed(1)} ns here; that is included everywhere.`, ...missing].join(
    "\n\n",
  );
}

/** @param {Runtime} runtime */
function aims(runtime) {
  const rows = targets(runtime).map(({ op, what, least, worst, misses }) => [
    `${op}: ${what}`,
    `${least}×`,
    `${worst.speed.toFixed(2)}× (${worst.at})`,
    misses.length === 0 ? "yes" : `no: ${misses.map(({ at, speed }) => `${at} ${speed.toFixed(2)}×`).join("; ")}`,
  ]);
  return table(["as fast as …", "at least", "the lowest measured", "reached"], rows);
}

/** @param {Runtime} runtime */
function bytes(runtime) {
  const { libraries, frames } = summary(runtime);
  const { cells } = runtime.processes[0];
  const rows = libraries.map((library) => [
    library,
    ...frames.map((frame) => rounded(cells.find((cell) => cell.library === library && cell.frame === frame)?.bytes ?? 0)),
  ]);
  return table(["library", ...frames], rows);
}

/** @param {Result} result */
function allocations({ allocations: found, plan }) {
  const rows = plan.libraries.map((library) => [
    library,
    ...["chat", "ping", "batch10"].flatMap((frame) => {
      const one = found.find((cell) => cell.library === library && cell.frame === frame);
      return one === undefined ? ["", ""] : [rounded(one.encode), rounded(one.decode)];
    }),
  ]);
  return table(["library", "chat, encode", "decode", "ping, encode", "decode", "batch10, encode", "decode"], rows);
}

const kB = (/** @type {number} */ size) => `${(size / 1000).toFixed(1)} kB`;

/** @param {Result} result @param {string} command */
export function writeDocs(result, command) {
  const [main, ...others] = result.runtimes;
  const processor = cpus()[0]?.model.trim() || "an unnamed processor";
  const { plan, processes } = result;
  const uses = all.map(
    (library) =>
      `| ${library.name} | ${library.note}${library.isStateful ? "; **stateful**" : ""} | ${refusesBadText(library) ? "yes" : "no"} |`,
  );
  const notes = `| library | how it is used | refuses text that is not UTF-8 |\n| --- | --- | --- |\n${uses.join("\n")}`;
  const sizes = table(
    ["library", "minified", "gzip"],
    result.sizes.map(({ library, minified, gzip }) => [library, kB(minified), kB(gzip)]),
  );
  const page = `# Benchmarks

What it costs to put a frame into bytes and back: Chappe's codec beside its peers, all in one run. This page is written by
\`${command}\`; nothing in it is typed by hand, and an edit is lost with the next run.

![${altText(main)}](benchmarks.svg)

## ${main.version}

${speeds(main)}

## What Chappe's codec aims at

${aims(main)}
${others
  .map(
    (runtime) => `
## ${runtime.version}

${speeds(runtime)}

${aims(runtime)}
`,
  )
  .join("")}
## Size

Encoding and decoding any frame, bundled for browsers by esbuild, with everything that this needs.

${sizes}

Bytes of a frame, mean of the pool.

${bytes(main)}

## Allocation

Bytes that are allocated for one frame, on the heap and outside of it (${main.version}).

${allocations(result)}

## How it was measured

- Frames: pools of 256 different ones for each type, made by \`bench/frames\` from a seed. Rooms with handles from 1 to 200,000; 240 users with
  ids from 3 to 36 characters; UUIDv7 ids; texts in Latin, Cyrillic, Chinese, Japanese, Korean, Arabic and Devanagari, half of them below
  about 45 characters and a few of hundreds, one in seven with an emoji; now and then headers, a media type, a profile, or a target. A batch
  holds 10 or 100 frames, four of five of them chats.
- Every library gives back the values that it was given, in every field; this is checked before anything is measured. What it encodes has to
  stay valid when the next frame is encoded. It decodes its own bytes, as they would come from a connection.
- ${processes} process${processes === 1 ? "" : "es"}, each with all libraries. First each library has all types of frames mixed, for ${(plan.warmupMs * 6) / 1000} s; then, type by type,
  ${plan.rounds} rounds of at least ${plan.roundMs} ms for each library and operation, in an order that is shuffled each time; each pass over a pool is in a shuffled
  order. On Linux the time that a process waited for a processor is taken off. In Chromium each process is a browser of its own.
- A time is the median over processes of the median over rounds. A ratio is the median over processes of the ratio in each of them.
  "mean" is the geometric mean of the ratios.
- ${processor}, ${cpus().length} logical processors; other programs may have run beside. Ratios are what counts.

${notes}
`;
  writeFileSync(join(root, "docs/benchmarks.md"), page);
  writeFileSync(join(root, "docs/benchmarks.svg"), plot(main));
}
