/** Hex as people paste it. What is read wrong would be explained wrong: where it is not certain which digits are meant, it is refused. */

import { CliError } from "./io.ts";

/** What may stand between bytes: of lists in source code, of fingerprints, of strings with escapes. */
const separators = /(?:\b0x|\\x|[\s:,;{}[\]-])+/gi;

/** Whether nothing but hex digits and separators are there. */
export function looksHex(text: string): boolean {
  return /^[0-9a-f]*$/i.test(text.replace(separators, ""));
}

/**
 * Hex digits, whole bytes at a time; or what `xxd` or `hexdump -C` print, with offsets and characters.
 * @returns undefined where it is neither. @throws CliError where it is one of them, with something missing.
 */
export function fromHex(text: string): Uint8Array | undefined {
  const dump = fromDump(text);
  if (dump !== undefined) return dump;
  if (!looksHex(text)) return undefined;
  const groups = text.replace(separators, " ").trim().split(" ");
  // Base64 of nothing but hex digits is far less likely than hex with a digit lost.
  const odd = groups.find((group) => group.length % 2 !== 0);
  if (odd !== undefined)
    throw new CliError(`the input has an odd number of hex digits: '${odd.length > 20 ? `${odd.slice(0, 20)}…` : odd}'`);
  return new Uint8Array(Buffer.from(groups.join(""), "hex"));
}

/** A line of `xxd`: the offset and a colon, the bytes, two spaces, the characters. */
const xxdLine = /^([0-9a-f]{8,}): ((?:[0-9a-f]{2})+(?: (?:[0-9a-f]{2})+)*) {2}.*$/i;
/** A line of `hexdump -C`: the offset, the bytes, the characters between bars. */
const hexdumpLine = /^([0-9a-f]{8,}) {2}([0-9a-f]{2}(?: {1,2}[0-9a-f]{2})*) +\|.*\|$/i;

/** Every line must be of the one form or every line of the other: part of a dump among something else is no dump. */
function fromDump(text: string): Uint8Array | undefined {
  const lines = text.split("\n").map((line) => line.trimEnd());
  while (lines.at(-1) === "") lines.pop();
  const form = [xxdLine, hexdumpLine].find((form) => form.test(lines[0] ?? ""));
  if (form === undefined) return undefined;
  // hexdump ends with the offset of the end.
  if (form === hexdumpLine && /^[0-9a-f]{8,}$/i.test(lines.at(-1) ?? "")) lines.pop();
  const chunks: Buffer[] = [];
  let expected: number | undefined;
  for (const line of lines) {
    if (line === "*") throw new CliError("the dump leaves bytes out, as * says: dump them all (hexdump -v)");
    const [, offset = "", digits = ""] = form.exec(line) ?? [];
    if (offset === "") return undefined;
    const at = Number.parseInt(offset, 16);
    if (expected !== undefined && at !== expected)
      throw new CliError(`the dump has ${offset} where the byte at ${hex8(expected)} is expected`);
    const bytes = Buffer.from(digits.replaceAll(" ", ""), "hex");
    expected = at + bytes.length;
    chunks.push(bytes);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, "0");
}
