// @ts-check
/**
 * From the rounds of all processes to the numbers that are told. A time is the median over processes of the median over rounds; a ratio
 * is the median over processes of the ratio within one process, so that what slows a process down does not count.
 */

import { frameNames } from "./frames/frames.js";
import { libraryNames, stateful } from "./library-names.js";

/** @typedef {import("./measure.js").Op} Op */
/** @typedef {import("./processes.js").Runtime} Runtime */

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {readonly number[]} values */
export const geometricMean = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** What can be asked of a runtime's measurements. @param {Runtime} runtime */
export function summary(runtime) {
  const tables = runtime.processes.map(
    ({ cells }) => new Map(cells.map(({ op, frame, library, rounds }) => [`${op} ${frame} ${library}`, median(rounds)])),
  );
  const cells = runtime.processes[0].cells;
  const libraries = libraryNames.filter((name) => cells.some(({ library }) => library === name));
  const frames = frameNames.filter((name) => cells.some(({ frame }) => frame === name));

  /** @param {Op} op @param {string} frame @param {string} library */
  const each = (op, frame, library) => tables.map((table) => /** @type {number} */ (table.get(`${op} ${frame} ${library}`)));

  /** ns. @param {Op} op @param {string} frame @param {string} library */
  const ns = (op, frame, library) => median(each(op, frame, library));

  /** How many times as fast as another one. @param {Op} op @param {string} frame @param {string} library @param {string} other */
  function speed(op, frame, library, other) {
    const own = each(op, frame, library);
    return median(each(op, frame, other).map((time, i) => time / own[i]));
  }

  /** The fastest library but Chappe. @param {Op} op @param {string} frame @param {{ stateless: boolean }} among */
  function fastestPeer(op, frame, { stateless }) {
    const peers = libraries.filter((name) => name !== "chappe" && !(stateless && stateful.includes(name)));
    return peers.reduce((best, name) => (ns(op, frame, name) < ns(op, frame, best) ? name : best));
  }

  return { libraries, frames, ns, speed, fastestPeer, loopNs: median(runtime.processes.map(({ loopNs }) => loopNs)) };
}

/** As `--json` writes them. @param {Runtime} runtime */
export function rowsOf(runtime) {
  const { libraries, frames, ns } = summary(runtime);
  const { cells } = runtime.processes[0];
  const ops = /** @type {Op[]} */ (["encode", "decode"]);
  return ops.flatMap((op) =>
    frames.flatMap((frame) =>
      libraries.map((library) => {
        const { bytes } = /** @type {import("./measure.js").Cell} */ (
          cells.find((cell) => cell.frame === frame && cell.library === library)
        );
        return { op, frame, library, ns: Number(ns(op, frame, library).toPrecision(4)), bytes: Number(bytes.toFixed(1)) };
      }),
    ),
  );
}
