// @ts-check
/**
 * The wire format of Protocol Buffers by hand, for bytes that no encoder writes.
 */

/** @param {string} hex @returns {number[]} */
export const hex = (hex) => [...Buffer.from(hex.replaceAll(" ", ""), "hex")];

/** @param {string} text @returns {number[]} */
export const utf8 = (text) => [...Buffer.from(text, "utf8")];

/** The shortest varint. @param {bigint | number} value @returns {number[]} */
export function varint(value) {
  const bytes = [];
  let rest = BigInt(value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

/** A varint of this many bytes, of which the shortest form takes fewer. @param {bigint | number} value @param {number} length @returns {number[]} */
export function padded(value, length) {
  const bytes = varint(value);
  return Array.from({ length }, (_, i) => (bytes[i] ?? 0) | (i < length - 1 ? 0x80 : 0));
}

/** @param {number} number @param {number} wire @returns {number[]} */
export const tag = (number, wire) => varint((BigInt(number) << 3n) | BigInt(wire));

/** A varint field. @param {number} number @param {bigint | number} value @returns {number[]} */
export const int = (number, value) => [...tag(number, 0), ...varint(value)];

/** A length-delimited field. @param {number} number @param {readonly number[] | string} value @returns {number[]} */
export function len(number, value) {
  const bytes = typeof value === "string" ? utf8(value) : value;
  return [...tag(number, 2), ...varint(bytes.length), ...bytes];
}

/** A group. @param {number} number @param {readonly number[]} fields @returns {number[]} */
export const group = (number, fields) => [...tag(number, 3), ...fields, ...tag(number, 4)];

/** `frame` within this many batches. @param {number} batches @param {readonly number[]} frame @returns {number[]} */
export function nested(batches, frame) {
  let bytes = [...frame];
  for (let i = 0; i < batches; i++) bytes = len(4, len(1, bytes));
  return bytes;
}

/** This many unknown groups within each other. @param {number} depth @returns {number[]} */
export function groups(depth) {
  /** @type {number[]} */
  let bytes = [];
  for (let i = 0; i < depth; i++) bytes = group(1000, bytes);
  return bytes;
}
