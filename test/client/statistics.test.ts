import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Known, Statistics } from "../../src/client/statistics.ts";
import type { ClientEvent, EntryChange } from "../../src/session/client-events.ts";
import type { EntryState } from "../../src/session/transitions.ts";
import { settle, started, World } from "../support/world.ts";

const known: Known = {
  atMs: 0,
  state: "ready",
  endpoint: "wss://relay/",
  rttMs: undefined,
  clockOffsetMs: undefined,
  outbox: { entries: 0, bytes: 0, maxEntries: 1, maxBytes: 1 },
};

const entry = (id: string, state: EntryState, error?: unknown): ClientEvent =>
  ({ type: "entry", room: "lobby", id, state, ...(error !== undefined && { error }) }) as { type: "entry" } & EntryChange;

describe("Statistics", () => {
  it("reckons from any order of events what a look at all of them tells", () => {
    type Step = readonly [id: string, state: EntryState | "rejected", wait: number];
    const states = fc.constantFrom<Step[1]>("queued", "sent", "rejected", "voiding", "stored", "failed", "maybe", "cancelled");
    const steps = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), states, fc.integer({ min: 0, max: 1000 })), {
      maxLength: 100,
    });
    fc.assert(
      fc.property(steps, (given) => {
        const statistics = new Statistics();
        const count = { stored: 0, failed: 0, maybe: 0, cancelled: 0, rejections: 0 };
        const waits: number[] = [];
        let now = 0;
        given.forEach(([id, state, wait], index) => {
          now += wait;
          statistics.event(state === "rejected" ? entry(id, "sent", new Error()) : entry(id, state), now);
          if (state === "rejected") count.rejections++;
          else if (state in count) count[state as "stored"]++;
          if (state !== "stored") return;
          // Its latest transmission, unless anything else has happened to it since.
          let before = index - 1;
          let ago = wait;
          while (before >= 0 && (given[before]?.[0] !== id || given[before]?.[1] === "queued")) ago += given[before--]?.[2] ?? 0;
          if (given[before]?.[1] === "sent") waits.push(ago);
        });
        const { publishes, ackMs } = statistics.snapshot(known, now);
        const { errorRate, ...counted } = publishes;
        expect(counted).toEqual(count);
        const settled = count.stored + count.failed + count.maybe;
        expect(errorRate).toEqual(settled === 0 ? undefined : (count.failed + count.maybe) / settled);
        expect([ackMs.count, ackMs.max]).toEqual([waits.length, waits.length === 0 ? undefined : Math.max(...waits)]);
      }),
    );
  });

  it("counts reconnects, and which of them are recent", () => {
    const statistics = new Statistics();
    const welcome: ClientEvent = { type: "welcome", user: "ada", profile: undefined, features: [], expiresInMs: 0, timeMs: 0 };
    for (const minute of [0, 1, 2, 9, 10]) {
      statistics.event({ type: "state", state: "connecting" }, minute * 60_000);
      statistics.event(welcome, minute * 60_000);
    }
    expect(statistics.snapshot(known, 11 * 60_000).connection).toEqual({ attempts: 5, reconnects: 4, recentReconnects: 2 });
  });
});

describe("client.statistics()", () => {
  it("is a picture of what a client does with a relay, which stays as it was", async () => {
    const world = new World({
      onPublish: (_principal, { content }) => (content?.text === "spam" ? { reject: "no spam" } : undefined),
    });
    world.network.delayMs = () => 20;
    const passed = { in: { frames: 0, bytes: 0 }, out: { frames: 0, bytes: 0 } };
    const ada = started(
      world.client("ada", {
        outbox: { maxEntries: 10 },
        onFrame: ({ direction, bytes }) => {
          passed[direction].frames++;
          passed[direction].bytes += bytes;
        },
      }),
    );
    const before = ada.statistics();
    expect([before.rttMs, before.clockOffsetMs, before.ackMs.count, before.sent.frames]).toEqual([undefined, undefined, 0, 0]);
    void ada.room("lobby").join();
    await world.pass(200);
    const sent = [ada.room("lobby").publish("ham"), ada.room("lobby").publish("spam")];
    await settle();
    expect(ada.statistics().outbox).toMatchObject({ entries: 2, maxEntries: 10 });
    expect(ada.statistics().outbox.bytes).toBeGreaterThan(0);
    await world.pass(200);
    await Promise.allSettled(sent);
    world.network.cut("ada");
    await world.pass(5000);
    const { ackMs, ...after } = ada.statistics();
    expect(after).toMatchObject({
      state: "ready",
      rttMs: 40,
      clockOffsetMs: 0,
      connection: { attempts: 2, reconnects: 1, recentReconnects: 1 },
      outbox: { entries: 0, bytes: 0 },
      publishes: { stored: 1, failed: 1, maybe: 0, cancelled: 0, rejections: 0, errorRate: 0.5 },
      received: passed.in,
      sent: passed.out,
    });
    expect(ackMs.count).toBe(1);
    expect(ackMs.max).toBeGreaterThanOrEqual(40);
    expect(before).toMatchObject({ state: "idle", connection: { attempts: 0 } });
  });

  it("tells how far the relay's clock is ahead of the device's, not of the clock that drives the client", async () => {
    const world = new World();
    const { clock } = world;
    const slow = { ...bound(clock), wall: () => clock.wall() - 90_000 };
    const ada = started(world.client("ada", { clock: slow }));
    await world.pass(100);
    expect(ada.statistics().clockOffsetMs).toBe(90_000);
    expect(ada.report()).toMatchObject([{ code: "CLOCK_WRONG", text: expect.stringContaining("90 s behind") }]);
  });
});

function bound(clock: World["clock"]) {
  return {
    now: () => clock.now(),
    setTimer: (delayMs: number, callback: () => void) => clock.setTimer(delayMs, callback),
    clearTimer: (handle: unknown) => clock.clearTimer(handle),
  };
}
