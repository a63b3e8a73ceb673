/** One field of any message, as far as its bytes can be read: nothing here throws, and nothing is judged. */

import { type Cursor, readVarint64 } from "../../wire/varint.ts";

/** Where a field stands. */
export interface RawField {
  /** 0 where the tag cannot be read. */
  readonly number: number;
  readonly wire: number;
  /** Index of its tag; of its value, behind a length; of the byte behind it. */
  readonly at: number;
  readonly valueAt: number;
  readonly end: number;
  /** False where its message ends, or something is malformed, before the field is whole; `end` is that of the message then. */
  readonly whole: boolean;
}

/** The field whose tag stands at `at`, in a message that ends at `end`. */
export function readField(bytes: Uint8Array, at: number, end: number): RawField {
  const cursor: Cursor = { pos: at };
  const broken = { number: 0, wire: 0, at, valueAt: end, end, whole: false };
  const tag = tryVarint(bytes, cursor, end);
  if (tag === undefined) return broken;
  const number = Math.floor(tag / 8);
  const wire = tag % 8;
  let valueAt = cursor.pos;
  if (wire === 0) {
    if (tryVarint(bytes, cursor, end) === undefined) return { ...broken, number, wire };
  } else if (wire === 2) {
    const length = tryVarint(bytes, cursor, end);
    if (length === undefined) return { ...broken, number, wire };
    valueAt = cursor.pos;
    cursor.pos += length;
  } else if (wire === 3) {
    if (!skipGroup(bytes, cursor, end, number)) return { ...broken, number, wire };
  } else if (wire === 1 || wire === 5) cursor.pos += wire === 1 ? 8 : 4;
  else return { ...broken, number, wire };
  if (cursor.pos > end) return { ...broken, number, wire, valueAt };
  return { number, wire, at, valueAt, end: cursor.pos, whole: true };
}

/** The varint at the cursor, above 2^53 rounded; undefined where there is none. */
function tryVarint(bytes: Uint8Array, cursor: Cursor, end: number): number | undefined {
  try {
    return readVarint64(bytes, cursor, end);
  } catch {
    return undefined;
  }
}

/** Moves the cursor behind the end of the group; false where it has none. Groups may be nested as deep as there are bytes: no recursion. */
function skipGroup(bytes: Uint8Array, cursor: Cursor, end: number, number: number): boolean {
  const open = [number];
  while (open.length > 0) {
    const tag = tryVarint(bytes, cursor, end);
    if (tag === undefined) return false;
    const wire = tag % 8;
    if (wire === 3) open.push(Math.floor(tag / 8));
    else if (wire === 4) {
      if (open.pop() !== Math.floor(tag / 8)) return false;
    } else if (wire === 1 || wire === 5) cursor.pos += wire === 1 ? 8 : 4;
    else {
      const value = wire > 5 ? undefined : tryVarint(bytes, cursor, end);
      if (value === undefined) return false;
      if (wire === 2) cursor.pos += value;
    }
    if (cursor.pos > end) return false;
  }
  return true;
}
