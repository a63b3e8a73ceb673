// @ts-check
/** The rules of a field as operands: whether it is set, whether its rules hold where it is not, its elements and entries. */

import { ScalarType } from "@bufbuild/protobuf";
import { joined, part, where } from "./check-print.js";
import { is64, isNotZero, literal, scalarKind, valueOperands, wrappedKind } from "./check-value.js";
import { hasPrototype, isImplicit } from "./fields.js";

/** @import { DescField, DescOneof } from "@bufbuild/protobuf" */
/** @import { Printable } from "@bufbuild/protoplugin" */
/** @import { CheckContext } from "./check.js" */
/** @import { Kind } from "./check-value.js" */
/** @import { Rules } from "./rules.js" */

/** The values of buf.validate.Ignore. */
const Ignore = { unspecified: 0, ifZero: 1, always: 3 };

/** A condition: the field is set. @param {DescField} field @returns {Printable} */
export function isSet(field) {
  if (field.oneof !== undefined) return `m.${field.oneof.localName}.case === ${JSON.stringify(field.localName)}`;
  const value = `m.${field.localName}`;
  if (field.fieldKind === "list") return `${value}.length > 0`;
  if (field.fieldKind === "map") return `Object.keys(${value}).length > 0`;
  if (!isImplicit(field))
    return hasPrototype(field.parent) && field.fieldKind !== "message"
      ? `Object.hasOwn(m, ${JSON.stringify(field.localName)}) && ${value} !== undefined`
      : `${value} !== undefined`;
  const kind = kindOf(field);
  return kind === undefined ? "true" : isNotZero(kind, ruled(field, kind, value));
}

/** The kind of a field's values, where they are no messages. @param {DescField} field @returns {Kind | undefined} */
function kindOf(field) {
  if (field.enum !== undefined) return { name: "enum", enum: field.enum };
  return field.scalar === undefined ? undefined : scalarKind(field.scalar);
}

/** A value as what its rules are about: 64-bit integers may be kept as strings. @param {DescField} field @param {Kind} kind @param {Printable} x @returns {Printable} */
function ruled(field, kind, x) {
  return is64(kind) && isLongAsString(field) ? part`BigInt(${x})` : x;
}

/** @param {DescField} field */
function isLongAsString(field) {
  return "longAsString" in field && field.longAsString;
}

/** Whether the rules are to be left aside, always or where the value is zero. @param {Rules | undefined} rules @param {number} [otherwise] where it is not said */
function ignoreOf(rules, otherwise = Ignore.unspecified) {
  const ignore = rules?.takeNumber("ignore") ?? otherwise;
  if (!Object.values(Ignore).includes(ignore)) rules?.refuse("ignore", String(ignore));
  return ignore;
}

/**
 * What a field says of itself.
 * @param {CheckContext} context
 * @param {DescField} field
 * @param {boolean} isNamed whether what the message says of several fields names it
 * @param {Printable} x its value
 * @param {string} name what its violations begin with
 * @returns {{ isRequired: boolean, operands: Printable[] }} the operands hold where it is set, if it has presence
 */
function fieldRules(context, field, isNamed, x, name) {
  const rules = context.rules.field(field);
  const ignore = ignoreOf(rules, isNamed ? Ignore.ifZero : Ignore.unspecified);
  const isRequired = rules?.take("required") === true;
  if (ignore === Ignore.always) return { isRequired: false, operands: [] };
  const operands = insideOperands(context, field, rules, JSON.stringify(name), x);
  rules?.finish();
  // A message says by itself whether it is there.
  const isBare = field.fieldKind === "message" && field.oneof === undefined && wrappedKind(field.message) === undefined;
  const hasPresence =
    (field.fieldKind !== "list" && field.fieldKind !== "map" && !isImplicit(field)) || field.fieldKind === "message";
  const isConditional = field.oneof === undefined && !isBare && (hasPresence || ignore === Ignore.ifZero);
  return { isRequired, operands: isConditional ? where(isSet(field), operands) : operands };
}

/** @param {CheckContext} context @param {DescField} field @param {boolean} isNamed whether what the message says of several fields names it */
export function fieldOperands(context, field, isNamed) {
  const { isRequired, operands } = fieldRules(context, field, isNamed, `m.${field.localName}`, field.name);
  return isRequired ? [presence(context, field), ...operands] : operands;
}

/** @param {CheckContext} context @param {DescField} field */
function presence({ runtime }, field) {
  return part`${runtime("present")}(${JSON.stringify(field.name)}, ${isSet(field)})`;
}

/** @param {CheckContext} context @param {DescOneof} oneof @param {ReadonlySet<string>} named which fields the message's rules name @returns {Printable[]} */
export function oneofOperands(context, oneof, named) {
  const value = `m.${oneof.localName}.value`;
  const members = oneof.fields.map((field) => ({
    field,
    ...fieldRules(context, field, named.has(field.name), value, field.name),
  }));
  const checked = members.filter(({ operands }) => operands.length > 0);
  // A member that must be set comes in its turn.
  if (checked.length < 2 || members.some(({ isRequired }) => isRequired))
    return members.flatMap(({ field, isRequired, operands }) => [
      ...(isRequired ? [presence(context, field)] : []),
      ...where(isSet(field), operands),
    ]);
  // Else the case is looked up once.
  const cases = checked.map(
    ({ field, operands }) => part`    case ${JSON.stringify(field.localName)}:\n      return ${joined(operands)};\n`,
  );
  const violation = context.runtime("Violation", true);
  const shape = context.f.importShape(oneof.parent);
  const look = part`(m: ${shape}): ${violation} | undefined => {\n  switch (m.${oneof.localName}.case) {\n${cases}    default:\n      return undefined;\n  }\n}`;
  return [part`${context.constant(look)}(m)`];
}

/** A check of a value `x` alone, as an expression. @param {CheckContext} context @param {DescField} field @param {readonly Printable[]} operands @param {Printable} [type] @returns {Printable} */
function lambda(context, field, operands, type = typeOf(context, field)) {
  const { message } = field;
  // The check of a message is a function already.
  if (message !== undefined && wrappedKind(message) === undefined && operands.length === 1) return context.check(message);
  return context.constant(part`(x: ${type}) => ${joined(operands)}`);
}

/** @param {CheckContext} context @param {DescField} field @returns {Printable} */
function typeOf({ f }, field) {
  if (field.message !== undefined) return f.importShape(field.message);
  if (field.enum !== undefined) return "number";
  if (field.scalar === ScalarType.STRING) return "string";
  if (field.scalar === ScalarType.BYTES) return "Uint8Array";
  if (field.scalar === ScalarType.BOOL) return "boolean";
  if (field.scalar === undefined || !is64(scalarKind(field.scalar))) return "number";
  return isLongAsString(field) ? "string" : "bigint";
}

/** The rules of what is in a field that is set. @param {CheckContext} context @param {DescField} field @param {Rules | undefined} rules @param {string} name @param {Printable} x @returns {Printable[]} */
function insideOperands(context, field, rules, name, x) {
  if (field.fieldKind === "list") return listOperands(context, field, rules?.within("repeated"), name, x);
  if (field.fieldKind === "map") return mapOperands(context, field, rules?.within("map"), name, x);
  const { message } = field;
  // In a field of its own, protobuf-es has what a wrapper holds; elsewhere, the wrapper.
  if (message === undefined || wrappedKind(message) !== undefined)
    return plainOperands(context, field, rules, name, x, field.oneof === undefined);
  if (!context.rules.isChecked(message)) return [];
  const violation = part`${context.check(message)}(${x})`;
  return [part`${context.runtime("below")}(${name}, ${field.oneof === undefined ? part`${x} && ${violation}` : violation})`];
}

/** The rules of a value that is no message, or a wrapper. @param {CheckContext} context @param {DescField} field @param {Rules | undefined} rules @param {string} name @param {Printable} x @param {boolean} isUnwrapped @returns {Printable[]} */
function plainOperands(context, field, rules, name, x, isUnwrapped) {
  const wrapped = wrappedKind(field.message);
  const kind = wrapped ?? kindOf(field);
  if (kind === undefined) return [];
  const value = wrapped !== undefined && !isUnwrapped ? part`${x}.value` : x;
  return valueOperands(context, kind, rules, name, ruled(field, kind, value));
}

/** A check of an element or of a map's value; undefined: any will do. @param {CheckContext} context @param {DescField} field @param {Rules | undefined} rules @returns {Printable | undefined} */
function elementCheck(context, field, rules) {
  const ignore = ignoreOf(rules);
  if (ignore === Ignore.always) return undefined;
  const { message } = field;
  const isMessage = message !== undefined && wrappedKind(message) === undefined;
  const operands = isMessage ? [] : plainOperands(context, field, rules, '""', "x", false);
  rules?.finish();
  if (isMessage) return context.rules.isChecked(message) ? context.check(message) : undefined;
  const kind = kindOf(field);
  const row =
    ignore === Ignore.ifZero && kind !== undefined ? where(isNotZero(kind, ruled(field, kind, "x")), operands) : operands;
  return row.length === 0 ? undefined : lambda(context, field, row);
}

/** How many there may be. @param {Rules | undefined} rules @param {string} least @param {string} most */
function countOf(rules, least, most) {
  const [min, max] = [rules?.takeNumber(least), rules?.takeNumber(most)];
  if (min !== undefined && max !== undefined && min > max) rules?.refuse(least, `above ${most}`);
  return { isBounded: min !== undefined || max !== undefined, args: `${min ?? 0}, ${literal(max ?? Infinity)}` };
}

/** @param {CheckContext} context @param {DescField} field @param {Rules | undefined} rules @param {string} name @param {Printable} x @returns {Printable[]} */
function listOperands(context, field, rules, name, x) {
  const { isBounded, args } = countOf(rules, "min_items", "max_items");
  /** @param {string} bounds @param {Printable | undefined} check */
  const list = (bounds, check) =>
    part`${context.runtime("listIn")}(${name}, ${x}, ${bounds}${check === undefined ? "" : part`, ${check}`})`;
  /** @type {Printable[]} */
  const operands = [];
  const isUnique = rules?.take("unique") === true;
  const kind = kindOf(field);
  if (isUnique && kind === undefined) rules?.refuse("unique", "of messages");
  const check = elementCheck(context, field, rules?.within("items"));
  rules?.finish();
  if (isBounded && isUnique) operands.push(list(args, undefined));
  if (isUnique && kind !== undefined) {
    const values = ruled(field, kind, "x") === "x" ? x : part`${x}.map(BigInt)`;
    operands.push(part`${context.runtime("unique")}(${name}, ${values})`);
  }
  if (check !== undefined || (isBounded && !isUnique)) operands.push(list(isUnique ? "0, Infinity" : args, check));
  return operands;
}

/** @param {CheckContext} context @param {DescField & { fieldKind: "map" }} field @param {Rules | undefined} rules @param {string} name @param {Printable} x @returns {Printable[]} */
function mapOperands(context, field, rules, name, x) {
  const { isBounded, args } = countOf(rules, "min_pairs", "max_pairs");
  const key = keyCheck(context, field, rules?.within("keys"));
  const value = elementCheck(context, field, rules?.within("values"));
  rules?.finish();
  if (!isBounded && key === undefined && value === undefined) return [];
  const checks = value !== undefined ? part`, ${key ?? "undefined"}, ${value}` : key !== undefined ? part`, ${key}` : "";
  return [part`${context.runtime("mapIn")}(${name}, ${x}, ${args}${checks})`];
}

/** @param {CheckContext} context @param {DescField & { fieldKind: "map" }} field @param {Rules | undefined} rules @returns {Printable | undefined} */
function keyCheck(context, field, rules) {
  const kind = scalarKind(field.mapKey);
  const ignore = ignoreOf(rules);
  if (ignore === Ignore.always) return undefined;
  const x =
    field.mapKey === ScalarType.STRING
      ? "x"
      : field.mapKey === ScalarType.BOOL
        ? '(x === "true")'
        : `${is64(kind) ? "BigInt" : "Number"}(x)`;
  const operands = valueOperands(context, kind, rules, '""', x);
  rules?.finish();
  const row = ignore === Ignore.ifZero ? where(isNotZero(kind, x), operands) : operands;
  return row.length === 0 ? undefined : context.constant(part`(x: string) => ${joined(row)}`);
}
