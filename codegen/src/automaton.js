// @ts-check
/**
 * Makes of a regular expression a table by which a text is judged in one pass, whatever it holds: a deterministic automaton, by the
 * subset construction. Its states are limited in number, else the expression is refused.
 */

import { parsePattern } from "./pattern.js";

/** @import { Node, Ranges } from "./pattern.js" */

/** A place in the expression: what comes next there. `match`: nothing, it has matched. */
/** @typedef {{ type: "set", ranges: Ranges, to: number } | { type: "split", to: number[] } | { type: "begin" | "end", to: number } | { type: "match" }} Place */

/**
 * @typedef {object} Automaton
 * @property {number[]} starts first code point of each interval, ascending, from 0 on
 * @property {number[]} kinds the kind of the code points in it
 * @property {number[][]} next the state behind each state and kind; `fails` and `matches` end it
 * @property {boolean[]} final whether a text that ends in this state matches
 */

/** As src/codec/pattern.ts has them. */
const fails = -1;
const matches = -2;

const mostPlaces = 10_000;
const mostCells = 4096;

/** @param {string} source @returns {Automaton} @throws Error where it is not served. */
export function automaton(source) {
  /** @type {Place[]} */
  const places = [{ type: "match" }];
  /** @param {Place} place */
  const add = (place) => {
    if (places.length > mostPlaces) throw new Error("it is too large");
    return places.push(place) - 1;
  };
  const root = build(parsePattern(source), 0, add, places);
  const { starts, kinds, members } = partition(places);

  /** The places that are reached without a character. @param {Iterable<number>} from @param {boolean} begin @param {boolean} end */
  const closure = (from, begin, end) => {
    const reached = new Set(from);
    for (const id of reached) {
      const place = places[id];
      if (place?.type === "split") for (const to of place.to) reached.add(to);
      else if ((place?.type === "begin" && begin) || (place?.type === "end" && end)) reached.add(place.to);
    }
    return reached;
  };

  /** @type {Map<string, number>} */
  const known = new Map();
  /** @type {{ reached: Set<number> }[]} */
  const states = [];
  /** @type {Automaton} */
  const made = { starts, kinds, next: [], final: [] };
  /** The number of a state, or how it ends. @param {Set<number>} from @param {boolean} begin */
  const state = (from, begin) => {
    const reached = closure(from, begin, false);
    if (reached.has(0)) return matches;
    const final = closure(from, begin, true).has(0);
    const waiting = [...reached].filter((id) => places[id]?.type === "set").sort((a, b) => a - b);
    if (waiting.length === 0 && !final) return fails;
    const key = `${final} ${waiting.join()}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const number = states.push({ reached: new Set(waiting) }) - 1;
    if (number * members.length > mostCells) throw new Error("it has too many states");
    known.set(key, number);
    made.final.push(final);
    return number;
  };

  const first = state(new Set([root]), true);
  // What matches or fails whatever the text is has one state all the same.
  if (first < 0) return { ...made, next: [members.map(() => first)], final: [first === matches] };
  for (const { reached } of states) {
    const row = members.map((sets) => {
      // A match may begin anywhere: the expression's own `^` says where it may not.
      const to = new Set([root]);
      for (const id of reached) {
        const place = places[id];
        if (place?.type === "set" && sets.has(place.ranges)) to.add(place.to);
      }
      return state(to, false);
    });
    made.next.push(row);
  }
  return made;
}

/** The place where `node` begins, behind which comes `next`. @param {Node} node @param {number} next @param {(place: Place) => number} add @param {Place[]} places @returns {number} */
function build(node, next, add, places) {
  switch (node.type) {
    case "set":
      return add({ type: "set", ranges: node.ranges, to: next });
    case "begin":
    case "end":
      return add({ type: node.type, to: next });
    case "all":
      return node.parts.reduceRight((to, part) => build(part, to, add, places), next);
    case "any":
      return add({ type: "split", to: node.parts.map((part) => build(part, next, add, places)) });
    default: {
      let to = next;
      if (node.max === Infinity) {
        to = add({ type: "split", to: [next] });
        const again = build(node.part, to, add, places);
        const loop = places[to];
        if (loop?.type === "split") loop.to.push(again);
      } else for (let i = node.min; i < node.max; i++) to = add({ type: "split", to: [next, build(node.part, to, add, places)] });
      for (let i = 0; i < node.min; i++) to = build(node.part, to, add, places);
      return to;
    }
  }
}

/** Sorts the code points into kinds, by the sets that they are in. @param {Place[]} places */
function partition(places) {
  const sets = [...new Set(places.flatMap((place) => (place.type === "set" ? [place.ranges] : [])))];
  const bounds = new Set([0, ...sets.flat().flatMap(([from, to]) => [from, to + 1])]);
  bounds.delete(0x110000);
  /** @type {Map<string, number>} */
  const known = new Map();
  /** @type {Set<Ranges>[]} */
  const members = [];
  /** @type {number[]} */
  const starts = [];
  /** @type {number[]} */
  const kinds = [];
  for (const point of [...bounds].sort((a, b) => a - b)) {
    const key = sets.map((ranges) => (ranges.some(([from, to]) => from <= point && point <= to) ? "1" : "0")).join("");
    let kind = known.get(key);
    if (kind === undefined) {
      kind = members.push(new Set(sets.filter((_, i) => key[i] === "1"))) - 1;
      known.set(key, kind);
    }
    if (kinds.at(-1) === kind) continue;
    starts.push(point);
    kinds.push(kind);
  }
  return { starts, kinds, members };
}
