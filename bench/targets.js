// @ts-check
/** What Chappe's codec aims at, and how near it comes. */

import { geometricMean, summary } from "./summary.js";

/** @typedef {import("./measure.js").Op} Op */
/** @typedef {{ op: Op, what: string, least: number, worst: { at: string, speed: number }, misses: { at: string, speed: number }[] }} Target */

const isBatch = (/** @type {string} */ frame) => frame.startsWith("batch");
const isSingle = (/** @type {string} */ frame) => !isBatch(frame);
const any = () => true;

/** All that can be judged from what was measured. @param {import("./processes.js").Runtime} runtime @returns {Target[]} */
export function targets(runtime) {
  const { libraries, frames, speed, fastestPeer } = summary(runtime);
  /** @type {Target[]} */
  const found = [];

  /** @param {Op} op @param {string} what @param {number} least @param {{ at: string, speed: number }[]} speeds */
  function judge(op, what, least, speeds) {
    if (speeds.length === 0) return;
    const worst = speeds.reduce((a, b) => (b.speed < a.speed ? b : a));
    found.push({ op, what, least, worst, misses: speeds.filter((one) => one.speed < least) });
  }

  /** @param {Op} op @param {(frame: string) => boolean} which @param {(frame: string) => string} other */
  const against = (op, which, other) =>
    frames.filter(which).map((frame) => {
      const peer = other(frame);
      return { at: peer === "protobuf-es" ? frame : `${frame}, ${peer}`, speed: speed(op, frame, "chappe", peer) };
    });

  if (!libraries.includes("chappe")) return [];
  if (libraries.includes("protobuf-es")) {
    for (const [op, mean, least] of /** @type {[Op, number, number][]} */ ([
      ["encode", 4, 2.2],
      ["decode", 3.5, 2.8],
    ])) {
      const speeds = against(op, any, () => "protobuf-es");
      judge(op, "protobuf-es, geometric mean", mean, [
        { at: "all frames", speed: geometricMean(speeds.map(({ speed }) => speed)) },
      ]);
      judge(op, "protobuf-es, each frame", least, speeds);
    }
  }
  if (libraries.length > 1) {
    judge(
      "encode",
      "the fastest peer, single frames",
      1.8,
      against("encode", isSingle, (frame) => fastestPeer("encode", frame, { stateless: false })),
    );
    judge(
      "encode",
      "the fastest peer, batches",
      1.5,
      against("encode", isBatch, (frame) => fastestPeer("encode", frame, { stateless: false })),
    );
    judge(
      "decode",
      "the fastest stateless peer",
      1.5,
      against("decode", any, (frame) => fastestPeer("decode", frame, { stateless: true })),
    );
  }
  if (libraries.includes("msgpackr-records")) {
    judge(
      "decode",
      "msgpackr with records, single frames",
      1.1,
      against("decode", isSingle, () => "msgpackr-records"),
    );
    judge(
      "decode",
      "msgpackr with records, batches",
      0.9,
      against("decode", isBatch, () => "msgpackr-records"),
    );
  }
  return found;
}
