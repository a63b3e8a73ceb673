/** 64-bit integers as two words of 32 bits: the fastest way to and from a bigint. */

const words: Uint32Array = new Uint32Array(2);
const unsigned: BigUint64Array = /* @__PURE__ */ new BigUint64Array(words.buffer);
const signed: BigInt64Array = /* @__PURE__ */ new BigInt64Array(words.buffer);
/** Whether this machine has the least significant byte first. */
export const isLittle: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const lowIndex = isLittle ? 0 : 1;
const highIndex = isLittle ? 1 : 0;

/** Least and most significant word of what was split last. */
export const pair: { low: number; high: number } = { low: 0, high: 0 };

const small: readonly bigint[] = Array.from({ length: 128 }, (_, value) => BigInt(value));

/** @returns the bigint of a number from 0 to 127: always the same one, so that none has to be made. */
export function smallInteger(value: number): bigint {
  return small[value] as bigint;
}

/** @returns the bigint of these words, 0 to 2^64−1. */
export function joinUnsigned(low: number, high: number): bigint {
  words[lowIndex] = low;
  words[highIndex] = high;
  return unsigned[0] as bigint;
}

/** The same, −2^63 to 2^63−1. */
export function joinSigned(low: number, high: number): bigint {
  words[lowIndex] = low;
  words[highIndex] = high;
  return signed[0] as bigint;
}

/** Puts the words of an integer into {@link pair}. @returns whether it is one from 0 to 2^64−1. */
export function splitUnsigned(value: bigint): boolean {
  unsigned[0] = value;
  pair.low = words[lowIndex] as number;
  pair.high = words[highIndex] as number;
  return unsigned[0] === value;
}

/** The same for −2^63 to 2^63−1. */
export function splitSigned(value: bigint): boolean {
  signed[0] = value;
  pair.low = words[lowIndex] as number;
  pair.high = words[highIndex] as number;
  return signed[0] === value;
}
