// @ts-check
/** One `_check.ts`: for every message of a `.proto` file a function that names the first field that breaks a rule of `buf.validate`. */

import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { fieldOperands, isSet, oneofOperands } from "./check-field.js";
import { joined, part, text } from "./check-print.js";
import { messageName } from "./names.js";
import { RuleReader, unsupported } from "./rules.js";

/** @import { DescField, DescFile, DescMessage } from "@bufbuild/protobuf" */
/** @import { GeneratedFile, Printable, Schema } from "@bufbuild/protoplugin" */
/** @import { Rules } from "./rules.js" */

/**
 * What the printing of a check needs to know of its surroundings.
 * @typedef {object} CheckContext
 * @property {GeneratedFile} f
 * @property {RuleReader} rules
 * @property {boolean} strict whether every string must be well formed, also where no rule stands
 * @property {(name: string, typeOnly?: boolean) => Printable} runtime a name of the runtime
 * @property {(message: DescMessage) => Printable} check the check of that message, wherever it stands
 * @property {(value: Printable, type?: Printable) => string} constant the name of a constant of the file, which is printed where there is none of this value yet
 */

/** @param {Schema<import("./plugin.js").Options>} schema */
export function generateChecks(schema) {
  const strict = schema.options.checks === "strict";
  const rules = new RuleReader(schema, strict);
  for (const file of schema.files) {
    const messages = [...nestedTypes(file)].filter((type) => type.kind === "message");
    if (messages.length === 0) continue;
    const f = schema.generateFile(checkPath(file).slice(2).replace(/\.js$/, ".ts"));
    f.preamble(file);
    /** @type {Map<string, string>} */
    const constants = new Map();
    /** @type {CheckContext} */
    const context = {
      f,
      rules,
      strict,
      runtime: (name, typeOnly = false) => f.import(name, schema.options.runtime, typeOnly),
      check(message) {
        const name = `check${messageName(message)}`;
        return message.file === file ? name : f.import(name, checkPath(message.file));
      },
      constant(value, type) {
        const key = text(value);
        const known = constants.get(key);
        if (known !== undefined) return known;
        const name = `$${constants.size + 1}`;
        constants.set(key, name);
        f.print(`const ${name}`, type === undefined ? "" : part`: ${type}`, " = ", value, ";\n");
        return name;
      },
    };
    for (const message of messages) printCheck(context, message);
  }
}

/** `frame_check.js` of `frame.proto`, from the root of the output. @param {DescFile} file */
function checkPath(file) {
  return `./${file.name}_check.js`;
}

/** @param {CheckContext} context @param {DescMessage} message */
function printCheck(context, message) {
  const { f, rules, runtime } = context;
  const operands = rules.isChecked(message) ? messageOperands(context, message) : [];
  f.print`/** The first field of a \`${message.typeName}\` that breaks a rule; undefined: none does. */`;
  const parameter = operands.length === 0 ? "_m" : "m";
  f.print`${f.export("function", `check${messageName(message)}`)}(${parameter}: ${f.importShape(message)}): ${runtime("Violation", true)} | undefined {`;
  if (operands.length < 2) f.print("  return ", joined(operands), ";");
  else {
    f.print`  return (`;
    for (const [i, operand] of operands.entries()) f.print("    ", operand, i < operands.length - 1 ? " ??" : "");
    f.print`  );`;
  }
  f.print`}\n`;
}

/** In the order in which protovalidate looks: fields, then what the message says of several, then oneofs. @param {CheckContext} context @param {DescMessage} message */
function messageOperands(context, message) {
  const { rules, runtime } = context;
  const own = rules.message(message);
  const across = acrossFields(context, message, own);
  own?.finish();
  /** @type {Printable[]} */
  const operands = [];
  for (const member of message.members)
    operands.push(
      ...(member.kind === "oneof"
        ? oneofOperands(context, member, across.named)
        : fieldOperands(context, member, across.named.has(member.name))),
    );
  operands.push(...across.operands);
  for (const oneof of message.oneofs) {
    const found = rules.oneof(oneof);
    if (found?.take("required") === true)
      operands.push(part`${runtime("present")}(${JSON.stringify(oneof.name)}, m.${oneof.localName}.case !== undefined)`);
    found?.finish();
  }
  return operands;
}

/** The rules of a message that say of which fields only one may be set. @param {CheckContext} context @param {DescMessage} message @param {Rules | undefined} own */
function acrossFields({ runtime }, message, own) {
  /** @type {Set<string>} */
  const named = new Set();
  /** @type {Printable[]} */
  const operands = [];
  for (const rule of own?.withinList("oneof") ?? []) {
    const names = rule.takeList("fields").map(String);
    const fields = names.map((name) => fieldOf(message, name));
    if (fields.length === 0 || new Set(names).size < names.length) rule.refuse("fields", "none, or one twice");
    for (const name of names) named.add(name);
    const count = fields.map((field, i) => part`${i > 0 ? " + " : ""}Number(${isSet(field)})`);
    const [op, word] = rule.take("required") === true ? ["===", "exactly"] : ["<", "at most"];
    const says = JSON.stringify(`has not ${word} one of ${names.join(", ")}`);
    operands.push(part`${runtime("unless")}(${count} ${op} ${op === "<" ? "2" : "1"}, "", "message.oneof", ${says})`);
    rule.finish();
  }
  return { named, operands };
}

/** @param {DescMessage} message @param {string} name @returns {DescField} */
function fieldOf(message, name) {
  const field = message.fields.find((each) => each.name === name);
  return field ?? unsupported(message, `buf.validate.message.oneof.fields: there is no field ${name}`);
}
