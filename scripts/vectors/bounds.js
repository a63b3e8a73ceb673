// @ts-check
/**
 * Both sides of each bound that the schema states: the value at the bound, and the next one.
 */

/** @import { DescMessage } from "@bufbuild/protobuf" */
/** @import { FieldRule, OneofRule, ValueRule } from "../../gen/chappe/v1/constraints.ts" */
/** @typedef {Record<string, unknown>} Json */
/** @typedef {{ id: string, comment: string, json: Json, error?: string, field?: string }} Bound */

const id = "AZMfUkEAdACAAAAAAAAAAQ==";

/** A valid message of each type, as ProtoJSON. @type {Record<string, Json>} */
const least = {
  Publish: { room: 7, seq: "1", id },
  Chat: { offset: "1", id },
  Ack: { room: 7, firstSeq: "1", offsetDeltas: ["1"], timeDeltas: ["1"] },
  Gap: { room: 7, first: "1", last: "9007199254740991" },
  Receipt: { room: 7 },
  ReceiptCount: { offset: "1" },
  Typing: { room: 7 },
  Signal: { name: "x" },
  Hello: { session: id, attempt: "1" },
  Refresh: { token: "x" },
  Join: { name: "x" },
  Joined: { name: "x", room: 7, epoch: "1", start: "1", firstRetained: "1", nextSeq: "1" },
  Position: { epoch: "1" },
  Leave: { room: 7 },
  Left: { room: 7 },
  Member: { user: "x" },
  Members: { room: 7 },
  History: { room: 7 },
  Page: { room: 7, epoch: "1", firstRetained: "1" },
  Watch: { users: ["x"] },
  Unwatch: { users: ["x"] },
  Welcome: { user: "x", pingMs: 1, deadMs: 1 },
};
const limitNames = [
  "frameBytes",
  "contentBytes",
  "windowMessages",
  "windowBytes",
  "batchFrames",
  "openRequests",
  "rooms",
  "watchedUsers",
  "pageEntries",
  "dedupWindowS",
  "typingIntervalMs",
  "presenceTtlMs",
];
least["Limits"] = Object.fromEntries(limitNames.map((name) => [name, 1]));
least["Welcome"] = { ...least["Welcome"], limits: least["Limits"] };

/** Bounds of lists and texts above this would make the files large. */
const longest = 2100;

/**
 * @param {Readonly<Record<string, readonly (FieldRule | OneofRule)[]>>} constraints
 * @param {DescMessage} frame
 * @returns {Bound[]}
 */
export function bounds(constraints, frame) {
  /** @type {Bound[]} */
  const all = [];
  /** Each message is walked where it first occurs. */
  const seen = new Set([frame.name]);
  for (const body of rulesOf(frame)) walk(messageOf(frame, body), body.name, (json) => ({ [body.local]: json }));
  return all;

  /** @param {DescMessage} desc @returns {FieldRule[]} */
  function rulesOf(desc) {
    return (constraints[desc.typeName] ?? []).flatMap((rule) => ("oneof" in rule ? Object.values(rule.members) : [rule]));
  }

  /**
   * @param {DescMessage} desc
   * @param {string} path
   * @param {(json: Json) => Json} around the frame around a message of this type
   */
  function walk(desc, path, around) {
    if (seen.has(desc.name)) return;
    seen.add(desc.name);
    for (const rule of rulesOf(desc)) {
      const field = `${path}.${rule.name}`;
      const element = rule.kind === "list" ? `${field}[0]` : field;
      /** @param {unknown} value */
      const put = (value) => around({ ...least[desc.name], [rule.local]: value });
      /** @param {unknown} value */
      const putOne = (value) => put(rule.kind === "list" ? [value] : rule.kind === "map" ? { k: value } : value);

      if (rule.required)
        all.push({ id: `${field}/absent`, comment: "required", json: put(undefined), error: "FIELD_INVALID", field });
      sides(`${field}/count`, field, rule.count, (size) => {
        const json = put(many(desc, rule, size));
        const [ack] = desc.name === "Ack" && size > 0 && size <= (rule.count?.max ?? 0) ? Object.values(json) : [];
        // The two lists of an ack are equally long.
        return ack === undefined
          ? json
          : { ack: { ...ack, offsetDeltas: new Array(size).fill("1"), timeDeltas: new Array(size).fill("1") } };
      });
      if (rule.key !== undefined) sides(`${field}/key`, field, rule.key, (size) => put({ ["k".repeat(size)]: "" }));
      if (rule.value?.type === "message") walk(messageOf(desc, rule), element, putOne);
      else if (rule.value !== undefined) {
        const { value } = rule;
        sides(element, element, value, (size) => putOne(sized(value, size)));
      }
    }
  }

  /**
   * @param {string} name
   * @param {string} field
   * @param {{ min?: number, max?: number } | undefined} range
   * @param {(size: number) => Json} frame
   */
  function sides(name, field, range, frame) {
    const { min = 0, max = longest } = range ?? {};
    if (min > 0) {
      all.push({ id: `${name}/least`, comment: `${min}`, json: frame(min) });
      all.push({ id: `${name}/below`, comment: `${min - 1}`, json: frame(min - 1), error: "FIELD_INVALID", field });
    }
    if (max === Number.MAX_SAFE_INTEGER) {
      all.push({ id: `${name}/most`, comment: "2^53-1", json: frame(max) });
      // One more is no integer of the protocol (ENC-7); paths of malformed bytes have no indexes.
      all.push({
        id: `${name}/above`,
        comment: "2^53",
        json: frame(max + 1),
        error: "INTEGER_RANGE",
        field: field.replaceAll(/\[\d+\]/g, ""),
      });
    } else if (max < longest || (range !== undefined && "type" in range && range.type === "integer" && range.max !== undefined)) {
      if (max !== min) all.push({ id: `${name}/most`, comment: `${max}`, json: frame(max) });
      all.push({ id: `${name}/above`, comment: `${max + 1}`, json: frame(max + 1), error: "FIELD_INVALID", field });
    }
  }
}

/** @param {DescMessage} desc @param {FieldRule} rule @returns {DescMessage} */
function messageOf(desc, rule) {
  const message = desc.fields.find((field) => field.name === rule.name)?.message;
  if (message === undefined) throw new Error(`${desc.name}.${rule.name} is no message`);
  return message;
}

/** This many elements or entries. @param {DescMessage} desc @param {FieldRule} rule @param {number} size @returns {unknown} */
function many(desc, rule, size) {
  if (rule.kind === "map") return Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, ""]));
  const one =
    rule.value === undefined
      ? 1
      : rule.value.type === "message"
        ? (least[messageOf(desc, rule).name] ?? {})
        : sized(rule.value, rule.value.min ?? 1);
  return new Array(size).fill(one);
}

/** A value at a bound. @param {ValueRule} rule @param {number} size @returns {unknown} */
function sized(rule, size) {
  switch (rule.type) {
    case "integer":
      return String(size);
    case "string":
      return "é".repeat(Math.floor(size / 2)) + "x".repeat(size % 2);
    case "bytes":
      return Buffer.alloc(size, 7).toString("base64");
    default:
      throw new Error(`no value of type ${rule.type}`);
  }
}
