/**
 * Damaged messages: valid bytes, changed where it hurts a decoder (tags, lengths, varints, nesting, text), or anywhere. Structure-aware without
 * a schema: what looks like a message within a message is opened.
 */

import type { Random } from "./random.ts";
import { concat, delimited, readRecords, tag, varint, type WireRecord, writeRecord } from "./wire.ts";

type Mutation = (bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]) => Uint8Array;

/** Bytes that may no longer be a message: one to four changes to `bytes`, with parts of `corpus` put into it. */
export function mutate(bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  let out = bytes;
  for (let changes = 1 + random.below(4); changes > 0; changes--) out = random.pick(mutations)(out, random, corpus);
  return out;
}

/** Numbers at which decoders change their ways: of fields, of lengths, of values. */
const numbers = [
  0,
  1,
  15,
  16,
  2047,
  2048,
  18_999,
  2 ** 28,
  2 ** 29 - 1,
  2 ** 29,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
];
/** Varints that end late, with bits to spare, or never. */
const varints = [
  varint(0, 10),
  varint(1, 5),
  varint(1, 10),
  varint(2n ** 64n - 1n),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x1f),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
  new Uint8Array(10).fill(0x80),
  concat(new Uint8Array(10).fill(0x80), Uint8Array.of(0)),
  new Uint8Array(11).fill(0xff),
];
/** What is no UTF-8: lone continuations, too long forms, surrogates, beyond the last code point, cut short. */
const notText = [
  "80",
  "bf",
  "c0af",
  "c1bf",
  "e08080",
  "eda080",
  "edbfbf",
  "f0808080",
  "f4908080",
  "f8888080",
  "c3",
  "e282",
  "f09f98",
  "ff",
];
/** How deep: on both sides of the limits in use. */
const depths = [1, 2, 10, 31, 32, 33, 63, 64, 65, 98, 99, 100, 101, 102, 130];

const mutations: readonly Mutation[] = [
  // Anywhere.
  (bytes, random) => replaceAt(bytes, random.below(bytes.length), 1, Uint8Array.of(random.below(256))),
  (bytes, random) => {
    const at = random.below(bytes.length);
    return bytes.length === 0 ? bytes : replaceAt(bytes, at, 1, Uint8Array.of((bytes[at] as number) ^ (1 << random.below(8))));
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random) => bytes.subarray(random.below(bytes.length + 1)),
  (bytes, random) => replaceAt(bytes, random.below(bytes.length + 1), random.below(8), new Uint8Array()),
  (bytes, random) => replaceAt(bytes, random.below(bytes.length + 1), 0, someBytes(random)),
  (bytes, random) => replaceAt(bytes, random.below(bytes.length + 1), 0, random.pick(varints)),
  // A part twice, or of another message.
  (bytes, random) => {
    const from = random.below(bytes.length);
    const part = bytes.subarray(from, from + 1 + random.below(32));
    return replaceAt(
      bytes,
      random.below(bytes.length + 1),
      0,
      concat(...Array.from({ length: 1 + random.below(4) }, () => part)),
    );
  },
  (bytes, random, corpus) => {
    const other = random.pick(corpus);
    return concat(bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length + 1)));
  },
  // Of one record, at any depth.
  within((record, random) => concat(tag(random.pick(numbers), record.wireType), afterTag(record))),
  within((record, random) => concat(tag(record.no, random.below(8)), afterTag(record))),
  within((record, random) => writeRecord(record, () => random.pick([1, 2, 5, 6, 10, 11]))),
  within((record, random) => concat(tag(record.no, record.wireType), random.pick(varints), record.content)),
  within((record, random) => concat(tag(record.no, 0), random.pick(varints))),
  within((record, random) => {
    const length = random.oneIn(2) ? random.pick(numbers) : Math.max(0, record.content.length + random.below(5) - 2);
    return concat(tag(record.no, 2), varint(length), record.content);
  }),
  within((record, random) => {
    const text = Buffer.from(random.pick(notText), "hex");
    return delimited(record.no, replaceAt(record.content, random.below(record.content.length + 1), 0, text));
  }),
  within((record, random) =>
    concat(tag(record.no, 3), record.content, tag(random.oneIn(2) ? record.no : random.pick(numbers), 4)),
  ),
  within((record) => tag(record.no, 4)),
  within((record) => tag(record.no, 3)),
  within((record, random) => nest(record, random.pick(depths), random.oneIn(2))),
  within((record, random) =>
    delimited(record.no, concat(...Array.from({ length: random.below(40) }, () => writeRecord(record)))),
  ),
  within((record, random) => writeRecord({ ...record, no: random.pick([record.no + 1, record.no - 1, 1, 2, 1000]) })),
];

/** Replaces one record, or one of those within it. */
function within(change: (record: WireRecord, random: Random) => Uint8Array): Mutation {
  const mutation: Mutation = (bytes, random) => {
    const records = readRecords(bytes);
    if (records === undefined || records.length === 0) return bytes;
    const chosen = random.below(records.length);
    return concat(
      ...records.map((record, i) => {
        if (i !== chosen) return writeRecord(record);
        const isOpen = (record.wireType === 2 || record.wireType === 3) && record.content.length > 0 && !random.oneIn(3);
        const inner = isOpen ? mutation(record.content, random, []) : record.content;
        return inner === record.content ? change(record, random) : writeRecord({ ...record, content: inner });
      }),
    );
  };
  return mutation;
}

function afterTag(record: WireRecord): Uint8Array {
  return record.wireType === 2 ? concat(varint(record.content.length), record.content) : record.content;
}

/** A message in itself, so many times, as records with a length or as groups. */
function nest(record: WireRecord, depth: number, asGroups: boolean): Uint8Array {
  let out = writeRecord(record);
  for (let i = 0; i < depth; i++) out = writeRecord({ no: record.no, wireType: asGroups ? 3 : 2, content: out });
  return out;
}

function replaceAt(bytes: Uint8Array, at: number, length: number, by: Uint8Array): Uint8Array {
  return concat(bytes.subarray(0, at), by, bytes.subarray(at + length));
}

function someBytes(random: Random): Uint8Array {
  return Uint8Array.from({ length: 1 + random.below(12) }, () => random.below(256));
}
