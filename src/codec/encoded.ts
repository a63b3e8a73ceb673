/**
 * A message that carries its own encoding: it is written as those bytes, whatever else it holds.
 *
 * So what came from elsewhere passes on byte for byte, and what goes to many is encoded once. Whoever changes such a message makes a new one.
 */

import { type Reader, viewOf } from "./reader.ts";

/** The property that holds the bytes. */
export const encoded: unique symbol = Symbol.for("chappe.codec.encoded") as never;

/** A message that may carry its encoding. */
interface MaybeEncoded {
  readonly [encoded]?: Uint8Array;
}

/** The bytes that a message carries; undefined: none. */
export function encodedOf(message: object): Uint8Array | undefined {
  return (message as MaybeEncoded)[encoded];
}

/** The same message, carrying these bytes. It is a copy. */
export function withEncoded<T extends object>(message: T, bytes: Uint8Array): T {
  return { ...message, [encoded]: bytes };
}

/** A message was read from `start` up to where the reader is, perhaps after an earlier part of it: their bytes in a row are its bytes. */
export function keepEncoded(r: Reader, message: object, start: number): void {
  const part = viewOf(r, start, r.pos);
  const before = encodedOf(message);
  (message as { [encoded]?: Uint8Array })[encoded] = before === undefined ? part : joined(before, part);
  r.memory -= 104 + (before?.length ?? 0);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
