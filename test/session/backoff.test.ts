import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Backoff, defaultBackoff, type EndVerdict } from "../../src/session/backoff.ts";

const delayOf = (backoff: Backoff, verdict: EndVerdict, now = 0): number => {
  const comeback = backoff.next(verdict, now);
  return comeback.input === "refused" ? Number.NaN : comeback.delayMs;
};
const after = { retry: "after", retryAfterMs: 0 } as const;

describe("Backoff (LIV-6, LIV-7)", () => {
  it("draws from 0 to the doubled base, capped, with full jitter", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999999, noNaN: true }), fc.integer({ min: 0, max: 40 }), (fraction, failures) => {
        const backoff = new Backoff({ ...defaultBackoff, breakAfter: Number.MAX_SAFE_INTEGER }, () => fraction);
        for (let i = 0; i < failures; i++) backoff.next(after, 0);
        expect(delayOf(backoff, after, 0)).toBeCloseTo(fraction * Math.min(30_000, 1000 * 2 ** (failures + 1)), 3);
      }),
    );
  });

  it("adds what the relay asked for", () => {
    expect(delayOf(new Backoff(defaultBackoff, () => 0), { retry: "after", retryAfterMs: 700 })).toBe(700);
  });

  it("comes back at once on NOW, but not twice within the cap", () => {
    const backoff = new Backoff(defaultBackoff, () => 0.5);
    const now = { retry: "now", retryAfterMs: 0 } as const;
    expect(delayOf(backoff, now, 0)).toBe(0);
    expect(delayOf(backoff, now, 29_999)).toBeGreaterThan(0);
    expect(delayOf(backoff, now, 60_000)).toBe(0);
  });

  it("never comes back on NEVER", () => {
    expect(new Backoff(defaultBackoff, () => 0).next({ retry: "never", retryAfterMs: 0 }, 0)).toEqual({ input: "refused" });
  });

  it("draws a goodbye's time from its range", () => {
    const backoff = new Backoff(defaultBackoff, () => 0.25);
    expect(delayOf(backoff, { retry: "after", retryAfterMs: 0, range: { min: 1000, max: 5000 } }, 0)).toBe(2000);
  });

  it("connects at once with a fresh token, but waits when that is refused too (AUT-10)", () => {
    const backoff = new Backoff(defaultBackoff, () => 0.5);
    const refused = { retry: "reauthenticate", retryAfterMs: 0 } as const;
    expect(backoff.next(refused, 0)).toEqual({ input: "unauthenticated", delayMs: 0 });
    expect(backoff.next(refused, 0)).toEqual({ input: "unauthenticated", delayMs: 2000 });
    expect(backoff.next(refused, 0)).toEqual({ input: "unauthenticated", delayMs: 4000 });
  });

  it("counts refused tokens apart, and only those before welcome (AUT-10)", () => {
    const backoff = new Backoff(defaultBackoff, () => 0.5);
    const refused = { retry: "reauthenticate", retryAfterMs: 0 } as const;
    backoff.reset();
    // A token that expires on a living connection is no refusal.
    expect(delayOf(backoff, refused)).toBe(0);
    expect(delayOf(backoff, refused)).toBe(0);
    expect(delayOf(backoff, refused)).toBe(2000);
    for (let i = 0; i < 9; i++) backoff.next(refused, 0);
    expect([backoff.failures, backoff.circuit]).toEqual([0, "closed"]);
    expect(delayOf(backoff, after)).toBe(1000);
    expect(delayOf(backoff, refused)).toBe(0);
  });

  it("does not count the end of a connection that had a welcome as a failed attempt (LIV-6)", () => {
    const backoff = new Backoff(defaultBackoff, () => 0.5);
    backoff.reset();
    expect([delayOf(backoff, after), delayOf(backoff, after), delayOf(backoff, after)]).toEqual([500, 1000, 2000]);
  });

  it("opens the circuit after five failures, and closes it by welcome alone (LIV-7)", () => {
    const backoff = new Backoff(defaultBackoff, () => 0);
    backoff.reset();
    for (let i = 0; i < 5; i++) backoff.next(after, 0);
    expect(backoff.circuit).toBe("closed");
    expect(delayOf(backoff, after, 0)).toBeGreaterThanOrEqual(30_000);
    expect(backoff.circuit).toBe("open");
    backoff.attempt();
    expect(backoff.circuit).toBe("halfOpen");
    expect(delayOf(backoff, after, 0)).toBeGreaterThanOrEqual(30_000);
    expect(backoff.circuit).toBe("open");
    backoff.attempt();
    backoff.reset();
    expect(backoff.circuit).toBe("closed");
    expect(delayOf(backoff, after, 0)).toBe(0);
  });

  it("stays open where the application gives the deciding attempt up, and does not count that (LIV-7)", () => {
    const backoff = new Backoff({ ...defaultBackoff, breakAfter: 1 }, () => 0);
    backoff.next(after, 0);
    backoff.attempt();
    backoff.abandon();
    expect([backoff.circuit, backoff.failures]).toEqual(["open", 1]);
  });

  it("counts the attempt that follows a connection which the application has ended (LIV-6)", () => {
    const backoff = new Backoff(defaultBackoff, () => 0.5);
    backoff.reset();
    backoff.abandon();
    expect(delayOf(backoff, after)).toBe(1000);
  });

  it("gives up after so many attempts in a row, of refused tokens too, and counts anew from a start or a welcome (LIV-6)", () => {
    const backoff = new Backoff({ ...defaultBackoff, maxAttempts: 3 }, () => 0.5);
    const refused = { retry: "reauthenticate", retryAfterMs: 0 } as const;
    const inputs = (...verdicts: EndVerdict[]) => verdicts.map((verdict) => backoff.next(verdict, 0).input);
    expect(inputs(after, refused)).toEqual(["lost", "unauthenticated"]);
    expect(backoff.next(after, 0)).toEqual({ input: "refused", attempts: 3 });
    backoff.begin();
    expect(inputs(after, after)).toEqual(["lost", "lost"]);
    backoff.reset();
    expect(inputs(after, after, after, after)).toEqual(["lost", "lost", "lost", "refused"]);
  });
});
