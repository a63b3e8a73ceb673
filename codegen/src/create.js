// @ts-check
/** Prints the maker of a message: what `create` of protobuf-es gives, without its descriptors. */

import { restOf } from "./compact.js";
import { hasPrototype, holdsJson, holdsScalar, isImplicit, part, zeroOf } from "./fields.js";

/** @import { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf" */
/** @import { Context } from "./file.js" */
/** @import { Printable } from "@bufbuild/protoplugin" */

/** @param {Context} context @param {DescMessage} message */
export function printCreate(context, message) {
  const { f, type, init } = context;
  const name = context.nameOf(message);
  const shape = type(message);
  f.print`/** A \`${message.typeName}\` with these fields, and zero values in the others. Nothing is checked. */`;
  f.print`${f.export("function", `create${name}`)}(init: ${init(message)} = {}): ${shape} {`;
  f.print`  if (init.$typeName !== undefined) return init as ${shape};`;
  const always = message.members.filter((member) => !isOptional(member));
  const object = hasPrototype(message) ? part`Object.assign(Object.create(defaults${name}), ` : "";
  f.print`  const message: ${shape} = ${object}{`;
  f.print`    $typeName: ${JSON.stringify(message.typeName)},`;
  for (const member of always) f.print`    ${member.localName}: ${initial(context, message, member)},`;
  f.print`  }${hasPrototype(message) ? ")" : ""};`;
  for (const member of message.members) {
    if (!isOptional(member)) continue;
    const value = given(member);
    const made = isMade(member) ? part`${context.create(member.message)}(${value})` : value;
    f.print`  if (${value} != null) message.${member.localName} = ${made};`;
  }
  f.print`  return message;`;
  f.print`}\n`;
  for (const oneof of message.oneofs) printOneof(context, message, oneof);
}

/** What a message is made from has for a member: never what every object inherits. @param {DescField | DescOneof} member */
function given({ localName }) {
  const value = `init.${localName}`;
  return localName in Object.prototype ? `(Object.hasOwn(init, "${localName}") ? ${value} : undefined)` : value;
}

/** @param {DescField | DescOneof} member @returns {member is DescField} */
function isOptional(member) {
  return member.kind === "field" && member.fieldKind !== "list" && member.fieldKind !== "map" && !isImplicit(member);
}

/**
 * Whether values of the field are messages that are made from what is given for them.
 * @param {DescField} field @returns {field is DescField & { message: DescMessage }}
 */
function isMade(field) {
  return field.message !== undefined && !holdsJson(field) && !holdsScalar(field);
}

/** @param {Context} context @param {DescMessage} message @param {DescField | DescOneof} member @returns {Printable} */
function initial(context, message, member) {
  const value = given(member);
  if (member.kind === "oneof") return `create${context.nameOf(message)}$${member.localName}(${value})`;
  if (member.fieldKind === "list") {
    return isMade(member) ? part`${value}?.map((item) => ${context.create(member.message)}(item)) ?? []` : `${value} ?? []`;
  }
  if (member.fieldKind === "map") {
    if (!isMade(member)) return `${value} ?? {}`;
    return part`${context.runtime("mapEntries")}(${value} ?? {}, ${context.create(member.message)})`;
  }
  return part`${value} ?? ${zeroOf(context, member)}`;
}

/** @param {Context} context @param {DescMessage} message @param {DescOneof} oneof */
function printOneof(context, message, oneof) {
  const { f, init, type } = context;
  const result = part`${type(message)}["${oneof.localName}"]`;
  f.print`function create${context.nameOf(message)}$${oneof.localName}(o: ${init(message)}["${oneof.localName}"]): ${result} {`;
  f.print`  switch (o?.case) {`;
  const rest = restOf(context, message);
  const hasRest = rest.length > 0 && rest[0]?.oneof === oneof;
  for (const field of oneof.fields) {
    if (rest.includes(field)) continue;
    const label = JSON.stringify(field.localName);
    const value = isMade(field) ? part`${context.create(field.message)}(o.value)` : "o.value";
    f.print`    case ${label}:`;
    f.print`      return { case: ${label}, value: ${value} };`;
  }
  f.print`  }`;
  if (hasRest) f.print`  return ${context.runtime("createMember")}(rest${context.nameOf(message)}, "${oneof.localName}", o);`;
  else f.print`  return { case: undefined };`;
  f.print`}\n`;
}
