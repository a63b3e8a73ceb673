// @ts-check
/**
 * Bytes that an encoder does not write, and a decoder must read, with the frame that they say; and frames that just keep a limit.
 */

import { group, groups, hex, int, len, nested, padded, tag, utf8, varint } from "./bytes.js";

/** @typedef {{ id: string, comment: string, json: Record<string, unknown>, flags?: string[], bytes: readonly number[], limits?: Record<string, number> }} Form */

const max = "9007199254740991";

/** @type {Form[]} */
const otherBytes = [
  { id: "frame/empty", comment: "no bytes: a frame without a body (FRM-3)", bytes: [], json: {} },
  {
    id: "frame/unknown-body",
    comment: "a body of a later version",
    flags: ["UnknownField"],
    bytes: [...len(30, "call"), ...int(15, 1)],
    json: { mustUnderstand: true },
  },
  {
    id: "frame/private-body",
    comment: "a body that is private to an application (EVO-5)",
    flags: ["UnknownField"],
    bytes: [...int(14, 5), ...len(1000, [1, 2, 3])],
    json: { ref: 5 },
  },
  {
    id: "frame/unknown-beside",
    comment: "unknown fields of each wire type beside a body",
    flags: ["UnknownField"],
    bytes: [
      ...int(1001, 1),
      ...tag(1002, 1),
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      ...len(1003, ""),
      ...group(1004, int(1, 1)),
      ...tag(1005, 5),
      1,
      2,
      3,
      4,
      ...len(9, int(1, 5)),
    ],
    json: { ping: { timeMs: "5" } },
  },
  {
    id: "frame/unknown-inside",
    comment: "an unknown field in a message, and in the entry of a map",
    flags: ["UnknownField"],
    bytes: len(5, [...len(3, "x"), ...len(4, len(4, [...len(1, "k"), ...int(3, 1), ...len(2, "v")])), ...int(99, 1)]),
    json: { signal: { name: "x", content: { headers: { k: "v" } } } },
  },
  {
    id: "order/reversed",
    comment: "fields in the reverse order",
    flags: ["OtherForm"],
    bytes: [...int(14, 3), ...len(21, [...int(3, 50), ...len(1, "lobby")])],
    json: { join: { name: "lobby", tail: 50 }, ref: 3 },
  },
  {
    id: "default/written",
    comment: "default values that are written out",
    flags: ["OtherForm"],
    bytes: [...len(9, int(1, 0)), ...int(14, 0), ...int(15, 0)],
    json: { ping: {} },
  },
  {
    id: "twice/scalar",
    comment: "a scalar twice: the last one holds",
    flags: ["OtherForm"],
    bytes: [...int(14, 1), ...int(14, 2)],
    json: { ref: 2 },
  },
  {
    id: "twice/message",
    comment: "a body twice: they are merged",
    flags: ["OtherForm"],
    bytes: [...len(12, [...int(1, 7), ...int(2, 1)]), ...len(12, [...int(2, 5), ...int(3, 9)])],
    json: { gap: { room: 7, first: "5", last: "9" } },
  },
  {
    id: "twice/oneof",
    comment: "two bodies: the later one replaces the earlier one",
    flags: ["OtherForm"],
    bytes: [...len(23, int(1, 7)), ...len(9, int(1, 5))],
    json: { ping: { timeMs: "5" } },
  },
  {
    id: "twice/oneof-back",
    comment: "a body, another one, and the first again: nothing of its first form holds",
    flags: ["OtherForm"],
    bytes: [...len(10, int(1, 5)), ...len(9, []), ...len(10, int(2, 6))],
    json: { pong: { timeMs: "6" } },
  },
  {
    id: "twice/map-key",
    comment: "a key of a map twice: the last one holds",
    flags: ["OtherForm"],
    bytes: len(5, [
      ...len(3, "x"),
      ...len(4, [...len(4, [...len(1, "k"), ...len(2, "a")]), ...len(4, [...len(1, "k"), ...len(2, "b")])]),
    ]),
    json: { signal: { name: "x", content: { headers: { k: "b" } } } },
  },
  {
    id: "map/no-value",
    comment: "an entry of a map without a value: the empty one",
    flags: ["OtherForm"],
    bytes: len(5, [...len(3, "x"), ...len(4, len(4, len(1, "k")))]),
    json: { signal: { name: "x", content: { headers: { k: "" } } } },
  },
  {
    id: "packed/not",
    comment: "a list of numbers one by one",
    flags: ["OtherForm"],
    bytes: len(3, [...int(1, 7), ...int(2, 1), ...int(3, 5), ...int(3, 1), ...int(4, 9), ...int(4, 0)]),
    json: { ack: { room: 7, firstSeq: "1", offsetDeltas: ["5", "1"], timeDeltas: ["9", "0"] } },
  },
  {
    id: "packed/mixed",
    comment: "a list of numbers in pieces, packed and not, one of them empty",
    flags: ["OtherForm"],
    bytes: len(3, [...int(1, 7), ...int(2, 1), ...len(3, [5]), ...int(3, 1), ...len(3, []), ...len(4, [9, 0])]),
    json: { ack: { room: 7, firstSeq: "1", offsetDeltas: ["5", "1"], timeDeltas: ["9", "0"] } },
  },
  {
    id: "varint/long",
    comment: "a varint of 10 bytes where 1 would do",
    flags: ["OtherForm"],
    bytes: [...tag(14, 0), ...padded(5, 10)],
    json: { ref: 5 },
  },
  {
    id: "varint/long-length",
    comment: "a length of 5 bytes where 1 would do",
    flags: ["OtherForm"],
    bytes: [...tag(9, 2), ...padded(2, 5), ...int(1, 5)],
    json: { ping: { timeMs: "5" } },
  },
  {
    id: "varint/longest-length",
    comment: "a length of 10 bytes where 1 would do (ENC-3)",
    flags: ["OtherForm", "NotProtoc"],
    bytes: [...tag(9, 2), ...padded(2, 10), ...int(1, 5)],
    json: { ping: { timeMs: "5" } },
  },
  {
    id: "tag/long",
    comment: "a tag of 5 bytes where 1 would do",
    flags: ["OtherForm"],
    bytes: [...padded((14 << 3) | 0, 5), 5],
    json: { ref: 5 },
  },
  {
    id: "tag/largest",
    comment: "the largest field number, 2^29-1",
    flags: ["UnknownField"],
    bytes: [...int(14, 1), ...len(2 ** 29 - 1, "x")],
    json: { ref: 1 },
  },
  {
    id: "low-bits/uint32",
    comment: "a 32-bit field takes the low 32 bits",
    flags: ["OtherForm"],
    bytes: int(14, 2n ** 40n + 5n),
    json: { ref: 5 },
  },
  {
    id: "low-bits/enum",
    comment: "an enum takes the low 32 bits, with their sign",
    flags: ["OtherForm"],
    bytes: len(13, int(1, 2n ** 64n - 1n)),
    json: { error: { code: -1 } },
  },
  {
    id: "low-bits/bool",
    comment: "a bool is true where any of 64 bits is set",
    flags: ["OtherForm"],
    bytes: int(15, 2n ** 40n),
    json: { mustUnderstand: true },
  },
  { id: "range/largest", comment: "2^53-1", bytes: len(9, int(1, 2n ** 53n - 1n)), json: { ping: { timeMs: max } } },
  {
    id: "wire-type/ref",
    comment: "ref as a string is an unknown field",
    flags: ["WrongWireType"],
    bytes: [...len(14, "x"), ...len(9, int(1, 5))],
    json: { ping: { timeMs: "5" } },
  },
  {
    id: "wire-type/body",
    comment: "a body as a varint is an unknown field, and replaces no body",
    flags: ["WrongWireType"],
    bytes: [...len(9, int(1, 5)), ...int(1, 5)],
    json: { ping: { timeMs: "5" } },
  },
  {
    id: "wire-type/group",
    comment: "a body as a group is an unknown field",
    flags: ["WrongWireType"],
    bytes: [...group(9, int(1, 7)), ...len(9, int(1, 5))],
    json: { ping: { timeMs: "5" } },
  },
  {
    id: "wire-type/inside",
    comment: "the same deep inside, where lengths around it stay as they are",
    flags: ["WrongWireType"],
    bytes: nested(
      1,
      len(5, [
        ...len(3, "x"),
        ...int(3, 7),
        ...len(4, [...tag(3, 5), 1, 2, 3, 4, ...len(4, [...len(1, "k"), ...int(2, 5), ...len(2, "v")])]),
      ]),
    ),
    json: { batch: { frames: [{ signal: { name: "x", content: { headers: { k: "v" } } } }] } },
  },
  {
    id: "wire-type/list",
    comment: "an element of a list as 4 bytes is an unknown field",
    flags: ["WrongWireType"],
    bytes: len(3, [...int(1, 7), ...int(2, 1), ...len(3, [5]), ...tag(3, 5), 1, 2, 3, 4, ...len(4, [9])]),
    json: { ack: { room: 7, firstSeq: "1", offsetDeltas: ["5"], timeDeltas: ["9"] } },
  },
  {
    id: "utf8/edges",
    comment: "the first and the last code point of each length, and both sides of the surrogates",
    bytes: len(5, len(3, "\u0000\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}")),
    json: { signal: { name: "\u0000\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}" } },
  },
  {
    id: "utf8/bom",
    comment: "U+FEFF at the beginning is text, not a mark",
    bytes: len(5, len(3, utf8("\ufeffx"))),
    json: { signal: { name: "\ufeffx" } },
  },
  {
    id: "utf8/bytes",
    comment: "bytes need not be UTF-8",
    bytes: len(5, [...len(3, "x"), ...len(4, len(2, hex("ff c0 80")))]),
    json: { signal: { name: "x", content: { data: "/8CA" } } },
  },
];

/** @type {Form[]} */
const withinLimits = [
  {
    id: "limit/frame-bytes",
    comment: "as many bytes as are accepted",
    bytes: len(9, int(1, 5)),
    json: { ping: { timeMs: "5" } },
    limits: { frameBytes: 4 },
  },
  { id: "limit/frame-bytes-empty", comment: "no bytes where none are accepted", bytes: [], json: {}, limits: { frameBytes: 0 } },
  { id: "limit/depth", comment: "depth 16 by unknown groups, 15 of them", flags: ["UnknownField"], bytes: groups(15), json: {} },
  {
    id: "limit/depth-map",
    comment: "the entry of a map is a message: depth 4",
    bytes: len(5, [...len(3, "x"), ...len(4, len(4, len(1, "k")))]),
    json: { signal: { name: "x", content: { headers: { k: "" } } } },
    flags: ["OtherForm"],
    limits: { depth: 4 },
  },
  {
    id: "limit/elements",
    comment: "as many fields as are accepted",
    bytes: [...len(9, int(1, 5)), ...int(14, 1)],
    json: { ping: { timeMs: "5" }, ref: 1 },
    limits: { elements: 3 },
  },
  {
    id: "limit/elements-packed",
    comment: "each packed element counts",
    bytes: len(3, [...int(1, 7), ...int(2, 1), ...len(3, [5, 1]), ...len(4, [9, 0])]),
    json: { ack: { room: 7, firstSeq: "1", offsetDeltas: ["5", "1"], timeDeltas: ["9", "0"] } },
    limits: { elements: 9 },
  },
  {
    id: "limit/elements-group",
    comment: "the tags of a group and within it count, its end too",
    flags: ["UnknownField"],
    bytes: group(1000, int(1, 1)),
    json: {},
    limits: { elements: 3 },
  },
];

/** @type {readonly { name: string, clauses: string[], tests: Form[] }[]} */
export const formGroups = [
  { name: "other bytes", clauses: ["ENC-1", "ENC-3", "ENC-4", "ENC-5", "ENC-6", "ENC-7", "ENC-10"], tests: otherBytes },
  { name: "limits", clauses: ["LIM-1", "LIM-2"], tests: withinLimits },
];

/** Streams of frames (TRN-5), with what comes out. @type {readonly { id: string, comment: string, stream: readonly number[], frames: readonly (readonly number[])[] }[]} */
export const validStreams = [
  { id: "stream/none", comment: "a stream without frames", stream: [], frames: [] },
  {
    id: "stream/two",
    comment: "two frames",
    stream: [...varint(4), ...len(9, int(1, 5)), ...varint(2), ...int(14, 1)],
    frames: [len(9, int(1, 5)), int(14, 1)],
  },
  {
    id: "stream/empty-frames",
    comment: "frames without bytes",
    stream: [0, 0, 2, ...int(14, 1), 0],
    frames: [[], [], int(14, 1), []],
  },
  {
    id: "stream/long-length",
    comment: "a length of 10 bytes where 1 would do",
    stream: [...padded(2, 10), ...int(14, 1)],
    frames: [int(14, 1)],
  },
  {
    id: "stream/two-byte-length",
    comment: "a frame of 129 bytes",
    stream: [...varint(129), ...len(1000, new Array(126).fill(7))],
    frames: [len(1000, new Array(126).fill(7))],
  },
];
