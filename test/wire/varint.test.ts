import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readVarint, varintSize, writeVarint } from "../../src/wire/varint.ts";
import { codeOf, errorOf } from "../support/errors.ts";

const max = Number.MAX_SAFE_INTEGER;
const value = fc.oneof(
  fc.maxSafeNat(),
  fc.nat({ max: 300 }),
  fc.integer({ min: 0, max: 52 }).map((bit) => 2 ** bit),
);

describe("varint", () => {
  it("reads back what it writes, at any place, in the bytes that it announces", () => {
    fc.assert(
      fc.property(value, fc.nat({ max: 5 }), (value, at) => {
        const bytes = new Uint8Array(20).fill(0xaa);
        const end = writeVarint(value, bytes, at);
        expect(end - at).toBe(varintSize(value));
        expect(bytes.subarray(0, at).every((byte) => byte === 0xaa)).toBe(true);
        expect(bytes.subarray(end).every((byte) => byte === 0xaa)).toBe(true);
        const cursor = { pos: at };
        expect(readVarint(bytes, cursor)).toBe(value);
        expect(cursor.pos).toBe(end);
      }),
    );
  });

  it.each([
    [0, [0x00]],
    [127, [0x7f]],
    [128, [0x80, 0x01]],
    [16_383, [0xff, 0x7f]],
    [16_384, [0x80, 0x80, 0x01]],
    [2 ** 32 - 1, [0xff, 0xff, 0xff, 0xff, 0x0f]],
    [2 ** 32, [0x80, 0x80, 0x80, 0x80, 0x10]],
    [max, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])("writes %d with the fewest bytes", (value, expected) => {
    const bytes = new Uint8Array(expected.length);
    expect(writeVarint(value, bytes, 0)).toBe(expected.length);
    expect([...bytes]).toEqual(expected);
  });

  it("reads varints that are longer than needed, up to 10 bytes", () => {
    expect(readVarint(Uint8Array.of(0x85, 0x80, 0x00), { pos: 0 })).toBe(5);
    expect(readVarint(Uint8Array.of(0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00), { pos: 0 })).toBe(1);
  });

  it.each([
    ["FRAME_TRUNCATED", []],
    ["FRAME_TRUNCATED", [0x80]],
    ["FRAME_TRUNCATED", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ["VARINT_OVERLONG", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]],
    ["VARINT_OVERLONG", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ["VARINT_OVERLONG", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02]],
    ["INTEGER_RANGE", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ["INTEGER_RANGE", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
  ])("refuses with %s: %j", (code, bytes) => {
    const error = errorOf(() => readVarint(Uint8Array.of(0x00, ...bytes), { pos: 1 }));
    expect(error).toMatchObject({ code, origin: "remote", at: 1 });
  });

  it("does not read past the given end", () => {
    expect(codeOf(() => readVarint(Uint8Array.of(0x80, 0x01), { pos: 0 }, 1))).toBe("FRAME_TRUNCATED");
  });

  it.each([-1, 1.5, max + 1, Number.NaN, Number.POSITIVE_INFINITY])("does not write %d", (value) => {
    expect(errorOf(() => writeVarint(value, new Uint8Array(20), 0))).toMatchObject({ code: "INTEGER_RANGE", origin: "local" });
    expect(codeOf(() => varintSize(value))).toBe("INTEGER_RANGE");
  });

  it("does not write past the end", () => {
    const bytes = new Uint8Array(1);
    expect(() => writeVarint(128, bytes, 0)).toThrow(RangeError);
    expect([...bytes]).toEqual([0]);
  });
});
