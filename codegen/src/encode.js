// @ts-check
/** Prints the writer of a message: its fields by ascending number, as protobuf-es writes them, then what it does not know. */

import { ScalarType } from "@bufbuild/protobuf";
import { restOf } from "./compact.js";
import { byNumber, hasPrototype, isImplicit, isRequired, part, tagBytes, wireValue, zeroOf } from "./fields.js";
import { scalars } from "./types.js";

/** @import { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf" */
/** @import { Context } from "./file.js" */
/** @import { Printable } from "@bufbuild/protoplugin" */

/** @param {Context} context @param {DescMessage} message @param {"export " | ""} exported */
export function printWrite(context, message, exported) {
  const { f, runtime, type } = context;
  const name = context.nameOf(message);
  const shape = type(message);
  f.print`/** Writes a \`${message.typeName}\` into \`b\` from \`p\` on. @returns the index behind it. */`;
  f.print`${exported === "" ? `function put${name}` : f.export("function", `put${name}`)}(m: ${shape}, b: Uint8Array, p: number): number {`;
  f.print`  if (m.$typeName !== ${JSON.stringify(message.typeName)}) ${runtime("fail")}("VALUE_INVALID");`;
  if (context.isEncoded(message)) {
    f.print`  const encoded = ${runtime("encodedOf")}(m);`;
    f.print`  if (encoded !== undefined) return ${runtime("writeRaw")}(encoded, b, p);`;
  }
  const rest = restOf(context, message);
  if (rest.length > 0) f.print`  let isRest = false;`;
  for (const run of runsOf(message)) {
    if (!("fields" in run)) {
      printField(context, run);
      continue;
    }
    const plain = run.fields.filter((field) => !rest.includes(field));
    const hasRest = rest.length > 0 && run.oneof === rest[0]?.oneof;
    if (plain.length > 0) printOneof(context, run.oneof, plain, hasRest);
    if (plain.length === run.fields.length) continue;
    const [first, last] = [run.fields[0]?.number ?? 0, run.fields.at(-1)?.number ?? 0];
    f.print`  if (isRest) p = ${runtime("putFields")}(rest${name}, m, b, p, ${first}, ${last});`;
  }
  f.print`  if (m.$unknown !== undefined) p = ${runtime("writeUnknown")}(m.$unknown, b, p);`;
  f.print`  return p;`;
  f.print`}\n`;
}

/**
 * The fields by number; those of one oneof that follow each other stand together.
 * @param {DescMessage} message
 * @returns {(DescField | { oneof: DescOneof, fields: DescField[] })[]}
 */
function runsOf(message) {
  /** @type {(DescField | { oneof: DescOneof, fields: DescField[] })[]} */
  const runs = [];
  for (const field of byNumber(message)) {
    const last = runs.at(-1);
    if (field.oneof === undefined) runs.push(field);
    else if (last !== undefined && "fields" in last && last.oneof === field.oneof) last.fields.push(field);
    else runs.push({ oneof: field.oneof, fields: [field] });
  }
  return runs;
}

/** @param {Context} context @param {DescOneof} oneof @param {readonly DescField[]} fields @param {boolean} hasRest */
function printOneof(context, oneof, fields, hasRest) {
  const { f } = context;
  f.print`  {`;
  f.print`    const o = m.${oneof.localName};`;
  f.print`    switch (o.case) {`;
  for (const field of fields) {
    f.print`      case ${JSON.stringify(field.localName)}: // ${describe(field)}`;
    printValue(context, "        ", field, part`o.value`);
    f.print`        break;`;
  }
  if (hasRest) {
    f.print`      default:`;
    f.print`        isRest = true;`;
  }
  f.print`    }`;
  f.print`  }`;
}

/** @param {Context} context @param {DescField} field */
function printField(context, field) {
  const { f, runtime } = context;
  const value = part`m.${field.localName}`;
  f.print`  // ${describe(field)}`;
  if (field.fieldKind === "list") printList(context, field);
  else if (field.fieldKind === "map") printMap(context, field);
  else {
    f.print`  if (${isSet(context, field, value)}) {`;
    printValue(context, "    ", field, value);
    if (isRequired(field)) f.print`  } else ${runtime("fail")}("VALUE_INVALID");`;
    else f.print`  }`;
  }
}

/** @param {Context} context @param {DescField} field @param {Printable} value @returns {Printable} */
function isSet(context, field, value) {
  if (!isImplicit(field)) {
    const isOwn = hasPrototype(field.parent) && field.fieldKind !== "message";
    return isOwn
      ? part`Object.hasOwn(m, ${JSON.stringify(field.localName)}) && ${value} !== undefined`
      : part`${value} !== undefined`;
  }
  // What is not of its type is never equal to zero: it is left to the writer to refuse.
  if (field.fieldKind === "scalar") {
    if (field.scalar === ScalarType.BYTES) return part`${value}?.length !== 0`;
    if (field.scalar === ScalarType.DOUBLE || field.scalar === ScalarType.FLOAT) return part`!Object.is(${value}, 0)`;
    if (field.longAsString) return part`BigInt(${value}) !== 0n`;
  }
  return part`${value} !== ${zeroOf(context, field)}`;
}

/** The tag, and a singular value. @param {Context} context @param {string} indent @param {DescField} field @param {Printable} value */
function printValue(context, indent, field, value) {
  const { f } = context;
  const { wire, write } = wireValue(context, field, field.fieldKind === "scalar" ? field.scalar : undefined, undefined);
  f.print(indent, tag(field.number, wire), "p = ", write(value, "p"), ";");
  if (wire === 3) f.print(indent, tag(field.number, 4));
}

/** @param {Context} context @param {DescField & { fieldKind: "list" }} field */
function printList(context, field) {
  const { f, runtime } = context;
  const { wire, write } = wireValue(context, field, field.listKind === "scalar" ? field.scalar : undefined, undefined);
  const list = part`m.${field.localName}`;
  if (field.packed) {
    f.print`  if (${list}.length > 0) {`;
    f.print("    ", tag(field.number, 2), "const start = p++;");
    f.print`    for (const item of ${list}) p = ${write("item", "p")};`;
    f.print`    p = ${runtime("close")}(b, start, p);`;
    f.print`  }`;
  } else {
    f.print`  for (const item of ${list}) {`;
    f.print("    ", tag(field.number, wire), "p = ", write("item", "p"), ";");
    if (wire === 3) f.print("    ", tag(field.number, 4));
    f.print`  }`;
  }
}

/** @param {Context} context @param {DescField & { fieldKind: "map" }} field */
function printMap(context, field) {
  const { f, runtime } = context;
  const key = scalars[field.mapKey];
  const { wire, write } = wireValue(context, field, field.mapKind === "scalar" ? field.scalar : undefined, undefined);
  const map = part`m.${field.localName}`;
  // The type of a map says what its keys are; in an object they are text.
  const index = key.type === "number" ? "key as unknown as number" : "key";
  f.print`  for (const key of Object.keys(${map})) {`;
  f.print("    ", tag(field.number, 2), "let q = p + 1;");
  f.print("    ", tag(1, key.wire, "q"), "q = ", runtime(`write${key.name}`), "(", keyOf(context, key.type), ", b, q);");
  f.print("    ", tag(2, wire, "q"), "q = ", write(part`${map}[${index}]!`, "q"), ";");
  f.print`    p = ${runtime("close")}(b, p, q);`;
  f.print`  }`;
}

/** A key, which is text in an object, as a value of its type. @param {Context} context @param {string} type @returns {Printable} */
function keyOf({ runtime }, type) {
  if (type === "number") return "Number(key)";
  if (type === "bigint") return "BigInt(key)";
  if (type === "boolean") return part`${runtime("toBool")}(key)`;
  return "key";
}

/** Writes a tag. @param {number} number @param {number} wire */
function tag(number, wire, p = "p") {
  return tagBytes(number, wire)
    .map((byte) => `b[${p}++] = ${byte}; `)
    .join("");
}

/** @param {DescField} field */
export function describe(field) {
  return `${field.name} = ${field.number}`;
}
