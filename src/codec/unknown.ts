/** Fields that a schema does not know, or whose wire type is not their own: kept as they came, or passed over. */

import { fail } from "./error.ts";
import { type Reader, readFixed, readLength, readTag, readVarint53, viewOf } from "./reader.ts";
import { writeRaw, writeUint32 } from "./write.ts";

/** An unknown field, as protobuf-es has it. `data`: its value as it stands on the wire; of a group with its end. */
export interface UnknownField {
  readonly no: number;
  readonly wireType: number;
  readonly data: Uint8Array;
}

/** The entry of a list, the object, and the view. */
const unknownMemory = 176;

/** A message, as far as its unknown fields go. */
interface MaybeUnknown {
  $unknown?: UnknownField[] | undefined;
}

/** Takes the value behind a tag that the message does not know. */
export function readUnknown(r: Reader, tag: number, message: MaybeUnknown): void {
  const start = r.pos;
  skip(r, tag);
  if (r.keep && --r.unknown < 0) fail("UNKNOWN_EXCEEDED", start);
  keep(r, tag, start, message);
}

/** Keeps what stands from `start` up to where the reader is. */
export function keep(r: Reader, tag: number, start: number, message: MaybeUnknown): void {
  if (!r.keep) return;
  r.memory -= unknownMemory;
  const view = viewOf(r, start, r.pos);
  const field = { no: tag >>> 3, wireType: tag & 7, data: r.copy ? new Uint8Array(view) : view };
  if (message.$unknown === undefined) message.$unknown = [field];
  else message.$unknown.push(field);
}

/** Goes past the value behind a tag. */
export function skip(r: Reader, tag: number): void {
  switch (tag & 7) {
    case 0:
      readVarint53(r);
      return;
    case 1:
      readFixed(r, 8);
      return;
    case 2:
      r.pos = readLength(r);
      return;
    case 3:
      skipGroup(r, tag);
      return;
    case 4:
      return fail("GROUP_UNBALANCED", r.pos - tagSize(tag));
    default:
      readFixed(r, 4);
  }
}

/** @returns where the end of the group begins. */
function skipGroup(r: Reader, tag: number): number {
  const start = r.pos - tagSize(tag);
  if (--r.depth < 0) fail("DEPTH_EXCEEDED", start);
  while (r.pos < r.end) {
    const at = r.pos;
    const inner = readTag(r);
    if ((inner & 7) !== 4) {
      skip(r, inner);
    } else if (inner === tag + 1) {
      r.depth++;
      return at;
    } else fail("GROUP_UNBALANCED", at);
  }
  return fail("GROUP_UNBALANCED", start);
}

/** Finds the end of a group whose start was just read. @returns the index of its end tag; the reader stands where it stood. */
export function findGroupEnd(r: Reader, tag: number): number {
  const start = r.pos;
  const end = skipGroup(r, tag);
  r.pos = start;
  return end;
}

/** Bytes of a tag in its shortest form. */
function tagSize(tag: number): number {
  let size = 1;
  for (let rest = tag >>> 7; rest > 0; rest >>>= 7) size++;
  return size;
}

/** Writes unknown fields as they came. */
export function writeUnknown(fields: readonly UnknownField[], bytes: Uint8Array, at: number): number {
  let to = at;
  for (const { no, wireType, data } of fields) to = writeRaw(data, bytes, writeUint32(((no << 3) | wireType) >>> 0, bytes, to));
  return to;
}
