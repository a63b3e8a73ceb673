// @ts-check
/**
 * Reads a regular expression of RE2's syntax. What it takes has one meaning; all else is refused: flags, word boundaries, named groups,
 * classes by name, octal escapes, and whatever RE2 would take literally by way of leniency.
 */

/**
 * @typedef {{ type: "set", ranges: Ranges }
 *   | { type: "all" | "any", parts: Node[] }
 *   | { type: "repeat", part: Node, min: number, max: number }
 *   | { type: "begin" } | { type: "end" }} Node `all`: one after the other; `any`: one of them
 */
/** Code points, from and to, both inclusive; ascending and apart from each other. @typedef {(readonly [number, number])[]} Ranges */

const last = 0x10ffff;
/** @type {Readonly<Record<string, Ranges>>} */
const classes = {
  d: [[48, 57]],
  s: [
    [9, 10],
    [12, 13],
    [32, 32],
  ],
  w: [
    [48, 57],
    [65, 90],
    [95, 95],
    [97, 122],
  ],
};
/** @type {Readonly<Record<string, number>>} */
const controls = { t: 9, n: 10, v: 11, f: 12, r: 13 };
/** As in RE2. */
const mostRepeats = 1000;

/** @param {Ranges} ranges @returns {Ranges} */
function normal(ranges) {
  /** @type {[number, number][]} */
  const out = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = out.at(-1);
    if (before !== undefined && from <= before[1] + 1) before[1] = Math.max(before[1], to);
    else out.push([from, to]);
  }
  return out;
}

/** @param {Ranges} ranges @returns {Ranges} */
function inverse(ranges) {
  /** @type {[number, number][]} */
  const out = [];
  let next = 0;
  for (const [from, to] of normal(ranges)) {
    if (from > next) out.push([next, from - 1]);
    next = to + 1;
  }
  if (next <= last) out.push([next, last]);
  return out;
}

/** @param {string} source @returns {Node} @throws Error with the place and what is not served there. */
export function parsePattern(source) {
  const points = [...source];
  let at = 0;
  /** @param {string} what @returns {never} */
  const refuse = (what) => {
    throw new Error(`at ${at}: ${what}`);
  };
  /** @param {string} point */
  const eat = (point) => points[at] === point && ++at > 0;

  /** @returns {Node} */
  function alternatives() {
    const parts = [sequence()];
    while (eat("|")) parts.push(sequence());
    return { type: "any", parts };
  }

  /** @returns {Node} */
  function sequence() {
    /** @type {Node[]} */
    const parts = [];
    while (at < points.length && points[at] !== "|" && points[at] !== ")") parts.push(repeated(atom()));
    return { type: "all", parts };
  }

  /** @param {Node} part @returns {Node} */
  function repeated(part) {
    const count = counts();
    if (count === undefined) return part;
    // Whether it takes much or little first changes what is matched, and not whether.
    eat("?");
    if (counts() !== undefined) refuse("a repetition of a repetition");
    return { type: "repeat", part, ...count };
  }

  /** @returns {{ min: number, max: number } | undefined} */
  function counts() {
    if (eat("*")) return { min: 0, max: Infinity };
    if (eat("+")) return { min: 1, max: Infinity };
    if (eat("?")) return { min: 0, max: 1 };
    if (points[at] !== "{") return undefined;
    const [all = "", low = "", comma, high] = /^\{(\d+)(,(\d*))?\}/.exec(points.slice(at).join("")) ?? refuse("{");
    const min = Number(low);
    const max = comma === undefined ? min : high === "" ? Infinity : Number(high);
    if (min > mostRepeats || (max > mostRepeats && max !== Infinity) || max < min) refuse(all);
    at += all.length;
    return { min, max };
  }

  /** @returns {Node} */
  function atom() {
    const point = points[at++] ?? refuse("the end");
    switch (point) {
      case "^":
        return { type: "begin" };
      case "$":
        return { type: "end" };
      case ".":
        return { type: "set", ranges: inverse([[10, 10]]) };
      case "(": {
        if (eat("?") && !eat(":")) refuse("(?");
        const inner = alternatives();
        return eat(")") ? inner : refuse("a group without an end");
      }
      case "[":
        return { type: "set", ranges: set() };
      case "\\": {
        if (eat("A")) return { type: "begin" };
        if (eat("z")) return { type: "end" };
        const escaped = escaping();
        return { type: "set", ranges: typeof escaped === "number" ? [[escaped, escaped]] : escaped };
      }
      case "*":
      case "+":
      case "?":
      case "{":
      case "}":
      case "]":
        at--;
        return refuse(point);
      default: {
        const code = codeOf(point);
        return { type: "set", ranges: [[code, code]] };
      }
    }
  }

  /** What is behind a backslash: a code point, or a class. @returns {number | Ranges} */
  function escaping() {
    const point = points[at++] ?? refuse("the end");
    const control = controls[point];
    if (control !== undefined) return control;
    const named = classes[point.toLowerCase()];
    if (named !== undefined) return point in classes ? named : inverse(named);
    if (point === "x") {
      const [all = "", digits, short] =
        /^(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{2}))/.exec(points.slice(at).join("")) ?? refuse("\\x");
      at += all.length;
      const code = Number.parseInt(digits ?? short ?? "", 16);
      return code <= last ? code : refuse(all);
    }
    return /^[!-/:-@[-`{-~ ]$/.test(point) ? codeOf(point) : refuse(`\\${point}`);
  }

  /** What is behind an opening bracket. @returns {Ranges} */
  function set() {
    const negated = eat("^");
    /** @type {[number, number][]} */
    const ranges = [];
    if (points[at] === "]") refuse("]");
    for (let first = true; !eat("]"); first = false) {
      const from = member(first);
      if (typeof from !== "number") ranges.push(.../** @type {[number, number][]} */ (from));
      else if (points[at] === "-" && points[at + 1] !== "]") {
        at++;
        const to = member(true);
        if (typeof to !== "number" || to < from) refuse("a range");
        else ranges.push([from, to]);
      } else ranges.push([from, from]);
    }
    return negated ? inverse(ranges) : normal(ranges);
  }

  /** @param {boolean} mayBeDash @returns {number | Ranges} */
  function member(mayBeDash) {
    const point = points[at++] ?? refuse("a class without an end");
    if (point === "\\") return escaping();
    if (point === "[") return refuse("[");
    if (point === "-" && !mayBeDash && points[at] !== "]") return refuse("-");
    return codeOf(point);
  }

  const tree = alternatives();
  return at === points.length ? tree : refuse(points[at] ?? "");
}

/** @param {string} point */
function codeOf(point) {
  return point.codePointAt(0) ?? 0;
}
