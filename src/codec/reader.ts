/**
 * Where a decoder stands in its bytes, and what it may still spend.
 *
 * Law: a length is compared with what is there before anything is made of it; every tag and every element is paid for.
 */

import { fail } from "./error.ts";

/** Bounds of one decoding, and the form of what it gives. All are upper bounds, inclusive. */
export interface DecodeOptions {
  /** Bytes of the message; 64 MiB by default. */
  readonly maxBytes?: number;
  /** Nesting of messages and groups; the outermost message is 1. 100 by default. */
  readonly maxDepth?: number;
  /** Tags and packed elements, over all messages within; 2^31−1 by default, for `maxMemory` bounds what matters. */
  readonly maxElements?: number;
  /** Unknown fields that are kept, over all messages within; 1,000 by default. */
  readonly maxUnknownFields?: number;
  /**
   * What the message may hold of the heap beside the bytes themselves, estimated, in bytes; by default 4 times the bytes and 64 KiB.
   * Data that is made of a great many small messages wants more, for example `maxMemory: 16 * bytes.length`.
   */
  readonly maxMemory?: number;
  /** `keep` (the default) holds unknown fields in `$unknown`, `drop` forgets them. */
  readonly unknownFields?: "keep" | "drop";
  /** `keep`: messages of the types for which codecs were generated so carry their bytes, and are encoded as those. By default they do not. */
  readonly encoded?: "keep";
  /** `view` (the default): `bytes` fields share the memory of the input. `copy`: they have their own. */
  readonly bytes?: "view" | "copy";
}

const nothing = new Uint8Array(0);
const defaults: DecodeOptions = {};

/** The state of one decoding. */
export class Reader {
  // Declared alone: a definition of each would be a second write to it.
  declare bytes: Uint8Array;
  /** Where the bytes lie, once that was asked for: the getter takes as long as a small message. */
  declare buffer: ArrayBufferLike | undefined;
  declare pos: number;
  /** Where the value or element that is being read begins. */
  declare mark: number;
  /** End of the message that is being read. */
  declare end: number;
  declare depth: number;
  declare elements: number;
  declare unknown: number;
  declare memory: number;
  declare keep: boolean;
  declare raw: boolean;
  declare copy: boolean;

  constructor() {
    this.begin(nothing, defaults);
  }

  begin(bytes: Uint8Array, options: DecodeOptions): void {
    const { length } = bytes;
    if (length > (options.maxBytes ?? 0x4000000)) fail("SIZE_EXCEEDED");
    this.bytes = bytes;
    this.buffer = undefined;
    this.pos = 0;
    this.mark = 0;
    this.end = length;
    this.depth = options.maxDepth ?? 100;
    this.elements = Math.min(options.maxElements ?? 0x7fffffff, 0x7fffffff);
    this.unknown = options.maxUnknownFields ?? 1000;
    this.memory = Math.min(options.maxMemory ?? 65536 + 4 * length, 0x7fffffff);
    this.keep = options.unknownFields !== "drop";
    this.raw = options.encoded === "keep";
    this.copy = options.bytes === "copy";
  }
}

/** The decoder of a message from its parts. */
export type Read<T> = (r: Reader, end: number) => T;

/** A reader that no decoding uses. */
let spare: Reader | undefined;

/** Decodes a whole message. @throws CodecError. */
export function fromBytes<T>(bytes: Uint8Array, read: Read<T>, options: DecodeOptions = defaults): T {
  if (!(bytes instanceof Uint8Array)) fail("VALUE_INVALID");
  const r = spare ?? new Reader();
  // Not back yet where this one throws.
  spare = undefined;
  r.begin(bytes, options);
  const message = read(r, bytes.length);
  // The spare must not hold what was decoded.
  r.bytes = nothing;
  r.buffer = undefined;
  spare = r;
  return message;
}

/**
 * Begins a message that ends at this index.
 * @returns what {@link leave} wants.
 */
export function enter(r: Reader, end: number, memory: number): number {
  const outer = r.end;
  r.end = end;
  if (--r.depth < 0) fail("DEPTH_EXCEEDED", r.mark);
  r.memory -= memory;
  return outer;
}

/** Ends it. */
export function leave(r: Reader, outer: number): void {
  if (r.pos !== r.end) fail("TRUNCATED", r.mark);
  r.end = outer;
  r.depth++;
}

/** The next tag: field number times 8, and wire type 0 to 5. */
export function readTag(r: Reader): number {
  const tag = r.bytes[r.pos] as number;
  if ((--r.elements | r.memory) < 0) exceeded(r);
  if (tag > 7 && tag < 128 && (tag & 7) < 6) {
    r.mark = ++r.pos;
    return tag;
  }
  return readLongTag(r);
}

function exceeded(r: Reader): never {
  return fail(r.elements < 0 ? "ELEMENTS_EXCEEDED" : "MEMORY_EXCEEDED", r.pos);
}

function readLongTag(r: Reader): number {
  const at = r.pos;
  let tag = 0;
  for (let shift = 0; ; shift += 7) {
    if (r.pos >= r.end) fail("TRUNCATED", at);
    const byte = r.bytes[r.pos++] as number;
    if (shift === 28 && byte > 15) fail("TAG_INVALID", at);
    tag |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  if (tag >>> 3 === 0 || (tag & 7) > 5) fail("TAG_INVALID", at);
  r.mark = r.pos;
  return tag;
}

/** A length, which ends inside the present message. @returns where what it measures ends. */
export function readLength(r: Reader): number {
  const at = r.pos;
  let length = r.bytes[r.pos++] as number;
  if (length > 127) {
    r.pos--;
    length = readVarint53(r);
  }
  // Not `>`: where there is no byte, the length is no number.
  if (!(length <= r.end - r.pos)) fail("TRUNCATED", at);
  return r.pos + length;
}

/** Passes over a varint. @returns its value; above 2^53−1: a number above that. */
export function readVarint53(r: Reader): number {
  const at = r.pos;
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 10; i++) {
    if (r.pos >= r.end) fail("TRUNCATED", at);
    const byte = r.bytes[r.pos++] as number;
    if (byte < 128) {
      if (i === 9 && byte > 1) break;
      return value + byte * scale;
    }
    value += (byte & 127) * scale;
    scale *= 128;
  }
  return fail("VARINT_OVERLONG", at);
}

/** A view of the bytes from `start` up to `end`. */
export function viewOf(r: Reader, start: number, end: number): Uint8Array {
  r.buffer ??= r.bytes.buffer;
  return new Uint8Array(r.buffer, r.bytes.byteOffset + start, end - start);
}

/** Takes bytes of a fixed size. @returns where they begin. */
export function readFixed(r: Reader, size: number): number {
  const at = r.pos;
  if (size > r.end - at) fail("TRUNCATED", at);
  r.pos = at + size;
  return at;
}
