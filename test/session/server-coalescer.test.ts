import { describe, expect, test } from "vitest";
import { Coalescer } from "../../src/session/server-coalescer.ts";
import { SharedFrame } from "../../src/session/transmit.ts";
import { type BodyCase, type BodyValue, createFrame, encodedSize, type Init } from "../../src/wire/codec.ts";
import { clientFrameBytes } from "../../src/wire/limits.ts";

const put = <C extends BodyCase>(coalescer: Coalescer, now: number, body: C, init: Init<BodyValue<C>>): void => {
  coalescer.put(new SharedFrame(createFrame(body, init)), now);
};
const take = (coalescer: Coalescer, now: number): unknown => coalescer.take(now)?.frame.body.value;

describe("coalescing", () => {
  test("a sole change goes at once, and as it is; those of an interval in one frame after it", () => {
    const coalescer = new Coalescer(500);
    const sole = new SharedFrame(createFrame("typing", { room: 1, marks: [{ user: "a", ttlMs: 6000 }] }));
    coalescer.put(sole, 0);
    expect(coalescer.take(0)).toBe(sole);
    put(coalescer, 100, "typing", { room: 1, marks: [{ user: "a", ttlMs: 6000 }] });
    put(coalescer, 200, "typing", { room: 1, marks: [{ user: "b", ttlMs: 250 }] });
    put(coalescer, 200, "typing", { room: 2, marks: [{ user: "b", ttlMs: 250 }] });
    expect(take(coalescer, 200)).toMatchObject({ room: 2 });
    expect([take(coalescer, 200), coalescer.due]).toEqual([undefined, 500]);
    expect(take(coalescer, 500)).toMatchObject({ room: 1, marks: [{ user: "a", ttlMs: 5600 }] });
    expect([take(coalescer, 500), coalescer.due]).toEqual([undefined, undefined]);
  });

  test("members are told net, each once, and fit into a frame (MBR-1, LIM-3)", () => {
    const coalescer = new Coalescer(500);
    put(coalescer, 0, "members", { room: 1, count: 3, entered: [{ user: "a" }, { user: "b" }], exited: ["c"] });
    put(coalescer, 0, "members", { room: 1, count: 2, exited: ["a"] });
    put(coalescer, 0, "members", { room: 1, count: 3, entered: [{ user: "c" }] });
    expect(take(coalescer, 0)).toMatchObject({ count: 3, entered: [{ user: "b" }, { user: "c" }], exited: ["a"] });
    for (let i = 0; i < 200; i++) {
      const profile = { avatarUri: "x".repeat(2000) };
      put(coalescer, 0, "members", { room: 1, count: i, entered: [{ user: `u${i}`, profile }] });
    }
    const frame = coalescer.take(500)?.frame;
    expect(frame?.body.value).toMatchObject({ count: 199 });
    expect(frame && encodedSize(frame)).toBeLessThanOrEqual(clientFrameBytes);
  });

  test("whoever the client may know is told as gone, however many came and went meanwhile (MBR-1, LIM-6)", () => {
    const coalescer = new Coalescer(500);
    put(coalescer, 0, "members", { room: 1, count: 200 });
    expect(take(coalescer, 0)).toMatchObject({ count: 200 });
    const known = Array.from({ length: 200 }, (_, i) => `known ${i}`);
    // One of them comes back, and goes again: it stays known.
    put(coalescer, 1, "members", { room: 1, count: 199, exited: ["known 7"] });
    put(coalescer, 1, "members", { room: 1, count: 200, entered: [{ user: "known 7" }] });
    for (const user of known) put(coalescer, 1, "members", { room: 1, count: 1, exited: [user] });
    for (let i = 0; i < 300; i++) {
      put(coalescer, 1, "members", { room: 1, count: 2, entered: [{ user: `visitor ${i}` }] });
      put(coalescer, 1, "members", { room: 1, count: 1, exited: [`visitor ${i}`] });
    }
    const frame = coalescer.take(500)?.frame;
    const exited = frame?.body.case === "members" ? frame.body.value.exited : [];
    expect(exited.filter((user) => user.startsWith("known"))).toEqual(known);
    expect(exited).toHaveLength(256);
    // The next frame begins anew: who was told as there is known now.
    put(coalescer, 600, "members", { room: 1, count: 2, entered: [{ user: "new" }] });
    expect(take(coalescer, 1000)).toMatchObject({ entered: [{ user: "new" }] });
    put(coalescer, 1100, "members", { room: 1, count: 1, exited: ["new"] });
    for (let i = 0; i < 300; i++) {
      put(coalescer, 1100, "members", { room: 1, count: 2, entered: [{ user: `visitor ${i}` }] });
      put(coalescer, 1100, "members", { room: 1, count: 1, exited: [`visitor ${i}`] });
    }
    expect(take(coalescer, 1500)).toMatchObject({ exited: expect.arrayContaining(["new"]) });
  });

  test("nothing of a room that was left is told, and nothing is kept of many rooms", () => {
    const coalescer = new Coalescer(500);
    put(coalescer, 0, "receipt", { room: 1, marks: [{ user: "a", read: 1n }] });
    put(coalescer, 0, "signal", { room: 1, name: "n" });
    put(coalescer, 0, "signal", { room: 2, name: "n" });
    coalescer.purge(1);
    expect(take(coalescer, 0)).toMatchObject({ room: 2 });
    expect(take(coalescer, 0)).toBeUndefined();
    for (let room = 1; room < 10_000; room++) {
      put(coalescer, room * 1000, "receipt", { room, marks: [{ user: "a", read: 1n }] });
      expect(take(coalescer, room * 1000)).toMatchObject({ room });
    }
    expect(coalescer.size).toBeLessThan(200);
  });
});
