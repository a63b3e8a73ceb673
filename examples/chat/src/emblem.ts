/** A sign of Claude Chappe's telegraph for each name: a long beam in one of four positions, an arm at each end in one of seven. */

import { s } from "./dom.ts";

/** FNV-1a: the same name has the same sign in every browser. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  // The low bits of FNV are close for names that are close.
  return (value ^ (value >>> 15)) >>> 0;
}

function end(x: number, y: number, degrees: number, length: number): { x: number; y: number } {
  const radians = (degrees * Math.PI) / 180;
  return { x: x + Math.cos(radians) * length, y: y + Math.sin(radians) * length };
}

function line(from: { x: number; y: number }, to: { x: number; y: number }, part: string): SVGElement {
  const at = (value: number) => value.toFixed(1);
  return s("line", { class: part, x1: at(from.x), y1: at(from.y), x2: at(to.x), y2: at(to.y) });
}

/** The sign of a name, for the eye alone: the name itself stands beside it. */
export function emblem(name: string): SVGElement {
  const value = hash(name);
  const beam = (value % 4) * 45;
  // An arm never lies outward in the line of the beam: the telegraph did not use that position, it is hard to see.
  const arm = (index: number, outward: number) => outward + 180 + ((index % 7) - 3) * 45;
  const centre = { x: 20, y: 20 };
  const left = end(20, 20, beam + 180, 10);
  const right = end(20, 20, beam, 10);
  const figure = s(
    "svg",
    { class: "emblem", viewBox: "0 0 40 40", "aria-hidden": "true" },
    s("circle", { class: "emblem-ground", cx: 20, cy: 20, r: 20 }),
    line(centre, { x: 20, y: 35 }, "emblem-mast"),
    line(left, right, "emblem-beam"),
    line(left, end(left.x, left.y, arm(value >>> 8, beam + 180), 8), "emblem-arm"),
    line(right, end(right.x, right.y, arm(value >>> 16, beam), 8), "emblem-arm"),
  );
  figure.style.setProperty("--hue", String(value % 360));
  return figure;
}
