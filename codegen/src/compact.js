// @ts-check
/**
 * Prints a message that has a description in place of code, by which the interpreter of the runtime goes; and, for a message of
 * straight-line code, the same for members of a oneof that are such messages: a switch over them all would be as long as their code.
 */

import { ScalarType } from "@bufbuild/protobuf";
import { memoryOf, printDefaults } from "./decode.js";
import {
  byNumber,
  fieldNames,
  functionName,
  hasPrototype,
  holdsJson,
  holdsScalar,
  isClosed,
  isImplicit,
  isRequired,
  part,
} from "./fields.js";
import { camelCase } from "./names.js";
import { scalars } from "./types.js";

/** @import { DescField, DescMessage } from "@bufbuild/protobuf" */
/** @import { Context } from "./file.js" */
/** @import { Printable } from "@bufbuild/protoplugin" */

/** @param {Context} context @param {DescMessage} message */
export function printCompact(context, message) {
  const { f, runtime, type, init, nameOf } = context;
  const name = nameOf(message);
  const shape = type(message);
  printDefaults(context, message);
  f.print`/** By this a \`${message.typeName}\` is encoded, decoded and made. */`;
  printType(context, f.export("const", `type${name}`), message, byNumber(message), true);
  f.print`/** A \`${message.typeName}\` with these fields, and zero values in the others. Nothing is checked. */`;
  f.print`${f.export("function", `create${name}`)}(init: ${init(message)} = {}): ${shape} {`;
  f.print`  return ${runtime("createMessage")}(type${name}, init);`;
  f.print`}\n`;
  f.print`/** Writes a \`${message.typeName}\` into \`b\` from \`p\` on. @returns the index behind it. */`;
  f.print`${f.export("function", `put${name}`)}(m: ${shape}, b: Uint8Array, p: number): number {`;
  f.print`  return ${runtime("putMessage")}(type${name}, m, b, p);`;
  f.print`}\n`;
  f.print`/** Reads a \`${message.typeName}\` that ends at \`end\`, into \`m\` where that is given. */`;
  f.print`${f.export("function", `take${name}`)}(r: ${runtime("Reader", true)}, end: number, m?: ${shape}): ${shape} {`;
  f.print`  return ${runtime("takeMessage")}(type${name}, r, end, m);`;
  f.print`}\n`;
}

/** What the straight-line code of a message leaves to the interpreter. @param {Context} context @param {DescMessage} message */
export function printRest(context, message) {
  const rest = restOf(context, message);
  if (rest.length > 0) printType(context, `const rest${context.nameOf(message)}`, message, rest, false);
}

/**
 * Members of one oneof that are compact messages, of a message that is none. A oneof that has no other members has code for all: its
 * compact messages have functions too.
 * @param {Context} context @param {DescMessage} message @returns {readonly DescField[]} by ascending number
 */
export function restOf({ isCompact }, message) {
  if (isCompact(message)) return [];
  for (const { fields } of message.oneofs) {
    const sorted = [...fields].sort((a, b) => a.number - b.number);
    const rest = sorted.filter((field) => isPlainMember(field) && isCompact(field.message));
    const first = sorted[0];
    if (first !== undefined && rest.length > 0 && !rest.includes(first)) return rest;
  }
  return [];
}

/** @param {DescField} field @returns {field is DescField & { message: DescMessage }} */
function isPlainMember(field) {
  return field.fieldKind === "message" && !holdsJson(field) && !field.delimitedEncoding;
}

/** @param {Context} context @param {Printable} declared @param {DescMessage} message @param {readonly DescField[]} fields @param {boolean} isWhole */
function printType(context, declared, message, fields, isWhole) {
  const { f, runtime, type, nameOf } = context;
  f.print`${declared}: ${runtime("Type", true)}<${type(message)}> = {`;
  f.print`  name: ${JSON.stringify(message.typeName)},`;
  f.print`  names: ${JSON.stringify(fieldNames(fields))},`;
  f.print`  memory: ${String(isWhole ? memoryOf(message) : 0)},`;
  if (isWhole && hasPrototype(message)) f.print`  defaults: defaults${nameOf(message)},`;
  f.print`  of: () => [`;
  for (const field of fields) f.print("    ", named(context, field), ",");
  f.print`  ],`;
  f.print`};\n`;
}

/** @param {Context} context @param {DescField} field @returns {Printable} */
function named(context, field) {
  const { runtime } = context;
  const entry = entryOf(context, field);
  if (field.localName === camelCase(field.name)) return entry.printed;
  const shape = entry.isKind ? part`${runtime("single")}(${entry.printed})` : entry.printed;
  return part`${runtime("named")}(${JSON.stringify(field.localName)}, ${shape})`;
}

/** @param {Context} context @param {DescField} field @returns {{ printed: Printable, isKind: boolean }} */
function entryOf(context, field) {
  const { runtime } = context;
  const kind = kindOf(context, field);
  /** @param {Printable} printed */
  const shape = (printed) => ({ printed, isKind: false });
  if (field.fieldKind === "list") return shape(part`${runtime(field.packed ? "packed" : "list")}(${kind})`);
  if (field.fieldKind === "map") {
    const keyKind = scalarKind(context, field, field.mapKey);
    return shape(part`${runtime("map")}(${keyKind}, ${toKey(context, scalars[field.mapKey].type)}, ${kind})`);
  }
  if (field.oneof !== undefined) return shape(part`${runtime("member")}(${JSON.stringify(field.oneof.localName)}, ${kind})`);
  if (isImplicit(field)) return { printed: kind, isKind: true };
  const isOwn = field.fieldKind !== "message" && hasPrototype(field.parent);
  const present = isOwn
    ? part`${runtime("own")}(${kind})`
    : field.fieldKind === "message"
      ? kind
      : part`${runtime("optional")}(${kind})`;
  if (!isRequired(field)) return { printed: present, isKind: !isOwn };
  return shape(part`${runtime("required")}(${isOwn ? present : part`${runtime("single")}(${present})`})`);
}

/** The kind of a field's values. @param {Context} context @param {DescField} field @returns {Printable} */
function kindOf(context, field) {
  const { runtime, codec, create, isCompact } = context;
  if (field.message !== undefined) {
    const { message } = field;
    const functions = part`${codec("put", message)}, ${codec("take", message)}`;
    if (holdsJson(field))
      return part`${runtime("local")}(${runtime("coded")}(${functions}), ${runtime("fromStruct")}, ${runtime("toStruct")})`;
    if (holdsScalar(field))
      return part`${runtime("wrapper")}(${JSON.stringify(message.typeName)}, ${runtime("coded")}(${functions}))`;
    const isGroup = "delimitedEncoding" in field && field.delimitedEncoding;
    if (isCompact(message) && !isGroup) return part`${runtime("message")}(${codec("type", message)})`;
    return part`${runtime(isGroup ? "group" : "coded")}(${functions}, ${create(message)})`;
  }
  if (field.enum !== undefined) {
    if (!isClosed(field)) return runtime("int32");
    return part`${runtime("closed")}(${field.enum.values.map(({ number }) => number).join(", ")})`;
  }
  if (field.scalar === undefined) throw new Error(`${field} has no values`);
  const kind = scalarKind(context, field, field.scalar);
  return "longAsString" in field && field.longAsString ? part`${runtime("asString")}(${kind})` : kind;
}

/** @param {Context} context @param {DescField} field @param {ScalarType} scalar */
function scalarKind(context, field, scalar) {
  const name = functionName(context, scalar);
  const isLenient = scalar === ScalarType.STRING && !field.utf8Validation;
  return context.runtime(isLenient ? "lenientText" : `${name.charAt(0).toLowerCase()}${name.slice(1)}`);
}

/** A function that makes a value of a map's key. @param {Context} context @param {string} type @returns {Printable} */
function toKey({ runtime }, type) {
  if (type === "number") return "Number";
  if (type === "bigint") return "BigInt";
  return type === "boolean" ? runtime("toBool") : "String";
}
