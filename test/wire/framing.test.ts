import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ProtocolError } from "../../src/errors.ts";
import { DelimitedDecoder, encodeDelimited } from "../../src/wire/framing.ts";
import { codeOf, errorOf } from "../support/errors.ts";

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** What comes out of a stream that is cut at these places: its frames, then the error that ends it, if any. */
function run(
  stream: Uint8Array,
  cuts: readonly number[],
  maxFrameBytes: number,
): { frames: Uint8Array[]; error?: string; at?: number | undefined } {
  const decoder = new DelimitedDecoder(maxFrameBytes);
  const frames: Uint8Array[] = [];
  try {
    let from = 0;
    for (const cut of [...cuts.map((each) => each % (stream.length + 1)).sort((a, b) => a - b), stream.length]) {
      decoder.push(stream.subarray(from, cut));
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
      from = cut;
    }
    decoder.end();
    return { frames };
  } catch (error) {
    return { frames, error: (error as ProtocolError).code, at: (error as ProtocolError).at };
  }
}

const frame = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 100, maxLength: 300 }) },
);

describe("framing", () => {
  it("gives the same frames however the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat()), (frames, cuts) => {
        expect(run(concat(frames.map(encodeDelimited)), cuts, 300)).toEqual({ frames });
      }),
    );
  });

  it("ends any bytes in the same frames and the same error however they are cut", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.array(fc.nat()), (stream, cuts) => {
        expect(run(stream, cuts, 20)).toEqual(run(stream, [], 20));
      }),
      { numRuns: 500 },
    );
  });

  it("takes a stream byte by byte, in time linear in its length", () => {
    const big = new Uint8Array(1024 * 1024).map((_, i) => i);
    const decoder = new DelimitedDecoder(big.length);
    for (const byte of encodeDelimited(big)) {
      // Not expect(): a million calls of it take seconds.
      if (decoder.next() !== undefined) throw new Error("a frame before its end");
      decoder.push(Uint8Array.of(byte));
    }
    expect(Buffer.compare(decoder.next() as Uint8Array, big)).toBe(0);
    decoder.end();
  });

  it("takes many chunks before the first frame is asked for", () => {
    const decoder = new DelimitedDecoder();
    for (let i = 0; i < 200_000; i++) decoder.push(Uint8Array.of(1, i & 0xff));
    for (let i = 0; i < 200_000; i++) if (decoder.next()?.[0] !== (i & 0xff)) throw new Error(`frame ${i} is another`);
    decoder.end();
  });

  it("keeps nothing when one frame is taken for each chunk pushed", () => {
    const decoder = new DelimitedDecoder();
    decoder.push(Uint8Array.of(0));
    for (let i = 0; i < 10_000; i++) {
      decoder.push(Uint8Array.of(1, i & 0xff));
      expect(decoder.next()?.length).toBe(i === 0 ? 0 : 1);
    }
  });

  it("gives frames that do not change with the chunk they came from, and are plain Uint8Arrays", () => {
    const chunk = Buffer.from([2, 7, 8]);
    const decoder = new DelimitedDecoder();
    decoder.push(chunk);
    const frame = decoder.next();
    chunk.fill(0);
    expect(frame).toStrictEqual(Uint8Array.of(7, 8));
  });

  it("accepts the longest frame and refuses one byte more, before it has come", () => {
    expect(run(encodeDelimited(new Uint8Array(300)), [], 300).frames.length).toBe(1);
    expect(run(Uint8Array.of(0, 0xad, 0x02), [], 300)).toEqual({ frames: [new Uint8Array()], error: "FRAME_TOO_LARGE", at: 1 });
  });

  it.each([
    ["a length cut off", [0x80], "FRAME_TRUNCATED"],
    ["a frame cut off", [0x03, 0x01], "FRAME_TRUNCATED"],
    ["an overlong length", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80], "VARINT_OVERLONG"],
    ["a length of more than 64 bits", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02], "VARINT_OVERLONG"],
    ["the longest length", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "FRAME_TOO_LARGE"],
  ])("refuses %s", (_, bytes, error) => {
    expect(run(Uint8Array.from(bytes), [], 300)).toEqual({ frames: [], error, at: 0 });
  });

  it("takes a length that is longer than needed", () => {
    expect(run(Uint8Array.of(0x81, 0x80, 0x00, 0x05), [], 300)).toEqual({ frames: [Uint8Array.of(5)] });
  });

  it("stays failed, with the same error", () => {
    const decoder = new DelimitedDecoder(10);
    decoder.push(Uint8Array.of(11));
    const error = errorOf(() => decoder.next());
    expect(error).toMatchObject({ code: "FRAME_TOO_LARGE", origin: "remote" });
    expect(errorOf(() => decoder.push(Uint8Array.of(0)))).toBe(error);
    expect(errorOf(() => decoder.next())).toBe(error);
    expect(errorOf(() => decoder.end())).toBe(error);
  });

  it("stays failed after an end inside a frame", () => {
    const decoder = new DelimitedDecoder();
    decoder.push(Uint8Array.of(1));
    expect(decoder.next()).toBe(undefined);
    expect(codeOf(() => decoder.end())).toBe("FRAME_TRUNCATED");
    expect(codeOf(() => decoder.push(Uint8Array.of(1)))).toBe("FRAME_TRUNCATED");
  });
});
