// @ts-check
/** The tables on a terminal. */

import { summary } from "../summary.js";
import { targets } from "../targets.js";

/** @param {import("../processes.js").Runtime} runtime */
export function report(runtime) {
  const { libraries, frames, ns, speed, loopNs } = summary(runtime);
  const head = libraries.includes("protobuf-es")
    ? "ns for one frame, and how many times as fast as protobuf-es"
    : "ns for one frame";
  console.log(`\n${runtime.version}: ${head} (the loop itself: ${loopNs.toFixed(1)} ns, included)`);
  for (const op of /** @type {const} */ (["encode", "decode"])) {
    console.log(`\n${op.padEnd(18)}${frames.map((frame) => frame.padStart(16)).join("")}`);
    for (const library of libraries) {
      const row = frames.map((frame) => {
        const times = libraries.includes("protobuf-es")
          ? ` ${speed(op, frame, library, "protobuf-es").toFixed(2).padStart(6)}x`
          : "";
        return `${ns(op, frame, library).toFixed(0)}${times}`.padStart(16);
      });
      console.log(`${library.padEnd(18)}${row.join("")}`);
    }
  }
  console.log("");
  for (const { op, what, least, worst, misses } of targets(runtime)) {
    const missed = misses.map(({ at, speed: times }) => `${at} ${times.toFixed(2)}`).join("; ");
    console.log(
      `${misses.length === 0 ? "ok    " : "missed"} ${op} >= ${least}x ${what}: ${missed || `worst ${worst.at} ${worst.speed.toFixed(2)}`}`,
    );
  }
  for (const { library, reason } of runtime.processes[0].omitted) console.log(`left out: ${library}, ${reason}`);
}
