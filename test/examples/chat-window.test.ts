/** Which rows of a room the chat page has in it: in order, and never more than so many. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ordered } from "../../examples/chat/src/ordered.ts";
import { followedRows, maxRows, RowWindow } from "../../examples/chat/src/row-window.ts";

const numbers = () => new Ordered<number>((a, b) => a - b);
const filled = (first: number, last: number) => {
  const all = numbers();
  for (let value = first; value <= last; value++) all.insert(value);
  return all;
};
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe("ordered values", () => {
  it("stand as a sort would put them, in whichever order they come and go", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer()), fc.array(fc.nat()), (values, picks) => {
        const all = numbers();
        for (const value of values) all.insert(value);
        const gone = new Set(picks.map((pick) => values[pick % Math.max(1, values.length)]));
        for (const value of gone) if (value !== undefined) all.remove(value);
        expect(all.values).toEqual(values.filter((value) => !gone.has(value)).sort((a, b) => a - b));
      }),
    );
  });

  it("are left alone when one is removed that is not there", () => {
    const all = filled(1, 3);
    all.remove(9);
    all.remove(2.5);
    expect(all.values).toEqual([1, 2, 3]);
  });
});

describe("a window on rows", () => {
  it("has the last rows of who follows, and keeps what is seen of who does not", () => {
    const all = filled(1, 1000);
    const window = new RowWindow(all);
    expect(window.shown).toEqual({ rows: range(1001 - followedRows, 1000), before: 1000 - followedRows, hasAfter: false });
    window.hold();
    for (const value of range(1001, 2000)) all.insert(value);
    const first = 1001 - followedRows;
    expect(window.shown).toEqual({ rows: range(first, first + maxRows - 1), before: first - 1, hasAfter: true });
    window.follow();
    expect(window.shown.rows).toEqual(range(2001 - followedRows, 2000));
  });

  it("keeps its first row where rows come before it, and its place where that row is forgotten", () => {
    const all = filled(101, 400);
    const window = new RowWindow(all);
    window.hold();
    for (const value of range(1, 100)) all.insert(value);
    expect(window.shown.rows[0]).toBe(301);
    for (const value of range(1, 310)) all.remove(value);
    expect(window.shown.rows).toEqual(range(311, 400));
    expect(window.shown.before).toBe(undefined);
  });

  it("passes every row on the way to the beginning and back, in steps that overlap", () => {
    const all = filled(1, 1234);
    const window = new RowWindow(all);
    window.hold();
    const seen = new Set<number>();
    const look = () => {
      const { rows } = window.shown;
      expect(rows.length).toBeLessThanOrEqual(maxRows);
      expect(rows).toEqual(range(rows[0] ?? 0, rows.at(-1) ?? 0));
      expect(seen.size === 0 || rows.some((row) => seen.has(row))).toBe(true);
      for (const row of rows) seen.add(row);
    };
    do look();
    while (window.earlier());
    expect(window.shown.rows[0]).toBe(1);
    expect(seen.size).toBe(1234);
    seen.clear();
    for (look(); window.shown.hasAfter; look()) window.later();
    expect(seen.size).toBe(1234);
    expect(window.shown.rows.at(-1)).toBe(1234);
    expect(window.isFollowing).toBe(false);
  });

  it("has nothing of nothing", () => {
    const window = new RowWindow(numbers());
    window.hold();
    expect([window.earlier(), window.isFollowing]).toEqual([false, true]);
    expect(window.shown).toEqual({ rows: [], before: undefined, hasAfter: false });
  });
});
