/** Ids ascend strictly under any clock (MID-1); their forms are those of RFC 9562, checked against test/vectors/message-id.json. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compareMessageIds,
  formatMessageId,
  isMessageId,
  MessageIdGenerator,
  messageIdKey,
  messageIdOfKey,
  messageIdTime,
  parseMessageId,
} from "../../src/delivery/message-id.ts";
import { ProtocolError, UsageError } from "../../src/errors.ts";
import vectors from "../vectors/message-id.json" with { type: "json" };

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const fill = (value: number) => (into: Uint8Array) => void into.fill(value);
const last = 2 ** 48 - 1;

const anyId = fc.uint8Array({ minLength: 16, maxLength: 16 });
/** A v7 id: any bytes with version and variant set. */
const messageId = anyId.map((id) => {
  id[6] = 0x70 | ((id[6] ?? 0) & 0x0f);
  id[8] = 0x80 | ((id[8] ?? 0) & 0x3f);
  return id;
});
const hostileClock = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_003 }),
  fc.double(),
  fc.constantFrom(0, -0, -1, 0.5, 2 ** 31, 2 ** 32, last - 1, last, last + 1, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE),
);
const randomness = fc.oneof(
  fc.constantFrom(fill(0), fill(0xff)),
  fc.infiniteStream(fc.integer({ min: 0, max: 255 })).map((stream) => (into: Uint8Array) => {
    for (let i = 0; i < into.length; i++) into[i] = stream.next().value;
  }),
);

describe("MessageIdGenerator", () => {
  test("ids ascend strictly and are ids, whatever clock and randomness say (MID-1)", () => {
    fc.assert(
      fc.property(fc.array(hostileClock, { minLength: 2, maxLength: 50 }), randomness, (clock, random) => {
        const ids = new MessageIdGenerator(random);
        let previous: Uint8Array | undefined;
        let highest = 0;
        for (const nowMs of clock) {
          let id: Uint8Array;
          try {
            id = ids.next(nowMs);
          } catch (error) {
            // The one way out, and only at the very end.
            expect(error).toMatchObject({ code: "COUNTER_EXHAUSTED" });
            expect(messageIdTime(previous ?? new Uint8Array())).toBe(last);
            return;
          }
          expect(isMessageId(id)).toBe(true);
          if (previous !== undefined) expect(compareMessageIds(previous, id)).toBeLessThan(0);
          if (nowMs >= 0 && nowMs <= last) highest = Math.max(highest, Math.floor(nowMs));
          expect(messageIdTime(id)).toBeGreaterThanOrEqual(highest);
          previous = id;
        }
      }),
    );
  });

  test("a clock that goes forward is told to the ms", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: last })), randomness, (times, random) => {
        const ids = new MessageIdGenerator(random);
        for (const nowMs of times.sort((a, b) => a - b)) expect(messageIdTime(ids.next(nowMs))).toBe(nowMs);
      }),
    );
  });

  test("the example of RFC 9562 A.6 comes out for its time and randomness, wherever version and variant stand in that", () => {
    const [rfc] = vectors.ids;
    for (const noise of [0x00, 0xf0]) {
      const random = bytes(rfc?.hex ?? "").subarray(6);
      random[0] = noise | ((random[0] ?? 0) & 0x0f);
      random[2] = (noise & 0xc0) | ((random[2] ?? 0) & 0x3f);
      const ids = new MessageIdGenerator((into) => into.set(random));
      expect(formatMessageId(ids.next(rfc?.timeMs ?? 0))).toBe(rfc?.text);
    }
  });

  test("within one ms the counter goes up by one, through every byte of it", () => {
    // The counter starts at 0x00ffffff: the next carries into the byte beside the version.
    const seed = bytes("000fbffffc0000000000");
    const ids = new MessageIdGenerator((into) => into.set(seed));
    expect(formatMessageId(ids.next(5))).toBe("00000000-0005-700f-bfff-fc0000000000");
    expect(formatMessageId(ids.next(5))).toBe("00000000-0005-7010-8000-000000000000");
    expect(formatMessageId(ids.next(4))).toBe("00000000-0005-7010-8000-040000000000");
  });

  test("a counter that is full moves the time on and starts anew", () => {
    let value = 0xff;
    const ids = new MessageIdGenerator((into) => void into.fill(value));
    expect(formatMessageId(ids.next(1000))).toBe("00000000-03e8-7fff-bfff-ffffffffffff");
    value = 0;
    expect(formatMessageId(ids.next(1000))).toBe("00000000-03e9-7000-8000-000000000000");
    expect(formatMessageId(ids.next(1000))).toBe("00000000-03e9-7000-8000-040000000000");
  });

  test("at the end of time and counter the generator refuses and stays where it is", () => {
    const ids = new MessageIdGenerator(fill(0xff));
    expect(formatMessageId(ids.next(last))).toBe("ffffffff-ffff-7fff-bfff-ffffffffffff");
    for (let i = 0; i < 2; i++) expect(() => ids.next(last)).toThrow(expect.objectContaining({ code: "COUNTER_EXHAUSTED" }));
    expect(() => ids.next(last)).toThrow(UsageError);
  });

  test("randomness that throws changes nothing", () => {
    let broken = false;
    const ids = new MessageIdGenerator((into) => {
      if (broken) throw new Error("no entropy");
      into.fill(0);
    });
    ids.next(7);
    broken = true;
    expect(() => ids.next(9)).toThrow("no entropy");
    broken = false;
    expect(formatMessageId(ids.next(7))).toBe("00000000-0007-7000-8000-040000000000");
  });
});

describe("forms", () => {
  test("text and back gives the same id, key and back too, whatever the 16 bytes are (MID-1, MID-5)", () => {
    fc.assert(
      fc.property(anyId, (id) => {
        expect(parseMessageId(formatMessageId(id))).toEqual(id);
        expect(messageIdOfKey(messageIdKey(id))).toEqual(id);
      }),
    );
  });

  test("bytes, text and key sort alike, and keys are equal for equal ids only", () => {
    // Few values, so that ids share beginnings.
    const near = fc
      .array(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), { minLength: 16, maxLength: 16 })
      .map((id) => new Uint8Array(id));
    const sharesStart = fc
      .tuple(near, fc.nat(16), near)
      .map(([a, n, b]) => [a, new Uint8Array([...a.slice(0, n), ...b.slice(n)])]);
    fc.assert(
      fc.property(sharesStart, ([a = new Uint8Array(16), b = new Uint8Array(16)]) => {
        const sign = Math.sign(Buffer.compare(a, b));
        expect(Math.sign(compareMessageIds(a, b))).toBe(sign);
        expect(formatMessageId(a) < formatMessageId(b)).toBe(sign < 0);
        expect(messageIdKey(a) === messageIdKey(b)).toBe(sign === 0);
      }),
    );
  });

  test("any text is an id or FIELD_INVALID", () => {
    const nearlyIds = messageId
      .map(formatMessageId)
      .chain((text) =>
        fc
          .tuple(fc.nat(36), fc.nat(2), fc.string({ maxLength: 2 }))
          .map(([at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut)),
      );
    fc.assert(
      fc.property(fc.oneof(nearlyIds, fc.string()), (text) => {
        try {
          expect(formatMessageId(parseMessageId(text))).toBe(text.toLowerCase());
        } catch (error) {
          expect(error).toMatchObject({ code: "FIELD_INVALID" });
        }
      }),
    );
  });

  test.each(vectors.ids)("vector: $name", ({ text, hex, timeMs }) => {
    const id = bytes(hex);
    expect(isMessageId(id)).toBe(true);
    expect(formatMessageId(id)).toBe(text);
    expect(parseMessageId(text)).toEqual(id);
    expect(messageIdTime(id)).toBe(timeMs);
  });

  test.each(vectors.texts)("vector: $name is read", ({ text, hex }) => {
    expect(parseMessageId(text)).toEqual(bytes(hex));
  });

  test.each(vectors.invalidTexts)("vector: $name is refused", ({ text, code }) => {
    expect(() => parseMessageId(text)).toThrow(ProtocolError);
    expect(() => parseMessageId(text)).toThrow(expect.objectContaining({ code, origin: "local" }));
  });

  test.each(vectors.notIds)("vector: $name is no UUIDv7", ({ hex, code }) => {
    const id = bytes(hex);
    expect(isMessageId(id)).toBe(false);
    expect(() => messageIdTime(id)).toThrow(expect.objectContaining({ code }));
    if (id.length === 16) {
      expect(formatMessageId(id).replaceAll("-", "")).toBe(hex);
    } else {
      expect(() => formatMessageId(id)).toThrow(expect.objectContaining({ code }));
      expect(() => messageIdKey(id)).toThrow(expect.objectContaining({ code }));
    }
  });

  test("a shorter array that begins alike sorts first", () => {
    expect(compareMessageIds(bytes("0102"), bytes("010200"))).toBeLessThan(0);
    expect(compareMessageIds(bytes("0103"), bytes("010200"))).toBeGreaterThan(0);
  });

  test("a key lets go of the frame that the id was a view of", () => {
    const frame = new Uint8Array(100).fill(1);
    const key = messageIdKey(frame.subarray(10, 26));
    frame.fill(2);
    expect(messageIdOfKey(key)).toEqual(new Uint8Array(16).fill(1));
  });
});
