/**
 * UTF-8 as RFC 3629 has it, to text and back.
 *
 * Short strings go through a loop and a small table of those seen last; long ones through what the platform has: Buffer's functions
 * in Node, TextDecoder and TextEncoder elsewhere, and a loop where there is neither.
 */

import { fail } from "./error.ts";
import { isLittle } from "./int64.ts";

interface PlatformBuffer {
  ucs2Slice(this: Uint8Array, start: number, end: number): string;
  utf8Slice(this: Uint8Array, start: number, end: number): string;
  utf8Write(this: Uint8Array, text: string, at: number, length: number): number;
}

interface Platform {
  readonly Buffer?: { readonly prototype?: Partial<PlatformBuffer> };
  readonly process?: { readonly versions?: { readonly node?: string } };
  readonly TextDecoder?: new (
    label: string,
    options: { fatal: boolean; ignoreBOM: boolean },
  ) => { decode(bytes: Uint8Array): string };
  readonly TextEncoder?: new () => { encodeInto?(text: string, into: Uint8Array): { written: number } };
}

const platform: Platform = globalThis as unknown as Platform;
const { ucs2Slice, utf8Slice, utf8Write } = platform.Buffer?.prototype ?? {};
/** Before Node 22 its decoder takes twice the time of a loop for text that is not ASCII; from then on, half of it. */
const isSlowNative: boolean = Number.parseInt(platform.process?.versions?.node ?? "22", 10) < 22;
const decoder = platform.TextDecoder && new platform.TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = platform.TextEncoder && new platform.TextEncoder();
/** Up to this many bytes a loop is faster than a TextDecoder. */
const handBytes = 48;
const replacement = "\ufffd";

/** Strings of at most this many bytes are looked for in the table. */
const cachedBytes = 32;
const slots = 1024;
const cache: string[] = new Array(slots).fill("");
const cacheKeys: Uint8Array = new Uint8Array(slots * cachedBytes);
const cacheLengths: Uint8Array = new Uint8Array(slots);

/** The text of these bytes. @throws CodecError UTF8_INVALID, with the index of the first byte of what is not UTF-8. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length === 0) return "";
  if (length > cachedBytes) return decodeLong(bytes, start, end);
  let hash = length;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
  const slot = (hash ^ (hash >>> 15)) & (slots - 1);
  const key = slot * cachedBytes;
  if (cacheLengths[slot] === length) {
    let i = 0;
    while (i < length && cacheKeys[key + i] === bytes[start + i]) i++;
    if (i === length) return cache[slot] as string;
  }
  const text = decodeLong(bytes, start, end);
  for (let i = 0; i < length; i++) cacheKeys[key + i] = bytes[start + i] as number;
  cacheLengths[slot] = length;
  cache[slot] = text;
  return text;
}

function decodeLong(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (utf8Slice !== undefined) {
    if (isSlowNative && length <= maxUnits && !seemsAscii(bytes, start, end)) return decodeByHand(bytes, start, end);
    const text = utf8Slice.call(bytes, start, end);
    // Whatever is not UTF-8 has become U+FFFD; so only text that holds it may be wrong.
    if (text.includes(replacement)) requireUtf8(bytes, start, end);
    return text;
  }
  if (decoder === undefined || length <= handBytes) return decodeByHand(bytes, start, end);
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch {
    requireUtf8(bytes, start, end);
    // Not reached: what a decoder refuses is no UTF-8.
    return fail("UTF8_INVALID", start);
  }
}

/** Whether three bytes of it are ASCII: a guess that decides on the way alone, never on the outcome. */
function seemsAscii(bytes: Uint8Array, start: number, end: number): boolean {
  const some = (bytes[start] as number) | (bytes[(start + end) >>> 1] as number) | (bytes[end - 1] as number);
  return some < 128;
}

/** As {@link decodeText}; what is not UTF-8 becomes U+FFFD. */
export function decodeTextLenient(bytes: Uint8Array, start: number, end: number): string {
  if (utf8ErrorAt(bytes, start, end) < 0) return decodeText(bytes, start, end);
  let text = "";
  let from = start;
  for (let wrong = utf8ErrorAt(bytes, from, end); wrong >= 0; wrong = utf8ErrorAt(bytes, from, end)) {
    text += decodeText(bytes, from, wrong) + replacement;
    from = wrong + 1;
  }
  return text + decodeText(bytes, from, end);
}

function requireUtf8(bytes: Uint8Array, start: number, end: number): void {
  const wrong = utf8ErrorAt(bytes, start, end);
  if (wrong >= 0) fail("UTF8_INVALID", wrong);
}

const maxUnits = 1024;
const units: Uint16Array = new Uint16Array(maxUnits);
const unitBytes: Uint8Array = new Uint8Array(units.buffer);

function decodeByHand(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; ) {
    let n = 0;
    while (i < end && n < maxUnits - 1) {
      const lead = bytes[i] as number;
      if (lead < 0x80) {
        units[n++] = lead;
        i++;
      } else if (lead < 0xe0) {
        const second = bytes[i + 1] as number;
        if (lead < 0xc2 || i + 2 > end || (second & 0xc0) !== 0x80) fail("UTF8_INVALID", i);
        units[n++] = ((lead & 0x1f) << 6) | (second & 0x3f);
        i += 2;
      } else if (lead < 0xf0) {
        if (utf8ErrorAt(bytes, i, Math.min(i + 3, end)) >= 0) fail("UTF8_INVALID", i);
        units[n++] = ((lead & 0x0f) << 12) | (follow(bytes, i + 1) << 6) | follow(bytes, i + 2);
        i += 3;
      } else {
        if (utf8ErrorAt(bytes, i, Math.min(i + 4, end)) >= 0) fail("UTF8_INVALID", i);
        const point = ((lead & 7) << 18) | (follow(bytes, i + 1) << 12) | (follow(bytes, i + 2) << 6) | follow(bytes, i + 3);
        units[n++] = 0xd7c0 + (point >>> 10);
        units[n++] = 0xdc00 + (point & 0x3ff);
        i += 4;
      }
    }
    text += textOf(n);
  }
  return text;
}

/** The text of the first units. */
function textOf(n: number): string {
  if (ucs2Slice !== undefined && isLittle) return ucs2Slice.call(unitBytes, 0, 2 * n);
  return String.fromCharCode.apply(null, units.subarray(0, n) as unknown as number[]);
}

function follow(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) & 0x3f;
}

/** Index of the first byte of the first sequence that is not UTF-8; −1 where all of it is. */
function utf8ErrorAt(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  while (i < end) {
    const lead = bytes[i] as number;
    if (lead < 0x80) {
      i++;
      continue;
    }
    const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length === 0 || i + length > end) return i;
    // The second byte alone decides on overlong forms, surrogates and the upper end (RFC 3629, section 4).
    const second = bytes[i + 1] as number;
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return i;
    for (let k = 2; k < length; k++) if (((bytes[i + k] as number) & 0xc0) !== 0x80) return i;
    i += length;
  }
  return -1;
}

/** Text of more units than this goes through the platform. */
const loopUnits = 40;

/**
 * Writes text, its length before it. Past the end of `bytes` nothing is written; the index goes on all the same.
 * @returns the index behind it.
 * @throws CodecError VALUE_INVALID where it is no string, or holds half of a surrogate pair.
 */
export function writeText(text: string, bytes: Uint8Array, at: number): number {
  if (typeof text !== "string") fail("VALUE_INVALID");
  const { length } = text;
  if (length > loopUnits) return writeLong(text, bytes, at);
  let to = at + 1;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return close(bytes, at, writeUnits(text, i, bytes, to));
    bytes[to++] = unit;
  }
  bytes[at] = length;
  return to;
}

function writeUnits(text: string, from: number, bytes: Uint8Array, at: number): number {
  let to = at;
  for (let i = from; i < text.length; i++) {
    let unit = text.charCodeAt(i);
    if (unit < 0x80) {
      bytes[to++] = unit;
    } else if (unit < 0x800) {
      bytes[to++] = 0xc0 | (unit >>> 6);
      bytes[to++] = 0x80 | (unit & 0x3f);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      bytes[to++] = 0xe0 | (unit >>> 12);
      bytes[to++] = 0x80 | ((unit >>> 6) & 0x3f);
      bytes[to++] = 0x80 | (unit & 0x3f);
    } else {
      const next = text.charCodeAt(++i);
      // Not `<`: past the end it is no number.
      if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) fail("VALUE_INVALID");
      unit = ((unit & 0x3ff) << 10) + (next & 0x3ff) + 0x10000;
      bytes[to++] = 0xf0 | (unit >>> 18);
      bytes[to++] = 0x80 | ((unit >>> 12) & 0x3f);
      bytes[to++] = 0x80 | ((unit >>> 6) & 0x3f);
      bytes[to++] = 0x80 | (unit & 0x3f);
    }
  }
  return to;
}

function writeLong(text: string, bytes: Uint8Array, at: number): number {
  const { length } = text;
  // The least number of bytes that the length of the text can take.
  const start = at + (length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x200000 ? 3 : 4);
  let to: number;
  if (start + 3 * length > bytes.length || !isWellFormed(text)) to = writeUnits(text, 0, bytes, start);
  else if (utf8Write !== undefined) to = start + utf8Write.call(bytes, text, start, 3 * length);
  else if (encoder?.encodeInto !== undefined) to = start + encoder.encodeInto(text, bytes.subarray(start)).written;
  else to = writeUnits(text, 0, bytes, start);
  return close(bytes, at, to, start);
}

function isWellFormed(text: string & { isWellFormed?(): boolean }): boolean {
  return text.isWellFormed?.() ?? false;
}

/**
 * Writes the length of what stands from `start` up to `end` at `at`, moving it where the length takes more room than was left for it.
 * @returns the index behind it.
 */
export function close(bytes: Uint8Array, at: number, end: number, start: number = at + 1): number {
  const length = end - start;
  if (length < 128 && start === at + 1) {
    bytes[at] = length;
    return end;
  }
  return closeLong(bytes, at, end, start);
}

function closeLong(bytes: Uint8Array, at: number, end: number, start: number): number {
  let length = end - start;
  const size = length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x200000 ? 3 : length < 0x10000000 ? 4 : 5;
  const moved = at + size - start;
  if (moved !== 0) bytes.copyWithin(at + size, start, end);
  let to = at;
  for (; length > 127; length = Math.floor(length / 128)) bytes[to++] = (length & 127) | 128;
  bytes[to] = length;
  return end + moved;
}
