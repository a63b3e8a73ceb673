/**
 * The testee of the Protobuf conformance suite: requests on standard input, responses on standard output, each after its length in four
 * bytes, little-endian (conformance.proto).
 *
 *   node testee.mjs protobuf-es|chappe|chappe-compact     the codec for bytes; ProtoJSON is protobuf-es's own with all
 */

import { readSync, writeSync } from "node:fs";
import {
  create,
  createRegistry,
  type DescFile,
  type DescMessage,
  fromBinary,
  fromJsonString,
  type Message,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { type Codec, descFiles, messageType, messageTypes, typesOf } from "../../test/support/codec/adapter.ts";
import { messageOf } from "../../test/support/codec/errors.ts";

const engine = process.argv[2];
if (engine !== "protobuf-es" && engine !== "chappe" && engine !== "chappe-compact")
  throw new Error("usage: node testee.mjs protobuf-es|chappe|chappe-compact");
const types = engine === "chappe-compact" ? typesOf("compact") : messageTypes;

const registry = createRegistry(...withImports(descFiles));
const requestDesc = messageType("conformance.ConformanceRequest").desc;
const responseDesc = messageType("conformance.ConformanceResponse").desc;
const failuresDesc = messageType("conformance.FailureSet").desc;

/** A ConformanceRequest: its type is generated, and not there when this file is checked. */
interface Request extends Message {
  payload: { case: "protobufPayload"; value: Uint8Array } | { case: "jsonPayload"; value: string } | { case: undefined };
  requestedOutputFormat: number;
  messageType: string;
  testCategory: number;
}

/** The oneof of a ConformanceResponse. */
type Result =
  | { case: "protobufPayload"; value: Uint8Array }
  | { case: "jsonPayload" | "parseError" | "runtimeError" | "serializeError" | "skipped"; value: string };

/** Of the enum WireFormat. */
const PROTOBUF = 1;
const JSON_FORMAT = 2;
/** Of the enum TestCategory. */
const JSON_IGNORE_UNKNOWN_PARSING_TEST = 3;

/** The files and all that they import: an Any may hold any of their messages. */
function withImports(files: readonly DescFile[]): DescFile[] {
  const all = new Set(files);
  for (const file of all) for (const each of file.dependencies) all.add(each);
  return [...all];
}

function answer(request: Request): Result {
  if (request.messageType === "conformance.FailureSet")
    return { case: "protobufPayload", value: toBinary(failuresDesc, create(failuresDesc)) };
  const type = types.find(({ desc }) => desc.typeName === request.messageType);
  if (type === undefined) return { case: "runtimeError", value: `unknown message type ${request.messageType}` };
  const codec = engine === "protobuf-es" ? type.reference : type.subject;
  let message: Message;
  try {
    const parsed = parse(request, type.desc, codec);
    if (parsed === undefined) return { case: "skipped", value: `input: ${request.payload.case}` };
    message = parsed;
  } catch (error) {
    return { case: "parseError", value: messageOf(error) };
  }
  try {
    return write(request, type.desc, codec, message);
  } catch (error) {
    return { case: "serializeError", value: messageOf(error) };
  }
}

function parse(request: Request, desc: DescMessage, codec: Codec): Message | undefined {
  switch (request.payload.case) {
    case "protobufPayload":
      return codec.decode(request.payload.value);
    case "jsonPayload":
      return fromJsonString(desc, request.payload.value, {
        ignoreUnknownFields: request.testCategory === JSON_IGNORE_UNKNOWN_PARSING_TEST,
        registry,
      });
    default:
      return undefined;
  }
}

function write(request: Request, desc: DescMessage, codec: Codec, message: Message): Result {
  switch (request.requestedOutputFormat) {
    case PROTOBUF:
      return { case: "protobufPayload", value: codec.encode(message) };
    case JSON_FORMAT:
      return { case: "jsonPayload", value: toJsonString(desc, message, { registry }) };
    default:
      return { case: "skipped", value: `output: ${request.requestedOutputFormat}` };
  }
}

/** The next bytes of standard input, or undefined at its end. */
function read(length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const count = readSync(0, bytes, at, length - at, null);
    if (count === 0) return undefined;
    at += count;
  }
  return bytes;
}

function write32(bytes: Uint8Array): void {
  const framed = new Uint8Array(4 + bytes.length);
  new DataView(framed.buffer).setUint32(0, bytes.length, true);
  framed.set(bytes, 4);
  for (let at = 0; at < framed.length; ) at += writeSync(1, framed, at);
}

for (let head = read(4); head !== undefined; head = read(4)) {
  const body = read(new DataView(head.buffer).getUint32(0, true));
  if (body === undefined) break;
  const result = answer(fromBinary(requestDesc, body) as Request);
  write32(toBinary(responseDesc, create(responseDesc, { result })));
}
