import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Batch,
  ChatKind,
  checkFrame,
  createFrame,
  decodeFrame,
  encodedSize,
  encodeFrame,
  type Frame,
  FrameSchema,
  parseFrame,
} from "../../src/wire/codec.ts";
import { decodeFrameJson, encodeFrameJson } from "../../src/wire/json.ts";
import { defaultDecodeLimits } from "../../src/wire/limits.ts";
import { errorOf } from "../support/errors.ts";
import { arbitraryFrame, arbitraryFrameOf, bodyCases } from "../support/frames.ts";
import { protocRoundTrip } from "../support/protoc.ts";

const id = new Uint8Array(16).fill(7);
const chat = createFrame("chat", { room: 3, offset: 5n, id, content: { body: { case: "text", value: "hello" } } });

describe.each(bodyCases)("a frame with the body %s", (bodyCase) => {
  it("comes back from both forms, and its bytes are those of protobuf-es", () => {
    fc.assert(
      fc.property(arbitraryFrameOf(bodyCase), (frame) => {
        expect(checkFrame(frame)).toBe(undefined);
        const bytes = encodeFrame(frame);
        expect(Buffer.compare(bytes, toBinary(FrameSchema, frame))).toBe(0);
        expect(encodedSize(frame)).toBe(bytes.length);
        expect(decodeFrame(bytes)).toStrictEqual(frame);
        expect(decodeFrame(Buffer.from(bytes))).toStrictEqual(frame);
        expect(decodeFrameJson(encodeFrameJson(frame))).toStrictEqual(frame);
      }),
      { numRuns: 40 },
    );
  });
});

describe("codec", () => {
  it("agrees with protoc on what the bytes of a frame say", () => {
    const frames = fc.sample(arbitraryFrame(), 150);
    const batch = encodeUnlimited(frames);
    const again = decodeUnlimited(protocRoundTrip("chappe.v1.Frame", batch));
    expect(again).toStrictEqual(frames);
  });

  it("keeps unknown fields, and drops them on demand", () => {
    const known = encodeFrame(chat);
    const unknown = Uint8Array.of(0xc2, 0x3e, 0x01, 0x2a, 0xc0, 0x3e, 0x07);
    const bytes = Uint8Array.from([...known, ...unknown]);
    const kept = decodeFrame(bytes);
    expect(kept.$unknown?.map((field) => field.no)).toEqual([1000, 1000]);
    expect([...encodeFrame(kept)]).toEqual([...bytes]);
    expect(decodeFrame(bytes, { unknownFields: "drop" })).toStrictEqual(chat);
  });

  it("gives back a frame with arbitrary unknown fields", () => {
    const unknown = fc.record({
      no: fc.integer({ min: 1000, max: 2 ** 29 - 1 }),
      wireType: fc.constant(2),
      data: fc.constant(Uint8Array.of(2, 1, 2)),
    });
    fc.assert(
      fc.property(arbitraryFrame(), fc.array(unknown, { minLength: 1 }), (frame, $unknown) => {
        const whole = { ...frame, $unknown } as Frame;
        expect(decodeFrame(encodeFrame(whole)).$unknown).toEqual($unknown);
      }),
    );
  });

  it("takes no bytes for a frame without a body", () => {
    const frame = decodeFrame(new Uint8Array());
    expect(frame.body.case).toBe(undefined);
    expect(encodeFrame(frame).length).toBe(0);
  });

  it("merges a body that comes twice, and lets a later one replace an earlier one", () => {
    const two = (a: Frame, b: Frame): Frame =>
      parseFrame(Uint8Array.from([...toBinary(FrameSchema, a), ...toBinary(FrameSchema, b)]));
    expect(two(createFrame("gap", { room: 1, first: 2n }), createFrame("gap", { last: 3n }))).toStrictEqual(
      createFrame("gap", { room: 1, first: 2n, last: 3n }),
    );
    expect(two(createFrame("gap", { room: 1 }), createFrame("ping", { timeMs: 1n }))).toStrictEqual(
      createFrame("ping", { timeMs: 1n }),
    );
  });

  it("takes repeated numbers packed and one by one", () => {
    const ack = createFrame("ack", { room: 1, firstSeq: 1n, offsetDeltas: [300n, 1n], timeDeltas: [5n, 0n] });
    const mixed = Uint8Array.of(0x1a, 13, 0x08, 1, 0x10, 1, 0x18, 0xac, 0x02, 0x1a, 1, 1, 0x22, 2, 5, 0);
    expect(decodeFrame(Uint8Array.from([0x1a, mixed.length - 2, ...mixed.subarray(2)]))).toStrictEqual(ack);
  });

  it("takes a known field with another wire type for an unknown one, at any depth", () => {
    // chat { room: 3 as a string; offset: 5; id; content { text: group {}; headers { key: 7; value: "v" } } }, ping: 5, ref: 9
    const entry = [0x08, 0x07, 0x12, 0x01, 0x76];
    const content = [0x0b, 0x0c, 0x22, entry.length, ...entry];
    const body = [0x0a, 0x01, 0x33, 0x10, 0x05, 0x2a, 16, ...id, 0x32, content.length, ...content];
    const bytes = Uint8Array.from([0x0a, body.length, ...body, 0x48, 0x05, 0x70, 0x09]);
    const frame = createFrame("chat", { offset: 5n, id, content: { headers: { "": "v" } } }, { ref: 9 });
    expect(parseFrame(bytes, { unknownFields: "drop" })).toStrictEqual(frame);
    expect(encodeFrame(parseFrame(Uint8Array.of(0x48, 0x05, 0x70, 0x09)))).toEqual(Uint8Array.of(0x70, 0x09, 0x48, 0x05));
    expect(errorOf(() => decodeFrame(bytes))).toMatchObject({ code: "FIELD_INVALID", field: "chat.content.headers" });
  });

  it("reads the low 32 bits of a 32-bit field, and a bool from all 64", () => {
    const ref = [0x70, 0x85, 0x80, 0x80, 0x80, 0x30];
    const must = [0x78, 0x80, 0x80, 0x80, 0x80, 0x10];
    expect(decodeFrame(Uint8Array.from([...ref, ...must]))).toMatchObject({ ref: 5, mustUnderstand: true });
  });

  it("keeps header keys that mean something to JavaScript", () => {
    const headers = Object.fromEntries([
      ["__proto__", "a"],
      ["constructor", "b"],
    ]);
    const frame = createFrame("signal", { name: "x", content: { headers } });
    const again = decodeFrame(encodeFrame(frame)) as typeof frame;
    expect(Object.entries(again.body.value.content?.headers ?? {})).toEqual([
      ["__proto__", "a"],
      ["constructor", "b"],
    ]);
    expect(({} as Record<string, unknown>)["a"]).toBe(undefined);
  });

  it("gives bytes as views into the input", () => {
    const bytes = encodeFrame(chat);
    const decoded = decodeFrame(bytes) as typeof chat;
    expect(decoded.body.value.id.buffer).toBe(bytes.buffer);
  });

  it.each([
    ["half of a surrogate pair", createFrame("signal", { name: "a\ud800" }), "signal.name"],
    [
      "half of a surrogate pair in text without bounds",
      createFrame("signal", { name: "a", content: { body: { case: "text", value: "\udc00" } } }),
      "signal.content.text",
    ],
    [
      "half of a surrogate pair in a key",
      createFrame("signal", { name: "a", content: { headers: { "\ud800": "" } } }),
      "signal.content.headers",
    ],
    ["a handle of 0", createFrame("leave", { room: 0 }), "leave.room"],
    ["a handle of more than 32 bits", createFrame("leave", { room: 2 ** 32 }), undefined],
    ["a ref that is no integer", createFrame("leave", { room: 1 }, { ref: 1.5 }), undefined],
    ["an integer above 2^53-1", createFrame("ping", { timeMs: 2n ** 53n }), "ping.time_ms"],
    ["a published tombstone", createFrame("publish", { room: 1, seq: 1n, id, kind: ChatKind.TOMBSTONE }), "publish.kind"],
  ])("does not encode %s", (_, frame, field) => {
    expect(errorOf(() => encodeFrame(frame))).toMatchObject({ code: "FIELD_INVALID", origin: "local", field });
  });

  it("checks the frames inside a batch one by one", () => {
    const batch = createFrame("batch", { frames: [chat, createFrame("leave", {})] });
    expect(checkFrame(batch)).toBe(undefined);
    const bytes = toBinary(FrameSchema, batch);
    expect(errorOf(() => decodeFrame(bytes))).toMatchObject({
      code: "FIELD_INVALID",
      origin: "remote",
      field: "batch.frames[1].leave.room",
    });
    const inner = (parseFrame(bytes).body.value as Batch).frames;
    expect(inner.map((frame) => checkFrame(frame)?.field)).toEqual([undefined, "leave.room"]);
  });

  it("refuses a batch inside a batch", () => {
    const nested = createFrame("batch", { frames: [chat, createFrame("batch", {})] });
    expect(errorOf(() => encodeFrame(nested))).toMatchObject({
      code: "BATCH_NESTED",
      origin: "local",
      field: "batch.frames[1].batch",
    });
    expect(errorOf(() => decodeFrame(toBinary(FrameSchema, nested)))).toMatchObject({ code: "BATCH_NESTED", origin: "remote" });
  });

  it("encodes nothing that the same limits would refuse to decode", () => {
    const bytes = encodeFrame(chat);
    for (const limits of [{ frameBytes: bytes.length - 1 }, { elements: 5 }, { depth: 2 }]) {
      const code = errorOf(() => decodeFrame(bytes, limits)).code;
      expect(errorOf(() => encodeFrame(chat, limits))).toMatchObject({ code, origin: "local" });
    }
    const limits = { ...defaultDecodeLimits, frameBytes: bytes.length, elements: 6, depth: 3 };
    expect(decodeFrame(encodeFrame(chat, limits), limits)).toStrictEqual(chat);
  });

  it("measures a Content and a Publish by themselves", () => {
    const publish = createFrame("publish", { room: 1, seq: 1n, id, content: { body: { case: "text", value: "é".repeat(100) } } })
      .body.value;
    expect(encodedSize(publish.content as NonNullable<typeof publish.content>)).toBe(203);
    expect(encodedSize(publish)).toBe(203 + 3 + 2 + 2 + 18);
  });
});

/** Many frames in one batch, whatever the limits. */
function encodeUnlimited(frames: readonly Frame[]): Uint8Array {
  return toBinary(FrameSchema, create(FrameSchema, { body: { case: "batch", value: { frames: [...frames] } } }));
}

function decodeUnlimited(bytes: Uint8Array): Frame[] {
  return (fromBinary(FrameSchema, bytes).body.value as Batch).frames;
}
