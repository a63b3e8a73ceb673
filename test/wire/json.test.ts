import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../src/errors.ts";
import { createFrame, decodeFrame, encodeFrame, FrameSchema } from "../../src/wire/codec.ts";
import { decodeFrameJson, encodeFrameJson, parseFrameJson } from "../../src/wire/json.ts";
import { codeOf, errorOf } from "../support/errors.ts";
import { arbitraryFrame } from "../support/frames.ts";

describe("ProtoJSON", () => {
  it("is the form that the Protobuf documentation gives", () => {
    const frame = createFrame("join", { name: "lobby", position: { epoch: 9007199254740991n }, publishOnly: true }, { ref: 7 });
    expect(encodeFrameJson(frame)).toBe(
      '{"ref":7,"join":{"name":"lobby","position":{"epoch":"9007199254740991"},"publishOnly":true}}',
    );
  });

  it("takes the names of the schema too, numbers for 64-bit integers, and ignores what it does not know", () => {
    const text = '{"join":{"name":"a","position":{"epoch":5,"new":[{}]},"publish_only":true,"x":null},"ref":"7","call":{}}';
    expect(decodeFrameJson(text)).toStrictEqual(
      createFrame("join", { name: "a", position: { epoch: 5n }, publishOnly: true }, { ref: 7 }),
    );
  });

  it("says the same as the binary form", () => {
    fc.assert(
      fc.property(arbitraryFrame(), (frame) => {
        expect(decodeFrameJson(encodeFrameJson(frame))).toStrictEqual(decodeFrame(encodeFrame(frame)));
      }),
    );
  });

  it("leaves unknown fields out", () => {
    const frame = { ...createFrame("leave", { room: 1 }), $unknown: [{ no: 1000, wireType: 0, data: Uint8Array.of(1) }] };
    expect(encodeFrameJson(frame)).toBe('{"leave":{"room":1}}');
  });

  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["no object", "[]"],
    ["null", "null"],
    ["a body of the wrong type", '{"ping":3}'],
    ["two bodies", '{"ping":{},"pong":{}}'],
    ["a key twice", '{"ref":1,"ref":2}'],
    ["a number out of range", '{"ref":4294967296}'],
    ["a negative unsigned number", '{"ping":{"timeMs":"-1"}}'],
    ["a number of more than 64 bits", '{"ping":{"timeMs":"18446744073709551616"}}'],
    ["bytes that are not base64", '{"hello":{"session":"?"}}'],
    ["null in a list", '{"watch":{"users":[null]}}'],
  ])("refuses %s", (_, text) => {
    expect(errorOf(() => parseFrameJson(text))).toMatchObject({ code: "JSON_INVALID", origin: "remote" });
  });

  it("refuses deep nesting, with a code", () => {
    const nested = (depth: number): string => `${'{"batch":{"frames":['.repeat(depth)}{}${"]}}".repeat(depth)}`;
    expect(codeOf(() => parseFrameJson(nested(20)))).toBe("DEPTH_EXCEEDED");
    expect(codeOf(() => parseFrameJson(nested(100)))).toBe("JSON_INVALID");
    expect(codeOf(() => parseFrameJson(nested(50_000)))).toBe("JSON_INVALID");
    expect(codeOf(() => parseFrameJson("[".repeat(500_000)))).toBe("JSON_INVALID");
  });

  it("applies the bounds and constraints of the binary form", () => {
    expect(errorOf(() => decodeFrameJson('{"ping":{"timeMs":"9007199254740992"}}'))).toMatchObject({
      code: "INTEGER_RANGE",
      origin: "remote",
      field: "ping.time_ms",
      at: undefined,
    });
    expect(errorOf(() => decodeFrameJson('{"leave":{}}'))).toMatchObject({
      code: "FIELD_INVALID",
      origin: "remote",
      field: "leave.room",
    });
    expect(codeOf(() => decodeFrameJson('{"batch":{"frames":[{"batch":{}}]}}'))).toBe("BATCH_NESTED");
    const signal = createFrame("signal", { name: "a", content: { body: { case: "text", value: "é" } } });
    const { length } = encodeFrame(signal);
    expect(decodeFrameJson(encodeFrameJson(signal), { frameBytes: length })).toStrictEqual(signal);
    expect(codeOf(() => decodeFrameJson(encodeFrameJson(signal), { frameBytes: length - 1 }))).toBe("FRAME_TOO_LARGE");
    expect(codeOf(() => decodeFrameJson(encodeFrameJson(signal), { elements: 3 }))).toBe("ELEMENTS_EXCEEDED");
  });

  it.each(['{"signal":{"name":"\\ud800"}}', '{"signal":{"name":"a","content":{"headers":{"\\udc00":""}}}}'])(
    "refuses half of a surrogate pair: %s",
    (text) => {
      expect(codeOf(() => decodeFrameJson(text))).toBe("JSON_INVALID");
    },
  );

  it("ends any text in a frame or a coded error", () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.jsonValue({ maxDepth: 1 }), tie("object"), fc.array(tie("value"), { maxLength: 3 })),
      object: fc.dictionary(fc.constantFrom(...names()), tie("value"), { maxKeys: 4 }),
    })).object;
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          value.map((each) => JSON.stringify(each)),
        ),
        (text) => {
          try {
            encodeFrame(decodeFrameJson(text));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

/** Names that a frame may hold, and some that it does not. */
function names(): string[] {
  const bodies = FrameSchema.fields.flatMap((field) => [
    field.jsonName,
    ...(field.message?.fields.map((inner) => inner.jsonName) ?? []),
  ]);
  return [...new Set([...bodies, "__proto__", "x"])];
}
