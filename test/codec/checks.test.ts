/** Generated checks judge as protovalidate does, and name the same field and rule first: for every rule that the plugin takes. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import fc, { type Arbitrary } from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { Violation } from "../../src/codec/check.ts";
import { Generated } from "../support/codec/plugin.ts";
import { annotated } from "../support/protovalidate.ts";

const rules = join(import.meta.dirname, "rules");
const files = ["rules.proto", "legacy.proto"];
const sources = Object.fromEntries(files.map((name) => [name, readFileSync(join(rules, name), "utf8")]));
const generated = new Generated(sources, ["checks=true"]);
if (generated.failure !== undefined) throw new Error(generated.failure);
const checks = Object.assign({}, await generated.load("rules_check.ts"), await generated.load("legacy_check.ts"));
const { registry, violations } = annotated(generated.folder);
afterAll(() => generated.remove());

const numbers = [-3, -2, -1, 0, 1, 2, 3, 4];
const texts = [
  "",
  "a",
  "b",
  "ab",
  "abb",
  "é",
  "éb",
  "aéb",
  "aab",
  "cc",
  "ccc",
  "abab",
  "\n",
  "\x1f\n",
  "a\nb",
  "😀",
  "a😀",
  "😀😀😀",
];
const formats = [
  "a@b.c",
  "a@",
  "a@-b",
  "0190163d-8694-739b-aea5-966c26f8ad91",
  "0190163D8694739BAEA5966C26F8AD91",
  "0190163d-8694-739b-aea5-966c26f8ad9",
];
const octets = ["", "a", "b", "ab", "abb", "aab", "bab", "axxb", "0123456789abcdef"].map((text) => Buffer.from(text));

/** Values near the bounds that the schema sets. */
function scalar(type: ScalarType): Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return fc.constantFrom(...texts, ...formats);
    case ScalarType.BYTES:
      return fc.constantFrom(...octets.map((each) => new Uint8Array(each)));
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return fc.constantFrom(...numbers, 0.5, -0, Number.NaN, Infinity, -Infinity);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.constantFrom(...numbers.filter((each) => each >= 0), 2 ** 32 - 1);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.constantFrom(...numbers.filter((each) => each >= 0).map(BigInt), 2n ** 64n - 1n);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.constantFrom(...numbers.map(BigInt), 2n ** 63n - 1n, -(2n ** 63n));
    default:
      return fc.constantFrom(...numbers, 2 ** 31 - 1, -(2 ** 31));
  }
}

function single(field: DescField, depth: number): Arbitrary<unknown> {
  if (field.message !== undefined) return arbitraryMessage(field.message, depth - 1);
  if (field.enum === undefined) return scalar(field.scalar as ScalarType);
  return field.enum.open ? fc.constantFrom(0, 1, 2, 3, -1) : fc.constantFrom(...field.enum.values.map(({ number }) => number));
}

/** Any message of this type, with some of its fields set. */
function arbitraryMessage(desc: DescMessage, depth = 2): Arbitrary<ReflectMessage> {
  const settings = desc.fields
    .filter((field) => depth > 0 || field.message === undefined)
    .map((field): Arbitrary<(target: ReflectMessage) => void> => {
      const value = single(field, depth);
      if (field.fieldKind === "list")
        return fc.array(value, { maxLength: 3 }).map((items) => (target) => {
          for (const item of items) target.get(field).add(item);
        });
      if (field.fieldKind === "map")
        return fc.array(fc.tuple(scalar(field.mapKey), value), { maxLength: 3 }).map((entries) => (target) => {
          for (const [key, item] of entries) target.get(field).set(key, item);
        });
      return value.map((item) => (target) => target.set(field, item));
    });
  return fc.tuple(...settings.map((each) => fc.option(each, { freq: 4, nil: undefined }))).map((chosen) => {
    const target = reflect(desc);
    for (const set of chosen) set?.(target);
    return target;
  });
}

/** Messages of this type with the values of one field alone, where no other rule can hide it. */
function oneField(desc: DescMessage): Arbitrary<ReflectMessage> {
  return fc.tuple(arbitraryMessage(desc), fc.constantFrom(...desc.fields)).map(([full, field]) => {
    const target = reflect(desc);
    if (full.isSet(field)) target.set(field, full.get(field) as never);
    return target;
  });
}

function expectSame(message: Message): void {
  const check = checks[`check${message.$typeName.replace(/^rules\.(legacy\.)?/, "").replaceAll(".", "_")}`];
  const found = check?.(message) as Violation | undefined;
  expect(found && { field: found.field, rule: found.rule }).toEqual(violations(message)[0]);
}

/** protovalidate 1.3.0 forgets the rules of a message that holds itself by way of another one. */
const types = [...registry].filter((type) => type.kind === "message" && /^rules\.(?!Ring)/.test(type.typeName));

describe.each(types.map((type) => [type.typeName, type as DescMessage] as const))("%s", (_, desc) => {
  it("is judged as protovalidate does it", () => {
    fc.assert(
      fc.property(fc.oneof(oneField(desc), arbitraryMessage(desc)), ({ message }) => expectSame(message)),
      { numRuns: 400 },
    );
  });
});

describe("a message that holds itself by way of another one", () => {
  it.each([
    ["ab", undefined],
    ["abc", { field: "link.ring.text", rule: "string.max_len" }],
  ])("is judged wherever it stands: %s", (text, broken) => {
    const inner = { $typeName: "rules.Ring", text };
    const { checkRing } = checks;
    const found = checkRing?.({ $typeName: "rules.Ring", text: "", link: { $typeName: "rules.Ring.Link", ring: inner } });
    if (broken === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject(broken);
  });
});

describe("strict checks", () => {
  it.each([
    [["checks=true"], undefined],
    [["checks=strict"], { field: "map", rule: "string.well_formed" }],
  ])("%s: a key with half of a surrogate pair", async (options, broken) => {
    const other = new Generated(sources, options);
    try {
      const { checkFree } = await other.load("rules_check.ts");
      const found = checkFree?.({ $typeName: "rules.Free", text: "", map: { "\ud800": "" } });
      if (broken === undefined) expect(found).toBeUndefined();
      else expect(found).toMatchObject(broken);
    } finally {
      other.remove();
    }
  });
});
