// @ts-check
/**
 * Bytes that are no frame (ENC-2 to ENC-7), and the code with which they must be refused. `at` is the index of the tag, the varint or the byte
 * that is wrong.
 */

import { group, hex, int, len, padded, tag, varint } from "./bytes.js";

/** @typedef {{ id: string, comment: string, error: string, bytes?: readonly number[], text?: string, field?: string, at?: number, flags?: string[], limits?: Record<string, number> }} Invalid */

const id = new Array(16).fill(7);

/** @type {Invalid[]} */
const truncated = [
  { id: "truncated/tag", comment: "inside a tag", bytes: [0xf0], error: "FRAME_TRUNCATED", at: 0 },
  {
    id: "truncated/varint",
    comment: "inside a varint",
    bytes: [...tag(14, 0), 0x80],
    error: "FRAME_TRUNCATED",
    at: 1,
    field: "ref",
  },
  {
    id: "truncated/no-value",
    comment: "behind a tag",
    bytes: [...int(14, 1), ...tag(15, 0)],
    error: "FRAME_TRUNCATED",
    at: 3,
    field: "must_understand",
  },
  {
    id: "truncated/length",
    comment: "inside a length",
    bytes: [...tag(9, 2), 0x80],
    error: "FRAME_TRUNCATED",
    at: 1,
    field: "ping",
  },
  {
    id: "truncated/body",
    comment: "a length past the end",
    bytes: [...tag(9, 2), 3, ...int(1, 5)],
    error: "FRAME_TRUNCATED",
    at: 1,
    field: "ping",
  },
  {
    id: "truncated/string",
    comment: "a string past the end of its message, though not of the frame",
    bytes: [...len(5, [...tag(3, 2), 4, 0x61]), ...int(14, 1)],
    error: "FRAME_TRUNCATED",
    at: 3,
    field: "signal.name",
  },
  {
    id: "truncated/inner-varint",
    comment: "a varint past the end of its message, though not of the frame",
    bytes: [...len(9, [...tag(1, 0), 0x80]), 1],
    error: "FRAME_TRUNCATED",
    at: 3,
    field: "ping.time_ms",
  },
  {
    id: "truncated/packed",
    comment: "an element past the end of its packed list",
    bytes: len(3, [...int(1, 7), ...tag(3, 2), 1, 0x80, ...int(2, 1)]),
    error: "FRAME_TRUNCATED",
    at: 6,
    field: "ack.offset_deltas",
  },
  {
    id: "truncated/fixed32",
    comment: "inside an unknown 4-byte value",
    bytes: [...tag(1000, 5), 0, 0, 0],
    error: "FRAME_TRUNCATED",
    at: 2,
  },
  {
    id: "truncated/fixed64",
    comment: "inside an unknown 8-byte value",
    bytes: [...tag(1000, 1), 0, 0, 0, 0, 0, 0, 0],
    error: "FRAME_TRUNCATED",
    at: 2,
  },
  {
    id: "truncated/gigabytes",
    comment: "a length of 2 GiB, of which nothing follows",
    bytes: [...tag(1, 2), ...varint(2 ** 31)],
    error: "FRAME_TRUNCATED",
    at: 1,
    field: "chat",
  },
  {
    id: "truncated/largest-length",
    comment: "a length of 2^64-1",
    bytes: [...tag(1, 2), ...varint(2n ** 64n - 1n)],
    error: "FRAME_TRUNCATED",
    at: 1,
    field: "chat",
  },
];

/** @type {Invalid[]} */
const overlong = [
  {
    id: "varint/eleven",
    comment: "11 bytes",
    bytes: [...tag(14, 0), ...padded(1, 11)],
    error: "VARINT_OVERLONG",
    at: 1,
    field: "ref",
  },
  {
    id: "varint/65-bits",
    comment: "10 bytes with 65 bits",
    bytes: [...tag(14, 0), ...padded(0, 9), 2].map((byte, i) => (i === 9 ? 0x80 : byte)),
    error: "VARINT_OVERLONG",
    at: 1,
    field: "ref",
    flags: ["NotProtoc"],
  },
  {
    id: "varint/unknown",
    comment: "11 bytes in an unknown field",
    bytes: [...tag(1000, 0), ...padded(1, 11)],
    error: "VARINT_OVERLONG",
    at: 2,
  },
  {
    id: "varint/length",
    comment: "a length of 11 bytes",
    bytes: [...tag(9, 2), ...padded(0, 11)],
    error: "VARINT_OVERLONG",
    at: 1,
    field: "ping",
  },
  {
    id: "varint/packed",
    comment: "11 bytes in a packed list",
    bytes: len(3, len(3, padded(1, 11))),
    error: "VARINT_OVERLONG",
    at: 4,
    field: "ack.offset_deltas",
  },
  {
    id: "varint/group",
    comment: "11 bytes in an unknown group",
    bytes: group(1000, [...tag(1, 0), ...padded(1, 11)]),
    error: "VARINT_OVERLONG",
    at: 3,
  },
];

/** @type {Invalid[]} */
const tags = [
  { id: "tag/zero", comment: "field number 0", bytes: [0x00], error: "TAG_INVALID", at: 0 },
  { id: "tag/zero-string", comment: "field number 0 with a length", bytes: hex("02 00"), error: "TAG_INVALID", at: 0 },
  { id: "tag/zero-long", comment: "field number 0 in 3 bytes", bytes: hex("80 80 00 00"), error: "TAG_INVALID", at: 0 },
  {
    id: "tag/zero-inside",
    comment: "field number 0 in a body",
    bytes: len(9, hex("00 00")),
    error: "TAG_INVALID",
    at: 2,
    field: "ping",
  },
  { id: "tag/wire-type-6", comment: "wire type 6", bytes: tag(14, 6), error: "TAG_INVALID", at: 0 },
  {
    id: "tag/wire-type-7",
    comment: "wire type 7 behind a body",
    bytes: [...len(9, []), ...tag(14, 7)],
    error: "TAG_INVALID",
    at: 2,
  },
  { id: "tag/six-bytes", comment: "6 bytes", bytes: [...padded(14 << 3, 6), 1], error: "TAG_INVALID", at: 0 },
  { id: "tag/33-bits", comment: "33 bits", bytes: hex("f0 80 80 80 10 01"), error: "TAG_INVALID", at: 0, flags: ["NotProtoc"] },
  { id: "tag/group", comment: "wire type 7 in an unknown group", bytes: group(1000, tag(1, 7)), error: "TAG_INVALID", at: 2 },
];

/** @type {Invalid[]} */
const unbalanced = [
  { id: "group/end-alone", comment: "an end without a start", bytes: tag(1000, 4), error: "GROUP_UNBALANCED", at: 0 },
  {
    id: "group/end-of-known",
    comment: "an end with the number of a body",
    bytes: tag(9, 4),
    error: "GROUP_UNBALANCED",
    at: 0,
    field: "ping",
  },
  {
    id: "group/other-end",
    comment: "an end with another number",
    bytes: [...tag(1000, 3), ...tag(1001, 4)],
    error: "GROUP_UNBALANCED",
    at: 2,
  },
  {
    id: "group/crossed",
    comment: "two groups that cross",
    bytes: [...tag(1000, 3), ...tag(1001, 3), ...tag(1000, 4), ...tag(1001, 4)],
    error: "GROUP_UNBALANCED",
    at: 4,
  },
  {
    id: "group/no-end",
    comment: "a start without an end",
    bytes: [...tag(1000, 3), ...int(14, 1)],
    error: "GROUP_UNBALANCED",
    at: 0,
  },
  {
    id: "group/end-outside",
    comment: "an end outside of the message with the start",
    bytes: [...len(9, tag(1000, 3)), ...tag(1000, 4)],
    error: "GROUP_UNBALANCED",
    at: 2,
    field: "ping",
  },
];

/** @param {string} name @param {string} comment @param {string} bytes @param {number} wrong @returns {Invalid} */
const text = (name, comment, bytes, wrong) => ({
  id: `utf8/${name}`,
  comment,
  bytes: len(5, len(3, hex(bytes))),
  error: "UTF8_INVALID",
  at: 4 + wrong,
  field: "signal.name",
});

/** @type {Invalid[]} */
const notUtf8 = [
  text("continuation", "a continuation byte alone", "61 80", 1),
  text("cut", "cut inside a character", "e2 82", 0),
  text("overlong-2", "U+0000 in 2 bytes", "c0 80", 0),
  text("overlong-3", "U+007F in 3 bytes", "61 e0 81 bf", 1),
  text("overlong-4", "U+FFFF in 4 bytes", "f0 8f bf bf", 0),
  text("surrogate", "half of a surrogate pair", "ed a0 80", 0),
  text("surrogate-pair", "a surrogate pair as two characters (CESU-8)", "ed a0 bd ed b8 80", 0),
  text("too-large", "U+110000", "f4 90 80 80", 0),
  text("five-bytes", "a form of 5 bytes", "f8 88 80 80 80", 0),
  text("ff", "a byte that never occurs", "61 62 ff", 2),
  {
    id: "utf8/text",
    comment: "the text of a content",
    bytes: len(2, [...int(1, 7), ...int(2, 1), ...len(3, id), ...len(4, len(1, hex("ff")))]),
    error: "UTF8_INVALID",
    at: 28,
    field: "publish.content.text",
  },
  {
    id: "utf8/key",
    comment: "the key of a header",
    bytes: len(5, [...len(3, "x"), ...len(4, len(4, len(1, hex("c3"))))]),
    error: "UTF8_INVALID",
    at: 11,
    field: "signal.content.headers.key",
  },
  {
    id: "utf8/value",
    comment: "the value of a header",
    bytes: len(5, [...len(3, "x"), ...len(4, len(4, [...len(1, "k"), ...len(2, hex("c3"))]))]),
    error: "UTF8_INVALID",
    at: 14,
    field: "signal.content.headers.value",
  },
  {
    id: "utf8/element",
    comment: "an element of a list",
    bytes: len(28, [...len(1, "ada"), ...len(1, hex("fe"))]),
    error: "UTF8_INVALID",
    at: 10,
    field: "watch.users",
  },
];

/** @type {Invalid[]} */
const range = [
  { id: "range/2^53", comment: "2^53", bytes: len(9, int(1, 2n ** 53n)), error: "INTEGER_RANGE", at: 3, field: "ping.time_ms" },
  { id: "range/2^63", comment: "2^63", bytes: len(9, int(1, 2n ** 63n)), error: "INTEGER_RANGE", at: 3, field: "ping.time_ms" },
  {
    id: "range/2^64-1",
    comment: "2^64-1, which is how -1 is written",
    bytes: len(11, int(1, 2n ** 64n - 1n)),
    error: "INTEGER_RANGE",
    at: 3,
    field: "credit.total_bytes",
  },
  {
    id: "range/packed",
    comment: "2^53 in a packed list",
    bytes: len(3, len(3, varint(2n ** 53n))),
    error: "INTEGER_RANGE",
    at: 4,
    field: "ack.offset_deltas",
  },
  {
    id: "range/replaced",
    comment: "2^53 in a body that a later one replaces",
    bytes: [...len(9, int(1, 2n ** 53n)), ...len(10, [])],
    error: "INTEGER_RANGE",
    at: 3,
    field: "ping.time_ms",
  },
  {
    id: "range/json",
    comment: "2^53 in ProtoJSON",
    text: '{"ping":{"timeMs":"9007199254740992"}}',
    error: "INTEGER_RANGE",
    field: "ping.time_ms",
  },
  {
    id: "range/batch",
    comment: "2^53 in the second frame of a batch: nothing of the batch holds (BAT-3)",
    bytes: len(4, [...len(1, len(9, [])), ...len(1, len(9, int(1, 2n ** 53n)))]),
    error: "INTEGER_RANGE",
    at: 11,
    field: "batch.frames.ping.time_ms",
  },
];

/** @type {readonly { name: string, clauses: string[], tests: Invalid[] }[]} */
export const malformedGroups = [
  { name: "truncated", clauses: ["ENC-2"], tests: truncated },
  { name: "overlong varints", clauses: ["ENC-3"], tests: overlong },
  { name: "tags", clauses: ["ENC-4"], tests: tags },
  { name: "groups", clauses: ["ENC-5"], tests: unbalanced },
  { name: "text", clauses: ["ENC-6"], tests: notUtf8 },
  { name: "range of integers", clauses: ["ENC-7"], tests: range },
];
