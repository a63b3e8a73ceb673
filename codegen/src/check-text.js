// @ts-check
/** The rules of strings and of bytes, as operands of a check. */

import { automaton } from "./automaton.js";
import { part } from "./check-print.js";
import { among, equal, holds, literal } from "./check-value.js";

/** @import { Printable } from "@bufbuild/protoplugin" */
/** @import { Subject } from "./check-value.js" */
/** @import { Literal, Rules } from "./rules.js" */

/** @param {Subject} subject @param {Rules | undefined} rules */
export function textOperands(subject, rules) {
  const { context, x } = subject;
  if (rules !== undefined) equal(subject, rules);
  sizes(subject, rules, ["charactersOf", "len"], ["charactersIn", "min_len", "max_len"]);
  const isSized = sizes(subject, rules, ["textOf", "len_bytes"], ["textIn", "min_bytes", "max_bytes"]);
  if (!isSized && context.strict) subject.operands.push(part`${context.runtime("textIn")}(${subject.name}, ${x}, 0, Infinity)`);
  if (rules === undefined) return;
  const pattern = rules.take("pattern");
  if (typeof pattern === "string") matched(subject, rules, "pattern", pattern);
  for (const [name, method, sign, says] of /** @type {const} */ ([
    ["prefix", "startsWith", "", "does not begin with"],
    ["suffix", "endsWith", "", "does not end with"],
    ["contains", "includes", "", "does not contain"],
    ["not_contains", "includes", "!", "contains"],
  ])) {
    const value = rules.take(name);
    if (value !== undefined) holds(subject, part`${sign}${x}.${method}(${literal(value)})`, name, `${says} ${value}`);
  }
  among(subject, rules);
  for (const [name, source] of Object.entries(formats)) {
    if (rules.take(name) === true) matched(subject, rules, name, source);
  }
}

const hex = "[0-9a-fA-F]";
const fqn = "[A-Za-z_][A-Za-z_0-9]*(\\.[A-Za-z_][A-Za-z_0-9]*)*";
const label = "[a-zA-Z0-9](?:[a-zA-Z0-9\\-]{0,61}[a-zA-Z0-9])?";
/** Those of the well-known formats that protovalidate itself defines by a pattern. The others are refused. */
const formats = {
  email: `^[a-zA-Z0-9.!#$%&'*+/=?^_\`{|}~\\-]+@${label}(?:\\.${label})*$`,
  uuid: `^${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}$`,
  tuuid: `^${hex}{32}$`,
  ulid: "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$",
  protobuf_fqn: `^${fqn}$`,
  protobuf_dot_fqn: `^\\.${fqn}$`,
};

/** @param {Subject} subject @param {Rules} rules @param {string} rule @param {string} source */
function matched({ context, name, x, operands }, rules, rule, source) {
  const format = rule === "pattern" ? "" : `, "${rule}"`;
  try {
    const table = context.constant(JSON.stringify(automaton(source)), context.runtime("Pattern", true));
    operands.push(part`${context.runtime("matches")}(${name}, ${x}, ${table}${format})`);
  } catch (error) {
    rules.refuse(rule, `${source}: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * The rules of a length, which may stand beside each other.
 * @param {Subject} subject
 * @param {Rules | undefined} rules
 * @param {readonly [of: string, exact: string]} exact
 * @param {readonly [within: string, least: string, most: string]} range
 * @returns {boolean} whether there are any
 */
function sizes({ context, name, x, operands }, rules, [of, exact], [within, least, most]) {
  const [same, min, max] = [exact, least, most].map((each) => rules?.takeNumber(each));
  if (min !== undefined && max !== undefined && min > max) rules?.refuse(least, `above ${most}`);
  if (same !== undefined) operands.push(part`${context.runtime(of)}(${name}, ${x}, ${literal(same)})`);
  const isBounded = min !== undefined || max !== undefined;
  if (isBounded)
    operands.push(part`${context.runtime(within)}(${name}, ${x}, ${literal(min ?? 0)}, ${literal(max ?? Infinity)})`);
  return same !== undefined || isBounded;
}

/** Lengths of the well-known formats of bytes. @type {Readonly<Record<string, number[]>>} */
const lengths = { ip: [4, 16], ipv4: [4], ipv6: [16], uuid: [16] };

/** @param {Subject} subject @param {Rules} rules */
export function bytesOperands(subject, rules) {
  const { context, name, x, operands } = subject;
  const { runtime } = context;
  /** @param {readonly Literal[]} values */
  const constants = (values) => {
    const list = values.map((value) => `[${[.../** @type {Uint8Array} */ (value)].join(", ")}]`);
    return context.constant(`[${list.join(", ")}]`, "readonly (readonly number[])[]");
  };
  /** @param {string} rule @param {readonly Literal[]} values @param {"" | "!"} sign @param {string} says */
  const isAmong = (rule, values, sign, says) => {
    if (values.length > 0) holds(subject, part`${sign}${runtime("isAmong")}(${x}, ${constants(values)})`, rule, says);
  };
  const only = rules.take("const");
  isAmong("const", only === undefined ? [] : [only], "", "is not what it must be");
  sizes(subject, rules, ["bytesOf", "len"], ["bytesIn", "min_len", "max_len"]);
  for (const [rule, call] of /** @type {[string, (part: Printable, length: number) => Printable][]} */ ([
    ["prefix", (begin) => part`${runtime("hasBytesAt")}(${x}, ${begin}, 0)`],
    ["suffix", (end, length) => part`${runtime("hasBytesAt")}(${x}, ${end}, ${x}.length - ${String(length)})`],
    ["contains", (middle) => part`${runtime("includesBytes")}(${x}, ${middle})`],
  ])) {
    const value = rules.take(rule);
    if (!(value instanceof Uint8Array)) continue;
    holds(
      subject,
      call(context.constant(`[${value.join(", ")}]`, "readonly number[]"), value.length),
      rule,
      `has not its ${rule}`,
    );
  }
  isAmong("in", rules.takeList("in"), "", "is not in its list");
  isAmong("not_in", rules.takeList("not_in"), "!", "is in the list that it must not be in");
  for (const [format, sizes] of Object.entries(lengths)) {
    if (rules.take(format) === true)
      operands.push(
        part`${runtime("sized")}(${name}, ${x}, "${format}", ${context.constant(JSON.stringify(sizes), "readonly number[]")})`,
      );
  }
}
