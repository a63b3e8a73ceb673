import { toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ErrorCodeName, ProtocolError } from "../../src/errors.ts";
import { decodeFrame, encodeFrame, FrameSchema, parseFrame } from "../../src/wire/codec.ts";
import { DelimitedDecoder, encodeDelimited } from "../../src/wire/framing.ts";
import { errorOf } from "../support/errors.ts";
import { arbitraryFrame } from "../support/frames.ts";
import { protocAccepts, protocReadings } from "../support/protoc.ts";

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

/** The bytes of a frame with a few bytes changed, cut out, put in or said twice. */
const mutated = fc
  .tuple(
    arbitraryFrame().map((frame) => [...encodeFrame(frame)]),
    fc.array(
      fc.tuple(fc.nat(), fc.constantFrom("set", "insert", "remove", "repeat", "cut"), fc.nat({ max: 8 }), interestingByte()),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
  )
  .map(([frame, changes]) => {
    for (const [where, change, count, byte] of changes) {
      const at = where % (frame.length + 1);
      if (change === "set") frame.splice(at, 1, byte);
      else if (change === "insert") frame.splice(at, 0, ...new Array<number>(count).fill(byte));
      else if (change === "remove") frame.splice(at, count);
      else if (change === "repeat") frame.splice(at, 0, ...frame.slice(at, at + 4 * count));
      else frame.length = at;
    }
    return Uint8Array.from(frame);
  });

/** Fields with any of the small numbers and any wire type, within each other: mostly well-formed, often of another type than the schema's. */
const anyFields: fc.Arbitrary<number[]> = fc.letrec<{ fields: number[]; field: number[] }>((tie) => {
  const number = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 31 }));
  const tag = (number: number, wire: number): number[] =>
    number < 16 ? [(number << 3) | wire] : [((number & 15) << 3) | wire | 0x80, number >> 4];
  const of = (wire: number, value: fc.Arbitrary<number[]>): fc.Arbitrary<number[]> =>
    fc.tuple(number, value).map(([number, value]) => [...tag(number, wire), ...value]);
  const sized = (value: fc.Arbitrary<number[]>): fc.Arbitrary<number[]> =>
    value.map((bytes) => [...encodeDelimited(Uint8Array.from(bytes))]);
  const bytes = (length: number): fc.Arbitrary<number[]> =>
    fc.array(fc.nat({ max: 127 }), { minLength: length, maxLength: length });
  return {
    field: fc.oneof(
      { maxDepth: 5, depthSize: "large" },
      of(
        0,
        fc.constantFrom(
          [0],
          [1],
          [5],
          [0x80, 0x01],
          [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
          [0x80, 0x80, 0x80, 0x80, 0x10],
        ),
      ),
      of(2, sized(fc.array(fc.nat({ max: 127 }), { maxLength: 4 }))),
      of(1, bytes(8)),
      of(5, bytes(4)),
      of(2, sized(tie("fields"))),
      of(2, sized(tie("fields"))),
      fc.tuple(number, tie("fields")).map(([number, fields]) => [...tag(number, 3), ...fields, ...tag(number, 4)]),
    ),
    fields: fc.array(tie("field"), { maxLength: 5 }).map((fields) => fields.flat()),
  };
}).fields;

function interestingByte(): fc.Arbitrary<number> {
  return fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0x00, 0x01, 0x0b, 0x0c, 0x7f, 0x80, 0xc0, 0xed, 0xff));
}

describe("scan", () => {
  it.each<[comment: string, code: ErrorCodeName, hex: string, at: number, field?: string]>([
    ["a tag cut off", "FRAME_TRUNCATED", "f0 80", 0],
    ["a varint cut off", "FRAME_TRUNCATED", "70 80", 1, "ref"],
    ["a length past the end", "FRAME_TRUNCATED", "4a 01", 1, "ping"],
    ["a length past the end of the message around it", "FRAME_TRUNCATED", "2a 03 1a 05 61 70 01", 3, "signal.name"],
    ["a varint past the end of the message around it", "FRAME_TRUNCATED", "4a 02 08 80 01", 3, "ping.time_ms"],
    ["a packed element past the end of its list", "FRAME_TRUNCATED", "1a 04 1a 02 01 80 01", 5, "ack.offset_deltas"],
    ["an unknown 8-byte field cut off", "FRAME_TRUNCATED", "c1 3e 00", 2],
    ["an unknown 4-byte field cut off", "FRAME_TRUNCATED", "c5 3e 00", 2],
    ["a varint of 11 bytes", "VARINT_OVERLONG", "70 80 80 80 80 80 80 80 80 80 80 00", 1, "ref"],
    ["a varint of more than 64 bits", "VARINT_OVERLONG", "70 80 80 80 80 80 80 80 80 80 02", 1, "ref"],
    ["an unknown varint of more than 64 bits", "VARINT_OVERLONG", "c0 3e ff ff ff ff ff ff ff ff ff 7f", 2],
    ["a length of more than 64 bits", "VARINT_OVERLONG", "4a 80 80 80 80 80 80 80 80 80 02", 1, "ping"],
    ["field number 0", "TAG_INVALID", "00", 0],
    ["field number 0 in a message", "TAG_INVALID", "4a 02 02 00", 2, "ping"],
    ["wire type 6", "TAG_INVALID", "0e", 0],
    ["wire type 7", "TAG_INVALID", "0f", 0],
    ["a tag of 6 bytes", "TAG_INVALID", "f0 80 80 80 80 00 01", 0],
    ["a tag of more than 32 bits", "TAG_INVALID", "f0 80 80 80 10 01", 0],
    ["the end of no group", "GROUP_UNBALANCED", "0c", 0, "chat"],
    ["the end of another group", "GROUP_UNBALANCED", "c3 3e cc 3e", 2],
    ["a group without end", "GROUP_UNBALANCED", "c3 3e 70 01", 0],
    ["a group without end in its message", "GROUP_UNBALANCED", "4a 02 c3 3e c4 3e", 2, "ping"],
    ["text cut inside a character", "UTF8_INVALID", "2a 04 1a 02 61 c3", 5, "signal.name"],
    ["text with a surrogate", "UTF8_INVALID", "2a 05 1a 03 ed a0 80", 4, "signal.name"],
    ["text with an overlong form", "UTF8_INVALID", "2a 04 1a 02 c0 80", 4, "signal.name"],
    ["text above U+10FFFF", "UTF8_INVALID", "2a 06 1a 04 f4 90 80 80", 4, "signal.name"],
    ["a key that is not UTF-8", "UTF8_INVALID", "2a 07 22 05 22 03 0a 01 80", 8, "signal.content.headers.key"],
    ["2^53", "INTEGER_RANGE", "4a 09 08 80 80 80 80 80 80 80 10", 3, "ping.time_ms"],
    ["2^64-1", "INTEGER_RANGE", "4a 0b 08 ff ff ff ff ff ff ff ff ff 01", 3, "ping.time_ms"],
    ["2^53 in a list", "INTEGER_RANGE", "1a 0a 22 08 80 80 80 80 80 80 80 10", 4, "ack.time_deltas"],
  ])("refuses %s", (_, code, hex, at, field) => {
    expect(errorOf(() => parseFrame(bytes(hex)))).toMatchObject({ code, origin: "remote", at, field });
  });

  it.each([
    ["a varint of 10 bytes", "70 81 80 80 80 80 80 80 80 80 00"],
    ["a length of 10 bytes", "4a 80 80 80 80 80 80 80 80 80 00"],
    ["a tag of 5 bytes", "f0 80 80 80 00 01"],
    ["the largest tag", "fa ff ff ff 0f 00"],
    ["a negative enum value", "6a 0b 08 ff ff ff ff ff ff ff ff ff 01"],
    ["groups", "c3 3e cb 3e 70 01 cc 3e c5 3e 00 00 00 00 c4 3e"],
    ["2^53-1", "4a 09 08 ff ff ff ff ff ff ff 0f"],
  ])("accepts %s", (_, hex) => {
    parseFrame(bytes(hex));
  });

  it("counts the frame as depth 1, and each message, map entry and group below as one more", () => {
    const entry = bytes("2a 06 22 04 22 02 0a 00");
    expect(parseFrame(entry, { depth: 4 }).body.case).toBe("signal");
    expect(errorOf(() => parseFrame(entry, { depth: 3 }))).toMatchObject({
      code: "DEPTH_EXCEEDED",
      at: 4,
      field: "signal.content.headers",
    });
    const group = bytes("c3 3e cb 3e cc 3e c4 3e");
    parseFrame(group, { depth: 3 });
    expect(errorOf(() => parseFrame(group, { depth: 2 }))).toMatchObject({ code: "DEPTH_EXCEEDED", at: 2 });
  });

  it("counts every tag and every packed element", () => {
    const ack = bytes("1a 07 08 01 1a 03 01 02 03 c3 3e c4 3e");
    parseFrame(ack, { elements: 8 });
    expect(errorOf(() => parseFrame(ack, { elements: 7 }))).toMatchObject({ code: "ELEMENTS_EXCEEDED", at: 11 });
    expect(errorOf(() => parseFrame(ack, { elements: 4 }))).toMatchObject({
      code: "ELEMENTS_EXCEEDED",
      at: 7,
      field: "ack.offset_deltas",
    });
  });

  it("counts the bytes of the frame", () => {
    parseFrame(bytes("70 01"), { frameBytes: 2 });
    expect(errorOf(() => parseFrame(bytes("70 01"), { frameBytes: 1 }))).toMatchObject({
      code: "FRAME_TOO_LARGE",
      origin: "remote",
    });
  });

  it("ends any bytes in a frame, which comes back, or in a coded error", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          mutated,
          anyFields.map((fields) => Uint8Array.from(fields)),
        ),
        (input) => {
          const limits = { frameBytes: 1000, depth: 6, elements: 60 };
          try {
            const frame = decodeFrame(input, limits);
            expect(input.length <= limits.frameBytes).toBe(true);
            expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
            expect((error as ProtocolError).origin).toBe("remote");
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("agrees with protoc on which bytes are a frame, and on what they say", async () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      { weight: 5, arbitrary: mutated },
      { weight: 5, arbitrary: anyFields.map((fields) => Uint8Array.from(fields)) },
    );
    const inputs = fc.sample(any, 300);
    const ours = inputs.map((input) => tryParse(input));
    const theirs = await protocAccepts(inputs);
    const disagreed = inputs.filter(
      (input, i) => "error" in (ours[i] as Outcome) === theirs[i] && !isRuled(input, ours[i] as Outcome),
    );
    expect(disagreed.map((input) => Buffer.from(input).toString("hex"))).toEqual([]);

    const both = inputs.filter((_, i) => "again" in (ours[i] as Outcome) && theirs[i]);
    const again = ours.flatMap((each, i) => ("again" in each && theirs[i] ? [each.again] : []));
    // Not a comparison of nothing: about 120 of them are frames.
    expect(both.length).toBeGreaterThan(20);
    expect(protocReadings(again)).toEqual(protocReadings(both));
  });

  it("allocates little for what it refuses, and for what is declared and does not come", () => {
    const inputs: [ErrorCodeName, Uint8Array][] = [
      ["ELEMENTS_EXCEEDED", repeated("c0 3e 01", 1024 * 1024)],
      ["ELEMENTS_EXCEEDED", repeated("0a 00", 1024 * 1024 - 4, "32")],
      ["ELEMENTS_EXCEEDED", repeated("01", 1024 * 1024 - 8, "1a", "1a")],
      ["ELEMENTS_EXCEEDED", repeated("c3 3e c4 3e", 1024 * 1024)],
      ["DEPTH_EXCEEDED", repeated("c3 3e", 1024 * 1024)],
      ["DEPTH_EXCEEDED", nestedBatches(1000)],
      ["FRAME_TRUNCATED", bytes("0a ff ff ff ff 07")],
      ["FRAME_TOO_LARGE", new Uint8Array(1024 * 1024 + 1)],
    ];
    for (const [code, input] of inputs) expect(errorOf(() => decodeFrame(input)).code).toBe(code);
    const growth = inputs.map(([, input]) => heapGrowth(() => errorOf(() => decodeFrame(input))));
    expect(Math.max(...growth)).toBeLessThan(64 * 1024);

    const stream = bytes("ff ff ff ff 07 00 00");
    const declared = heapGrowth(() => {
      const decoder = new DelimitedDecoder(2 ** 31);
      decoder.push(stream);
      return decoder.next();
    });
    expect(declared).toBeLessThan(64 * 1024);
  });
});

type Outcome = { error: ProtocolError } | { again: Uint8Array };

/** What is made of the input: an error, or the bytes of the frame without its unknown fields. */
function tryParse(input: Uint8Array): Outcome {
  try {
    return { again: toBinary(FrameSchema, parseFrame(input, { unknownFields: "drop" })) };
  } catch (error) {
    if (error instanceof ProtocolError) return { error };
    throw error;
  }
}

/** Whether the rulings say that protoc judges otherwise. */
function isRuled(input: Uint8Array, ours: Outcome): boolean {
  // ENC-3: a length may have 10 bytes. protoc reads 5.
  if (!("error" in ours)) return /(?:[89a-f][0-9a-f]){5}/.test(Buffer.from(input).toString("hex"));
  const { code, at = 0 } = ours.error;
  switch (code) {
    case "INTEGER_RANGE":
    case "DEPTH_EXCEEDED":
    case "ELEMENTS_EXCEEDED":
      return true;
    case "VARINT_OVERLONG": {
      // protoc ignores what is above 64 bits, as long as there are no more than 10 bytes.
      const last = input[at + 9] ?? 0;
      return last > 1 && last < 0x80;
    }
    case "TAG_INVALID": {
      // protoc ignores what is above 32 bits, as long as there are no more than 5 bytes.
      const last = input[at + 4] ?? 0;
      return input.subarray(at, at + 4).every((byte) => byte >= 0x80) && last > 0x0f && last < 0x80;
    }
    default:
      return false;
  }
}

/** As many of these bytes as go into `length`, inside of messages with these one-byte tags. */
function repeated(hex: string, length: number, ...tags: string[]): Uint8Array {
  const unit = bytes(hex);
  let all = Uint8Array.from({ length: length - (length % unit.length) }, (_, i) => unit[i % unit.length] as number);
  for (const tag of tags) {
    const n = all.length;
    all = Uint8Array.from([...bytes(tag), (n & 0x7f) | 0x80, ((n >> 7) & 0x7f) | 0x80, n >> 14, ...all]);
  }
  return all;
}

function nestedBatches(depth: number): Uint8Array {
  let all: number[] = [];
  for (let i = 0; i < depth; i++) {
    for (const tag of [0x0a, 0x22]) all = [tag, (all.length & 0x7f) | 0x80, all.length >> 7, ...all];
  }
  return Uint8Array.from(all);
}

/** Bytes that `run` allocates: the median of many rounds, because the compiler and the collector work at moments of their own choosing. */
function heapGrowth(run: () => unknown): number {
  const rounds = Array.from({ length: 51 }, () => {
    const before = process.memoryUsage();
    run();
    const after = process.memoryUsage();
    return after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  });
  return rounds.sort((a, b) => a - b)[25] as number;
}
