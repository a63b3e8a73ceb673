/**
 * All message types that the proof is about, each with two codecs: protobuf-es, which is what must be equalled, and the generated one, in
 * each of its forms.
 * The one module of the proof that knows how a generated codec is called.
 */

import { files } from "proof:generated";
import { type DescFile, type DescMessage, fromBinary, isMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { CodecError, type DecodeOptions } from "../../../src/codec/index.ts";

/** A codec of one message type. Both functions throw where they refuse. */
export interface Codec {
  encode(message: Message): Uint8Array;
  decode(bytes: Uint8Array, options?: DecodeOptions): Message;
}

/** What the plugin makes of a message: code, a description, or code that has descriptions in it. */
export type Form = "straight" | "compact" | "mixed";

/** A generated codec. */
interface Generated extends Codec {
  create(init?: object): Message;
}

/** A message type and its two codecs. */
export interface MessageType {
  readonly desc: DescMessage;
  readonly reference: Codec;
  readonly subject: Generated;
}

/** The types of proto/ and of the conformance suite, without map entries. */
export const messageTypes: readonly MessageType[] = typesOf("straight");

/** The same types with codecs of another form, in the same order. */
export function typesOf(form: Form): MessageType[] {
  return files.flatMap(({ types, codecs }) =>
    Object.values(types)
      .filter(isDescFile)
      .flatMap((file) => [...nestedTypes(file)].filter((type) => type.kind === "message"))
      .map((desc) => typeOf(desc, codecs[form])),
  );
}

/** The files of these types. */
export const descFiles: readonly DescFile[] = [...new Set(messageTypes.map(({ desc }) => desc.file))];

/** The type of this name. */
export function messageType(typeName: string, form: Form = "straight"): MessageType {
  const types = form === "straight" ? messageTypes : typesOf(form);
  const found = types.find(({ desc }) => desc.typeName === typeName);
  if (found === undefined) throw new Error(`no message type ${typeName}`);
  return found;
}

function typeOf(desc: DescMessage, codec: Readonly<Record<string, unknown>>): MessageType {
  const reference: Codec = {
    encode: (message) => toBinary(desc, message),
    decode: (bytes) => fromBinary(desc, bytes),
  };
  const name = localName(desc);
  const [encode, decode, create] = [codec[`encode${name}`], codec[`decode${name}`], codec[`create${name}`]];
  if (typeof encode !== "function" || typeof decode !== "function" || typeof create !== "function")
    throw new Error(`no codec is generated for ${desc.typeName}`);
  const subject = { encode, decode, create } as unknown as Generated;
  return { desc, reference, subject };
}

/** The name of a type in generated code: that of a nested one goes after that of its parent. */
function localName(desc: DescMessage): string {
  return desc.parent === undefined ? desc.name : `${localName(desc.parent)}_${desc.name}`;
}

function isDescFile(value: unknown): value is DescFile {
  return typeof value === "object" && value !== null && !isMessage(value) && (value as { kind?: unknown }).kind === "file";
}

/** Whether a codec refused its input, as it may; anything else that is thrown is a crash. */
export function isRefusal(error: unknown): boolean {
  return error instanceof CodecError;
}

/** For the generated codecs: what fits into memory is no longer their concern. Nesting may be as deep as protoc has it. */
export const unlimited: DecodeOptions = {
  maxBytes: Number.MAX_SAFE_INTEGER,
  maxDepth: 101,
  maxElements: Number.MAX_SAFE_INTEGER,
  maxUnknownFields: Number.MAX_SAFE_INTEGER,
  maxMemory: Number.MAX_SAFE_INTEGER,
};
