// @ts-check
/**
 * Reads the rules of `buf.validate` out of a schema, by the descriptors that the schema brings along. Whoever prints checks takes rules by
 * name; one that nobody takes ends the run, with the place where it stands: none is ever left out in silence.
 */

import { getOption, hasOption } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";

/** @import { DescExtension, DescField, DescMessage, DescOneof, Message } from "@bufbuild/protobuf" */
/** @import { ReflectMessage } from "@bufbuild/protobuf/reflect" */
/** @import { Schema } from "@bufbuild/protoplugin" */
/** @typedef {DescField | DescOneof | DescMessage} Place */

/** What a rule says: a number, a text, bytes, or a list of these. @typedef {number | bigint | string | boolean | Uint8Array} Literal */

/** @param {Place} where @param {string} what @returns {never} */
export function unsupported(where, what) {
  const { file } = where.kind === "message" ? where : where.parent;
  throw new Error(`${file.proto.name}: ${where}: not supported by protoc-gen-es-codec: ${what}`);
}

/** The rules of one message of `buf.validate`. */
export class Rules {
  /** What is set and was not taken. @type {Map<string, DescField>} */
  #rest = new Map();
  /** @type {ReflectMessage} */
  #message;
  #name;
  /** What these rules are about. */
  where;

  /** @param {Place} where @param {string} name @param {ReflectMessage} message */
  constructor(where, name, message) {
    this.where = where;
    this.#name = name;
    this.#message = message;
    const [unknown] = message.getUnknown() ?? [];
    if (unknown !== undefined) unsupported(where, `${name}: the predefined rule of number ${unknown.no}`);
    // An example says nothing about what is valid.
    for (const field of message.fields) if (message.isSet(field) && field.name !== "example") this.#rest.set(field.name, field);
  }

  /** Takes a rule: its value, where it is set. @param {string} name @returns {Literal | undefined} */
  take(name) {
    const field = this.#rest.get(name);
    if (field === undefined) return undefined;
    this.#rest.delete(name);
    const value = /** @type {Literal} */ (this.#message.get(field));
    if (Number.isNaN(value)) this.refuse(name, "NaN");
    return value;
  }

  /** Takes a rule that is a number, of whatever width. @param {string} name */
  takeNumber(name) {
    const value = this.take(name);
    return value === undefined ? undefined : Number(value);
  }

  /** Takes a rule that is a list, which is empty where the rule is not set. @param {string} name @returns {Literal[]} */
  takeList(name) {
    const field = this.#rest.get(name);
    if (field === undefined) return [];
    this.#rest.delete(name);
    const list = [.../** @type {Iterable<Literal>} */ (/** @type {unknown} */ (this.#message.get(field)))];
    if (list.some(Number.isNaN)) this.refuse(name, "NaN");
    return list;
  }

  /** Takes rules that are a message. @param {string} name @returns {Rules | undefined} */
  within(name) {
    const field = this.#rest.get(name);
    if (field === undefined) return undefined;
    this.#rest.delete(name);
    return new Rules(this.where, `${this.#name}.${name}`, /** @type {ReflectMessage} */ (this.#message.get(field)));
  }

  /** Takes a list of rules that are messages. @param {string} name @returns {Rules[]} */
  withinList(name) {
    const field = this.#rest.get(name);
    if (field === undefined) return [];
    this.#rest.delete(name);
    const list = /** @type {Iterable<ReflectMessage>} */ (/** @type {unknown} */ (this.#message.get(field)));
    return [...list].map((each) => new Rules(this.where, `${this.#name}.${name}`, each));
  }

  /** To be called when all that can be served was taken. */
  finish() {
    for (const name of this.#rest.keys()) this.refuse(name);
  }

  /** @param {string} name @param {string} [why] @returns {never} */
  refuse(name, why) {
    unsupported(this.where, `${this.#name}.${name}${why === undefined ? "" : `: ${why}`}`);
  }
}

/** The rules in a schema. */
export class RuleReader {
  /** @type {Map<string, DescExtension>} */
  #options;
  /** @type {Map<DescMessage, boolean>} */
  #checked = new Map();
  #strict;

  /** @param {Schema<object>} schema @param {boolean} strict */
  constructor(schema, strict) {
    this.#strict = strict;
    const extensions = schema.allFiles.flatMap((file) => file.extensions);
    this.#options = new Map(extensions.map((extension) => [extension.typeName, extension]));
    if (!this.#options.has("buf.validate.field"))
      throw new Error(
        "checks: nothing that was given to protoc-gen-es-codec imports buf/validate/validate.proto; it must not be under " +
          "exclude_types, and where only some directories of a schema have rules, the plugin needs strategy: all",
      );
  }

  /** @param {DescField} field */
  field(field) {
    return this.#read(field, "buf.validate.field");
  }

  /** @param {DescOneof} oneof */
  oneof(oneof) {
    return this.#read(oneof, "buf.validate.oneof");
  }

  /** @param {DescMessage} message */
  message(message) {
    return this.#read(message, "buf.validate.message");
  }

  /** @param {Place} where @param {string} name @returns {Rules | undefined} */
  #read(where, name) {
    const extension = this.#optionOf(where, name);
    if (extension?.fieldKind !== "message") return undefined;
    const value = /** @type {Message} */ (getOption(where, extension));
    return new Rules(where, name, reflect(extension.message, value));
  }

  /** The extension, where it is set. @param {Place} where @param {string} name */
  #optionOf(where, name) {
    const extension = this.#options.get(name);
    return extension !== undefined && hasOption(where, extension) ? extension : undefined;
  }

  /** Whether anything in the message, or in one that it may hold, has a rule. @param {DescMessage} message */
  isChecked(message) {
    let found = this.#checked.get(message);
    if (found === undefined) {
      const reached = new Set([message]);
      for (const each of reached) for (const { message: inner } of each.fields) if (inner !== undefined) reached.add(inner);
      found = [...reached].some((each) => this.#hasRules(each));
      this.#checked.set(message, found);
    }
    return found;
  }

  /** @param {DescMessage} message */
  #hasRules(message) {
    if (message.file.proto.name.startsWith("google/protobuf/")) return false;
    if (this.#optionOf(message, "buf.validate.message") !== undefined) return true;
    if (message.oneofs.some((oneof) => this.#optionOf(oneof, "buf.validate.oneof") !== undefined)) return true;
    return message.fields.some(
      (field) => this.#optionOf(field, "buf.validate.field") !== undefined || (this.#strict && hasText(field)),
    );
  }
}

/** The number of google.protobuf.FieldDescriptorProto.Type that is a string. */
const text = 9;

/** Whether values, or keys, are text. @param {DescField} field */
function hasText(field) {
  return field.scalar === text || (field.fieldKind === "map" && field.mapKey === text);
}
