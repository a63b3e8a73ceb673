/** What generated checks of strings and of bytes are made of. */

import { bounds, broken, type Violation } from "./check.ts";
import { isMatch, type Pattern } from "./pattern.ts";

/** Text that has a form in UTF-8, of so many bytes; both bounds inclusive. */
export function textIn(field: string, value: string, min: number, max: number): Violation | undefined {
  if (typeof value === "string" && value.length >= min && 3 * value.length <= max && isWellFormed(value)) return undefined;
  const length = typeof value === "string" ? utf8Length(value) : -1;
  if (length >= min && length <= max && length >= 0) return undefined;
  if (length < 0) return broken(field, "string.well_formed", "is not well-formed text");
  return broken(field, length < min ? "string.min_bytes" : "string.max_bytes", `is not ${bounds(min, max)} bytes of text`);
}

/** Text that has a form in UTF-8, of exactly so many bytes. */
export function textOf(field: string, value: string, length: number): Violation | undefined {
  const violation = textIn(field, value, length, length);
  return violation && { ...violation, rule: violation.rule.replace(/m.._bytes/, "len_bytes") };
}

/** Text of so many characters, which are code points; both bounds inclusive. */
export function charactersIn(field: string, value: string, min: number, max: number): Violation | undefined {
  const units = value.length;
  // There are at least half as many code points as there are units.
  if (units <= max && units >= 2 * min) return undefined;
  const count = units < min || units > 2 * max ? units : codePoints(value);
  if (count >= min && count <= max) return undefined;
  return broken(field, count < min ? "string.min_len" : "string.max_len", `is not ${bounds(min, max)} characters`);
}

/** Text of exactly so many characters. */
export function charactersOf(field: string, value: string, length: number): Violation | undefined {
  const violation = charactersIn(field, value, length, length);
  return violation && { ...violation, rule: "string.len" };
}

/** Text that the pattern matches. The rule of a well-known format is another one where the text is empty. */
export function matches(field: string, value: string, pattern: Pattern, format?: string): Violation | undefined {
  if (isMatch(value, pattern)) return undefined;
  const rule = `string.${format ?? "pattern"}${format !== undefined && value === "" ? "_empty" : ""}`;
  return broken(field, rule, `is not ${format ?? "what its pattern says"}`);
}

/** So many bytes; both bounds inclusive. */
export function bytesIn(field: string, value: Uint8Array, min: number, max: number): Violation | undefined {
  const length = value instanceof Uint8Array ? value.length : -1;
  if (length >= min && length <= max) return undefined;
  return broken(field, length < min ? "bytes.min_len" : "bytes.max_len", `is not ${bounds(min, max)} bytes`);
}

/** Exactly so many bytes. */
export function bytesOf(field: string, value: Uint8Array, length: number): Violation | undefined {
  return value instanceof Uint8Array && value.length === length
    ? undefined
    : broken(field, "bytes.len", `is not ${length} bytes`);
}

/** Bytes of one of these numbers, as a well-known format has them. */
export function sized(field: string, value: Uint8Array, format: string, lengths: readonly number[]): Violation | undefined {
  const { length } = value;
  return lengths.includes(length)
    ? undefined
    : broken(field, `bytes.${format}${length === 0 ? "_empty" : ""}`, `is not ${format}`);
}

/** Whether `part` stands in `value` at this index. */
export function hasBytesAt(value: Uint8Array, part: readonly number[], index: number): boolean {
  return index >= 0 && part.every((byte, i) => value[index + i] === byte);
}

export function includesBytes(value: Uint8Array, part: readonly number[]): boolean {
  for (let i = 0; i + part.length <= value.length; i++) if (hasBytesAt(value, part, i)) return true;
  return false;
}

export function isAmong(value: Uint8Array, list: readonly (readonly number[])[]): boolean {
  return list.some((each) => each.length === value.length && hasBytesAt(value, each, 0));
}

function isWellFormed(text: string & { isWellFormed?(): boolean }): boolean {
  return text.isWellFormed?.() ?? utf8Length(text) >= 0;
}

/** Code points of text; half of a surrogate pair counts as one. */
function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Bytes of `text` in UTF-8; −1 where it holds half of a surrogate pair, which has no such form. */
function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (unit < 0xd800 || unit > 0xdfff) length += 3;
    else {
      const next = text.charCodeAt(++i);
      // `!(>=)` rather than `<`: past the end it is NaN.
      if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return -1;
      length += 4;
    }
  }
  return length;
}
