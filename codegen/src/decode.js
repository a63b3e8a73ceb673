// @ts-check
/**
 * Prints the reader of a message: values go into an object that has all its constant properties from the start, so that all messages of a
 * type have one hidden class. What has a tag that is not that of a field, wire type included, is unknown.
 */

import { ScalarType } from "@bufbuild/protobuf";
import { restOf } from "./compact.js";
import { describe } from "./encode.js";
import { byNumber, fieldNames, hasPrototype, isClosed, isImplicit, part, tagOf, wireValue, zeroOf } from "./fields.js";
import { scalars } from "./types.js";

/** @import { DescField, DescMessage } from "@bufbuild/protobuf" */
/** @import { Context } from "./file.js" */
/** @import { Printable } from "@bufbuild/protoplugin" */

/** @param {Context} context @param {DescMessage} message @param {"export " | ""} exported */
export function printRead(context, message, exported) {
  const { f, runtime, type } = context;
  const name = context.nameOf(message);
  const shape = type(message);
  printConstants(context, message);
  printZero(context, message);
  f.print`/** Reads a \`${message.typeName}\` that ends at \`end\`, into \`m\` where that is given. */`;
  f.print`${exported === "" ? `function take${name}` : f.export("function", `take${name}`)}(r: ${runtime("Reader", true)}, end: number, m: ${shape} = zero${name}()): ${shape} {`;
  f.print`  const outer = ${runtime("enter")}(r, end, ${String(memoryOf(message))});`;
  if (context.isEncoded(message)) f.print`  const start = r.pos;`;
  const hasNames = message.fields.length > 0;
  const rest = restOf(context, message);
  const pad = hasNames ? "    " : "  ";
  if (hasNames) {
    f.print`  let tag = 0;`;
    f.print`  try {`;
  }
  f.print(pad, "while (r.pos < end) {");
  if (hasNames) {
    f.print`      tag = 0;`;
    f.print`      tag = ${runtime("readTag")}(r);`;
    f.print`      switch (tag) {`;
    for (const field of message.fields) if (!rest.includes(field)) printCases(context, message, field);
    f.print`        default:`;
    if (rest.length > 0) f.print`          ${runtime("takeField")}(rest${name}, r, tag, m);`;
    else f.print`          ${runtime("readUnknown")}(r, tag, m);`;
    f.print`      }`;
  } else {
    f.print`    ${runtime("readUnknown")}(r, ${runtime("readTag")}(r), m);`;
  }
  f.print(pad, "}");
  f.print(pad, runtime("leave"), "(r, outer);");
  if (hasNames) {
    f.print`  } catch (error) {`;
    f.print`    throw ${runtime("within")}(error, tag, names${name});`;
    f.print`  }`;
  }
  for (const { localName } of message.oneofs) f.print`  m.${localName} ??= { case: undefined };`;
  if (context.isEncoded(message)) f.print`  if (r.raw) ${runtime("keepEncoded")}(r, m, start);`;
  f.print`  return m;`;
  f.print`}\n`;
  for (const field of message.fields) if (field.fieldKind === "map") printEntry(context, message, field);
}

/** @param {Context} context @param {DescMessage} message */
function printConstants(context, message) {
  const { f } = context;
  const name = context.nameOf(message);
  if (message.fields.length > 0) f.print`const names${name} = ${JSON.stringify(fieldNames(byNumber(message)))};\n`;
  printDefaults(context, message);
  for (const field of message.fields) {
    if (!hasOwnValues(field)) continue;
    f.print`const values${name}$${field.localName} = [${field.enum?.values.map(({ number }) => number).join(", ") ?? ""}];\n`;
  }
}

/** @param {Context} context @param {DescMessage} message */
export function printDefaults(context, message) {
  const { f, nameOf } = context;
  if (!hasPrototype(message)) return;
  f.print`/** Values of fields that are not set: protobuf-es finds them on the prototype. */`;
  f.print`const defaults${nameOf(message)} = {`;
  for (const member of message.members) {
    if (member.kind === "oneof" || (member.fieldKind !== "scalar" && member.fieldKind !== "enum")) continue;
    f.print`  ${member.localName}: ${zeroOf(context, member, true)},`;
  }
  f.print`};\n`;
}

/** @param {DescField} field */
function hasOwnValues(field) {
  return field.fieldKind === "enum" && isClosed(field);
}

/** The message as the reader begins it: a oneof gets its object at the end, where no member has come. @param {Context} context @param {DescMessage} message */
function printZero(context, message) {
  const { f, type, nameOf } = context;
  const name = nameOf(message);
  const [before, after] = hasPrototype(message) ? [`Object.assign(Object.create(defaults${name}), `, ")"] : ["", ""];
  f.print`const zero${name} = (): ${type(message)} => (${before}{`;
  f.print`  $typeName: ${JSON.stringify(message.typeName)},`;
  for (const member of message.members) {
    if (member.kind === "oneof") f.print`  ${member.localName}: undefined as never,`;
    else if (member.fieldKind === "list") f.print`  ${member.localName}: [],`;
    else if (member.fieldKind === "map") f.print`  ${member.localName}: {},`;
    else if (isImplicit(member)) f.print`  ${member.localName}: ${zeroOf(context, member)},`;
  }
  f.print`}${after});\n`;
}

/** @param {Context} context @param {DescMessage} message @param {DescField} field */
function printCases(context, message, field) {
  const { f, runtime } = context;
  const shape = context.type(message);
  const local = `m.${(field.oneof ?? field).localName}`;
  const scalar =
    field.fieldKind === "scalar" || (field.fieldKind === "list" && field.listKind === "scalar") ? field.scalar : undefined;
  f.print`        // ${describe(field)}`;
  if (field.fieldKind === "map") {
    f.print`        case ${tagOf(field.number, 2)}:`;
    f.print`          take${context.nameOf(message)}$${field.localName}(r, ${runtime("readLength")}(r), ${local});`;
    f.print`          break;`;
    return;
  }
  if (field.fieldKind === "list") {
    const { wire, packable, memory, read } = wireValue(context, field, scalar, part`${shape}["${field.localName}"][number]`);
    printCase(context, field, wire, [
      part`${runtime("payElement")}(r, ${String(memory)});`,
      part`${local}.push(${read(undefined)});`,
    ]);
    if (!packable) return;
    f.print`        case ${tagOf(field.number, 2)}: {`;
    const size = { 0: 0, 1: 8, 5: 4 }[/** @type {0 | 1 | 5} */ (wire)];
    f.print`          const outer = ${runtime("beginPacked")}(r, ${String(size)}, ${String(memory)});`;
    f.print`          while (r.pos < r.end) ${local}.push(${read(undefined)});`;
    f.print`          ${runtime("endPacked")}(r, outer);`;
    f.print`          break;`;
    f.print`        }`;
    return;
  }
  const cast = field.oneof === undefined ? part`NonNullable<${shape}["${field.localName}"]>` : undefined;
  const { wire, read } = wireValue(context, field, scalar, cast);
  const { oneof } = field;
  const label = JSON.stringify(field.localName);
  /** @type {(value: Printable) => Printable} */
  const assign = (value) =>
    oneof === undefined
      ? part`${local} = ${value};`
      : part`${local} = { case: ${label}, value: ${value} }${field.fieldKind === "enum" ? part` as ${shape}["${oneof.localName}"]` : ""};`;
  if (hasOwnValues(field)) {
    f.print`        case ${tagOf(field.number, wire)}: {`;
    f.print`          const start = r.pos;`;
    f.print`          const value = ${read(undefined)};`;
    f.print`          if (values${context.nameOf(message)}$${field.localName}.includes(value)) ${assign("value")}`;
    f.print`          else ${runtime("keep")}(r, tag, start, m);`;
    f.print`          break;`;
    f.print`        }`;
    return;
  }
  const earlier = oneof === undefined ? local : part`${local}?.case === ${label} ? ${local}.value : undefined`;
  printCase(context, field, wire, [assign(read(field.fieldKind === "message" ? earlier : undefined))]);
}

/** @param {Context} context @param {DescField} field @param {number} wire @param {readonly Printable[]} lines */
function printCase({ f, runtime }, field, wire, lines) {
  const isGroup = wire === 3;
  f.print`        case ${tagOf(field.number, wire)}:${isGroup ? " {" : ""}`;
  if (isGroup) f.print`          const end_ = ${runtime("findGroupEnd")}(r, tag);`;
  for (const line of lines) f.print("          ", line);
  if (isGroup) f.print`          ${runtime("readTag")}(r);`;
  f.print`          break;`;
  if (isGroup) f.print`        }`;
}

/**
 * What an object of this message takes of the heap before anything is in it, in bytes (estimated for 64-bit engines): its header and
 * properties, the objects of its oneofs, lists and maps, and its bigints.
 * @param {DescMessage} message
 */
export function memoryOf(message) {
  let bytes = 32;
  for (const member of message.members) {
    bytes += 8;
    if (member.kind === "oneof") bytes += 40;
    else if (member.fieldKind === "list") bytes += 32;
    else if (member.fieldKind === "map") bytes += 56;
    else if (member.fieldKind === "scalar" && scalars[member.scalar].type === "bigint") bytes += 24;
  }
  return bytes;
}

/** The reader of an entry of a map. @param {Context} context @param {DescMessage} message @param {DescField & { fieldKind: "map" }} field */
function printEntry(context, message, field) {
  const { f, runtime, type } = context;
  const name = `${context.nameOf(message)}$${field.localName}`;
  const shape = type(message);
  const key = scalars[field.mapKey];
  const element = part`${shape}["${field.localName}"][${key.type === "number" ? "number" : "string"}]`;
  const value = wireValue(context, field, field.mapKind === "scalar" ? field.scalar : undefined, element);
  const keyReader = field.mapKey === ScalarType.STRING && !field.utf8Validation ? "readLenientText" : `read${key.name}`;
  f.print`/** Reads an entry of \`${message.typeName}.${field.name}\`. */`;
  f.print`function take${name}(r: ${runtime("Reader", true)}, end: number, into: ${shape}["${field.localName}"]): void {`;
  f.print`  let key: ${key.type} = ${key.zero};`;
  f.print`  let value: ${element} | undefined;`;
  f.print`  const outer = ${runtime("enter")}(r, end, 64);`;
  f.print`  let tag = 0;`;
  f.print`  try {`;
  f.print`    while (r.pos < end) {`;
  f.print`      tag = 0;`;
  f.print`      tag = ${runtime("readTag")}(r);`;
  f.print`      switch (tag) {`;
  f.print`        case ${tagOf(1, key.wire)}:`;
  f.print`          key = ${runtime(keyReader)}(r);`;
  f.print`          break;`;
  f.print`        case ${tagOf(2, value.wire)}:`;
  f.print`          value = ${value.read(field.mapKind === "message" ? "value" : undefined)};`;
  f.print`          break;`;
  f.print`        default:`;
  f.print`          ${runtime("skip")}(r, tag);`;
  f.print`      }`;
  f.print`    }`;
  f.print`    ${runtime("leave")}(r, outer);`;
  f.print`  } catch (error) {`;
  f.print`    throw ${runtime("within")}(error, tag, ${runtime("entryNames")});`;
  f.print`  }`;
  f.print`  ${runtime("setEntry")}(into, ${key.type === "string" ? "key" : "String(key)"}, value ?? ${zeroOfEntry(context, field)});`;
  f.print`}\n`;
}

/** @param {Context} context @param {DescField & { fieldKind: "map" }} field @returns {Printable} */
function zeroOfEntry({ runtime, codec }, field) {
  switch (field.mapKind) {
    case "message":
      if (field.message.typeName === "google.protobuf.Struct") return "{}";
      return part`${runtime("fromBytes")}(${runtime("noBytes")}, ${codec("take", field.message)})`;
    case "enum":
      return String(field.enum.values[0]?.number ?? 0);
    default:
      return field.scalar === ScalarType.BYTES ? runtime("noBytes") : scalars[field.scalar].zero;
  }
}
