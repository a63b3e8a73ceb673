/** Damaged input: the codecs end in a message or a coded error, and agree with protoc on which, but for the classes that are listed. */

import { describe, expect, it } from "vitest";
import { isRefusal, messageType } from "../support/codec/adapter.ts";
import { floods } from "../support/codec/floods.ts";
import { crashOf, fuzzInputs } from "../support/codec/fuzz.ts";
import { Judge } from "../support/codec/judge.ts";
import { compare } from "../support/codec/mutants.ts";

/** The commands take other seeds, and many more inputs. */
const seed = 20_261;

describe("damaged input", () => {
  it("is accepted where protoc accepts it, and refused where protoc refuses it", { timeout: 180_000 }, async () => {
    using judge = new Judge();
    const { unlisted, accepted, inputs } = await compare(judge, 1500, seed);
    expect(unlisted.map(({ desc, bytes, code }) => [desc.typeName, Buffer.from(bytes).toString("hex"), code])).toEqual([]);
    expect(accepted).toBeGreaterThan(100);
    expect(inputs - accepted).toBeGreaterThan(100);
  });

  it("ends in a message that can be encoded and decoded again, or in a CodecError", { timeout: 60_000 }, () => {
    let rest = 20_000;
    for (const input of fuzzInputs(seed)) {
      const crash = crashOf(input);
      expect(crash, `${input.type.desc.typeName} ${Buffer.from(input.bytes).toString("hex")}`).toBe(undefined);
      if (--rest === 0) break;
    }
  });

  it.each(floods.map((flood) => [flood.name, flood] as const))(
    "that is a flood ends in a message or a CodecError: %s",
    (_, { make }) => {
      const { subject } = messageType("protobuf_test_messages.proto3.TestAllTypesProto3");
      for (const size of [100, 10_000, 1_000_000]) {
        try {
          expect(subject.decode(make(size)).$typeName).toBe("protobuf_test_messages.proto3.TestAllTypesProto3");
        } catch (error) {
          expect(isRefusal(error), String(error)).toBe(true);
        }
      }
    },
  );
});
