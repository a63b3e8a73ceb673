// @ts-check
/**
 * One process's (or one page's) measurements. Laws: every library has seen every type of frame before any of its times counts, as in a
 * process that serves connections; all libraries are measured in each round of a frame type, in an order that is shuffled for each round;
 * each pass goes over the whole pool, in an order that is shuffled for each round; every result is kept where the optimizer cannot know
 * that nobody looks at it.
 */

import { frameNames, pool } from "./frames/frames.js";
import { seeded } from "./frames/random.js";
import { libraries } from "./libraries/index.js";
import { prepare } from "./verify.js";

/** @typedef {"encode" | "decode"} Op */
/** ms, as fine as there is. @typedef {() => number} Now */
/** @typedef {{ op: Op, frame: string, library: string, rounds: number[], bytes: number }} Cell rounds: ns for one frame, of each round */
/**
 * @typedef {object} Plan
 * @property {readonly string[]} frames
 * @property {readonly string[]} libraries
 * @property {number} seed of the orders; the frames are always the same
 * @property {number} rounds
 * @property {number} roundMs the least that a round takes
 * @property {number} warmupMs for each library with all frame types together, and again for each cell
 */

/** What was made last. @type {unknown} */
export let kept;

/**
 * ns for one call, over a number of passes.
 * @param {(item: any) => unknown} call
 * @param {readonly unknown[]} items
 * @param {Uint16Array} order
 * @param {number} passes
 * @param {Now} now
 */
function time(call, items, order, passes, now) {
  const started = now();
  for (let pass = 0; pass < passes; pass++) {
    for (let i = 0; i < order.length; i++) kept = call(items[order[i]]);
  }
  return ((now() - started) * 1e6) / (passes * order.length);
}

/**
 * Runs for at least as long, and says how many passes take that long once warm.
 * @param {(item: any) => unknown} call
 * @param {readonly unknown[]} items
 * @param {Uint16Array} order
 * @param {number} leastMs
 * @param {Now} now
 */
function warm(call, items, order, leastMs, now) {
  let passes = 1;
  for (let spent = 0; ; ) {
    const ms = (time(call, items, order, passes, now) * passes * order.length) / 1e6;
    spent += ms;
    if (spent >= leastMs) return { passesPerMs: passes / Math.max(ms, 0.001) };
    if (ms < leastMs / 4) passes *= 2;
  }
}

/** @param {Plan} plan */
export function chosen(plan) {
  return libraries.filter(({ name }) => plan.libraries.includes(name));
}

/** Mixes the frame types, as a connection does. @param {Plan} plan @param {Now} now */
function warmUp(plan, now) {
  const frames = plan.frames.flatMap((name) => pool(/** @type {"chat"} */ (name)).slice(0, 64));
  const order = Uint16Array.from(frames.keys());
  seeded(plan.seed).shuffle(order);
  for (const library of chosen(plan)) {
    const { natives, encoded } = prepare(library, frames);
    warm(library.encode, natives, order, plan.warmupMs * 3, now);
    warm(library.decode, encoded, order, plan.warmupMs * 3, now);
  }
}

/**
 * @param {Plan} plan
 * @param {Now} now
 * @returns {{ cells: Cell[], loopNs: number }} loopNs: what a round says of a call that does nothing
 */
export function measure(plan, now) {
  warmUp(plan, now);
  const random = seeded(plan.seed);
  /** @type {Cell[]} */
  const cells = [];
  let loopNs = Number.POSITIVE_INFINITY;
  for (const name of random.shuffle(frameNames.filter((each) => plan.frames.includes(each)))) {
    const frames = pool(name);
    const order = Uint16Array.from(frames.keys());
    const jobs = chosen(plan).flatMap((library) => {
      const { natives, encoded, bytes } = prepare(library, frames);
      /** @param {Op} op @param {(item: any) => unknown} call @param {readonly unknown[]} items */
      const job = (op, call, items) => {
        const { passesPerMs } = warm(call, items, order, plan.warmupMs, now);
        const passes = Math.ceil(passesPerMs * plan.roundMs);
        /** @type {Cell} */
        const cell = { op, frame: name, library: library.name, rounds: [], bytes };
        return { call, items, passes, cell };
      };
      return [job("encode", library.encode, natives), job("decode", library.decode, encoded)];
    });
    for (let round = 0; round < plan.rounds; round++) {
      for (const { call, items, passes, cell } of random.shuffle(jobs)) {
        random.shuffle(order);
        cell.rounds.push(time(call, items, order, passes, now));
      }
      loopNs = Math.min(loopNs, time(nothing, frames, order, 1000, now));
    }
    cells.push(...jobs.map(({ cell }) => cell));
  }
  return { cells, loopNs };
}

/** @param {unknown} item */
const nothing = (item) => item;
