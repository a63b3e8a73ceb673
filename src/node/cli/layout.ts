/** The lines of an explained frame as text. */

import type { ProtocolError } from "../../errors.ts";
import type { Line } from "./explain.ts";
import { ruleOf } from "./meanings.ts";

/** The column of meanings begins here at the latest. */
const widestLeft = 60;
/** Where less is left for meanings, each stands below its field. */
const narrowest = 30;

/**
 * One line for each field: its bytes, what it is, what it means; below the one that is at fault, what is wrong with it.
 * @param columns of the terminal, to which lines are broken; undefined: they are not.
 */
export function layOut(
  lines: readonly Line[],
  bytes: Uint8Array,
  error: ProtocolError | undefined,
  columns: number = Number.POSITIVE_INFINITY,
): string {
  const ranges = lines.map(({ at, end }) => (end - at === 1 ? `${at}` : `${at}-${end - 1}`));
  const gutter = Math.max(5, ...ranges.map((range) => range.length));
  const lefts = lines.map(
    ({ depth, label, value }, i) => `${ranges[i]?.padStart(gutter)}  ${"  ".repeat(depth)}${label}${value && `: ${value}`}`,
  );
  const longest = Math.max(0, ...lefts.map((text) => text.length));
  const isBeside = columns - Math.min(longest, Math.ceil(columns / 2)) - 2 >= narrowest;
  const left = Math.min(widestLeft, longest, isBeside ? Math.max(0, Math.ceil(columns / 2)) : columns);
  const wrong = error === undefined ? -1 : faultyLine(lines, error);
  const marks =
    error === undefined
      ? []
      : fault(error, bytes, placeOf(lines, error)).flatMap((text) => hung(text, `${"!!".padStart(gutter)}  `, columns));
  const text = lines.flatMap(({ depth, meaning }, i) => [
    ...row(lefts[i] ?? "", meaning, isBeside ? left + 2 : undefined, gutter + 4 + 2 * depth, columns),
    ...(i === wrong ? marks : []),
  ]);
  if (wrong < 0) text.push(...marks);
  return text.map((line) => `${line}\n`).join("");
}

/** A field and its meaning, which stands in the column `beside`, or below. What is too long goes on at the column `inner`. */
function row(left: string, meaning: string, beside: number | undefined, inner: number, columns: number): string[] {
  if (columns === Number.POSITIVE_INFINITY) return [`${left.padEnd((beside ?? 0) - 2)}  ${meaning}`.trimEnd()];
  const indent = left.search(/\S/);
  const fields = hung(left.slice(indent), left.slice(0, indent), columns, inner);
  if (meaning === "") return fields;
  if (beside === undefined) return [...fields, ...hung(meaning, " ".repeat(inner), columns)];
  const meanings = hung(meaning, " ".repeat(beside), columns);
  const last = fields.at(-1) ?? "";
  if (last.length + 2 > beside) return [...fields, ...meanings];
  return [...fields.slice(0, -1), `${last.padEnd(beside)}${(meanings[0] ?? "").trimStart()}`, ...meanings.slice(1)];
}

/** Text behind `head`, broken to the columns; what is too long goes on below, at the column `indent`. */
function hung(text: string, head: string, columns: number, indent = head.length): string[] {
  const width = Math.max(20, columns - Math.max(head.length, indent));
  return wrap(text, width).map((line, index) => `${index === 0 ? head : " ".repeat(indent)}${line}`);
}

/** Lines of at most `columns` characters, broken between words. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
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

/** Index of the first byte that is at fault: the one that cannot be read, or of the field that the rule is about. */
export function placeOf(lines: readonly Line[], error: ProtocolError): number | undefined {
  return error.at ?? lines[faultyLine(lines, error)]?.at;
}

function fault({ code, message }: ProtocolError, bytes: Uint8Array, at: number | undefined): string[] {
  const rule = `${code}: ${ruleOf(code)}`;
  if (at === undefined) return [`${rule} Here: ${message}.`];
  const rest = Buffer.from(bytes.subarray(at, at + 12))
    .toString("hex")
    .replace(/..(?=.)/g, "$& ");
  const shown = rest === "" ? "" : `, ${rest}${bytes.length > at + 12 ? " …" : ""}`;
  return [`byte ${at}${shown}`, `${rule} Here: ${message}.`];
}
