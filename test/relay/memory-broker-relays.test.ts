import { describe, expect, test } from "vitest";
import type { BrokerSink } from "../../src/relay/broker.ts";
import { PresenceState } from "../../src/wire/codec.ts";
import { attach, now, publish, request, setup } from "./attached-broker.ts";

describe("several relays", () => {
  test("what one stores reaches all that have the room open, in one order", () => {
    const { broker, ...one } = setup();
    const two = attach(broker);
    const three = attach(broker);
    for (const { link } of [one, two]) link.open("r", "ada");
    publish(one, 1);
    expect(publish(two, 1, 7, { producer: "q" })).toBe("stored 2");
    expect(one.told.appended).toEqual(two.told.appended);
    expect([one.told.settled.length, three.told.appended]).toEqual([1, []]);
    two.link.close("r");
    publish(one, 2);
    expect([one.told.appended.length, two.told.appended.length]).toEqual([3, 2]);
  });

  test("what is stored from within a call is told after it, to all", () => {
    const { broker, ...one } = setup();
    const order: number[] = [];
    const sink: BrokerSink = {
      settled() {},
      epochChanged() {},
      receipt() {},
      changed() {},
      announced() {},
      appended: (_room, entry) => {
        order.push(Number(entry.offset));
        if (entry.offset === 1n) one.link.publish(request(2));
      },
    };
    one.link.open("r", "ada");
    broker.attach(sink).open("r", "ada");
    const three = attach(broker);
    three.link.open("r", "ada");
    one.link.publish(request(1));
    expect(order).toEqual([1, 2]);
    expect(three.told.appended.map(([, offset]) => offset)).toEqual([1, 2]);
  });

  test("watermarks only rise, stay below the head, and end with the epoch (RCP-1, RCP-3, RCP-7)", () => {
    const world = setup();
    const { link, told, broker } = world;
    link.open("r", "ada");
    for (const seq of [1, 2, 3]) publish(world, seq);
    link.receipt("r", "__proto__", { delivered: 1, read: 2 });
    link.receipt("r", "__proto__", { delivered: 1, read: 0 });
    link.receipt("r", "__proto__", { delivered: 99, read: 0 });
    expect(told.other).toEqual([
      ["receipt", "r", "__proto__", 2, 2],
      ["receipt", "r", "__proto__", 3, 2],
    ]);
    expect([...now(link.receipts("r", 10))]).toEqual([["__proto__", { delivered: 3, read: 2 }]]);
    broker.reset("r");
    expect([...now(link.receipts("r", 10))]).toEqual([]);
  });

  test("registries: values go after their time, or with their relay, and all are told", () => {
    const { broker, clock, link, told } = setup();
    const two = attach(broker);
    link.follow("t");
    const device = { type: "device", session: "s", state: PresenceState.ONLINE, activity: "", statusText: "", atMs: 1 } as const;
    two.link.put("t", "a", device, 1000);
    two.link.put("t", "b", device, undefined);
    two.link.put("t", "seen", { type: "seen", atMs: 1 }, 5000);
    two.link.put("u", "c", device, 1000);
    clock.advance(500);
    two.link.put("t", "a", device, 1000);
    expect([...now(link.follow("t")).keys()].sort()).toEqual(["a", "b", "seen"]);
    told.other.length = 0;
    clock.advance(999);
    expect(told.other).toEqual([]);
    clock.advance(1);
    expect(told.other).toEqual([["changed", "t", "a", undefined]]);
    two.link.detach();
    expect(told.other.at(-1)).toEqual(["changed", "t", "b", undefined]);
    clock.advance(5000);
    expect(told.other.at(-1)).toEqual(["changed", "t", "seen", undefined]);
    expect(clock.pending).toBe(0);
    two.link.announce("t", { type: "close" });
    link.unfollow("t");
    link.announce("t", { type: "close" });
    expect(told.other.filter(([what]) => what === "announced")).toHaveLength(1);
  });

  test("a session is claimed by the highest attempt alone (SES-3)", () => {
    const { broker, link, told } = setup();
    const two = attach(broker);
    link.follow("uada");
    expect(now(link.claim("ada", "s", 2))).toBe(true);
    expect([now(two.link.claim("ada", "s", 2)), now(two.link.claim("ada", "s", 1))]).toEqual([false, false]);
    expect(now(two.link.claim("bob", "s", 1))).toBe(true);
    expect(now(two.link.claim("ada", "s", 3))).toBe(true);
    expect(told.other).toEqual([["announced", "uada", "takeover"]]);
    link.release("ada", "s", 2);
    expect(now(link.claim("ada", "s", 3))).toBe(false);
    two.link.release("ada", "s", 3);
    expect(now(link.claim("ada", "s", 1))).toBe(true);
  });
});
