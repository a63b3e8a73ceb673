/** The generated codecs equal protobuf-es, in both directions, on every message type of proto/ and of the conformance suite. */

import { create, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MessageType, messageTypes, unlimited } from "../support/codec/adapter.ts";
import { arbitraryKey, arbitraryMessage, arbitraryValue } from "../support/codec/arbitrary.ts";
import { difference } from "../support/codec/difference.ts";

const named = messageTypes.map((type) => [type.desc.typeName, type] as const);

/** Both directions, for one message. Decoded is what protobuf-es encoded, so that both are tested also where one is wrong. */
function expectEqual({ subject, reference }: MessageType, message: Message): void {
  const bytes = outcome(() => reference.encode(message));
  expect(hex(outcome(() => subject.encode(message)))).toBe(hex(bytes));
  if (bytes === undefined) return;
  expect(difference(subject.decode(bytes, unlimited), reference.decode(bytes))).toBe(undefined);
  const buffer = Buffer.from(bytes);
  expect(difference(subject.decode(buffer, unlimited), reference.decode(buffer))).toBe(undefined);
}

/** What comes of it; undefined where it is refused, as a message is that lacks a required field. */
function outcome(encode: () => Uint8Array): Uint8Array | undefined {
  try {
    return encode();
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function hex(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "refused" : Buffer.from(bytes).toString("hex");
}

describe.each(named)("%s", (_, type) => {
  it("is encoded and decoded as protobuf-es does it, whatever it holds", () => {
    fc.assert(
      fc.property(arbitraryMessage(type.desc), (message) => expectEqual(type, message)),
      { numRuns: type.desc.fields.length > 20 ? 200 : 40 },
    );
  });

  it("is what protobuf-es makes of nothing, where there is nothing", () => {
    expectEqual(type, create(type.desc));
    expect(difference(type.subject.decode(new Uint8Array()), type.reference.decode(new Uint8Array()))).toBe(undefined);
  });

  it("keeps every value of each field by itself", () => {
    for (const field of type.desc.fields) {
      const values = fc.sample(arbitraryValue(field), { numRuns: 30, seed: field.number });
      const keys = field.fieldKind === "map" ? fc.sample(arbitraryKey(field), { numRuns: 30, seed: field.number }) : [];
      values.forEach((value, i) => {
        const target = reflect(type.desc, withRequired(type));
        if (field.fieldKind === "list") target.get(field).add(value);
        else if (field.fieldKind === "map") target.get(field).set(keys[i], value);
        else target.set(field, value);
        expectEqual(type, target.message);
      });
    }
  });
});

/** An empty message, but for the fields without which it is not encoded. */
function withRequired({ desc }: MessageType): Message {
  const full = fc.sample(arbitraryMessage(desc), { numRuns: 1, seed: 1 })[0] as Message;
  const message = create(desc);
  const [from, to] = [reflect(desc, full), reflect(desc, message)];
  for (const field of desc.fields) if (field.presence === 3) to.set(field, from.get(field));
  return message;
}
