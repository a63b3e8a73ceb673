// @ts-check
/**
 * What is refused although its bytes are a message: beyond a limit, against a constraint, or no ProtoJSON; and streams that end badly.
 */

import { group, groups, hex, int, len, nested, padded, varint } from "./bytes.js";

/** @import { Invalid } from "./malformed.js" */

const id = new Array(16).fill(7);
const session = len(2, new Array(16).fill(1));

/** @type {Invalid[]} */
const limits = [
  {
    id: "limit/frame-bytes",
    comment: "one byte more than is accepted",
    bytes: len(9, int(1, 5)),
    error: "FRAME_TOO_LARGE",
    limits: { frameBytes: 3 },
  },
  {
    id: "limit/frame-bytes-none",
    comment: "a byte where none is accepted, whatever it holds",
    bytes: [0],
    error: "FRAME_TOO_LARGE",
    limits: { frameBytes: 0 },
  },
  {
    id: "limit/frame-bytes-json",
    comment: "ProtoJSON, of which the binary form counts",
    text: '{"ping":{"timeMs":"5"}}',
    error: "FRAME_TOO_LARGE",
    limits: { frameBytes: 3 },
  },
  { id: "limit/depth", comment: "depth 17 by unknown groups, 16 of them", bytes: groups(16), error: "DEPTH_EXCEEDED", at: 30 },
  {
    id: "limit/depth-batches",
    comment: "depth 17 by 8 batches within each other",
    bytes: nested(8, []),
    error: "DEPTH_EXCEEDED",
    at: 31,
    field: "batch.frames.batch.frames.batch.frames.batch.frames.batch.frames.batch.frames.batch.frames.batch.frames",
  },
  {
    id: "limit/depth-map",
    comment: "the entry of a map is a message: depth 4",
    bytes: len(5, [...len(3, "x"), ...len(4, len(4, len(1, "k")))]),
    error: "DEPTH_EXCEEDED",
    at: 8,
    field: "signal.content.headers",
    limits: { depth: 3 },
  },
  {
    id: "limit/depth-mixed",
    comment: "a group in a message",
    bytes: len(9, group(1000, [])),
    error: "DEPTH_EXCEEDED",
    at: 2,
    field: "ping",
    limits: { depth: 2 },
  },
  {
    id: "limit/elements",
    comment: "one field more than is accepted",
    bytes: [...len(9, int(1, 5)), ...int(14, 1)],
    error: "ELEMENTS_EXCEEDED",
    at: 4,
    limits: { elements: 2 },
  },
  {
    id: "limit/elements-packed",
    comment: "one packed element more than is accepted",
    bytes: len(3, [...int(1, 7), ...int(2, 1), ...len(3, [5, 1]), ...len(4, [9, 0])]),
    error: "ELEMENTS_EXCEEDED",
    at: 13,
    field: "ack.time_deltas",
    limits: { elements: 8 },
  },
  {
    id: "limit/elements-group",
    comment: "the end of a group is one more than is accepted",
    bytes: group(1000, int(1, 1)),
    error: "ELEMENTS_EXCEEDED",
    at: 4,
    limits: { elements: 2 },
  },
  {
    id: "limit/elements-unknown",
    comment: "unknown fields count",
    bytes: [...int(1000, 1), ...int(1000, 1), ...int(1000, 1)],
    error: "ELEMENTS_EXCEEDED",
    at: 6,
    limits: { elements: 2 },
  },
];

/** What no annotation expresses; the annotations themselves are in bounds.js. @type {Invalid[]} */
const betweenFields = [
  {
    id: "ack/lengths",
    comment: "lists of unlike length",
    bytes: len(3, [...int(1, 7), ...int(2, 1), ...len(3, [5, 1]), ...len(4, [9])]),
    error: "FIELD_INVALID",
    field: "ack.time_deltas",
  },
  {
    id: "ack/offset-sum",
    comment: "offsets above 2^53-1",
    bytes: len(3, [...int(1, 7), ...int(2, 1), ...len(3, [...varint(2n ** 53n - 1n), 1]), ...len(4, [0, 0])]),
    error: "FIELD_INVALID",
    field: "ack.offset_deltas",
  },
  {
    id: "ack/time-sum",
    comment: "times above 2^53-1",
    bytes: len(3, [
      ...int(1, 7),
      ...int(2, 1),
      ...len(3, [1, 1]),
      ...len(4, [...varint(2n ** 53n - 1n), ...varint(2n ** 53n - 1n)]),
    ]),
    error: "FIELD_INVALID",
    field: "ack.time_deltas",
  },
  {
    id: "gap/backwards",
    comment: "last below first",
    bytes: len(12, [...int(1, 7), ...int(2, 5), ...int(3, 4)]),
    error: "FIELD_INVALID",
    field: "gap.last",
  },
  {
    id: "publish/tombstone",
    comment: "a tombstone is never published",
    bytes: len(2, [...int(1, 7), ...int(2, 1), ...len(3, id), ...int(5, 1)]),
    error: "FIELD_INVALID",
    field: "publish.kind",
  },
  {
    id: "publish/edit-nothing",
    comment: "an edit of nothing",
    bytes: len(2, [...int(1, 7), ...int(2, 1), ...len(3, id), ...int(5, 3)]),
    error: "FIELD_INVALID",
    field: "publish.target",
  },
  {
    id: "publish/void-content",
    comment: "a void with content",
    bytes: len(2, [...int(1, 7), ...int(2, 1), ...len(3, id), ...len(4, []), ...int(5, 5)]),
    error: "FIELD_INVALID",
    field: "publish.content",
  },
  {
    id: "publish/void-target",
    comment: "a void with a target",
    bytes: len(2, [...int(1, 7), ...int(2, 1), ...len(3, id), ...int(5, 5), ...len(6, id)]),
    error: "FIELD_INVALID",
    field: "publish.target",
  },
  {
    id: "publish/redaction-content",
    comment: "a redaction with content",
    bytes: len(2, [...int(1, 7), ...int(2, 1), ...len(3, id), ...len(4, []), ...int(5, 2), ...len(6, id)]),
    error: "FIELD_INVALID",
    field: "publish.content",
  },
  {
    id: "chat/void",
    comment: "a void is never an entry",
    bytes: len(1, [...int(1, 7), ...int(2, 1), ...len(5, id), ...int(7, 5)]),
    error: "FIELD_INVALID",
    field: "chat.kind",
  },
  {
    id: "chat/reaction-nothing",
    comment: "a reaction to nothing",
    bytes: len(1, [...int(1, 7), ...int(2, 1), ...len(5, id), ...int(7, 4)]),
    error: "FIELD_INVALID",
    field: "chat.target",
  },
  {
    id: "page/void",
    comment: "a void in a page",
    bytes: len(27, [...int(1, 7), ...int(2, 1), ...len(3, [...int(2, 1), ...len(5, id), ...int(7, 5)]), ...int(4, 1)]),
    error: "FIELD_INVALID",
    field: "page.entries[0].kind",
  },
  {
    id: "batch/inner",
    comment: "a leave without a room in a batch; the other frame of it holds (BAT-3)",
    bytes: len(4, [...len(1, len(9, [])), ...len(1, len(23, []))]),
    error: "FIELD_INVALID",
    field: "batch.frames[1].leave.room",
  },
  {
    id: "wire-type/needed",
    comment: "a room as a string is an unknown field, so there is none",
    bytes: len(23, len(1, "7")),
    error: "FIELD_INVALID",
    field: "leave.room",
  },
  {
    id: "hello/attempt-zero",
    comment: "a hello without an attempt",
    bytes: len(16, session),
    error: "FIELD_INVALID",
    field: "hello.attempt",
  },
];

/** @type {Invalid[]} */
const batches = [
  {
    id: "batch/nested",
    comment: "a batch in a batch",
    bytes: nested(1, len(4, [])),
    error: "BATCH_NESTED",
    field: "batch.frames[0].batch",
  },
  {
    id: "batch/nested-second",
    comment: "a batch behind another frame of a batch",
    bytes: len(4, [...len(1, len(9, [])), ...len(1, len(4, len(1, [])))]),
    error: "BATCH_NESTED",
    field: "batch.frames[1].batch",
  },
  {
    id: "batch/nested-json",
    comment: "a batch in a batch in ProtoJSON",
    text: '{"batch":{"frames":[{"batch":{}}]}}',
    error: "BATCH_NESTED",
    field: "batch.frames[0].batch",
  },
];

/** @param {string} name @param {string} comment @param {string} text @returns {Invalid} */
const json = (name, comment, text) => ({ id: `json/${name}`, comment, text, error: "JSON_INVALID" });

/** @type {Invalid[]} */
const notJson = [
  json("nothing", "no text", ""),
  json("cut", "cut off", '{"ping":{'),
  json("array", "an array", "[]"),
  json("null", "null", "null"),
  json("string", "a string", '"ping"'),
  json("body-number", "a number for a body", '{"ping":3}'),
  json("two-bodies", "two bodies", '{"ping":{},"pong":{}}'),
  json("twice", "a member twice", '{"ref":1,"ref":2}'),
  json("uint32", "a number above its 32 bits", '{"ref":4294967296}'),
  json("negative", "a negative number", '{"ping":{"timeMs":"-1"}}'),
  json("fraction", "a number with a fraction", '{"ref":1.5}'),
  json("uint64", "a number above its 64 bits", '{"ping":{"timeMs":"18446744073709551616"}}'),
  json("base64", "bytes that are not base64", '{"hello":{"session":"!"}}'),
  json("surrogate", "half of a surrogate pair", '{"signal":{"name":"\\ud800"}}'),
  json("list", "an object for a list", '{"watch":{"users":{}}}'),
  json("bool", "a string for a bool", '{"mustUnderstand":"true"}'),
];

/** @type {readonly { name: string, clauses: string[], tests: Invalid[] }[]} */
export const refusedGroups = [
  { name: "limits", clauses: ["LIM-1", "LIM-2"], tests: limits },
  { name: "rules between fields", clauses: ["ENC-8"], tests: betweenFields },
  { name: "batches", clauses: ["BAT-2"], tests: batches },
  { name: "ProtoJSON", clauses: ["ENC-9"], tests: notJson },
];

/** Streams that end in an error, behind these frames (TRN-5). @type {readonly { id: string, comment: string, stream: readonly number[], frames: readonly (readonly number[])[], error: string, at: number, limits?: Record<string, number> }[]} */
export const invalidStreams = [
  { id: "stream/cut-length", comment: "the end inside a length", stream: [0x80], frames: [], error: "FRAME_TRUNCATED", at: 0 },
  {
    id: "stream/cut-frame",
    comment: "the end inside the second frame",
    stream: [2, ...int(14, 1), 2, 0x70],
    frames: [int(14, 1)],
    error: "FRAME_TRUNCATED",
    at: 3,
  },
  {
    id: "stream/too-large",
    comment: "a length above the limit",
    stream: [2, ...int(14, 1), 3],
    frames: [int(14, 1)],
    error: "FRAME_TOO_LARGE",
    at: 3,
    limits: { frameBytes: 2 },
  },
  { id: "stream/gigabytes", comment: "a length of 2 GiB", stream: varint(2 ** 31), frames: [], error: "FRAME_TOO_LARGE", at: 0 },
  { id: "stream/eleven", comment: "a length of 11 bytes", stream: padded(1, 11), frames: [], error: "VARINT_OVERLONG", at: 0 },
  {
    id: "stream/65-bits",
    comment: "a length of 65 bits",
    stream: hex("80 80 80 80 80 80 80 80 80 02"),
    frames: [],
    error: "VARINT_OVERLONG",
    at: 0,
  },
];
