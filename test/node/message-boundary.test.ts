/** Whether a message has begun and not ended (TRN-11), however the bytes are cut. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { MessageBoundary } from "../../src/node/message-boundary.ts";

interface WsFrame {
  readonly final: boolean;
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** RFC 6455, 5.2; masked, as clients write. */
function bytesOf({ final, opcode, payload }: WsFrame): number[] {
  const n = payload.length;
  const length =
    n < 126 ? [n] : n < 65536 ? [126, n >> 8, n & 255] : [127, 0, 0, 0, 0, n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255];
  return [(final ? 0x80 : 0) | opcode, 0x80 | (length[0] ?? 0), ...length.slice(1), 1, 2, 3, 4, ...payload];
}

const payload = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  fc.constantFrom(125, 126, 127, 300, 65535, 65536).map((length) => new Uint8Array(length).fill(0x81)),
);
const control: fc.Arbitrary<WsFrame> = fc.record({
  final: fc.constant(true),
  opcode: fc.constantFrom(8, 9, 10),
  payload: fc.uint8Array({ maxLength: 20 }),
});
/** A message in one or more fragments, with control frames between them. */
const message: fc.Arbitrary<WsFrame[]> = fc
  .tuple(fc.constantFrom(1, 2), fc.array(fc.tuple(payload, fc.array(control, { maxLength: 1 })), { minLength: 1, maxLength: 4 }))
  .map(([opcode, parts]) =>
    parts.flatMap(([payload, between], index): WsFrame[] => {
      const final = index === parts.length - 1;
      return [{ final, opcode: index === 0 ? opcode : 0, payload }, ...(final ? [] : between)];
    }),
  );

test("any cutting of any messages: inside exactly between the first and the last byte of one", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), fc.array(fc.integer({ min: 1, max: 70_000 })), (messages, cuts) => {
      const boundary = new MessageBoundary();
      let next = 0;
      for (const [index, frames] of messages.entries()) {
        const bytes = Uint8Array.from(frames.flatMap(bytesOf));
        for (let at = 0; at < bytes.length; ) {
          const size = cuts[next++ % Math.max(1, cuts.length)] ?? 1;
          boundary.push(bytes.subarray(at, at + size));
          at += size;
          expect(boundary.isInside).toBe(at < bytes.length);
          expect(boundary.ended).toBe(at < bytes.length ? index : index + 1);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("a control frame is no message", () => {
  const boundary = new MessageBoundary();
  boundary.push(Uint8Array.of(0x89, 0x85, 1, 2));
  expect(boundary.isInside).toBe(false);
  boundary.push(Uint8Array.of(3, 4, 5, 6, 7, 8, 9));
  expect(boundary).toMatchObject({ isInside: false, ended: 0 });
});
