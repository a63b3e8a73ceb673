// @ts-check
/** What the schema says of a field, in the words that generated code is made of. */

import { ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { scalars } from "./types.js";

/** @import { DescField, DescMessage } from "@bufbuild/protobuf" */
/** @import { Context } from "./file.js" */
/** @import { Printable } from "@bufbuild/protoplugin" */

/** The values of google.protobuf.FeatureSet.FieldPresence and google.protobuf.Edition that matter here. */
const implicit = 2;
const required = 3;
const proto2 = 998;
const proto3 = 999;

/** @param {DescField} field */
export const isImplicit = (field) => field.presence === implicit;
/** @param {DescField} field */
export const isRequired = (field) => field.presence === required;

/**
 * Whether protobuf-es keeps the defaults of this message's scalars on a prototype, so that a field is set where the object itself has it.
 * @param {DescMessage} message
 */
export function hasPrototype(message) {
  if (message.file.edition === proto3) return false;
  if (message.file.edition === proto2) return true;
  return message.fields.some((field) => !isImplicit(field) && field.fieldKind !== "message" && field.oneof === undefined);
}

/** Template tag for parts of a line. @param {TemplateStringsArray} strings @param {...Printable} values @returns {Printable} */
export function part(strings, ...values) {
  /** @type {Printable[]} */
  const all = [];
  for (const [index, text] of strings.entries()) {
    all.push(text);
    const value = values[index];
    if (value !== undefined) all.push(value);
  }
  return all;
}

/** The bytes of a tag. @param {number} number @param {number} wire */
export function tagBytes(number, wire) {
  const bytes = [];
  let rest = ((number << 3) | wire) >>> 0;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

/** A tag as the reader gives it: as a signed integer, which is negative from field 2^28 on. @param {number} number @param {number} wire */
export function tagOf(number, wire) {
  return (number << 3) | wire;
}

/**
 * The names of fields by number, in one text: each is that of the number after the one before it, unless a number stands before it.
 * @param {readonly DescField[]} fields by ascending number
 */
export function fieldNames(fields) {
  /** @type {(string | number)[]} */
  const words = [];
  let next = 1;
  for (const { name, number } of fields) {
    if (number !== next) words.push(number);
    words.push(name);
    next = number + 1;
  }
  return words.join(" ");
}

/** @param {DescMessage} message */
export function byNumber(message) {
  return [...message.fields].sort((a, b) => a.number - b.number);
}

/**
 * How a value of a field, or an element of it, is written and read.
 * @typedef {object} Value
 * @property {number} wire
 * @property {boolean} packable
 * @property {number} memory beside its slot, in a list
 * @property {(value: Printable, p: string) => Printable} write an expression: the index behind what was written from `p` on
 * @property {(earlier: Printable | undefined) => Printable} read an expression; `earlier`: what the field has held before, to be merged with
 */

/**
 * @param {Context} context
 * @param {DescField} field
 * @param {ScalarType | undefined} scalar of the value, where it has one
 * @param {Printable | undefined} cast type of the value, where it is an enum's
 * @returns {Value}
 */
export function wireValue(context, field, scalar, cast) {
  const { runtime } = context;
  if (field.message !== undefined && scalar === undefined) return messageValue(context, field, field.message);
  if (scalar === undefined) {
    return {
      wire: 0,
      packable: true,
      memory: 0,
      write: (value, p) => part`${runtime("writeInt32")}(${value}, b, ${p})`,
      read: () => (cast === undefined ? part`${runtime("readInt32")}(r)` : part`${runtime("readInt32")}(r) as ${cast}`),
    };
  }
  const { wire, type } = scalars[scalar];
  const name = functionName(context, scalar);
  const asString = type === "bigint" && "longAsString" in field && field.longAsString;
  const reader = scalar === ScalarType.STRING && !field.utf8Validation ? "readLenientText" : `read${name}`;
  return {
    wire,
    packable: wire !== 2,
    memory: type === "bigint" ? 24 : 0,
    write: (value, p) => part`${runtime(`write${name}`)}(${asString ? part`BigInt(${value})` : value}, b, ${p})`,
    read: () => (asString ? part`String(${runtime(reader)}(r))` : part`${runtime(reader)}(r)`),
  };
}

/** Suffix of the functions for a scalar. @param {Pick<Context, "integers">} context @param {ScalarType} scalar */
export function functionName({ integers }, scalar) {
  return integers === "safe" && scalar === ScalarType.UINT64 ? "SafeUint64" : scalars[scalar].name;
}

/** Whether protobuf-es has a JSON object in this field, where the schema has a Struct. @param {DescField} field */
export function holdsJson(field) {
  return field.message?.typeName === "google.protobuf.Struct" && field.parent.typeName !== "google.protobuf.Value";
}

/** Whether protobuf-es has the value alone in this field, where the schema has a wrapper. @param {DescField} field */
export function holdsScalar(field) {
  return field.fieldKind === "message" && field.oneof === undefined && isWrapperDesc(field.message);
}

/** Whether a value that its enum does not have is an unknown field. @param {DescField} field */
export function isClosed(field) {
  return field.enum !== undefined && !field.enum.open;
}

/** @param {Context} context @param {DescField} field @param {DescMessage} message @returns {Value} */
function messageValue(context, field, message) {
  const { runtime, codec } = context;
  const read = codec("take", message);
  const write = codec("put", message);
  const isGroup = "delimitedEncoding" in field && field.delimitedEncoding;
  const isStruct = holdsJson(field);
  const isWrapper = holdsScalar(field);
  /** @param {Printable} value */
  const toMessage = (value) =>
    isStruct
      ? part`${runtime("fromStruct")}(${value})`
      : isWrapper
        ? part`{ $typeName: ${JSON.stringify(message.typeName)}, value: ${value} }`
        : value;
  /** @param {Printable} made */
  const toLocal = (made) => (isStruct ? part`${runtime("toStruct")}(${made})` : isWrapper ? part`${made}.value` : made);
  /** @param {Printable | undefined} earlier */
  const merged = (earlier) =>
    earlier === undefined
      ? ""
      : isStruct || isWrapper
        ? part`, ${earlier} === undefined ? undefined : ${toMessage(earlier)}`
        : part`, ${earlier}`;
  return {
    wire: isGroup ? 3 : 2,
    packable: false,
    memory: 0,
    write: (value, p) =>
      isGroup
        ? part`${write}(${toMessage(value)}, b, ${p})`
        : part`${runtime("close")}(b, ${p}, ${write}(${toMessage(value)}, b, ${p} + 1))`,
    read: (earlier) => toLocal(part`${read}(r, ${isGroup ? "end_" : part`${runtime("readLength")}(r)`}${merged(earlier)})`),
  };
}

/** The zero value of a scalar or an enum, or the default that the schema gives, as an expression. @param {Context} context @param {DescField} field @param {boolean} withDefault @returns {Printable} */
export function zeroOf({ runtime }, field, withDefault = false) {
  if (field.fieldKind === "enum") {
    const value = (withDefault ? field.getDefaultValue() : undefined) ?? field.enum.values[0]?.number ?? 0;
    return String(value);
  }
  if (field.fieldKind !== "scalar") throw new Error(`${field} has no zero value`);
  const value = withDefault ? field.getDefaultValue() : undefined;
  if (value === undefined) {
    if (field.scalar === ScalarType.BYTES) return runtime("noBytes");
    return field.longAsString ? '"0"' : scalars[field.scalar].zero;
  }
  if (value instanceof Uint8Array) return `new Uint8Array([${value.join(", ")}])`;
  if (typeof value === "bigint") return field.longAsString ? `"${value}"` : `${value}n`;
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  return JSON.stringify(value);
}
