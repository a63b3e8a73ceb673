import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Samples } from "../../src/client/samples.ts";

describe("Samples", () => {
  const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 60 });

  it("tells what a list of all values tells, by the definition of each measure", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 20 }), (given, size) => {
        const samples = new Samples(size);
        for (const value of given) samples.add(value);
        const latest = given.slice(-size);
        /** The least of the values that at least so many percent of them do not exceed. */
        const percentile = (percent: number) => {
          const isEnough = (value: number) => latest.filter((other) => other <= value).length * 100 >= percent * latest.length;
          const enough = latest.filter(isEnough);
          return enough.length === 0 ? undefined : Math.min(...enough);
        };
        const [first, ...others] = given;
        const average = first === undefined ? undefined : others.reduce((sum, value) => 0.9 * sum + 0.1 * value, first);
        expect(samples.summary()).toEqual({
          count: given.length,
          average,
          p50: percentile(50),
          p95: percentile(95),
          p99: percentile(99),
          max: latest.length === 0 ? undefined : Math.max(...latest),
        });
      }),
    );
  });

  it("keeps so many of the latest, and no more", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 20 }), (given, size) => {
        const samples = new Samples(size);
        for (const value of given) samples.add(value);
        expect([...samples.latest()].sort()).toEqual(given.slice(-size).sort());
      }),
    );
  });
});
