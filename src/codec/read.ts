/**
 * Values of each type of field, read where the reader stands.
 *
 * Law: a fast path may read past the end of its message, where it finds nothing or another message's bytes; {@link leave} refuses
 * whatever came of it. A varint keeps its low 32 or 64 bits, as Protobuf has it.
 */

import { fail } from "./error.ts";
import { joinSigned, joinUnsigned, pair, smallInteger } from "./int64.ts";
import { type Reader, readFixed, readLength, viewOf } from "./reader.ts";
import { decodeText, decodeTextLenient } from "./text.ts";

/** What of the heap a value takes beside the bytes that it stands for (estimates for 64-bit engines). */
const stringMemory = 24;
const viewMemory = 104;
/** An element of a list: its slot, with room to grow. */
const slotMemory = 16;

/** What an empty `bytes` field holds: one object for all, for it has nothing that could change. */
export const noBytes: Uint8Array = new Uint8Array(0);

/** A varint of up to 64 bits into {@link pair}. */
function readWords(r: Reader): void {
  const { bytes } = r;
  const at = r.pos;
  let low = 0;
  let high = 0;
  let i = at;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[i++] as number;
    low |= (byte & 127) << shift;
    if (byte < 128) {
      r.pos = i;
      pair.low = low;
      pair.high = 0;
      return;
    }
  }
  let byte = bytes[i++] as number;
  low |= (byte & 127) << 28;
  high = (byte & 127) >>> 4;
  for (let shift = 3; byte > 127; shift += 7) {
    byte = bytes[i++] as number;
    if (shift === 31 && byte > 1) fail(i > r.end ? "TRUNCATED" : "VARINT_OVERLONG", at);
    high |= (byte & 127) << shift;
  }
  if (i > r.end) fail("TRUNCATED", at);
  r.pos = i;
  pair.low = low;
  pair.high = high;
}

/** uint32. */
export function readUint32(r: Reader): number {
  const byte = r.bytes[r.pos] as number;
  if (byte < 128) {
    r.pos++;
    return byte;
  }
  readWords(r);
  return pair.low >>> 0;
}

/** int32, and an open enum. */
export function readInt32(r: Reader): number {
  const byte = r.bytes[r.pos] as number;
  if (byte < 128) {
    r.pos++;
    return byte;
  }
  readWords(r);
  return pair.low | 0;
}

export function readSint32(r: Reader): number {
  const value = readUint32(r);
  return (value >>> 1) ^ -(value & 1);
}

export function readBool(r: Reader): boolean {
  readWords(r);
  return (pair.low | pair.high) !== 0;
}

export function readUint64(r: Reader): bigint {
  const byte = r.bytes[r.pos] as number;
  if (byte < 128) {
    r.pos++;
    return smallInteger(byte);
  }
  readWords(r);
  return joinUnsigned(pair.low, pair.high);
}

/** uint64 where the schema's codecs were generated with `integers=safe`: above 2^53−1 is INTEGER_RANGE. */
export function readSafeUint64(r: Reader): bigint {
  const at = r.pos;
  const byte = r.bytes[at] as number;
  if (byte < 128) {
    r.pos++;
    return smallInteger(byte);
  }
  readWords(r);
  if (pair.high >>> 21 !== 0) fail("INTEGER_RANGE", at);
  return joinUnsigned(pair.low, pair.high);
}

export function readInt64(r: Reader): bigint {
  readWords(r);
  return joinSigned(pair.low, pair.high);
}

export function readSint64(r: Reader): bigint {
  readWords(r);
  const { low, high } = pair;
  const sign = -(low & 1);
  return joinSigned(((low >>> 1) | (high << 31)) ^ sign, (high >>> 1) ^ sign);
}

export function readFixed32(r: Reader): number {
  return readWord(r.bytes, readFixed(r, 4)) >>> 0;
}

export function readSfixed32(r: Reader): number {
  return readWord(r.bytes, readFixed(r, 4));
}

export function readFixed64(r: Reader): bigint {
  const at = readFixed(r, 8);
  return joinUnsigned(readWord(r.bytes, at), readWord(r.bytes, at + 4));
}

export function readSfixed64(r: Reader): bigint {
  const at = readFixed(r, 8);
  return joinSigned(readWord(r.bytes, at), readWord(r.bytes, at + 4));
}

const floats: DataView = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(8));

export function readFloat(r: Reader): number {
  floats.setInt32(0, readWord(r.bytes, readFixed(r, 4)));
  return floats.getFloat32(0);
}

export function readDouble(r: Reader): number {
  const at = readFixed(r, 8);
  floats.setInt32(4, readWord(r.bytes, at));
  floats.setInt32(0, readWord(r.bytes, at + 4));
  return floats.getFloat64(0);
}

/** A string; its bytes MUST be UTF-8. */
export function readText(r: Reader): string {
  const end = readLength(r);
  const start = r.pos;
  r.pos = end;
  r.memory -= stringMemory + end - start;
  return decodeText(r.bytes, start, end);
}

/** A string of a field without `utf8_validation`: what is not UTF-8 becomes U+FFFD. */
export function readLenientText(r: Reader): string {
  const end = readLength(r);
  const start = r.pos;
  r.pos = end;
  r.memory -= stringMemory + end - start;
  return decodeTextLenient(r.bytes, start, end);
}

/** Bytes: a view of the input, or a copy, as the options say. */
export function readBytes(r: Reader): Uint8Array {
  const end = readLength(r);
  const start = r.pos;
  r.pos = end;
  if (start === end) return noBytes;
  r.memory -= viewMemory;
  if (!r.copy) return viewOf(r, start, end);
  r.memory -= end - start;
  return new Uint8Array(r.bytes.subarray(start, end));
}

/**
 * Begins a packed list, and pays for all of its elements before one is made.
 * @param size - bytes of each element; 0 for varints.
 * @param memory - of each element, beside its slot.
 * @returns what {@link endPacked} wants; the list ends at `r.end`.
 */
export function beginPacked(r: Reader, size: number, memory: number): number {
  const outer = r.end;
  const end = readLength(r);
  const count = size === 0 ? countVarints(r.bytes, r.pos, end) : Math.floor((end - r.pos) / size);
  const whole = endOfWhole(r, end, size);
  if (whole !== end) fail("TRUNCATED", whole);
  if (count > r.elements) fail("ELEMENTS_EXCEEDED", startOf(r, r.elements, size));
  r.elements -= count;
  r.memory -= count * (slotMemory + memory);
  if (r.memory < 0) fail("MEMORY_EXCEEDED", r.pos);
  r.end = end;
  return outer;
}

/** Ends it. */
export function endPacked(r: Reader, outer: number): void {
  if (r.pos !== r.end) fail("TRUNCATED", r.mark);
  r.end = outer;
}

function countVarints(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) if ((bytes[i] as number) < 128) count++;
  return count;
}

/** Where what follows the whole elements of a packed list begins. */
function endOfWhole(r: Reader, end: number, size: number): number {
  if (size > 0) return end - ((end - r.pos) % size);
  let at = end;
  while (at > r.pos && (r.bytes[at - 1] as number) > 127) at--;
  return at;
}

/** Where the element of this index begins. */
function startOf(r: Reader, index: number, size: number): number {
  if (size > 0) return r.pos + index * size;
  let at = r.pos;
  for (let left = index; left > 0; at++) if ((r.bytes[at] as number) < 128) left--;
  return at;
}

/** Pays for an element of a list that is not packed. @param memory - beside its slot. */
export function payElement(r: Reader, memory: number): void {
  r.memory -= slotMemory + memory;
}

function readWord(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
