// @ts-check
/** One `_codec.ts`: the codecs of every message of a `.proto` file, and of the well-known types that it uses. */

import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { printCompact, printRest } from "./compact.js";
import { printCreate } from "./create.js";
import { printRead } from "./decode.js";
import { printWrite } from "./encode.js";
import { part } from "./fields.js";
import { codecPath, messageName } from "./names.js";

/** @import { DescFile, DescMessage } from "@bufbuild/protobuf" */
/** @import { GeneratedFile, Printable, Schema } from "@bufbuild/protoplugin" */

/**
 * What the printing of a message needs to know of its surroundings.
 * @typedef {object} Context
 * @property {GeneratedFile} f
 * @property {(name: string, typeOnly?: boolean) => Printable} runtime a name of the runtime
 * @property {(verb: "take" | "put" | "type", message: DescMessage) => Printable} codec a function for that message, wherever it stands
 * @property {(message: DescMessage) => Printable} type the type of a message
 * @property {(message: DescMessage) => Printable} init the type of what a message is made from
 * @property {(message: DescMessage) => Printable} create a function that makes it
 * @property {(message: DescMessage) => string} nameOf what the names of its functions end with; those of well-known types that stand here have a \`$\`, as no other
 * @property {"all" | "safe"} integers
 * @property {(message: DescMessage) => boolean} isEncoded whether the message may carry its encoding
 * @property {(message: DescMessage) => boolean} isCompact whether the message has a description in place of code
 */

/** @param {Schema<import("./plugin.js").Options>} schema @param {DescFile} file */
export function generateFile(schema, file) {
  const messages = [...nestedTypes(file)].filter((type) => type.kind === "message");
  requireDistinct(file, messages);
  const f = schema.generateFile(codecPath(file).slice(2).replace(/\.js$/, ".ts"));
  f.preamble(file);
  const generated = new Set(schema.files.map(({ proto }) => proto.name));
  const { runtime, integers, encoded, compact, straight } = schema.options;
  /** Well-known types that have no codec of their own in the output: their code stands here. @type {Set<DescMessage>} */
  const inlined = new Set();

  /** @type {Context} */
  const context = {
    f,
    runtime: (name, typeOnly = false) => f.import(name, runtime, typeOnly),
    type: (message) => f.importShape(message),
    nameOf: (message) => (message.file === file ? messageName(message) : `Google$${messageName(message)}`),
    init: (message) => part`${f.import("MessageInitShape", "@bufbuild/protobuf", true)}<typeof ${f.importSchema(message, true)}>`,
    create(message) {
      const { name: path } = message.file.proto;
      if (message.file === file) return `create${messageName(message)}`;
      if (path.startsWith("google/protobuf/") && !generated.has(path))
        return part`((m) => ${f.import("create", "@bufbuild/protobuf")}(${f.importSchema(message)}, m))`;
      return f.import(`create${messageName(message)}`, codecPath(message.file));
    },
    integers,
    isEncoded: (message) => encoded.has(message.typeName),
    isCompact(message) {
      const { name: path } = message.file.proto;
      // Code that stands here for a well-known type is nobody's to ask for.
      if (message.file !== file && path.startsWith("google/protobuf/") && !generated.has(path)) return false;
      if (straight.has(message.typeName) || encoded.has(message.typeName)) return false;
      return compact.has(message.typeName) || compact.has(path) || compact.has("all");
    },
    codec(verb, message) {
      const { name: path } = message.file.proto;
      if (message.file !== file) {
        if (!path.startsWith("google/protobuf/") || generated.has(path))
          return f.import(`${verb}${messageName(message)}`, codecPath(message.file));
        inlined.add(message);
      }
      return `${verb}${context.nameOf(message)}`;
    },
  };

  for (const message of messages) printMessage(context, message, "export ");
  // What is found on the way is printed too; a set that grows is walked to its end.
  for (const message of inlined) printMessage(context, message, "");
}

/** @param {Context} context @param {DescMessage} message @param {"export " | ""} exported */
function printMessage(context, message, exported) {
  const { f, runtime, type } = context;
  const { typeName } = message;
  const name = context.nameOf(message);
  const shape = type(message);
  if (exported !== "") {
    f.print`/** The bytes of a \`${typeName}\`, perhaps in memory that others share. @throws CodecError VALUE_INVALID. */`;
    f.print`${f.export("function", `encode${name}`)}(message: ${shape}): Uint8Array {`;
    f.print`  return ${runtime("toBytes")}(message, put${name});`;
    f.print`}\n`;
    f.print`/** Writes them into \`target\` from \`offset\` on. @returns the index behind them. @throws CodecError VALUE_INVALID, SPACE_EXCEEDED. */`;
    f.print`${f.export("function", `encode${name}Into`)}(message: ${shape}, target: Uint8Array, offset: number = 0): number {`;
    f.print`  return ${runtime("intoBytes")}(message, put${name}, target, offset);`;
    f.print`}\n`;
    f.print`/** The \`${typeName}\` that the bytes hold. @throws CodecError. */`;
    f.print`${f.export("function", `decode${name}`)}(bytes: Uint8Array, options?: ${runtime("DecodeOptions", true)}): ${shape} {`;
    f.print`  return ${runtime("fromBytes")}(bytes, take${name}, options);`;
    f.print`}\n`;
  }
  if (context.isCompact(message)) {
    printCompact(context, message);
    return;
  }
  printRest(context, message);
  if (exported !== "") printCreate(context, message);
  printWrite(context, message, exported);
  printRead(context, message, exported);
}

/** Functions of two messages must not have one name. @param {DescFile} file @param {readonly DescMessage[]} messages */
function requireDistinct(file, messages) {
  /** @type {Map<string, DescMessage>} */
  const names = new Map();
  for (const message of messages) {
    const name = messageName(message);
    for (const each of [name, `${name}Into`]) {
      const other = names.get(each);
      if (other !== undefined) unsupported(file, message, `encode${each} is also a function of ${other}`);
      names.set(each, message);
    }
  }
}

/** @param {DescFile} file @param {{ toString(): string }} where @param {string} what @returns {never} */
function unsupported(file, where, what) {
  throw new Error(`${file.proto.name}: ${where}: not supported by protoc-gen-es-codec: ${what}`);
}
