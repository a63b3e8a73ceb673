/**
 * Values of each type of field, written from an index on. Each function gives the index behind what it wrote.
 *
 * Law: nothing is written past the end of the target, yet the index goes on, so that the caller learns how much room it wants.
 * A value that is not of its type is refused.
 */

import { fail } from "./error.ts";
import { pair, splitSigned, splitUnsigned } from "./int64.ts";

/** uint32, 0 to 2^32−1; also tags and lengths. */
export function writeUint32(value: number, bytes: Uint8Array, at: number): number {
  if ((value & 127) === value) {
    bytes[at] = value;
    return at + 1;
  }
  if (value >>> 0 !== value) fail("VALUE_INVALID");
  return writeVarint(value, bytes, at);
}

function writeVarint(value: number, bytes: Uint8Array, at: number): number {
  let rest = value;
  let to = at;
  while (rest > 127) {
    bytes[to++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  bytes[to++] = rest;
  return to;
}

/** int32, and enums: −2^31 to 2^31−1. */
export function writeInt32(value: number, bytes: Uint8Array, at: number): number {
  if ((value | 0) !== value) fail("VALUE_INVALID");
  if (value >= 0) return writeVarint(value, bytes, at);
  return writeWords(value, -1, bytes, at);
}

export function writeSint32(value: number, bytes: Uint8Array, at: number): number {
  if ((value | 0) !== value) fail("VALUE_INVALID");
  return writeVarint(((value << 1) ^ (value >> 31)) >>> 0, bytes, at);
}

export function writeBool(value: boolean, bytes: Uint8Array, at: number): number {
  if (typeof value !== "boolean") fail("VALUE_INVALID");
  bytes[at] = value ? 1 : 0;
  return at + 1;
}

/** A key of a map is text; this is the one of a boolean. */
export function toBool(key: string): boolean {
  if (key !== "true" && key !== "false") fail("VALUE_INVALID");
  return key === "true";
}

export function writeUint64(value: bigint, bytes: Uint8Array, at: number): number {
  if (typeof value !== "bigint" || !splitUnsigned(value)) fail("VALUE_INVALID");
  return writeWords(pair.low, pair.high, bytes, at);
}

/** uint64 where the schema's codecs were generated with `integers=safe`. @throws CodecError INTEGER_RANGE above 2^53−1. */
export function writeSafeUint64(value: bigint, bytes: Uint8Array, at: number): number {
  if (typeof value !== "bigint" || !splitUnsigned(value)) fail("VALUE_INVALID");
  if (pair.high >>> 21 !== 0) fail("INTEGER_RANGE");
  return writeWords(pair.low, pair.high, bytes, at);
}

export function writeInt64(value: bigint, bytes: Uint8Array, at: number): number {
  if (typeof value !== "bigint" || !splitSigned(value)) fail("VALUE_INVALID");
  return writeWords(pair.low, pair.high, bytes, at);
}

export function writeSint64(value: bigint, bytes: Uint8Array, at: number): number {
  if (typeof value !== "bigint" || !splitSigned(value)) fail("VALUE_INVALID");
  const { low, high } = pair;
  const sign = (high | 0) >> 31;
  return writeWords((low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign, bytes, at);
}

function writeWords(low: number, high: number, bytes: Uint8Array, at: number): number {
  let l = low >>> 0;
  let h = high >>> 0;
  let to = at;
  while (h !== 0) {
    bytes[to++] = (l & 127) | 128;
    l = ((l >>> 7) | (h << 25)) >>> 0;
    h >>>= 7;
  }
  while (l > 127) {
    bytes[to++] = (l & 127) | 128;
    l >>>= 7;
  }
  bytes[to++] = l;
  return to;
}

export function writeFixed32(value: number, bytes: Uint8Array, at: number): number {
  if (value >>> 0 !== value) fail("VALUE_INVALID");
  return writeWord(value, bytes, at);
}

export function writeSfixed32(value: number, bytes: Uint8Array, at: number): number {
  if ((value | 0) !== value) fail("VALUE_INVALID");
  return writeWord(value, bytes, at);
}

export function writeFixed64(value: bigint, bytes: Uint8Array, at: number): number {
  if (typeof value !== "bigint" || !splitUnsigned(value)) fail("VALUE_INVALID");
  writeWord(pair.low, bytes, at);
  return writeWord(pair.high, bytes, at + 4);
}

export function writeSfixed64(value: bigint, bytes: Uint8Array, at: number): number {
  if (typeof value !== "bigint" || !splitSigned(value)) fail("VALUE_INVALID");
  writeWord(pair.low, bytes, at);
  return writeWord(pair.high, bytes, at + 4);
}

const floats: DataView = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(8));
const largestFloat = 3.4028234663852886e38;

/** Any number that a float holds: finite ones up to 3.4e38, infinities, NaN. */
export function writeFloat(value: number, bytes: Uint8Array, at: number): number {
  if (typeof value !== "number" || (Number.isFinite(value) && Math.abs(value) > largestFloat)) fail("VALUE_INVALID");
  floats.setFloat32(0, value);
  return writeWord(floats.getInt32(0), bytes, at);
}

export function writeDouble(value: number, bytes: Uint8Array, at: number): number {
  if (typeof value !== "number") fail("VALUE_INVALID");
  floats.setFloat64(0, value);
  writeWord(floats.getInt32(4), bytes, at);
  return writeWord(floats.getInt32(0), bytes, at + 4);
}

/** Bytes, their length before them. */
export function writeBytes(value: Uint8Array, bytes: Uint8Array, at: number): number {
  if (!(value instanceof Uint8Array)) fail("VALUE_INVALID");
  return writeRaw(value, bytes, writeUint32(value.length, bytes, at));
}

/** Bytes as they are. */
export function writeRaw(value: Uint8Array, bytes: Uint8Array, at: number): number {
  const { length } = value;
  const end = at + length;
  if (length <= 24) for (let i = 0; i < length; i++) bytes[at + i] = value[i] as number;
  else if (end <= bytes.length) bytes.set(value, at);
  return end;
}

function writeWord(value: number, bytes: Uint8Array, at: number): number {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
  return at + 4;
}
