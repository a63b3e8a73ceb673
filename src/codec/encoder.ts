/**
 * From a message to bytes of its own.
 *
 * Law: small results are views of slabs of {@link slabBytes} that many share, so a small result that is kept for long keeps one slab;
 * large ones have memory of their own. `bytes.slice()` frees from the slab; `encodeXInto` writes where its caller wants.
 */

import { CodecError, fail } from "./error.ts";

/** The writer of a message: returns the index behind it. */
export type Write<T> = (message: T, bytes: Uint8Array, at: number) => number;

/** Bytes of a slab. */
export const slabBytes: number = 8192;
/** A result above this has memory of its own. */
const sharedBytes = slabBytes / 4;
/** What is kept for large messages at most. */
const keptScratch = 1024 * 1024;

let slab: Uint8Array = new Uint8Array(0);
let slabBuffer: ArrayBufferLike = slab.buffer;
let used = 0;
let scratch: Uint8Array = new Uint8Array(0);
let isLarge = false;

/** The bytes of a message. @throws CodecError VALUE_INVALID. */
export function toBytes<T>(message: T, write: Write<T>): Uint8Array {
  if (isLarge) return encodeLarge(message, write, 4 * slabBytes);
  const target = slab;
  const start = used;
  // Claimed whole, in case that a getter in the message encodes another one.
  used = target.length;
  const end = written(message, write, target, start);
  if (end <= target.length) {
    if (slab !== target) return target.subarray(start, end);
    used = end;
    // Half the time of `subarray`.
    return new Uint8Array(slabBuffer, start, end - start);
  }
  return end - start > sharedBytes ? encodeLarge(message, write, end - start) : encodeAnew(message, write);
}

/** Whatever a message that is none makes the writer throw is a CodecError. */
function written<T>(message: T, write: Write<T>, bytes: Uint8Array, at: number): number {
  try {
    return write(message, bytes, at);
  } catch (cause) {
    if (cause instanceof CodecError) throw cause;
    throw new CodecError("VALUE_INVALID", undefined, cause);
  }
}

/** Into a new slab. */
function encodeAnew<T>(message: T, write: Write<T>): Uint8Array {
  const target = new Uint8Array(slabBytes);
  const end = written(message, write, target, 0);
  slab = target;
  slabBuffer = target.buffer;
  used = end;
  return target.subarray(0, end);
}

function encodeLarge<T>(message: T, write: Write<T>, room: number): Uint8Array {
  let target = scratch;
  if (target.length < room) target = new Uint8Array(room);
  // Out of reach of a getter in the message that encodes another one.
  scratch = new Uint8Array(0);
  let end = written(message, write, target, 0);
  while (end > target.length) {
    target = new Uint8Array(end);
    end = written(message, write, target, 0);
  }
  if (target.length <= keptScratch) scratch = target;
  isLarge = end > sharedBytes;
  return target.slice(0, end);
}

/**
 * Writes a message into `target` from `offset` on. @returns the index behind it.
 * @throws CodecError SPACE_EXCEEDED where it does not fit: `at` is the index that it would have needed; VALUE_INVALID.
 */
export function intoBytes<T>(message: T, write: Write<T>, target: Uint8Array, offset: number): number {
  if (!Number.isInteger(offset) || offset < 0) fail("VALUE_INVALID", offset);
  const end = written(message, write, target, offset);
  if (end > target.length) fail("SPACE_EXCEEDED", end);
  return end;
}
