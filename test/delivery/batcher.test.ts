/** Groups keep order and bounds, and make nothing wait longer than allowed (BAT-4). */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Batcher, type BatcherOptions } from "../../src/delivery/batcher.ts";

interface Item {
  readonly n: number;
  readonly bytes: number;
  readonly atMs: number;
}

interface Sent {
  readonly items: readonly Item[];
  readonly atMs: number;
  /** How many items had come by then. */
  readonly come: number;
}

/** Takes all that is due. */
function drain<T>(batcher: Batcher<T>, nowMs: number): T[][] {
  const groups: T[][] = [];
  for (let group = batcher.poll(nowMs); group !== undefined; group = batcher.poll(nowMs)) groups.push(group);
  return groups;
}

/** Runs a batcher as an engine does: polls after each turn of adds, and at each deadline in between. */
function run(options: BatcherOptions, turns: readonly { wait: number; sizes: readonly number[] }[]) {
  const batcher = new Batcher<Item>(options);
  const added: Item[] = [];
  const sent: Sent[] = [];
  let nowMs = 1000;
  for (const { wait, sizes } of turns) {
    const untilMs = nowMs + wait;
    for (let due = batcher.deadline; due !== undefined && due <= untilMs; due = batcher.deadline) {
      const group = batcher.poll(due);
      // A deadline at which nothing is due would be an endless loop in an engine.
      if (group === undefined) throw new Error("nothing is due at the deadline");
      sent.push({ items: group, atMs: due, come: added.length });
    }
    nowMs = untilMs;
    for (const bytes of sizes) {
      const item = { n: added.length, bytes, atMs: nowMs };
      added.push(item);
      batcher.add(item, bytes, nowMs);
    }
    for (const group of drain(batcher, nowMs)) sent.push({ items: group, atMs: nowMs, come: added.length });
  }
  return { batcher, added, sent };
}

const options = fc.record({
  maxItems: fc.integer({ min: 1, max: 5 }),
  maxBytes: fc.integer({ min: 1, max: 50 }),
  maxDelayMs: fc.constantFrom(0, 1, 10, 100),
});
const wait = fc.oneof(fc.constant(0), fc.nat(15), fc.nat(300));
const turns = (maxPerTurn: number) =>
  fc.array(fc.record({ wait, sizes: fc.array(fc.nat(60), { minLength: 1, maxLength: maxPerTurn }) }), { maxLength: 40 });

describe("Batcher", () => {
  test("order is kept, nothing is lost, and bounds hold (an item above maxBytes goes alone)", () => {
    fc.assert(
      fc.property(options, turns(12), (options, turns) => {
        const { batcher, added, sent } = run(options, turns);
        const groups = [...sent.map((group) => group.items), ...batcher.flush()];
        expect(groups.flat()).toEqual(added);
        for (const items of groups) {
          expect(items.length).toBeGreaterThan(0);
          expect(items.length).toBeLessThanOrEqual(options.maxItems);
          const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
          if (items.length > 1) expect(bytes).toBeLessThanOrEqual(options.maxBytes);
        }
        expect([batcher.deadline, batcher.poll(1e9), batcher.flush()]).toEqual([undefined, undefined, []]);
      }),
    );
  });

  test("no item waits longer than maxDelayMs", () => {
    fc.assert(
      fc.property(options, turns(12), (options, turns) => {
        const { batcher, sent } = run(options, [...turns, { wait: 1000, sizes: [1] }, { wait: 1000, sizes: [] }]);
        for (const { items, atMs } of sent) {
          for (const item of items) expect(atMs - item.atMs).toBeLessThanOrEqual(options.maxDelayMs);
        }
        expect(batcher.deadline).toBeUndefined();
      }),
    );
  });

  test("an item that comes when nothing went out for maxDelayMs, and nothing waits, goes out at once", () => {
    fc.assert(
      fc.property(options, turns(1), (options, turns) => {
        const { added, sent } = run(options, [...turns, { wait: 1000, sizes: [] }]);
        for (const item of added) {
          const earlier = sent.filter(({ come }) => come <= item.n);
          const idle = item.atMs - (earlier.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) >= options.maxDelayMs;
          const waiting = item.n - earlier.flatMap(({ items }) => items).length;
          if (idle) expect(waiting).toBe(0);
          if (idle) expect(sent[earlier.length]).toEqual({ items: [item], atMs: item.atMs, come: item.n + 1 });
        }
      }),
    );
  });

  test("an item that comes within maxDelayMs of a group waits until then, or until its own group is full", () => {
    fc.assert(
      fc.property(options, turns(1), (options, turns) => {
        const { added, sent } = run(options, [...turns, { wait: 1000, sizes: [] }]);
        for (const { items, atMs } of sent) {
          const [first] = items;
          const last = items.at(-1);
          if (first === undefined || last === undefined) throw new Error("an empty group");
          const before = sent.filter(({ come }) => come <= first.n).at(-1);
          if (before === undefined || atMs - before.atMs >= options.maxDelayMs) continue;
          const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
          const next = added[last.n + 1];
          const full = items.length === options.maxItems || bytes >= options.maxBytes;
          expect(full || (next !== undefined && next.atMs <= atMs && bytes + next.bytes > options.maxBytes)).toBe(true);
        }
      }),
    );
  });

  test("a burst: the first goes alone, ten at a time follow at once, the rest at the deadline", () => {
    const { sent } = run({ maxBytes: 1000, maxDelayMs: 20 }, [
      ...Array.from({ length: 24 }, () => ({ wait: 0, sizes: [1] })),
      { wait: 100, sizes: [] },
    ]);
    expect(sent.map(({ items, atMs }) => [items.length, atMs])).toEqual([
      [1, 1000],
      [10, 1000],
      [10, 1000],
      [3, 1020],
    ]);
  });

  test("what comes in one idle turn goes out together", () => {
    const { sent } = run({ maxBytes: 1000, maxDelayMs: 20 }, [{ wait: 0, sizes: [1, 1, 1] }]);
    expect(sent.map(({ items }) => items.length)).toEqual([3]);
  });

  test("an item that does not fit sends what stood before it", () => {
    const batcher = new Batcher<string>({ maxBytes: 100, maxDelayMs: 20 });
    batcher.add("lone", 1, 0);
    expect(drain(batcher, 0)).toEqual([["lone"]]);
    batcher.add("a", 60, 1);
    expect(batcher.poll(1)).toBeUndefined();
    batcher.add("b", 41, 2);
    expect(drain(batcher, 2)).toEqual([["a"]]);
    batcher.add("huge", 101, 3);
    expect(drain(batcher, 3)).toEqual([["b"], ["huge"]]);
    batcher.add("c", 50, 4);
    batcher.add("d", 50, 4);
    expect(drain(batcher, 4)).toEqual([["c", "d"]]);
  });

  test("a clock that has stepped back makes nothing wait for its return", () => {
    const batcher = new Batcher<string>({ maxBytes: 100, maxDelayMs: 20 });
    batcher.add("a", 1, 3_600_000);
    expect(batcher.poll(3_600_000)).toEqual(["a"]);
    batcher.add("b", 1, 50);
    expect(batcher.deadline).toBe(70);
    expect(batcher.poll(70)).toEqual(["b"]);
  });

  test("flush gives what waits, in groups within bounds", () => {
    const batcher = new Batcher<string>({ maxItems: 2, maxBytes: 100, maxDelayMs: 20 });
    for (const item of ["a", "b", "c"]) batcher.add(item, 1, 0);
    expect(batcher.flush()).toEqual([["a", "b"], ["c"]]);
    expect(batcher.flush()).toEqual([]);
    batcher.add("d", 1, 1);
    expect(batcher.flush()).toEqual([["d"]]);
  });

  test("drop takes out what is named and leaves the rest in order, within its bounds and times", () => {
    const batcher = new Batcher<string>({ maxItems: 2, maxBytes: 100, maxDelayMs: 20 });
    batcher.add("lone", 1, 0);
    expect(drain(batcher, 0)).toEqual([["lone"]]);
    for (const item of ["a1", "b1", "a2"]) batcher.add(item, 40, 1);
    expect(batcher.drop((item) => item.startsWith("a"))).toEqual(["a1", "a2"]);
    expect(drain(batcher, 1)).toEqual([["b1"]]);
    batcher.add("a3", 60, 2);
    batcher.drop(() => true);
    expect([batcher.deadline, batcher.flush()]).toEqual([undefined, []]);
    batcher.add("c", 60, 3);
    batcher.add("d", 40, 3);
    expect(drain(batcher, 3)).toEqual([["c", "d"]]);
  });

  test.each([
    { maxItems: 0, maxBytes: 1, maxDelayMs: 0 },
    { maxBytes: 0, maxDelayMs: 0 },
    { maxBytes: 1, maxDelayMs: -1 },
    { maxBytes: Number.NaN, maxDelayMs: 1 },
  ])("%o is refused", (options) => {
    expect(() => new Batcher(options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });
});
