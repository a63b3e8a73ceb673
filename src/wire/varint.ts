/**
 * Unsigned varints: seven bits a byte, the lowest first, bit 7 set on all bytes but the last (ENC-3).
 * Written ones have the fewest bytes; read ones may be longer than needed, up to 10 bytes and 64 bits.
 */

import { ProtocolError } from "../errors.ts";
import { maxSafeInteger } from "./limits.ts";

/** Where the next byte is read from; reading moves it forward. */
export interface Cursor {
  /** Index of the next byte. */
  pos: number;
}

/**
 * How many bytes {@link writeVarint} takes for `value`: 1 to 8.
 * @throws ProtocolError INTEGER_RANGE unless `value` is an integer from 0 to 2^53−1 (ENC-7).
 */
export function varintSize(value: number): number {
  assertUnsigned(value);
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/**
 * Writes `value` into `bytes` from index `at`, and returns the index behind it.
 * @throws ProtocolError INTEGER_RANGE unless `value` is an integer from 0 to 2^53−1 (ENC-7).
 * @throws RangeError where it does not fit: nothing is written past the end of `bytes`.
 */
export function writeVarint(value: number, bytes: Uint8Array, at: number): number {
  const end = at + varintSize(value);
  if (at < 0 || end > bytes.length) throw new RangeError("no room for the varint");
  let rest = value;
  for (let i = at; i < end - 1; i++) {
    bytes[i] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[end - 1] = rest;
  return end;
}

/**
 * Reads the varint at `cursor.pos`, which moves behind it. Bytes from index `end` on are not looked at.
 * @returns an integer from 0 to 2^53−1.
 * @throws ProtocolError (remote) FRAME_TRUNCATED where the bytes end inside it (ENC-2), VARINT_OVERLONG where it has more than
 * 10 bytes or 64 bits (ENC-3), INTEGER_RANGE above 2^53−1 (ENC-7); `at` is the index of its first byte.
 */
export function readVarint(bytes: Uint8Array, cursor: Cursor, end: number = bytes.length): number {
  const at = cursor.pos;
  const value = readVarint64(bytes, cursor, end);
  if (value > maxSafeInteger) throw new ProtocolError("INTEGER_RANGE", "integer above 2^53-1", { origin: "remote", at });
  return value;
}

/**
 * As {@link readVarint} without its upper bound: values above 2^53−1 come out above 2^53−1, but rounded.
 * (Rounding is monotonic, and 2^53 is exact, so no larger value can be taken for a smaller one than that.)
 */
export function readVarint64(bytes: Uint8Array, cursor: Cursor, end: number): number {
  const at = cursor.pos;
  let value = 0;
  let scale = 1;
  for (let i = at; i < at + 10; i++) {
    if (i >= end) throw new ProtocolError("FRAME_TRUNCATED", "the bytes end inside a varint", { origin: "remote", at });
    const byte = bytes[i] as number;
    if (byte < 0x80) {
      if (i === at + 9 && byte > 1) break;
      cursor.pos = i + 1;
      return value + byte * scale;
    }
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
  }
  throw new ProtocolError("VARINT_OVERLONG", "varint of more than 10 bytes or 64 bits", { origin: "remote", at });
}

function assertUnsigned(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new ProtocolError("INTEGER_RANGE", `not an integer from 0 to 2^53-1: ${value}`);
}
