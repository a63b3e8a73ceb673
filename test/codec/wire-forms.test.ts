/** What a decoder must take although no encoder writes it, read as protobuf-es reads it; and the few things it must not be fooled by. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageType, messageTypes, unlimited } from "../support/codec/adapter.ts";
import { arbitraryMessage } from "../support/codec/arbitrary.ts";
import { difference } from "../support/codec/difference.ts";
import { otherForm } from "../support/codec/forms.ts";
import { Random } from "../support/codec/random.ts";
import { concat, delimited, tag, varint } from "../support/codec/wire.ts";

const proto3 = messageType("protobuf_test_messages.proto3.TestAllTypesProto3");
const proto2 = messageType("protobuf_test_messages.proto2.TestAllTypesProto2");
const editions = messageType("protobuf_test_messages.editions.TestAllTypesEdition2023");
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Types of which there can be messages: one that requires itself has none. */
const encodable = messageTypes.filter(({ desc }) => !desc.fields.some((each) => each.presence === 3 && each.message === desc));

describe.each(encodable.map((type) => [type.desc.typeName, type] as const))("%s", (_, { desc, subject, reference }) => {
  it("is read from other forms of its bytes as protobuf-es reads it", () => {
    fc.assert(
      fc.property(arbitraryMessage(desc), fc.nat(), (message, seed) => {
        let bytes: Uint8Array;
        try {
          bytes = reference.encode(message);
        } catch {
          // A message within it lacks what it requires.
          return;
        }
        const form = otherForm(desc, bytes, new Random(seed));
        expect(difference(subject.decode(form, unlimited), reference.decode(form)), Buffer.from(form).toString("hex")).toBe(
          undefined,
        );
      }),
      { numRuns: desc.fields.length > 20 ? 300 : 30 },
    );
  });
});

describe("a decoder", () => {
  it.each([
    ["singular fields that come twice: the last one counts", proto3, concat(tag(1, 0), varint(1), tag(1, 0), varint(2))],
    ["a default value that comes last", proto3, concat(tag(1, 0), varint(1), tag(1, 0), varint(0))],
    [
      "messages that come twice: they are merged",
      proto3,
      twice(18, concat(tag(1, 0), varint(1)), delimited(2, Uint8Array.of(8, 7))),
    ],
    ["members of a oneof: the last one counts", proto3, concat(tag(111, 0), varint(1), delimited(113, utf8("a")))],
    ["a message in a oneof that comes twice: merged", proto3, twice(112, Uint8Array.of(8, 1), Uint8Array.of(18, 2, 8, 7))],
    ["a message in a oneof, another member, the message again: not merged", proto3, between()],
    ["packed elements where the schema says unpacked", proto3, delimited(89, Uint8Array.of(1, 2, 3))],
    ["unpacked elements where the schema says packed", proto3, concat(tag(75, 0), varint(1), tag(75, 0), varint(2))],
    [
      "packed and unpacked in turn",
      proto3,
      concat(delimited(31, Uint8Array.of(1, 2)), tag(31, 0), varint(3), delimited(31, varint(4))),
    ],
    ["an empty packed list", proto3, delimited(31, new Uint8Array())],
    ["a key of a map that comes twice: the last one counts", proto3, concat(entry("k", "1"), entry("j", "2"), entry("k", "3"))],
    ["an entry without a key", proto3, delimited(69, delimited(2, utf8("v")))],
    ["an entry without a value", proto3, delimited(69, delimited(1, utf8("k")))],
    ["an empty entry", proto3, delimited(69, new Uint8Array())],
    ["an entry whose value comes first", proto3, delimited(69, concat(delimited(2, utf8("v")), delimited(1, utf8("k"))))],
    ["an entry with two keys and two values", proto3, delimited(69, concat(...["a", "b"].flatMap(keyAndValue)))],
    ["an entry whose message comes twice: merged", proto3, delimited(71, twice(2, Uint8Array.of(8, 1), Uint8Array.of(18, 0)))],
    [
      "32-bit integers of more than 32 bits",
      proto3,
      concat(tag(1, 0), varint(2n ** 40n + 5n), tag(3, 0), varint(2n ** 64n - 1n)),
    ],
    ["a bool of more than 32 bits", proto3, concat(tag(13, 0), varint(2n ** 63n))],
    ["an unknown value of an open enum", proto3, concat(tag(21, 0), varint(77))],
    ["an unknown value of a closed enum", proto2, concat(tag(21, 0), varint(77))],
    ["a group", proto2, concat(tag(201, 3), Uint8Array.of(0xd0, 0x0c, 0x05), tag(201, 4))],
    ["groups that come twice: they are merged", proto2, concat(...[5, 6].map((each) => group(201, 202 + (each % 2), each)))],
    ["a delimited message", editions, group(201, 202, 5)],
    ["a byte order mark", proto3, delimited(14, utf8("\ufefftext"))],
  ])("reads %s", (_, { subject, reference }, bytes) => {
    expect(difference(subject.decode(bytes, unlimited), reference.decode(bytes))).toBe(undefined);
  });

  it("makes __proto__ an entry of its own, and pollutes nothing", () => {
    const bytes = concat(
      entry("__proto__", "polluted"),
      entry("constructor", "c"),
      delimited(71, delimited(1, utf8("__proto__"))),
    );
    const message = proto3.subject.decode(bytes) as unknown as Record<string, Record<string, unknown>>;
    const strings = message["mapStringString"] ?? {};
    expect(Object.entries(strings)).toEqual([
      ["__proto__", "polluted"],
      ["constructor", "c"],
    ]);
    expect(Object.getPrototypeOf(strings)).toBe(Object.prototype);
    expect(Object.keys(message["mapStringNestedMessage"] ?? {})).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(message["mapStringNestedMessage"])).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)["polluted"]).toBe(undefined);
    expect(Buffer.from(proto3.subject.encode(message as never)).includes("__proto__")).toBe(true);
  });

  it("leaves absent what is absent", () => {
    const message = proto2.subject.decode(concat(tag(1, 0), varint(0)));
    expect(Object.hasOwn(message, "optionalInt32")).toBe(true);
    expect(Object.hasOwn(message, "optionalInt64")).toBe(false);
    expect(Object.hasOwn(message, "optionalNestedMessage")).toBe(false);
    expect(Object.hasOwn(message, "$unknown")).toBe(false);
  });
});

function twice(no: number, first: Uint8Array, second: Uint8Array): Uint8Array {
  return concat(delimited(no, first), delimited(no, second));
}

function between(): Uint8Array {
  return concat(delimited(112, Uint8Array.of(8, 1)), tag(111, 0), varint(1), delimited(112, new Uint8Array()));
}

function keyAndValue(text: string): Uint8Array[] {
  return [delimited(1, utf8(text)), delimited(2, utf8(text.toUpperCase()))];
}

function entry(key: string, value: string): Uint8Array {
  return delimited(69, concat(delimited(1, utf8(key)), delimited(2, utf8(value))));
}

function group(no: number, inner: number, value: number): Uint8Array {
  return concat(tag(no, 3), tag(inner, 0), varint(value), tag(no, 4));
}
