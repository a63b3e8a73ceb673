// @ts-check
/** The rules of a value, as operands of a check. In the order, by the ids and with the meaning that protovalidate gives them. */

import { ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { part } from "./check-print.js";
import { bytesOperands, textOperands } from "./check-text.js";

/** @import { DescEnum, DescMessage } from "@bufbuild/protobuf" */
/** @import { Printable } from "@bufbuild/protoplugin" */
/** @import { CheckContext } from "./check.js" */
/** @import { Literal, Rules } from "./rules.js" */

/** A kind of values; `name` is what the rules about it are called. @typedef {{ name: string, scalar?: ScalarType, enum?: DescEnum }} Kind */

/**
 * A value to be looked at.
 * @typedef {object} Subject
 * @property {CheckContext} context
 * @property {Printable} name the field, as an expression
 * @property {Printable} x the value, as an expression
 * @property {string} prefix of the ids of its rules
 * @property {Printable[]} operands what has been printed about it
 */

/** @param {ScalarType} scalar @returns {Kind} */
export function scalarKind(scalar) {
  return { name: ScalarType[scalar].toLowerCase(), scalar };
}

/** What a wrapper of google.protobuf holds. @param {DescMessage | undefined} message @returns {Kind | undefined} */
export function wrappedKind(message) {
  const scalar = message !== undefined && isWrapperDesc(message) ? message.field["value"]?.scalar : undefined;
  return scalar === undefined ? undefined : scalarKind(scalar);
}

/** @param {Kind} kind */
export const is64 = ({ name }) => name.endsWith("64");

/** A condition: the value is not the zero value of its kind. @param {Kind} kind @param {Printable} x @returns {Printable} */
export function isNotZero(kind, x) {
  if (kind.enum !== undefined) return part`${x} !== ${String(kind.enum.values[0]?.number ?? 0)}`;
  if (kind.scalar === ScalarType.STRING) return part`${x} !== ""`;
  if (kind.scalar === ScalarType.BYTES) return part`${x}?.length !== 0`;
  if (kind.scalar === ScalarType.BOOL) return part`${x} !== false`;
  return part`${x} !== ${is64(kind) ? "0n" : "0"}`;
}

/**
 * @param {CheckContext} context
 * @param {Kind} kind
 * @param {Rules | undefined} rules those of FieldRules
 * @param {Printable} name
 * @param {Printable} x
 * @returns {Printable[]}
 */
export function valueOperands(context, kind, rules, name, x) {
  const own = rules?.within(kind.name);
  /** @type {Subject} */
  const subject = { context, name, x, prefix: kind.name, operands: [] };
  if (kind.scalar === ScalarType.STRING) textOperands(subject, own);
  else if (own !== undefined && kind.scalar === ScalarType.BYTES) bytesOperands(subject, own);
  else if (own !== undefined) {
    if (kind.enum !== undefined && own.take("defined_only") === true) {
      const numbers = [...new Set(kind.enum.values.map((each) => each.number))];
      listed(subject, "defined_only", numbers, true, "is not a value of its enum");
    }
    equal(subject, own);
    if (kind.scalar !== ScalarType.BOOL && kind.enum === undefined) range(subject, own, kind);
    among(subject, own);
    if (own.take("finite") === true) holds(subject, part`Number.isFinite(${x})`, "finite", "is not finite");
  }
  own?.finish();
  return subject.operands;
}

/** @param {Subject} subject @param {Printable} condition under which the rule holds @param {string} rule @param {string} says */
export function holds({ context, name, prefix, operands }, condition, rule, says) {
  operands.push(part`${context.runtime("unless")}(${condition}, ${name}, "${prefix}.${rule}", ${JSON.stringify(says)})`);
}

/** @param {Literal} value */
export function literal(value) {
  return typeof value === "bigint" ? `${value}n` : typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** @param {Subject} subject @param {Rules} rules */
export function equal(subject, rules) {
  const only = rules.take("const");
  if (only !== undefined) holds(subject, part`${subject.x} === ${literal(only)}`, "const", `is not ${only}`);
}

/** The rules `in` and `not_in`. @param {Subject} subject @param {Rules} rules */
export function among(subject, rules) {
  const [some, none] = [rules.takeList("in"), rules.takeList("not_in")];
  if (some.length > 0) listed(subject, "in", some, true, `is not one of ${some.join(", ")}`);
  if (none.length > 0) listed(subject, "not_in", none, false, `is one of ${none.join(", ")}`);
}

/** @param {Subject} subject @param {string} rule @param {readonly Literal[]} values @param {boolean} isIn @param {string} says */
function listed(subject, rule, values, isIn, says) {
  const [first = 0] = values;
  const list = subject.context.constant(`[${values.map(literal).join(", ")}]`, `readonly ${typeof first}[]`);
  holds(subject, part`${isIn ? "" : "!"}${list}.includes(${subject.x})`, rule, says);
}

/** Numbers of 32 bits have their natural bounds from their type; what no decoder gives, an application may. */
const natural = {
  /** @type {Readonly<Record<string, readonly [Literal, Literal]>>} */
  bounds: {
    int64: [-(2n ** 63n), 2n ** 63n - 1n],
    uint64: [0n, 2n ** 64n - 1n],
    int32: [-Infinity, Infinity],
    uint32: [0, Infinity],
  },
  /** @param {string} name */
  of(name) {
    const sign = name.startsWith("uint") || name.startsWith("fixed") ? "uint" : "int";
    return natural.bounds[`${sign}${name.endsWith("64") ? "64" : "32"}`] ?? [-Infinity, Infinity];
  },
};

/** lt, lte, gt and gte. A lower bound above the upper one means what is outside of both. @param {Subject} subject @param {Rules} rules @param {Kind} kind */
function range(subject, rules, kind) {
  const { context, name, x } = subject;
  const [gt, gte, lt, lte] = ["gt", "gte", "lt", "lte"].map((each) => rules.take(each));
  const [low, high] = [gt ?? gte, lt ?? lte];
  if (low === undefined && high === undefined) return;
  const isOutside = low !== undefined && high !== undefined && high < low;
  const words = [low !== undefined && (gt === undefined ? "gte" : "gt"), high !== undefined && (lt === undefined ? "lte" : "lt")];
  const rule = `${words.filter(Boolean).join("_")}${isOutside ? "_exclusive" : ""}`;
  const isFraction = kind.scalar === ScalarType.FLOAT || kind.scalar === ScalarType.DOUBLE;
  if (isFraction || isOutside) {
    // Never negated: NaN is in no range.
    const above = low === undefined ? [] : [part`${x} ${gt === undefined ? ">=" : ">"} ${literal(low)}`];
    const under = high === undefined ? [] : [part`${x} ${lt === undefined ? "<=" : "<"} ${literal(high)}`];
    const both = [...above, ...under].map((each, i) => (i > 0 ? part` ${isOutside ? "||" : "&&"} ${each}` : each));
    const says = [
      low !== undefined && `${gt === undefined ? "at least" : "above"} ${low}`,
      high !== undefined && `${lt === undefined ? "at most" : "below"} ${high}`,
    ];
    holds(subject, both, rule, `is not ${says.filter(Boolean).join(isOutside ? " or " : " and ")}`);
    return;
  }
  const [least, most] = natural.of(kind.name);
  const min = low === undefined ? least : gt === undefined ? low : after(low, 1);
  const max = high === undefined ? most : lt === undefined ? high : after(high, -1);
  const is = is64(kind) ? "bigint" : "number";
  const bounds = context.constant(
    `["${kind.name}.${rule}", ${literal(min)}, ${literal(max)}]`,
    part`${context.runtime("Range", true)}<${is}>`,
  );
  subject.operands.push(part`${context.runtime(`${is}In`)}(${name}, ${x}, ${bounds})`);
}

/** The next integer in this direction. @param {Literal} value @param {1 | -1} step @returns {Literal} */
function after(value, step) {
  return typeof value === "bigint" ? value + BigInt(step) : Number(value) + step;
}
