/** Acks against models that keep a set of seqs (PUB-10, ACK-1 to ACK-5): reordered, duplicated, lost, and at the edges of 32 and 53 bits. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AckCoalescer, type AckedSeq, AckTracker, ackRunLength, expandAck } from "../../src/delivery/ack-tracker.ts";

const max = Number.MAX_SAFE_INTEGER;
const bases = fc.constantFrom(1, 2, 2 ** 31 - 5, 2 ** 32 - 5, 2 ** 53 - 400);

describe("AckTracker", () => {
  test("knows what is in flight as a naive model does, whatever acks come", () => {
    const seq = fc.nat(40);
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ type: fc.constant("sent" as const), skip: fc.constantFrom(0, 0, 0, 1, 3), bytes: fc.nat(100) }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ type: fc.constant("settle" as const), seq, count: fc.oneof(fc.nat(6), fc.constant(1024)) }),
      },
      { weight: 2, arbitrary: fc.record({ type: fc.constant("settleOne" as const), seq }) },
      fc.record({ type: fc.constant("rewind" as const), seq }),
      fc.record({ type: fc.constant("clear" as const) }),
    );
    fc.assert(
      fc.property(bases, fc.array(step, { maxLength: 80 }), (base, steps) => {
        const tracker = new AckTracker();
        let model: { seq: number; bytes: number }[] = [];
        const take = (want: (seq: number) => boolean): number[] => {
          const taken = model.filter((entry) => want(entry.seq)).map((entry) => entry.seq);
          model = model.filter((entry) => !want(entry.seq));
          return taken;
        };
        for (const step of steps) {
          if (step.type === "sent") {
            const next = (model.at(-1)?.seq ?? base - 1) + 1 + step.skip;
            if (next > max) continue;
            tracker.sent(next, step.bytes);
            model.push({ seq: next, bytes: step.bytes });
          } else if (step.type === "settle") {
            const first = base + step.seq;
            const news = tracker.settle(first, step.count);
            expect(news).toEqual(take((seq) => seq >= first && seq - first < step.count));
          } else if (step.type === "settleOne") {
            expect(tracker.settleOne(base + step.seq)).toBe(take((seq) => seq === base + step.seq).length === 1);
          } else if (step.type === "rewind") {
            expect(tracker.rewind(base + step.seq)).toBe(take((seq) => seq >= base + step.seq).length);
          } else {
            tracker.clear();
            model = [];
          }
          expect(tracker.inFlight).toBe(model.length);
          expect(tracker.bytesInFlight).toBe(model.reduce((sum, entry) => sum + entry.bytes, 0));
          expect(tracker.highest).toBe(model.at(-1)?.seq);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("over any reordering and doubling of acks each seq is settled once; what is lost stays in flight (ACK-4)", () => {
    const acks = fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 8 })));
    fc.assert(
      fc.property(acks, (acks) => {
        const tracker = new AckTracker();
        for (let seq = 1; seq <= 30; seq++) tracker.sent(seq, 1);
        const news = acks.flatMap(([first, count]) => tracker.settle(first, count));
        const covered = Array.from({ length: 30 }, (_, i) => i + 1).filter((seq) =>
          acks.some(([first, count]) => seq >= first && seq < first + count),
        );
        expect(news.sort((a, b) => a - b)).toEqual(covered);
        expect(tracker.inFlight).toBe(30 - covered.length);
      }),
    );
  });

  test("a long session stays small: what is done with is let go of", () => {
    const tracker = new AckTracker();
    for (let seq = 1; seq <= 100_000; seq++) {
      tracker.sent(seq, 10);
      // The window of 256 is always full, and acks come by two, the later one first.
      if (seq > 256 && seq % 2 === 0) expect([tracker.settleOne(seq - 256), tracker.settleOne(seq - 257)]).toEqual([true, true]);
    }
    expect([tracker.inFlight, tracker.highest, tracker.bytesInFlight]).toEqual([256, 100_000, 2560]);
  });

  test("an ack beyond everything is harmless", () => {
    const tracker = new AckTracker();
    tracker.sent(max, 1);
    expect(tracker.settle(1, 1024)).toEqual([]);
    expect(tracker.settle(max, 1024)).toEqual([max]);
    expect(tracker.settle(max, 1024)).toEqual([]);
    expect(tracker.settle(5, max)).toEqual([]);
  });

  test("after a rewind the same seqs are sent again (PUB-6)", () => {
    const tracker = new AckTracker();
    for (const seq of [4, 5, 6, 7]) tracker.sent(seq, 10);
    tracker.settleOne(6);
    expect(tracker.rewind(5)).toBe(2);
    expect([tracker.highest, tracker.bytesInFlight]).toEqual([4, 10]);
    tracker.sent(5, 10);
    expect(tracker.inFlight).toBe(2);
  });

  test.each([
    [5, 0],
    [4, 0],
    [5.5, 0],
    [Number.NaN, 0],
    [2 ** 53, 0],
    [6, -1],
    [6, Number.NaN],
  ])("seq %d with %d bytes is refused after 5", (seq, bytes) => {
    const tracker = new AckTracker();
    tracker.sent(5, 3);
    expect(() => tracker.sent(seq, bytes)).toThrow(expect.objectContaining({ code: "STATE_INVALID" }));
    expect([tracker.inFlight, tracker.bytesInFlight]).toEqual([1, 3]);
  });
});

type Added = AckedSeq & { room: number };

function coalesce(added: readonly Added[]) {
  const acks = new AckCoalescer();
  for (const { room, seq, offset, timeMs } of added) acks.add(room, seq, offset, timeMs);
  return acks.flush();
}

describe("AckCoalescer and expandAck", () => {
  const few = fc.record({
    room: fc.constantFrom(1, 2, 3),
    step: fc.constantFrom(1, 1, 1, 1, 0, 2, -1),
    offsetStep: fc.constantFrom(1, 1, 1, 5, 0, -3),
    timeStep: fc.constantFrom(0, 0, 1, 1000, -1),
    isVoid: fc.boolean(),
  });
  /** Acks as a broker gives them: mostly in order, sometimes again, with holes, with clocks and offsets that go back. */
  const stream = fc
    .tuple(bases, fc.constantFrom(10, 2 ** 32 - 3, 2 ** 53 - 100_000), fc.array(few, { maxLength: 60 }))
    .map(([base, start, steps]) => {
      const seqs = new Map<number, number>();
      let offset = start;
      let timeMs = start;
      return steps.map(({ room, step, offsetStep, timeStep, isVoid }): Added => {
        const seq = Math.max(1, (seqs.get(room) ?? base) + step);
        seqs.set(room, seq);
        if (isVoid) return { room, seq, offset: 0, timeMs: 0 };
        offset = Math.max(1, offset + offsetStep);
        timeMs = Math.max(0, timeMs + timeStep);
        return { room, seq, offset, timeMs };
      });
    });

  test("what is added is what the other side learns, room by room and in order", () => {
    fc.assert(
      fc.property(stream, (added) => {
        const runs = coalesce(added);
        for (const room of [1, 2, 3]) {
          const learnt = runs.filter((run) => run.room === room).flatMap(expandAck);
          expect(learnt).toEqual(
            added.filter((ack) => ack.room === room).map(({ seq, offset, timeMs }) => ({ seq, offset, timeMs })),
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  test("deltas are in range, runs bounded, and no two runs of a room could be one (ACK-1)", () => {
    fc.assert(
      fc.property(stream, (added) => {
        const runs = coalesce(added);
        for (const { offsetDeltas, timeDeltas } of runs) {
          expect(offsetDeltas.length).toBeGreaterThan(0);
          expect(offsetDeltas.length).toBeLessThanOrEqual(ackRunLength);
          expect([...offsetDeltas, ...timeDeltas].every((delta) => Number.isSafeInteger(delta) && delta >= 0)).toBe(true);
        }
        for (const room of [1, 2, 3]) {
          const acks = added.filter((ack) => ack.room === room);
          let last = { offset: 0, timeMs: 0 };
          let splits = 0;
          acks.forEach((ack, i) => {
            const breaks = ack.offset !== 0 && (ack.offset <= last.offset || ack.timeMs < last.timeMs);
            if (i === 0 || ack.seq !== (acks[i - 1]?.seq ?? 0) + 1 || breaks) {
              splits++;
              last = { offset: 0, timeMs: 0 };
            }
            if (ack.offset !== 0) last = ack;
          });
          expect(runs.filter((run) => run.room === room)).toHaveLength(splits);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a run holds 1024", () => {
    const runs = coalesce(Array.from({ length: 2500 }, (_, i) => ({ room: 1, seq: i + 1, offset: i + 1, timeMs: 9 })));
    expect(runs.map((run) => [run.firstSeq, run.offsetDeltas.length])).toEqual([
      [1, 1024],
      [1025, 1024],
      [2049, 452],
    ]);
    expect(runs.flatMap(expandAck)).toHaveLength(2500);
  });

  test("a void stands between entries and moves nothing (ACK-3)", () => {
    const added = [
      { room: 7, seq: 1, offset: 0, timeMs: 0 },
      { room: 7, seq: 2, offset: 40, timeMs: 1000 },
      { room: 7, seq: 3, offset: 0, timeMs: 0 },
      { room: 7, seq: 4, offset: 42, timeMs: 1000 },
    ];
    expect(coalesce(added)).toEqual([{ room: 7, firstSeq: 1, offsetDeltas: [0, 40, 0, 2], timeDeltas: [0, 1000, 0, 0] }]);
  });

  test("an offset that stands still begins a run: a delta of 0 would be a void", () => {
    const runs = coalesce([1, 2].map((seq) => ({ room: 7, seq, offset: 40, timeMs: 1000 })));
    expect(runs.map((run) => run.offsetDeltas)).toEqual([[40], [40]]);
  });

  test("flush empties", () => {
    const acks = new AckCoalescer();
    expect(acks.waiting).toBe(0);
    acks.add(1, 1, 1, 1);
    acks.add(1, 1, 1, 1);
    expect(acks.waiting).toBe(2);
    const [first] = acks.flush();
    expect([acks.waiting, acks.flush()]).toEqual([0, []]);
    // What was handed out is not added to.
    acks.add(1, 2, 2, 2);
    expect(first?.offsetDeltas).toEqual([1]);
    expect(acks.flush()).toEqual([{ room: 1, firstSeq: 2, offsetDeltas: [2], timeDeltas: [2] }]);
  });

  test("the last values of all fit", () => {
    const added = [
      { room: 1, seq: max - 1, offset: max - 1, timeMs: max - 1 },
      { room: 1, seq: max, offset: max, timeMs: max },
    ];
    const runs = coalesce(added);
    expect(runs).toEqual([{ room: 1, firstSeq: max - 1, offsetDeltas: [max - 1, 1], timeDeltas: [max - 1, 1] }]);
    expect(runs.flatMap(expandAck)).toEqual(added.map(({ seq, offset, timeMs }) => ({ seq, offset, timeMs })));
  });

  test.each([
    ["more offsets than times", "ack.time_deltas", 1, [1, 1], [1]],
    ["more times than offsets", "ack.time_deltas", 1, [1], [1, 1]],
    ["a seq too great", "ack.first_seq", max, [1, 1], [1, 1]],
    ["an offset too great", "ack.offset_deltas", 1, [max, 1], [1, 1]],
    ["an offset too great after a void", "ack.offset_deltas", 1, [max, 0, 1], [1, 0, 1]],
    ["a time too great", "ack.time_deltas", 1, [1, 1], [max, 1]],
    ["both at the limit twice", "ack.offset_deltas", 1, [max, max], [max, max]],
    ["a void with a time", "ack.time_deltas", 1, [1, 0], [1, 1]],
  ])("%s is FIELD_INVALID at %s (ACK-5)", (_, field, firstSeq, offsetDeltas, timeDeltas) => {
    expect(() => expandAck({ firstSeq, offsetDeltas, timeDeltas })).toThrow(
      expect.objectContaining({ code: "FIELD_INVALID", origin: "remote", field }),
    );
  });

  test("any lists expand to values in range or are FIELD_INVALID", () => {
    const delta = fc.oneof(fc.nat(3), fc.maxSafeNat(), fc.constantFrom(max, max - 1, 2 ** 52));
    fc.assert(
      fc.property(
        fc.oneof(bases, fc.constantFrom(max, max - 2)),
        fc.array(delta),
        fc.array(delta),
        (firstSeq, offsetDeltas, timeDeltas) => {
          try {
            const acked = expandAck({ firstSeq, offsetDeltas, timeDeltas });
            acked.forEach(({ seq, offset, timeMs }, i) => {
              // The exact sums, in integers without bounds.
              const sum = (deltas: number[]) =>
                Number(deltas.slice(0, i + 1).reduce((total, value) => total + BigInt(value), 0n));
              expect(seq).toBe(firstSeq + i);
              expect(offset).toBe(offsetDeltas[i] === 0 ? 0 : sum(offsetDeltas));
              expect(timeMs).toBe(offsetDeltas[i] === 0 ? 0 : sum(timeDeltas));
              expect([seq, offset, timeMs].every(Number.isSafeInteger)).toBe(true);
            });
            expect(acked).toHaveLength(offsetDeltas.length);
          } catch (error) {
            if (!(error instanceof Error) || error.name !== "ProtocolError") throw error;
            expect(error).toMatchObject({ code: "FIELD_INVALID", origin: "remote" });
          }
        },
      ),
    );
  });
});
