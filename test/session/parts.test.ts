/** The small parts of a session: timers, heartbeat, typing. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heartbeat } from "../../src/session/heartbeat.ts";
import { randomEpoch, randomFraction } from "../../src/session/host.ts";
import { Timers } from "../../src/session/timers.ts";
import { TypingRoster, TypingSender } from "../../src/session/typing.ts";

describe("Timers", () => {
  it("give what is due, in the order of their kinds, once", () => {
    const timers = new Timers(["a", "b", "c"]);
    expect(timers.next()).toBeUndefined();
    timers.set("b", 5);
    timers.set("a", 5);
    timers.set("c", 9);
    expect(timers.next()).toBe(5);
    expect([timers.takeDue(5), timers.takeDue(5), timers.takeDue(5)]).toEqual(["a", "b", undefined]);
    expect(timers.next()).toBe(9);
    timers.clear("c");
    expect(timers.takeDue(1000)).toBeUndefined();
  });
});

describe("Heartbeat (LIV-1, LIV-4)", () => {
  it("asks once per silence, after half of the time, and tells death at all of it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ ms: fc.integer({ min: 1, max: 80 }), heard: fc.boolean() }), { maxLength: 50 }),
        (steps) => {
          const heartbeat = new Heartbeat();
          heartbeat.start(100, 0);
          let [now, last, asked] = [0, 0, false];
          for (const { ms, heard } of steps) {
            now += ms;
            if (heard) {
              heartbeat.heard(now);
              [last, asked] = [now, false];
            }
            const silence = now - last;
            const expected = silence >= 100 ? "dead" : silence >= 50 && !asked ? "ping" : undefined;
            expect(heartbeat.deadline <= now).toBe(expected !== undefined);
            expect(heartbeat.poll(now)).toBe(expected);
            if (expected === "ping") asked = true;
            if (expected === "dead") break;
          }
        },
      ),
    );
  });

  it("is silent before it is started and after it is stopped", () => {
    const heartbeat = new Heartbeat();
    expect(heartbeat.poll(1e9)).toBeUndefined();
    heartbeat.start(10, 0);
    heartbeat.stop();
    expect(heartbeat.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(heartbeat.poll(1e9)).toBeUndefined();
  });
});

describe("typing (TYP)", () => {
  it("the sender never sends twice within the interval, and stops after the last key (TYP-3)", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 60 }), (gaps) => {
        const sender = new TypingSender(1000, 3000);
        let now = 0;
        let lastSent = Number.NEGATIVE_INFINITY;
        for (const gap of gaps) {
          now += gap;
          if (sender.press(now)) {
            expect(now - lastSent).toBeGreaterThanOrEqual(1000);
            lastSent = now;
          }
          expect(sender.deadline).toBe(now + 3000);
          expect(sender.expire(now + 2999)).toBe(false);
        }
        expect(sender.expire(now + 3000)).toBe(gaps.length > 0);
        expect(sender.expire(now + 9000)).toBe(false);
      }),
    );
  });

  it("the receiver expires by itself, and is bounded (TYP-2)", () => {
    const roster = new TypingRoster(2);
    expect([roster.mark("a", 100, 0), roster.mark("b", 50, 0), roster.mark("c", 50, 0)]).toEqual([true, true, false]);
    expect(roster.users).toEqual(["a", "b"]);
    expect(roster.deadline).toBe(50);
    expect(roster.mark("a", 100, 40)).toBe(false);
    expect(roster.expire(50)).toBe(true);
    expect(roster.users).toEqual(["a"]);
    expect(roster.expire(139)).toBe(false);
    expect(roster.mark("a", 0, 139)).toBe(true);
    expect(roster.clear()).toBe(false);
  });
});

describe("randomness", () => {
  it("stays in its range at both ends", () => {
    const of = (byte: number) => (into: Uint8Array) => into.fill(byte);
    expect(randomFraction(of(0))).toBe(0);
    expect(randomFraction(of(255))).toBeLessThan(1);
    expect(randomEpoch(of(0))).toBe(1);
    expect(randomEpoch(of(255))).toBe(Number.MAX_SAFE_INTEGER);
  });
});
