/**
 * Arbitrary messages of any type, made from its descriptor alone: every kind of field, oneofs, maps, presence, extreme values, unknown fields.
 * What the schema's annotations ask for is not heeded (test/support/frames.ts does that).
 */

import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import fc, { type Arbitrary } from "fast-check";

/** Sets one field of a message. */
type Setting = (target: ReflectMessage) => void;

/** Of protobuf's FeatureSet.FieldPresence: a message without this field is not encoded. */
const LEGACY_REQUIRED = 3;
/** How deep messages are nested. */
const maxDepth = 3;

/** Messages of this type. Few of its fields are set at a time, so that what fails is easily read. */
export function arbitraryMessage(desc: DescMessage): Arbitrary<Message> {
  return reflected(desc, maxDepth).map(({ message }) => message);
}

/** Values of a field, as ReflectMessage takes them: those of lists are single items, those of maps are values of an entry. */
export function arbitraryValue(field: DescField): Arbitrary<unknown> {
  return singleValue(field, 1);
}

/** Keys of a map field. */
export function arbitraryKey(field: DescField & { fieldKind: "map" }): Arbitrary<unknown> {
  return field.mapKey === ScalarType.STRING
    ? fc.oneof(fc.constantFrom("__proto__", "constructor", "toString", "", "0", "1e3"), scalar(ScalarType.STRING))
    : scalar(field.mapKey);
}

const cache = new Map<DescMessage, Arbitrary<ReflectMessage>[]>();

function reflected(desc: DescMessage, depth: number): Arbitrary<ReflectMessage> {
  const byDepth = cache.get(desc) ?? [];
  cache.set(desc, byDepth);
  byDepth[depth] ??= make(desc, depth);
  return byDepth[depth];
}

function make(desc: DescMessage, depth: number): Arbitrary<ReflectMessage> {
  const fields = desc.fields.filter((field) => depth > 0 || field.message === undefined);
  const settings = fields.map((field) => setting(field, depth));
  // A type that requires itself has no message that could be encoded: there the innermost one lacks it.
  const required = fc.tuple(...fields.filter(({ presence }) => presence === LEGACY_REQUIRED).map((each) => setting(each, depth)));
  const some = settings.length === 0 ? fc.constant([]) : fc.array(fc.oneof(...settings), { maxLength: 6 });
  return fc.tuple(some, required, arbitraryUnknown(desc)).map(([optional, always, unknown]) => {
    const target = reflect(desc);
    for (const set of [...optional, ...always]) set(target);
    if (unknown !== undefined) target.setUnknown(unknown);
    return target;
  });
}

function setting(field: DescField, depth: number): Arbitrary<Setting> {
  const value = singleValue(field, depth - 1);
  switch (field.fieldKind) {
    case "list":
      return fc.array(value, { maxLength: 4 }).map((items) => (target) => {
        for (const item of items) target.get(field).add(item);
      });
    case "map":
      return fc.array(fc.tuple(arbitraryKey(field), value), { maxLength: 3 }).map((entries) => (target) => {
        for (const [key, item] of entries) target.get(field).set(key, item);
      });
    default:
      return value.map((single) => (target) => target.set(field, single));
  }
}

function singleValue(field: DescField, depth: number): Arbitrary<unknown> {
  if (field.message !== undefined) return reflected(field.message, Math.max(depth, 0));
  if (field.enum !== undefined) {
    const known = fc.constantFrom(...field.enum.values.map(({ number }) => number));
    return field.enum.open ? fc.oneof(known, scalar(ScalarType.INT32)) : known;
  }
  if (field.scalar === undefined) throw new Error(`${field} has no kind of value`);
  return scalar(field.scalar);
}

/** Code points of each length in UTF-8, and at each border; a byte order mark, which decoders like to swallow. */
const characters = [
  "\0",
  "a",
  "\x7f",
  "\x80",
  "é",
  "\u07ff",
  "\u0800",
  "文",
  "\ufeff",
  "\uffff",
  "\u{10000}",
  "😀",
  "\u{10ffff}",
];
/** On both sides of the lengths at which encoders change their ways. */
const lengths = [0, 1, 15, 16, 31, 32, 33, 63, 64, 127, 128, 129, 300];

const i32 = [0, 1, -1, 127, 128, 16383, 16384, -64, -65, 0x7fffffff, -0x80000000];
const u32 = [0, 1, 127, 128, 16383, 16384, 0x1fffff, 0x200000, 0xfffffff, 0x10000000, 0x7fffffff, 0x80000000, 0xffffffff];
const powers = Array.from({ length: 64 }, (_, i) => 1n << BigInt(i));
const u64 = [0n, ...powers, ...powers.map((power) => power - 1n), 2n ** 64n - 1n];
const i64 = [...u64.map((value) => BigInt.asIntN(64, value)), -1n, -(2n ** 53n), -(2n ** 63n)];
const doubles = [0, -0, 1, -1, 0.1, Number.NaN, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER];
const floats = [0, -0, 1, -1.5, Number.NaN, Infinity, -Infinity, 1.401298464324817e-45, 3.4028234663852886e38];

const strings: Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(...characters), maxLength: 70 }),
  fc.tuple(fc.constantFrom(...characters), fc.constantFrom(...lengths)).map(([character, length]) => character.repeat(length)),
  fc
    .tuple(fc.constantFrom(...characters), fc.constantFrom(...lengths), fc.constantFrom(...characters))
    .map(([first, length, last]) => `${first}${"x".repeat(length)}${last}`),
);

const bytes: Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.constantFrom(...lengths).map((length) => new Uint8Array(length).fill(0xa5)),
);

function scalar(type: ScalarType): Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return strings;
    case ScalarType.BYTES:
      return bytes;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.DOUBLE:
      return fc.oneof(fc.constantFrom(...doubles), fc.double());
    case ScalarType.FLOAT:
      return fc.oneof(fc.constantFrom(...floats), fc.float());
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return fc.oneof(fc.constantFrom(...i32), fc.integer());
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.oneof(fc.constantFrom(...u32), fc.integer({ min: 0, max: 0xffffffff }));
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.oneof(fc.constantFrom(...i64), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.oneof(fc.constantFrom(...u64), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
  }
}

/** Payloads of a record by wire type: a varint, 8 bytes, a length and so many bytes, a group with what ends it, 4 bytes. */
const payloads: readonly [wireType: number, payload: (no: number) => number[]][] = [
  [0, () => [0x07]],
  [0, () => [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
  [1, () => [1, 2, 3, 4, 5, 6, 7, 8]],
  [2, () => [0]],
  [2, () => [3, 0xff, 0xfe, 0xfd]],
  [3, (no) => [0x08, 0x01, 0x0b, 0x0c, ...tag(no, 4)]],
  [5, () => [1, 2, 3, 4]],
];

/** Unknown fields of a message, or (mostly) none. */
function arbitraryUnknown(desc: DescMessage): Arbitrary<{ no: number; wireType: number; data: Uint8Array }[] | undefined> {
  const numbers = [1, 15, 16, 2047, 2048, 18999, 2 ** 29 - 1].filter((no) => desc.fields.every(({ number }) => number !== no));
  const field = fc.tuple(fc.constantFrom(...numbers), fc.constantFrom(...payloads)).map(([no, [wireType, payload]]) => ({
    no,
    wireType,
    data: Uint8Array.from(payload(no)),
  }));
  return fc.option(fc.array(field, { minLength: 1, maxLength: 3 }), { nil: undefined, freq: 4 });
}

/** A tag, as a varint. */
function tag(no: number, wireType: number): number[] {
  const out: number[] = [];
  let rest = no * 8 + wireType;
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  out.push(rest);
  return out;
}
