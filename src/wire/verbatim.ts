/**
 * Content passes through a relay byte for byte (PUB-3, SIG-4), also where its bytes are not those that an encoder here would write: map entries in
 * another order, fields repeated, unknown fields between known ones. Such bytes are kept beside the decoded Content, and written in its place.
 */

import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type Content, ContentSchema, type Publish } from "../../gen/chappe/v1/chat_pb.ts";
import type { Frame } from "../../gen/chappe/v1/frame_pb.ts";
import { strip } from "./scan.ts";
import { type Cursor, readVarint, varintSize, writeVarint } from "./varint.ts";

/** The bytes of those contents that an encoder here would write otherwise. */
const kept = new WeakMap<Content, Uint8Array>();

const batchField = 4;
const framesField = 1;
const publishField = 2;
const signalField = 5;
const contentOfPublish = 4;
const contentOfSignal = 4;
const contentOfChat = 6;
const lengthDelimited = 2;

/** Remembers the contents of the publishes and signals in a frame that was just decoded from these bytes, which are well formed. */
export function keepVerbatim(frame: Frame, bytes: Uint8Array): void {
  const { body } = frame;
  if (body.case === "publish") {
    keep(body.value.content, contentIn(fields(bytes, publishField), contentOfPublish));
  } else if (body.case === "signal") {
    keep(body.value.content, contentIn(fields(bytes, signalField), contentOfSignal));
  } else if (body.case === "batch") {
    const inner = fields(bytes, batchField).flatMap((batch) => fields(batch, framesField));
    for (const [index, each] of body.value.frames.entries()) keepVerbatim(each, inner[index] ?? new Uint8Array(0));
  }
}

/** Bytes of a content as it will be sent on; undefined where those are the ones that an encoder here writes. */
export function verbatimSize(content: Content): number | undefined {
  return kept.get(content)?.length;
}

/** The copy of a content has the bytes of the original. */
export function copyVerbatim(from: Content, to: Content): void {
  const bytes = kept.get(from);
  if (bytes !== undefined) kept.set(to, bytes);
}

/** The frame with kept bytes in the place of the contents they stand for: as fields that the encoder passes through. */
export function withVerbatim(frame: Frame): Frame {
  const { body } = frame;
  if (body.case === "chat") {
    const chat = inside(body.value, contentOfChat);
    return chat === body.value ? frame : { ...frame, body: { case: "chat", value: chat } };
  }
  if (body.case === "signal") {
    const signal = inside(body.value, contentOfSignal);
    return signal === body.value ? frame : { ...frame, body: { case: "signal", value: signal } };
  }
  if (body.case === "page") {
    const entries = body.value.entries.map((entry) => inside(entry, contentOfChat));
    const same = entries.every((entry, index) => entry === body.value.entries[index]);
    return same ? frame : { ...frame, body: { case: "page", value: { ...body.value, entries } } };
  }
  if (body.case === "batch") {
    const frames = body.value.frames.map(withVerbatim);
    const same = frames.every((inner, index) => inner === body.value.frames[index]);
    return same ? frame : { ...frame, body: { case: "batch", value: { ...body.value, frames } } };
  }
  return frame;
}

/** A publish as {@link withVerbatim} would have it. No frame is sent so: a relay counts it (PUB-10). */
export function publishWithVerbatim(publish: Publish): Publish {
  return inside(publish, contentOfPublish);
}

/** What holds a content in this field, with the kept bytes in its place; the message itself where none are kept. */
function inside<M extends Message & { content?: Content | undefined }>(message: M, field: number): M {
  const bytes = message.content === undefined ? undefined : kept.get(message.content);
  if (bytes === undefined) return message;
  const data = new Uint8Array(varintSize(bytes.length) + bytes.length);
  data.set(bytes, writeVarint(bytes.length, data, 0));
  const unknown = [...(message.$unknown ?? []), { no: field, wireType: lengthDelimited, data }];
  return { ...message, content: undefined, $unknown: unknown };
}

function contentIn(messages: readonly Uint8Array[], field: number): Uint8Array[] {
  return messages.flatMap((message) => fields(message, field));
}

/** Where content comes more than once its bytes are joined in order (PUB-3). */
function keep(content: Content | undefined, parts: readonly Uint8Array[]): void {
  if (content === undefined) return;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const canonical = toBinary(ContentSchema, content);
  if (isEqual(bytes, canonical)) return;
  // A message that another body of the same frame has replaced leaves bytes behind that mean something else: what was judged is sent.
  if (isEqual(canonical, toBinary(ContentSchema, fromBinary(ContentSchema, strip(ContentSchema, bytes)))))
    kept.set(content, bytes);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** The values of a length-delimited field, in order. The bytes have been found well formed, groups included. */
function fields(bytes: Uint8Array, wanted: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  const cursor: Cursor = { pos: 0 };
  while (cursor.pos < bytes.length) {
    const tag = readVarint(bytes, cursor);
    const wireType = tag & 7;
    if (wireType === 0) while ((bytes[cursor.pos++] ?? 0) >= 0x80);
    else if (wireType === 1) cursor.pos += 8;
    else if (wireType === 5) cursor.pos += 4;
    else if (wireType === lengthDelimited) {
      const length = readVarint(bytes, cursor);
      if (tag >>> 3 === wanted) found.push(bytes.subarray(cursor.pos, cursor.pos + length));
      cursor.pos += length;
    }
    // What stands in a group is not a field of this message.
    else skipGroup(bytes, cursor, wireType);
  }
  return found;
}

/** Passes over a group that has just begun, with all in it. */
function skipGroup(bytes: Uint8Array, cursor: Cursor, wireType: number): void {
  let depth = wireType === 3 ? 1 : 0;
  while (depth > 0 && cursor.pos < bytes.length) {
    const inner = readVarint(bytes, cursor) & 7;
    if (inner === 3) depth++;
    else if (inner === 4) depth--;
    else if (inner === 0) while ((bytes[cursor.pos++] ?? 0) >= 0x80);
    else if (inner === 1) cursor.pos += 8;
    else if (inner === 5) cursor.pos += 4;
    else {
      const length = readVarint(bytes, cursor);
      cursor.pos += length;
    }
  }
}
