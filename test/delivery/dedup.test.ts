/** The broker's decision against a model that keeps everything and searches it (PUB-6, PUB-7, PUB-9); the id window likewise. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Decision, IdWindow, ProducerWindow } from "../../src/delivery/dedup.ts";
import { messageIdKey } from "../../src/delivery/message-id.ts";

/** The n-th id. */
function id(n: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setFloat64(8, n);
  return bytes;
}

/** What the table in dedup.ts says, by search. */
class NaiveWindow {
  readonly settled: { seq: number; n: number; result: string }[] = [];
  readonly #capacity: number;
  nextSeq: number;

  constructor(capacity: number, nextSeq: number) {
    this.#capacity = capacity;
    this.nextSeq = nextSeq;
  }

  decide(seq: number, n: number): Decision<string> {
    const ring = this.settled.slice(-this.#capacity);
    const sameId = ring.find((entry) => entry.n === n);
    if (sameId !== undefined) {
      if (seq === this.nextSeq) this.record(n, sameId.result);
      return { type: "duplicate", result: sameId.result };
    }
    if (seq === this.nextSeq) return { type: "append" };
    if (seq > this.nextSeq) return { type: "out-of-order", next: this.nextSeq };
    return ring.some((entry) => entry.seq === seq) ? { type: "conflict" } : { type: "forgotten" };
  }

  record(n: number, result: string): void {
    this.settled.push({ seq: this.nextSeq++, n, result });
  }
}

describe("ProducerWindow", () => {
  test("decides as the naive model does, also from a snapshot and at the edges of 32 and 53 bits", () => {
    const publish = fc.record({ type: fc.constant("publish" as const), ahead: fc.integer({ min: -9, max: 3 }), n: fc.nat(7) });
    const inOrder = fc.record({ type: fc.constant("publish" as const), ahead: fc.constant(0), n: fc.nat(12) });
    const restart = fc.record({ type: fc.constant("restart" as const) });
    const steps = fc.array(fc.oneof({ weight: 3, arbitrary: publish }, { weight: 4, arbitrary: inOrder }, restart), {
      maxLength: 60,
    });
    const starts = fc.constantFrom(1, 2, 300, 2 ** 31 - 2, 2 ** 32 - 2, 2 ** 53 - 100);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), starts, steps, (capacity, start, steps) => {
        const model = new NaiveWindow(capacity, start);
        let window = ProducerWindow.restore<string>({ nextSeq: start, settled: [] }, capacity);
        steps.forEach((step, i) => {
          if (step.type === "restart") {
            window = ProducerWindow.restore(window.snapshot(), capacity);
          } else {
            const seq = Math.max(1, model.nextSeq + step.ahead);
            const decision = window.decide(seq, id(step.n));
            expect(decision).toEqual(model.decide(seq, step.n));
            if (decision.type === "append") {
              window.record(seq, id(step.n), `r${i}`);
              model.record(step.n, `r${i}`);
            }
          }
          expect(window.nextSeq).toBe(model.nextSeq);
          const settled = model.settled.slice(-capacity).map(({ n, result }) => ({ id: id(n), result }));
          expect(window.snapshot()).toEqual({ nextSeq: model.nextSeq, settled });
        });
      }),
      { numRuns: 500 },
    );
  });

  test("an outbox that arrives reordered, twice or in part leaves a prefix of it in the log, once and in order (PUB-6, PUB-7)", () => {
    const arrivals = fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 120 });
    fc.assert(
      fc.property(arrivals, (arrivals) => {
        const window = new ProducerWindow<number>();
        const log: number[] = [];
        for (const seq of arrivals) {
          const decision = window.decide(seq, id(seq));
          if (decision.type === "append") window.record(seq, id(seq), log.push(seq));
          else if (decision.type === "duplicate") expect(log[decision.result - 1]).toBe(seq);
          else expect(decision).toEqual({ type: "out-of-order", next: log.length + 1 });
        }
        expect(log).toEqual(Array.from(log, (_, i) => i + 1));
      }),
    );
  });

  /** A window that has settled ids 1 to `count` under the same seqs, each at the offset 1000 + seq. */
  function settled(count: number): ProducerWindow<number> {
    const window = new ProducerWindow<number>();
    for (let seq = 1; seq <= count; seq++) window.record(seq, id(seq), 1000 + seq);
    return window;
  }

  test("256 settled seqs are remembered, no more and no fewer", () => {
    const window = settled(300);
    expect(window.decide(45, id(45))).toEqual({ type: "duplicate", result: 1045 });
    expect(window.decide(45, id(999))).toEqual({ type: "conflict" });
    expect(window.decide(44, id(44))).toEqual({ type: "forgotten" });
    expect(window.decide(44, id(999))).toEqual({ type: "forgotten" });
    expect(window.snapshot().settled).toHaveLength(256);
  });

  test("a copied outbox meets a conflict (PUB-7)", () => {
    expect(settled(5).decide(5, id(77))).toEqual({ type: "conflict" });
  });

  test("a hole is told and nothing changes (PUB-6)", () => {
    const window = settled(5);
    expect(window.decide(8, id(8))).toEqual({ type: "out-of-order", next: 6 });
    expect(window.decide(2 ** 53 - 1, id(8))).toEqual({ type: "out-of-order", next: 6 });
    expect(window.nextSeq).toBe(6);
    expect(window.decide(6, id(6))).toEqual({ type: "append" });
  });

  test("a final rejection and a void are answered again with what they were (PUB-11, PUB-12)", () => {
    const window = new ProducerWindow<string>();
    window.record(1, id(1), "rejected");
    window.record(2, id(2), "void");
    expect(window.decide(1, id(1))).toEqual({ type: "duplicate", result: "rejected" });
    // The original of a cancelled publish, late.
    expect(window.decide(2, id(2))).toEqual({ type: "duplicate", result: "void" });
  });

  test("a client that renumbered, was stored and came back with its old seqs has nothing stored twice, and goes on", () => {
    // Ids 7, 8, 9 were stored as seqs 5, 6, 7 of the new epoch. The client stopped before it had stored the new numbers.
    const window = settled(4);
    for (const n of [7, 8, 9]) window.record(n - 2, id(n), 2000 + n);
    expect(window.nextSeq).toBe(8);
    expect(window.decide(7, id(7))).toEqual({ type: "duplicate", result: 2007 });
    expect(window.nextSeq).toBe(8);
    expect(window.decide(8, id(8))).toEqual({ type: "duplicate", result: 2008 });
    expect(window.decide(9, id(9))).toEqual({ type: "duplicate", result: 2009 });
    expect(window.decide(10, id(10))).toEqual({ type: "append" });
  });

  test("an id that used up two seqs stays known as long as the later one", () => {
    const window = new ProducerWindow<string>(2);
    window.record(1, id(1), "a");
    window.decide(2, id(1));
    window.record(3, id(3), "c");
    expect(window.decide(1, id(1))).toEqual({ type: "duplicate", result: "a" });
    window.record(4, id(4), "d");
    expect(window.decide(1, id(1))).toEqual({ type: "forgotten" });
  });

  test("2^53-2 is the last seq that can be used up: its successor can still be told", () => {
    const window = ProducerWindow.restore<number>({ nextSeq: 2 ** 53 - 2, settled: [] });
    expect(window.decide(2 ** 53 - 2, id(1))).toEqual({ type: "append" });
    window.record(2 ** 53 - 2, id(1), 5);
    expect(window.nextSeq).toBe(Number.MAX_SAFE_INTEGER);
    const exhausted = expect.objectContaining({ code: "COUNTER_EXHAUSTED" });
    expect(() => window.decide(2 ** 53 - 1, id(2))).toThrow(exhausted);
    expect(() => window.decide(2 ** 53 - 1, id(1))).toThrow(exhausted);
    expect(() => window.record(2 ** 53 - 1, id(2), 6)).toThrow(exhausted);
    expect(window.decide(2 ** 53 - 2, id(1))).toEqual({ type: "duplicate", result: 5 });
    expect(ProducerWindow.restore(window.snapshot()).nextSeq).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("record refuses what was not decided", () => {
    const window = settled(3);
    const invalid = expect.objectContaining({ code: "STATE_INVALID" });
    expect(() => window.record(3, id(9), 0)).toThrow(invalid);
    expect(() => window.record(5, id(9), 0)).toThrow(invalid);
    expect(() => window.record(4, id(2), 0)).toThrow(invalid);
    expect(window.snapshot()).toEqual(settled(3).snapshot());
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 53])("seq %d is refused", (seq) => {
    expect(() => settled(3).decide(seq, id(1))).toThrow(expect.objectContaining({ code: "FIELD_INVALID", field: "seq" }));
  });

  test.each([
    [{ nextSeq: 0, settled: [] }, 256],
    [{ nextSeq: 2 ** 53, settled: [] }, 256],
    [{ nextSeq: 2, settled: [1, 2].map((n) => ({ id: id(n), result: n })) }, 256],
    [{ nextSeq: 1, settled: [] }, 0],
  ])("a snapshot that contradicts itself is refused: %o, %d", (snapshot, capacity) => {
    expect(() => ProducerWindow.restore(snapshot, capacity)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });

  test("a snapshot of a larger ring is cut to this one", () => {
    const window = ProducerWindow.restore(settled(10).snapshot(), 3);
    expect(window.snapshot().settled.map((entry) => entry.result)).toEqual([1008, 1009, 1010]);
    expect(window.decide(7, id(7))).toEqual({ type: "forgotten" });
  });
});

describe("IdWindow", () => {
  test("remembers as the naive model does: first result, newest ids, latest time", () => {
    const step = fc.record({ n: fc.nat(9), put: fc.boolean(), wait: fc.oneof(fc.nat(30), fc.integer({ min: -50, max: 200 })) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 100 }), fc.array(step), (maxIds, maxAgeMs, steps) => {
        const window = new IdWindow<number>({ maxIds, maxAgeMs });
        let model: { n: number; result: number; atMs: number }[] = [];
        let nowMs = 0;
        let latestMs = Number.NEGATIVE_INFINITY;
        steps.forEach(({ n, put, wait }, i) => {
          nowMs += wait;
          latestMs = Math.max(latestMs, nowMs);
          model = model.filter((entry) => latestMs - entry.atMs < maxAgeMs);
          const known = model.find((entry) => entry.n === n);
          expect(window.get(id(n), nowMs)).toBe(known?.result);
          if (put) {
            window.remember(id(n), i, nowMs);
            if (known === undefined) model = [...model, { n, result: i, atMs: latestMs }].slice(-maxIds);
          }
          expect(window.size).toBe(model.length);
        });
      }),
      { numRuns: 500 },
    );
  });

  test("an id is known for less than maxAgeMs", () => {
    const window = new IdWindow<string>({ maxIds: 5, maxAgeMs: 100 });
    window.remember(id(1), "a", 1000);
    expect(window.get(id(1), 1099)).toBe("a");
    expect(window.get(id(1), 1100)).toBeUndefined();
    expect(window.size).toBe(0);
    window.remember(id(1), "b", 1100);
    expect(window.get(id(1), 1100)).toBe("b");
  });

  test("a stream of ids longer than the window keeps the newest", () => {
    const window = new IdWindow<number>({ maxIds: 100, maxAgeMs: 1e9 });
    for (let n = 0; n < 10_000; n++) window.remember(id(n), n, n);
    expect(window.size).toBe(100);
    expect(window.get(id(9_899), 10_000)).toBeUndefined();
    expect(window.get(id(9_900), 10_000)).toBe(9_900);
  });

  test.each([
    { maxIds: 0, maxAgeMs: 1 },
    { maxIds: 1, maxAgeMs: 0 },
    { maxIds: 1.5, maxAgeMs: 1 },
    { maxIds: 1, maxAgeMs: Number.NaN },
  ])("%o is refused", (options) => {
    expect(() => new IdWindow(options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });

  test("an id that has not 16 bytes is refused", () => {
    const window = new IdWindow<number>({ maxIds: 1, maxAgeMs: 1 });
    const invalid = expect.objectContaining({ code: "FIELD_INVALID" });
    expect(() => window.get(new Uint8Array(15), 0)).toThrow(invalid);
    expect(() => window.remember(new Uint8Array(17), 0, 0)).toThrow(invalid);
    expect(() => new ProducerWindow().decide(1, new Uint8Array(15))).toThrow(invalid);
    expect(messageIdKey(id(1))).not.toBe(messageIdKey(id(2)));
  });
});
