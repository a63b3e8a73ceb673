// @ts-check
/** Seeded randomness: the same seed gives the same frames on every machine, in Node and in browsers. */

/** @typedef {ReturnType<typeof seeded>} Random */

/** @param {number} seed any integer */
export function seeded(seed) {
  let state = seed >>> 0;

  /** From 0 up to 1, 1 left out (mulberry32). */
  function next() {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer, both ends included. @param {number} low @param {number} high */
  const integer = (low, high) => low + Math.floor(next() * (high - low + 1));

  return {
    next,
    integer,
    /** @param {number} probability */
    chance: (probability) => next() < probability,
    /** @template T @param {readonly T[]} list @returns {T} */
    pick: (list) => list[integer(0, list.length - 1)],
    /** One of those keys whose values are weights. @param {Readonly<Record<string, number>>} weights */
    weighted(weights) {
      let rest = next() * Object.values(weights).reduce((sum, weight) => sum + weight, 0);
      for (const [key, weight] of Object.entries(weights)) {
        rest -= weight;
        if (rest < 0) return key;
      }
      return Object.keys(weights)[0];
    },
    /** An integer whose logarithm is evenly spread: as many below 10 as between 1,000 and 10,000. @param {number} low @param {number} high */
    magnitude: (low, high) => Math.min(high, Math.floor(Math.exp(Math.log(low) + next() * Math.log((high + 1) / low)))),
    /** Bell-shaped around 0, standard deviation 1. */
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    /** @param {number} length */
    bytes: (length) => Uint8Array.from({ length }, () => integer(0, 255)),
    /** The list in another order, in place. @template {unknown[] | Uint16Array} L @param {L} list */
    shuffle(list) {
      for (let i = list.length - 1; i > 0; i--) {
        const j = integer(0, i);
        [list[i], list[j]] = [list[j], list[i]];
      }
      return list;
    },
  };
}
