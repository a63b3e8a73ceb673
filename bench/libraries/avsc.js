// @ts-check
/** avsc: types of the same schema, in Avro. The body is a wrapped union, which it writes without guessing. */

import avro from "avsc";
// In a browser's bundle, the package of that name: avsc takes no other byte arrays.
import { Buffer } from "buffer";

/** @param {string} name @param {Record<string, unknown>} fields */
const record = (name, fields) => ({
  type: "record",
  name,
  fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
});
/** @param {unknown} items */
const array = (items) => ({ type: "array", items });
/** @param {Uint8Array} bytes */
const buffer = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const headers = { type: "map", values: "string" };

const content = record("Content", { text: "string", contentType: "string", headers });
const profile = record("Profile", { displayName: "string", avatarUri: "string", attributes: headers });
const chat = record("chat", {
  room: "int",
  offset: "long",
  sender: "string",
  timeMs: "long",
  id: "bytes",
  content,
  kind: "int",
  target: "bytes",
  profile: ["null", profile],
});
const ack = record("ack", { room: "int", firstSeq: "long", offsetDeltas: array("long"), timeDeltas: array("long") });
const mark = { user: "string", state: "int", activity: "string", statusText: "string", lastSeenMs: "long", devices: "int" };
const presence = record("presence", { marks: array(record("PresenceMark", mark)), snapshot: "boolean" });
const typing = record("typing", { room: "int", marks: array(record("TypingMark", { user: "string", ttlMs: "int" })) });
const ping = record("ping", { timeMs: "long" });
const batch = record("batch", { frames: array("Frame") });

const frame = avro.Type.forSchema(
  /** @type {any} */ (
    record("Frame", { body: [chat, ack, presence, typing, ping, batch], ref: "int", mustUnderstand: "boolean" })
  ),
  { wrapUnions: "auto" },
);

/** @type {import("./library.js").Library} */
export const avsc = {
  name: "avsc",
  note: "Avro types of the same schema, without tags or unknown fields; 64-bit values are numbers",
  form: {
    integer: (value) => value,
    content: (value) => value,
    bytes: buffer,
    wrap: (kind, value) => ({
      body: { [kind]: kind === "chat" ? { ...value, profile: value["profile"] ?? null } : value },
      ref: 0,
      mustUnderstand: false,
    }),
    number: Number,
    readContent: ({ text, contentType, headers: map }) => ({ text, contentType, headers: { ...map } }),
    unwrap: ({ body }) => /** @type {[string, any]} */ (Object.entries(body)[0]),
  },
  encode: (native) => frame.toBuffer(native),
  decode: (bytes) => frame.fromBuffer(/** @type {any} */ (bytes)),
  receive: buffer,
};
