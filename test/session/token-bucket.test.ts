/** A token bucket: in any span no more than the burst and what comes meanwhile; who waits as long as told is served. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { TokenBucket, TokenBuckets } from "../../src/session/token-bucket.ts";

const rates = { perSecond: fc.integer({ min: 1, max: 1000 }), burst: fc.integer({ min: 1, max: 1000 }) };

test("no more is given than the burst and what comes in the time", () => {
  fc.assert(
    fc.property(
      fc.record(rates),
      fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 300 }),
      ({ perSecond, burst }, waits) => {
        const bucket = new TokenBucket(perSecond, burst);
        let now = 5000;
        let given = 0;
        for (const wait of waits) {
          now += wait;
          if (bucket.take(now) === 0) given++;
          expect(given).toBeLessThanOrEqual(burst + ((now - 5000) * perSecond) / 1000 + 1e-6);
        }
      },
    ),
  );
});

test("who waits as long as told is served, and others are not before", () => {
  fc.assert(
    fc.property(fc.record(rates), ({ perSecond, burst }) => {
      const bucket = new TokenBucket(perSecond, burst);
      for (let i = 0; i < burst; i++) expect(bucket.take(0)).toBe(0);
      const wait = bucket.take(0);
      expect(wait).toBeGreaterThan(0);
      expect(bucket.isFull(0)).toBe(false);
      expect(bucket.take(wait)).toBe(0);
    }),
  );
});

test("a clock that stands still gives nothing, and one that goes on for long no more than the burst", () => {
  const bucket = new TokenBucket(10, 2);
  expect([bucket.take(1), bucket.take(1), bucket.take(1)]).toEqual([0, 0, 100]);
  expect(bucket.isFull(1_000_000)).toBe(true);
  expect([bucket.take(1_000_000), bucket.take(1_000_000)]).toEqual([0, 0]);
  expect(bucket.take(1_000_000)).toBeGreaterThan(0);
});

test("of names no more are held than have something to get back, and as many as were looked at last", () => {
  const buckets = new TokenBuckets({ perSecond: 1, burst: 1 });
  for (let i = 0; i < 100_000; i++) buckets.take(`name ${i}`, i);
  expect(buckets.size).toBeLessThan(4096);
  expect(buckets.take("name 99999", 99_999)).toBeGreaterThan(0);
});
