/** What each broker does: one suite for all of them. The keeping of logs beyond a process is tested with the brokers that do. */

import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/errors.ts";
import type { BrokerSink, PublishRequest, RoomLog } from "../../src/relay/broker.ts";
import { ChatKind, type Durability, PresenceState } from "../../src/wire/codec.ts";
import { attach, type MakeBroker, offsets, publish, refused, request, settle, setup, text } from "./attached-broker.ts";
import { fakeRandom, id } from "./peer.ts";

/**
 * @param durability - what it declares.
 * @param clock - `own`: times are those of a server, which no test can set.
 */
export function brokerSuite(make: MakeBroker, durability: Durability, clock: "given" | "own" = "given"): void {
  describe("the decision (PUB-7)", () => {
    test("each line of its table", async () => {
      const world = await setup(make, { retention: { maxEntries: 1000 } });
      await world.link.open("r", "ada");
      expect([await publish(world, 1), await publish(world, 2)]).toEqual(["stored 1", "stored 2"]);
      expect([await publish(world, 4), await publish(world, 9, 2)]).toEqual(["outOfOrder 3", "stored 2"]);
      expect([await publish(world, 1), await publish(world, 1, 2)]).toEqual(["stored 1", "stored 2"]);
      expect(await publish(world, 2, 77)).toBe("conflict 3");
      expect([await publish(world, 3, 1), await publish(world, 4)]).toEqual(["stored 1", "stored 3"]);
      for (let seq = 5; seq <= 300; seq++) await publish(world, seq);
      expect([await publish(world, 1, 999), await publish(world, 1, 1)]).toEqual(["forgotten", "forgotten"]);
      expect(world.told.appended).toHaveLength(299);
    });

    test("final rejections and voids are recorded, use the seq up, and store nothing (PUB-11, PUB-12)", async () => {
      const world = await setup(make);
      await world.link.open("r", "ada");
      const reject = { code: "REJECTED", message: "no" } as const;
      expect(await publish(world, 1, 1, { reject })).toBe("REJECTED");
      expect(await publish(world, 1, 1)).toBe("REJECTED");
      expect(await publish(world, 2, 2, { kind: ChatKind.VOID, content: undefined })).toBe("voided");
      expect(await publish(world, 2, 2)).toBe("voided");
      expect(await publish(world, 3, 3)).toBe("stored 1");
      expect(await publish(world, 3, 3, { kind: ChatKind.VOID, content: undefined })).toBe("stored 1");
      expect(await publish(world, 5, 5, { reject })).toBe("outOfOrder 4");
      expect(world.told.appended).toHaveLength(1);
    });

    test("the last seq cannot be used up, and is not final", async () => {
      const world = await setup(make);
      await world.link.open("r", "ada");
      expect(await publish(world, Number.MAX_SAFE_INTEGER)).toBe("outOfOrder 1");
      world.link.publish(request(1, 1, { room: "not open" }));
      expect(world.told.settled.at(-1)?.[1].type).toBe("retry");
    });

    test("entries of a backend are stored once as long as they are retained (PUB-14)", async () => {
      const { link, told } = await setup(make, { retention: { maxEntries: 2 } });
      const entry = { id: id(1), sender: "", kind: ChatKind.UNSPECIFIED, content: text("x"), target: new Uint8Array() };
      const first = await link.append("r", entry);
      expect(first.offset).toBe(1);
      expect(await link.append("r", entry)).toEqual(first);
      for (const n of [2, 3]) link.append("r", { ...entry, id: id(n) });
      expect((await link.append("r", entry)).offset).toBe(4);
      expect(told.appended).toEqual([]);
    });
  });

  describe("the log", () => {
    test("reads are contiguous, adjacent to their anchor, and bounded (HIS-3)", async () => {
      const world = await setup(make, { retention: { maxEntries: 5 } });
      const { link } = world;
      await link.open("r", "ada");
      for (let seq = 1; seq <= 8; seq++) await publish(world, seq);
      const read = async (query: { after: number } | { before: number }, limit = 100, maxBytes = 1e6): Promise<number[]> => {
        const slice = await link.read("r", { ...query, limit, maxBytes });
        expect([slice.head, slice.firstRetained]).toEqual([8, 4]);
        return offsets(slice);
      };
      expect(await read({ after: 0 })).toEqual([4, 5, 6, 7, 8]);
      expect(await read({ after: 5 }, 2)).toEqual([6, 7]);
      expect(await read({ after: 8 })).toEqual([]);
      expect(await read({ before: 0 }, 2)).toEqual([7, 8]);
      expect(await read({ before: 6 })).toEqual([4, 5]);
      expect(await read({ before: 100 }, 1)).toEqual([8]);
      expect(await read({ before: 3 })).toEqual([]);
      expect(await read({ after: 0 }, 100, 1)).toEqual([4]);
      expect(await read({ before: 0 }, 100, 1)).toEqual([8]);
    });

    test("epochs are random, and another one after a reset or in another broker (LOG-3)", async () => {
      const world = await setup(make);
      const first = (await world.link.open("r", "ada")) as RoomLog;
      expect(first).toMatchObject({ head: 0, firstRetained: 1, durability });
      await publish(world, 1);
      await world.broker.reset("r");
      await settle(world);
      const second = await world.link.open("r", "ada");
      expect(second.epoch).not.toBe(first.epoch);
      expect([second.head, (await world.link.producer("r", "p")).nextSeq]).toEqual([0, 1]);
      expect(world.told.other).toEqual([["epoch", "r", second.epoch]]);
      expect((await (await setup(make, { random: fakeRandom(99) })).link.open("r", "ada")).epoch).not.toBe(first.epoch);
    });

    test("a redaction turns its target and the edits of it into tombstones, at once (LOG-7)", async () => {
      const world = await setup(make);
      const { link } = world;
      await link.open("r", "ada");
      await publish(world, 1);
      await publish(world, 2, 2, { kind: ChatKind.EDIT, target: id(1) });
      await publish(world, 3, 3, { kind: ChatKind.REACTION, target: id(1) });
      await publish(world, 4);
      const before = (await link.read("r", { after: 0, limit: 9, maxBytes: 1e6 })).entries;
      expect(await publish(world, 5, 5, { kind: ChatKind.REDACTION, target: id(1), content: undefined })).toBe("stored 5");
      const after = (await link.read("r", { after: 0, limit: 9, maxBytes: 1e6 })).entries;
      expect(after.map((entry) => [entry.kind, entry.content === undefined])).toEqual([
        [ChatKind.TOMBSTONE, true],
        [ChatKind.TOMBSTONE, true],
        [ChatKind.REACTION, false],
        [ChatKind.UNSPECIFIED, false],
        [ChatKind.REDACTION, true],
      ]);
      expect(after[0]).toMatchObject({ offset: 1n, sender: "ada", id: id(1), timeMs: before[0]?.timeMs });
      expect(after[1]).toMatchObject({ target: id(1) });
      expect(before[0]?.content).toBeDefined();
      expect(await publish(world, 6, 6, { kind: ChatKind.REDACTION, target: id(1), content: undefined })).toBe("stored 6");
    });

    test("an id stays with the entry that had it first, and others' entries with it are left alone (LOG-10, PUB-14)", async () => {
      const world = await setup(make, { retention: { maxEntries: 6 } });
      await world.link.open("r", "ada");
      const eve = { sender: "eve", producer: "q" };
      const redaction = { kind: ChatKind.REDACTION, target: id(1), content: undefined };
      const kinds = async (): Promise<ChatKind[]> =>
        (await world.link.read("r", { after: 0, limit: 9, maxBytes: 1e6 })).entries.map(({ kind }) => kind);
      await publish(world, 1);
      expect(await publish(world, 1, 1, eve)).toBe("stored 2");
      expect(await publish(world, 2, 8, { ...eve, ...redaction })).toBe("FORBIDDEN");
      expect(await publish(world, 3, 9, { ...eve, kind: ChatKind.EDIT, target: id(1) })).toBe("FORBIDDEN");
      expect(await publish(world, 2, 2, { kind: ChatKind.EDIT, target: id(1) })).toBe("stored 3");
      expect(await publish(world, 3, 3, redaction)).toBe("stored 4");
      const { TOMBSTONE, UNSPECIFIED, REDACTION, EDIT } = ChatKind;
      expect(await kinds()).toEqual([TOMBSTONE, UNSPECIFIED, TOMBSTONE, REDACTION]);
      // A backend's entry in the name of another is another one.
      expect((await world.link.append("r", request(0, 1, { sender: "" }))).offset).toBe(5);
      expect((await world.link.append("r", request(0, 1, { sender: "" }))).offset).toBe(5);
      // The oldest goes: the id is that of the next one that is left.
      await publish(world, 4);
      await publish(world, 5);
      expect(await publish(world, 4, 10, { ...eve, kind: EDIT, target: id(1) })).toBe("stored 8");
      expect(await publish(world, 5, 11, { ...eve, ...redaction })).toBe("FORBIDDEN");
    });

    test("what a sender has in the log is not stored again under another session, and uses the seq up (PUB-7)", async () => {
      const world = await setup(make, { retention: { maxEntries: 2 } });
      await world.link.open("r", "ada");
      const copy = { producer: "copy" };
      expect(await publish(world, 1)).toBe("stored 1");
      expect(await publish(world, 1, 1, copy)).toBe("stored 1");
      expect(await publish(world, 2, 2, copy)).toBe("stored 2");
      expect(await publish(world, 2)).toBe("stored 2");
      // Neither a void nor a rejection says that it is not in the log (PUB-12).
      expect(await publish(world, 1, 2, { producer: "third", kind: ChatKind.VOID, content: undefined })).toBe("stored 2");
      const reject = { code: "REJECTED", message: "no" } as const;
      expect(await publish(world, 1, 2, { producer: "fourth", reject })).toBe("stored 2");
      expect(await publish(world, 3)).toBe("stored 3");
      // Not retained any more: then only the producer's own ring knows it.
      expect(await publish(world, 1, 1, { producer: "late" })).toBe("stored 4");
    });

    test("targets (LOG-8)", async () => {
      const world = await setup(make, { retention: { maxEntries: 20 } });
      await world.link.open("r", "ada");
      await publish(world, 1);
      let seq = 1;
      const about = (kind: ChatKind, target: number, more: Partial<PublishRequest> = {}): Promise<string> => {
        seq++;
        return publish(world, seq, seq, { kind, target: id(target), ...more });
      };
      const bob = { sender: "bob" };
      expect(await about(ChatKind.EDIT, 99)).toBe("TARGET_UNKNOWN");
      expect(await about(ChatKind.EDIT, 1, bob)).toBe("FORBIDDEN");
      expect(await about(ChatKind.EDIT, 1)).toBe("stored 2");
      expect(await about(ChatKind.EDIT, seq)).toBe("FORBIDDEN");
      expect(await about(ChatKind.REACTION, 1, bob)).toBe("stored 3");
      expect(await about(ChatKind.REACTION, seq, bob)).toBe("FORBIDDEN");
      expect(await about(ChatKind.REDACTION, 1, bob)).toBe("FORBIDDEN");
      expect(await about(ChatKind.REDACTION, 1, { ...bob, mayRedact: true })).toBe("stored 4");
      expect(await about(ChatKind.REDACTION, seq, bob)).toBe("FORBIDDEN");
      expect(await about(ChatKind.EDIT, 1)).toBe("FORBIDDEN");
      expect(await about(99 as ChatKind, 98)).toBe("stored 5");
      await expect(
        refused(() => world.link.append("r", request(1, 500, { kind: ChatKind.EDIT, target: id(98) }))),
      ).resolves.toBeInstanceOf(ProtocolError);
    });
  });

  describe("several relays", () => {
    test("what one stores reaches all that have the room open, in one order", async () => {
      const { broker, ...one } = await setup(make);
      const two = attach(broker);
      const three = attach(broker);
      for (const { link } of [one, two]) await link.open("r", "ada");
      await publish(one, 1);
      expect(await publish(two, 1, 7, { producer: "q" })).toBe("stored 2");
      expect(one.told.appended).toEqual(two.told.appended);
      expect([one.told.settled.length, three.told.appended]).toEqual([1, []]);
      two.link.close("r");
      await publish(one, 2);
      expect([one.told.appended.length, two.told.appended.length]).toEqual([3, 2]);
    });

    test("what is stored from within a call is told after it, to all", async () => {
      const { broker, ...one } = await setup(make);
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
      await one.link.open("r", "ada");
      await broker.attach(sink).open("r", "ada");
      const three = attach(broker);
      await three.link.open("r", "ada");
      one.link.publish(request(1));
      await settle(one);
      await settle(one);
      expect(order).toEqual([1, 2]);
      expect(three.told.appended.map(([, offset]) => offset)).toEqual([1, 2]);
    });

    test("watermarks only rise, stay below the head, and end with the epoch (RCP-1, RCP-3, RCP-7)", async () => {
      const world = await setup(make);
      const { link, told, broker } = world;
      await link.open("r", "ada");
      for (const seq of [1, 2, 3]) await publish(world, seq);
      link.receipt("r", "__proto__", { delivered: 1, read: 2 });
      link.receipt("r", "__proto__", { delivered: 1, read: 0 });
      link.receipt("r", "__proto__", { delivered: 99, read: 0 });
      await settle(world);
      expect(told.other).toEqual([
        ["receipt", "r", "__proto__", 2, 2],
        ["receipt", "r", "__proto__", 3, 2],
      ]);
      expect([...(await link.receipts("r", 10))]).toEqual([["__proto__", { delivered: 3, read: 2 }]]);
      await broker.reset("r");
      expect([...(await link.receipts("r", 10))]).toEqual([]);
    });

    test("a session is claimed by the highest attempt alone (SES-3)", async () => {
      const { broker, link, told } = await setup(make);
      const two = attach(broker);
      await link.follow("uada");
      expect(await link.claim("ada", "s", 2)).toBe(true);
      expect([await two.link.claim("ada", "s", 2), await two.link.claim("ada", "s", 1)]).toEqual([false, false]);
      expect(await two.link.claim("bob", "s", 1)).toBe(true);
      expect(await two.link.claim("ada", "s", 3)).toBe(true);
      await settle({ link, told });
      expect(told.other).toEqual([["announced", "uada", "takeover"]]);
      link.release("ada", "s", 2);
      expect(await link.claim("ada", "s", 3)).toBe(false);
      two.link.release("ada", "s", 3);
      expect(await link.claim("ada", "s", 1)).toBe(true);
    });
  });

  if (clock === "given") {
    describe("by the clock that it is given", () => {
      test("producers are apart, and forgotten only after the dedup window (PUB-9)", async () => {
        const world = await setup(make, { dedupWindowS: 10 });
        await world.link.open("r", "ada");
        await publish(world, 1);
        expect(await publish(world, 1, 50, { producer: "q" })).toBe("stored 2");
        world.clock.advance(9_999);
        expect((await world.link.producer("r", "p")).nextSeq).toBe(2);
        await publish(world, 2);
        world.clock.wallOffset += 1e9;
        world.clock.advance(9_999);
        expect((await world.link.producer("r", "p")).nextSeq).toBe(3);
        world.clock.advance(1);
        expect((await world.link.producer("r", "p")).nextSeq).toBe(1);
      });

      test("offsets are contiguous, times never fall (LOG-2, LOG-4)", async () => {
        const world = await setup(make);
        await world.link.open("r", "ada");
        await publish(world, 1);
        world.clock.wallOffset -= 3_600_000;
        await publish(world, 2);
        world.clock.wallOffset += 7_200_000;
        await publish(world, 3);
        const times = world.told.entries.map((entry) => Number(entry.timeMs));
        expect(times[1]).toBe(times[0]);
        expect(times[2]).toBe((times[0] ?? 0) + 3_600_000);
      });

      test("retention by count, bytes and age removes from the beginning, and the head stays (LOG-5)", async () => {
        const aged = await setup(make, { retention: { maxAgeMs: 1000 } });
        await aged.link.open("r", "ada");
        await publish(aged, 1);
        aged.clock.advance(600);
        await publish(aged, 2);
        aged.clock.advance(400);
        expect(await aged.link.open("r", "ada")).toMatchObject({ head: 2, firstRetained: 2 });
        aged.clock.advance(600);
        expect(await aged.link.open("r", "ada")).toMatchObject({ head: 2, firstRetained: 3 });
        await publish(aged, 3);
        expect(aged.told.appended).toEqual([
          ["r", 1, 1],
          ["r", 2, 1],
          ["r", 3, 3],
        ]);

        const small = await setup(make, { retention: { maxBytes: 150 } });
        await small.link.open("r", "ada");
        for (let seq = 1; seq <= 9; seq++) await publish(small, seq);
        const { head, firstRetained } = await small.link.open("r", "ada");
        expect(head).toBe(9);
        expect(firstRetained).toBeGreaterThan(5);
        await publish(small, 10, 10, { content: text("x".repeat(1000)) });
        expect(await small.link.open("r", "ada")).toMatchObject({ head: 10, firstRetained: 10 });
      });

      test("registries: values go after their time, or with their relay, and all are told", async () => {
        const { broker, clock, link, told } = await setup(make);
        const two = attach(broker);
        link.follow("t");
        const device = {
          type: "device",
          session: "s",
          state: PresenceState.ONLINE,
          activity: "",
          statusText: "",
          atMs: 1,
        } as const;
        two.link.put("t", "a", device, 1000);
        two.link.put("t", "b", device, undefined);
        two.link.put("t", "seen", { type: "seen", atMs: 1 }, 5000);
        two.link.put("u", "c", device, 1000);
        clock.advance(500);
        two.link.put("t", "a", device, 1000);
        expect([...(await link.follow("t")).keys()].sort()).toEqual(["a", "b", "seen"]);
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

      test("a room beyond the bound is refused", async () => {
        const { link } = await setup(make, { maxRooms: 1 });
        await link.open("a", "ada");
        expect(await refused(() => link.open("b", "ada"))).toBeInstanceOf(ProtocolError);
      });
    });
  }
}
