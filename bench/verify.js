// @ts-check
/** Before anything is measured: what a library encodes and decodes again is the frame that it was given, in every field. */

import { pool } from "./frames/frames.js";
import { fromNative, toNative } from "./libraries/forms.js";

/** @typedef {import("./libraries/library.js").Library} Library */
/** @typedef {import("./frames/frames.js").Frame} Frame */

/**
 * The pool in the library's own form, and its bytes as they would come from a connection: one after the other in one large buffer.
 * @param {Library} library
 * @param {readonly Frame[]} frames
 * @throws Error where a value is not the one that was given.
 */
export function prepare(library, frames) {
  const natives = frames.map((frame) => toNative(frame, library.form));
  // Encoded all before any is looked at: bytes that a later call writes over are found out.
  const outputs = natives.map((native) => library.encode(native));
  const total = outputs.reduce((sum, { length }) => sum + length, 0);
  const slab = new Uint8Array(total);
  let end = 0;
  const encoded = outputs.map((bytes) => {
    slab.set(bytes, end);
    end += bytes.length;
    const received = slab.subarray(end - bytes.length, end);
    return library.receive?.(received) ?? received;
  });
  for (const [i, bytes] of encoded.entries()) {
    const difference = firstDifference(frames[i], fromNative(library.decode(bytes), library.form), "frame");
    if (difference !== undefined)
      throw new Error(`${library.name} does not give back what it was given (frame ${i}): ${difference}`);
  }
  return { natives, encoded, bytes: total / frames.length };
}

/** Whether it refuses a text that is not UTF-8, instead of giving another text. @param {Library} library */
export function refusesBadText(library) {
  const frame = structuredClone(/** @type {Extract<Frame, { kind: "chat" }>} */ (pool("chat")[0]));
  return [10, 30, 120].every((length) => {
    frame.value.content.text = "#".repeat(length);
    const bytes = Uint8Array.from(library.encode(toNative(frame, library.form)));
    bytes[bytes.lastIndexOf("#".charCodeAt(0)) - 3] = 0xff;
    try {
      library.decode(library.receive?.(bytes) ?? bytes);
      return false;
    } catch {
      return true;
    }
  });
}

/** @param {unknown} given @param {unknown} got @param {string} path @returns {string | undefined} */
function firstDifference(given, got, path) {
  if (given instanceof Uint8Array && got instanceof Uint8Array) {
    return String(given) === String(got) ? undefined : `${path} is ${got}, not ${given}`;
  }
  if (given === null || got === null || typeof given !== "object" || typeof got !== "object") {
    return Object.is(given, got) ? undefined : `${path} is ${String(got)}, not ${String(given)}`;
  }
  const [a, b] = /** @type {Record<string, unknown>[]} */ ([given, got]);
  const keys = Object.keys(a);
  for (const key of keys) {
    const difference = a[key] === b[key] ? undefined : firstDifference(a[key], b[key], `${path}.${key}`);
    if (difference !== undefined) return difference;
  }
  if (Object.keys(b).length !== keys.length) return `${path} has other fields than it was given`;
  return undefined;
}
