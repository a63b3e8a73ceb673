/** Compact messages are what straight-line code makes of them: the same bytes, messages, and errors, at the same places. */

import { create, type Message } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodecError, type DecodeOptions } from "../../src/codec/index.ts";
import { type MessageType, messageTypes, typesOf, unlimited } from "../support/codec/adapter.ts";
import { arbitraryMessage } from "../support/codec/arbitrary.ts";
import { difference } from "../support/codec/difference.ts";
import { floods } from "../support/codec/floods.ts";
import { otherForm } from "../support/codec/forms.ts";
import { corpusOf } from "../support/codec/mutants.ts";
import { mutate } from "../support/codec/mutate.ts";
import { Random } from "../support/codec/random.ts";

const compact = typesOf("compact");
const mixed = typesOf("mixed").filter(({ desc }) => /^chappe\.v1\.(Frame|Batch|Receipt|Page)$/.test(desc.typeName));

/** The types whose form is not straight, each beside its straight one. */
const pairs = [...compact.map((type) => ["compact", type] as const), ...mixed.map((type) => ["mixed", type] as const)].map(
  ([form, type]) => [`${form} ${type.desc.typeName}`, type, straightOf(type)] as const,
);

function straightOf({ desc }: MessageType): MessageType {
  return messageTypes.find((type) => type.desc === desc) as MessageType;
}

/** A message, or what is said of a refusal. */
function outcome(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return { code: error.code, at: error.at, path: error.path };
  }
}

function expectSame(type: MessageType, straight: MessageType, bytes: Uint8Array, options: DecodeOptions): void {
  const expected = outcome(() => straight.subject.decode(bytes, options));
  const found = outcome(() => type.subject.decode(bytes, options));
  expect(difference(found, expected), Buffer.from(bytes.subarray(0, 200)).toString("hex")).toBe(undefined);
}

/** What a message could be made from: itself, without the names of types. */
function initOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(initOf);
  const { $typeName: _, $unknown: __, ...rest } = value as Record<string, unknown>;
  // `__proto__` may be a key of a map.
  return Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, initOf(each)]));
}

describe.each(pairs)("%s", (_, type, straight) => {
  const many = type.desc.fields.length > 20;

  it("is encoded alike, whatever it holds", () => {
    fc.assert(
      fc.property(arbitraryMessage(type.desc), (message) => {
        const expected = outcome(() => Buffer.from(straight.subject.encode(message)).toString("hex"));
        expect(outcome(() => Buffer.from(type.subject.encode(message)).toString("hex"))).toEqual(expected);
      }),
      { numRuns: many ? 100 : 20 },
    );
  });

  it("is decoded alike from any form of its bytes, and from what is damaged, within any limits", () => {
    const random = new Random(type.desc.fields.length);
    const corpus = [...corpusOf(straight, 7), new Uint8Array()];
    const small: DecodeOptions = { maxDepth: 2, maxElements: 12, maxUnknownFields: 1, maxMemory: 1000, bytes: "copy" };
    for (let i = 0; i < (many ? 600 : 80); i++) {
      const bytes = otherForm(type.desc, random.pick(corpus), random);
      expectSame(type, straight, bytes, unlimited);
      expectSame(type, straight, bytes, small);
      const damaged = mutate(bytes, random, corpus);
      expectSame(type, straight, damaged, {});
      expectSame(type, straight, damaged, { ...unlimited, unknownFields: "drop" });
    }
  });

  it("is made alike, as protobuf-es makes it", () => {
    fc.assert(
      fc.property(arbitraryMessage(type.desc), (message: Message) => {
        const init = initOf(message) as object;
        const expected = create(type.desc, init as Record<string, unknown>);
        expect(difference(type.subject.create(init), expected)).toBe(undefined);
        expect(difference(straight.subject.create(init), expected)).toBe(undefined);
        expect(type.subject.create(message)).toBe(message);
      }),
      { numRuns: 20 },
    );
    expect(difference(type.subject.create(), create(type.desc))).toBe(undefined);
  });

  it("is refused alike where a value is not of its type", () => {
    for (const { localName, oneof } of type.desc.fields) {
      for (const wrong of [null, "x", Number.NaN, -1, 2 ** 40, 1n << 70n, true, {}, [{}], { key: {} }, new Date(0)]) {
        const message = create(type.desc) as unknown as Record<string, unknown>;
        if (oneof === undefined) message[localName] = wrong;
        else message[oneof.localName] = { case: localName, value: wrong };
        const encode = ({ subject }: MessageType) => outcome(() => Buffer.from(subject.encode(message as never)).toString("hex"));
        expect(encode(type), localName).toEqual(encode(straight));
      }
    }
  });
});

describe("a compact message", () => {
  it.each(floods.map((flood) => [flood.name, flood] as const))("ends a flood as straight-line code does: %s", (_, { make }) => {
    const type = compact.find(({ desc }) => desc.typeName === "protobuf_test_messages.proto3.TestAllTypesProto3") as MessageType;
    for (const size of [100, 10_000, 300_000]) expectSame(type, straightOf(type), make(size), {});
  });
});
