/** Frames as they stand on the wire are those that `ws` reads; what goes to many is made once. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { Framing } from "../../src/node/ws-frames.ts";

test("are as RFC 6455 has them, at each edge of a length", () => {
  const head = (length: number) => [...new Framing().frame(new Uint8Array(length)).subarray(0, 10)];
  expect(head(0)).toEqual([0x82, 0]);
  expect(head(125).slice(0, 2)).toEqual([0x82, 125]);
  expect(head(126).slice(0, 4)).toEqual([0x82, 126, 0, 126]);
  expect(head(0xffff).slice(0, 4)).toEqual([0x82, 126, 0xff, 0xff]);
  expect(head(0x10000)).toEqual([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
  expect([...new Framing().frame("é")]).toEqual([0x81, 2, 0xc3, 0xa9]);
});

test("hold their messages, whatever they are, one after the other", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: "grapheme" })), { minLength: 1 }),
      (messages) => {
        const framing = new Framing();
        const joined = framing.join(messages.map((message) => framing.frame(message)));
        const found: (string | Uint8Array)[] = [];
        for (let at = 0; at < joined.length; ) {
          let length = joined[at + 1] ?? 0;
          let head = 2;
          if (length === 126) {
            length = joined.readUInt16BE(at + 2);
            head = 4;
          }
          const payload = joined.subarray(at + head, at + head + length);
          found.push(joined[at] === 0x81 ? payload.toString() : new Uint8Array(payload));
          at += head + length;
        }
        expect(found).toEqual(messages);
      },
    ),
  );
});

test("are made once for all that get the same", () => {
  const framing = new Framing();
  const [one, two] = [new Uint8Array(3), new Uint8Array(4)];
  expect(framing.frame(one)).toBe(framing.frame(one));
  const run = [framing.frame(one), framing.frame(two)];
  expect(framing.join([...run])).toBe(framing.join([...run]));
  expect(framing.join(run)).not.toBe(framing.join([...run].reverse()));
  const only = framing.frame(two);
  expect(framing.join([only])).toBe(only);
});
