/** The lines of an explained frame as text. */

import type { ProtocolError } from "../../errors.ts";
import type { Line } from "./explain.ts";
import { ruleOf } from "./meanings.ts";

/** The column of meanings begins here at the latest. */
const widestLeft = 60;

/** One line for each field: its bytes, what it is, what it means; below the one that is at fault, what is wrong with it. */
export function layOut(lines: readonly Line[], bytes: Uint8Array, error: ProtocolError | undefined): string {
  const ranges = lines.map(({ at, end }) => (end - at === 1 ? `${at}` : `${at}-${end - 1}`));
  const gutter = Math.max(5, ...ranges.map((range) => range.length));
  const lefts = lines.map(
    ({ depth, label, value }, i) => `${ranges[i]?.padStart(gutter)}  ${"  ".repeat(depth)}${label}${value && `: ${value}`}`,
  );
  const left = Math.min(widestLeft, Math.max(0, ...lefts.map((text) => text.length)));
  const wrong = error === undefined ? -1 : faultyLine(lines, error);
  const marks = error === undefined ? [] : fault(error, bytes).map((text) => `${"!!".padStart(gutter)}  ${text}`);
  const text = lines.flatMap(({ meaning }, i) => [
    `${(lefts[i] ?? "").padEnd(left)}  ${meaning}`.trimEnd(),
    ...(i === wrong ? marks : []),
  ]);
  if (wrong < 0) text.push(...marks);
  return text.map((line) => `${line}\n`).join("");
}

/** The line about which the error is: the last one where bytes are malformed; else the field that it names, or the nearest around it. */
function faultyLine(lines: readonly Line[], error: ProtocolError): number {
  if (error.at !== undefined) return lines.length - 1;
  let best = -1;
  for (const [index, { path }] of lines.entries()) {
    const holds = error.field === path || error.field?.startsWith(`${path}.`) || error.field?.startsWith(`${path}[`);
    if (holds && path.length >= (lines[best]?.path.length ?? 0)) best = index;
  }
  return best;
}

function fault(error: ProtocolError, bytes: Uint8Array): string[] {
  const { at, code, message } = error;
  const rule = `${code}: ${ruleOf(code)}`;
  if (at === undefined) return [`${rule} Here: ${message}.`];
  const rest = Buffer.from(bytes.subarray(at, at + 12))
    .toString("hex")
    .replace(/..(?=.)/g, "$& ");
  const shown = rest === "" ? "" : `, ${rest}${bytes.length > at + 12 ? " …" : ""}`;
  return [`byte ${at}${shown}`, `${rule} Here: ${message}.`];
}
