import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/errors.ts";
import type { PublishRequest, RoomLog } from "../../src/relay/broker.ts";
import { ChatKind, Durability } from "../../src/wire/codec.ts";
import { now, offsets, publish, request, setup, text } from "./attached-broker.ts";
import { fakeRandom, id } from "./peer.ts";

describe("the decision (PUB-7)", () => {
  test("each line of its table", () => {
    const world = setup({ retention: { maxEntries: 1000 } });
    world.link.open("r", "ada");
    expect([publish(world, 1), publish(world, 2)]).toEqual(["stored 1", "stored 2"]);
    expect([publish(world, 4), publish(world, 9, 2)]).toEqual(["outOfOrder 3", "stored 2"]);
    expect([publish(world, 1), publish(world, 1, 2)]).toEqual(["stored 1", "stored 2"]);
    expect(publish(world, 2, 77)).toBe("conflict 3");
    expect([publish(world, 3, 1), publish(world, 4)]).toEqual(["stored 1", "stored 3"]);
    for (let seq = 5; seq <= 300; seq++) publish(world, seq);
    expect([publish(world, 1, 999), publish(world, 1, 1)]).toEqual(["forgotten", "forgotten"]);
    expect(world.told.appended).toHaveLength(299);
  });

  test("final rejections and voids are recorded, use the seq up, and store nothing (PUB-11, PUB-12)", () => {
    const world = setup();
    world.link.open("r", "ada");
    const reject = { code: "REJECTED", message: "no" } as const;
    expect(publish(world, 1, 1, { reject })).toBe("REJECTED");
    expect(publish(world, 1, 1)).toBe("REJECTED");
    expect(publish(world, 2, 2, { kind: ChatKind.VOID, content: undefined })).toBe("voided");
    expect(publish(world, 2, 2)).toBe("voided");
    expect(publish(world, 3, 3)).toBe("stored 1");
    expect(publish(world, 3, 3, { kind: ChatKind.VOID, content: undefined })).toBe("stored 1");
    expect(publish(world, 5, 5, { reject })).toBe("outOfOrder 4");
    expect(world.told.appended).toHaveLength(1);
  });

  test("producers are apart, and forgotten only after the dedup window (PUB-9)", () => {
    const world = setup({ dedupWindowS: 10 });
    world.link.open("r", "ada");
    publish(world, 1);
    expect(publish(world, 1, 50, { producer: "q" })).toBe("stored 2");
    world.clock.advance(9_999);
    expect(now(world.link.producer("r", "p")).nextSeq).toBe(2);
    publish(world, 2);
    world.clock.wallOffset += 1e9;
    world.clock.advance(9_999);
    expect(now(world.link.producer("r", "p")).nextSeq).toBe(3);
    world.clock.advance(1);
    expect(now(world.link.producer("r", "p")).nextSeq).toBe(1);
  });

  test("the last seq cannot be used up, and is not final", () => {
    const world = setup();
    world.link.open("r", "ada");
    expect(publish(world, Number.MAX_SAFE_INTEGER)).toBe("outOfOrder 1");
    world.link.publish(request(1, 1, { room: "not open" }));
    expect(world.told.settled.at(-1)?.[1].type).toBe("retry");
  });

  test("entries of a backend are stored once as long as they are retained (PUB-14)", () => {
    const { link, told } = setup({ retention: { maxEntries: 2 } });
    const entry = { id: id(1), sender: "", kind: ChatKind.UNSPECIFIED, content: text("x"), target: new Uint8Array() };
    const first = now(link.append("r", entry));
    expect(first.offset).toBe(1);
    expect(now(link.append("r", entry))).toEqual(first);
    for (const n of [2, 3]) link.append("r", { ...entry, id: id(n) });
    expect(now(link.append("r", entry)).offset).toBe(4);
    expect(told.appended).toEqual([]);
  });
});

describe("the log", () => {
  test("offsets are contiguous, times never fall (LOG-2, LOG-4)", () => {
    const world = setup();
    world.link.open("r", "ada");
    publish(world, 1);
    world.clock.wallOffset -= 3_600_000;
    publish(world, 2);
    world.clock.wallOffset += 7_200_000;
    publish(world, 3);
    const times = world.told.entries.map((entry) => Number(entry.timeMs));
    expect(times[1]).toBe(times[0]);
    expect(times[2]).toBe((times[0] ?? 0) + 3_600_000);
  });

  test("reads are contiguous, adjacent to their anchor, and bounded (HIS-3)", () => {
    const world = setup({ retention: { maxEntries: 5 } });
    const { link } = world;
    link.open("r", "ada");
    for (let seq = 1; seq <= 8; seq++) publish(world, seq);
    const read = (query: { after: number } | { before: number }, limit = 100, maxBytes = 1e6): number[] => {
      const slice = now(link.read("r", { ...query, limit, maxBytes }));
      expect([slice.head, slice.firstRetained]).toEqual([8, 4]);
      return offsets(slice);
    };
    expect(read({ after: 0 })).toEqual([4, 5, 6, 7, 8]);
    expect(read({ after: 5 }, 2)).toEqual([6, 7]);
    expect(read({ after: 8 })).toEqual([]);
    expect(read({ before: 0 }, 2)).toEqual([7, 8]);
    expect(read({ before: 6 })).toEqual([4, 5]);
    expect(read({ before: 100 }, 1)).toEqual([8]);
    expect(read({ before: 3 })).toEqual([]);
    expect(read({ after: 0 }, 100, 1)).toEqual([4]);
    expect(read({ before: 0 }, 100, 1)).toEqual([8]);
  });

  test("retention by count, bytes and age removes from the beginning, and the head stays (LOG-5)", () => {
    const aged = setup({ retention: { maxAgeMs: 1000 } });
    aged.link.open("r", "ada");
    publish(aged, 1);
    aged.clock.advance(600);
    publish(aged, 2);
    aged.clock.advance(400);
    expect(now(aged.link.open("r", "ada"))).toMatchObject({ head: 2, firstRetained: 2 });
    aged.clock.advance(600);
    expect(now(aged.link.open("r", "ada"))).toMatchObject({ head: 2, firstRetained: 3 });
    publish(aged, 3);
    expect(aged.told.appended).toEqual([
      ["r", 1, 1],
      ["r", 2, 1],
      ["r", 3, 3],
    ]);

    const small = setup({ retention: { maxBytes: 150 } });
    small.link.open("r", "ada");
    for (let seq = 1; seq <= 9; seq++) publish(small, seq);
    const { head, firstRetained } = now(small.link.open("r", "ada"));
    expect(head).toBe(9);
    expect(firstRetained).toBeGreaterThan(5);
    publish(small, 10, 10, { content: text("x".repeat(1000)) });
    expect(now(small.link.open("r", "ada"))).toMatchObject({ head: 10, firstRetained: 10 });
  });

  test("epochs are random, and another one after a reset or in another broker (LOG-3)", () => {
    const world = setup();
    const first = now(world.link.open("r", "ada")) as RoomLog;
    expect(first).toMatchObject({ head: 0, firstRetained: 1, durability: Durability.MEMORY });
    publish(world, 1);
    world.broker.reset("r");
    const second = now(world.link.open("r", "ada"));
    expect(second.epoch).not.toBe(first.epoch);
    expect([second.head, now(world.link.producer("r", "p")).nextSeq]).toEqual([0, 1]);
    expect(world.told.other).toEqual([["epoch", "r", second.epoch]]);
    expect(now(setup({ random: fakeRandom(99) }).link.open("r", "ada")).epoch).not.toBe(first.epoch);
  });

  test("a redaction turns its target and the edits of it into tombstones, at once (LOG-7)", () => {
    const world = setup();
    const { link } = world;
    link.open("r", "ada");
    publish(world, 1);
    publish(world, 2, 2, { kind: ChatKind.EDIT, target: id(1) });
    publish(world, 3, 3, { kind: ChatKind.REACTION, target: id(1) });
    publish(world, 4);
    const before = now(link.read("r", { after: 0, limit: 9, maxBytes: 1e6 })).entries;
    expect(publish(world, 5, 5, { kind: ChatKind.REDACTION, target: id(1), content: undefined })).toBe("stored 5");
    const after = now(link.read("r", { after: 0, limit: 9, maxBytes: 1e6 })).entries;
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
    expect(publish(world, 6, 6, { kind: ChatKind.REDACTION, target: id(1), content: undefined })).toBe("stored 6");
  });

  test("an id stays with the entry that had it first, and others' entries with it are left alone (LOG-10, PUB-14)", () => {
    const world = setup({ retention: { maxEntries: 6 } });
    world.link.open("r", "ada");
    const eve = { sender: "eve", producer: "q" };
    const redaction = { kind: ChatKind.REDACTION, target: id(1), content: undefined };
    const kinds = (): ChatKind[] =>
      now(world.link.read("r", { after: 0, limit: 9, maxBytes: 1e6 })).entries.map(({ kind }) => kind);
    publish(world, 1);
    expect(publish(world, 1, 1, eve)).toBe("stored 2");
    expect(publish(world, 2, 8, { ...eve, ...redaction })).toBe("FORBIDDEN");
    expect(publish(world, 3, 9, { ...eve, kind: ChatKind.EDIT, target: id(1) })).toBe("FORBIDDEN");
    expect(publish(world, 2, 2, { kind: ChatKind.EDIT, target: id(1) })).toBe("stored 3");
    expect(publish(world, 3, 3, redaction)).toBe("stored 4");
    const { TOMBSTONE, UNSPECIFIED, REDACTION, EDIT } = ChatKind;
    expect(kinds()).toEqual([TOMBSTONE, UNSPECIFIED, TOMBSTONE, REDACTION]);
    // A backend's entry in the name of another is another one.
    expect(now(world.link.append("r", request(0, 1, { sender: "" }))).offset).toBe(5);
    expect(now(world.link.append("r", request(0, 1, { sender: "" }))).offset).toBe(5);
    // The oldest goes: the id is that of the next one that is left.
    publish(world, 4);
    publish(world, 5);
    expect(publish(world, 4, 10, { ...eve, kind: EDIT, target: id(1) })).toBe("stored 8");
    expect(publish(world, 5, 11, { ...eve, ...redaction })).toBe("FORBIDDEN");
  });

  test("what a sender has in the log is not stored again under another session, and uses the seq up (PUB-7)", () => {
    const world = setup({ retention: { maxEntries: 2 } });
    world.link.open("r", "ada");
    const copy = { producer: "copy" };
    expect(publish(world, 1)).toBe("stored 1");
    expect(publish(world, 1, 1, copy)).toBe("stored 1");
    expect(publish(world, 2, 2, copy)).toBe("stored 2");
    expect(publish(world, 2)).toBe("stored 2");
    // Neither a void nor a rejection says that it is not in the log (PUB-12).
    expect(publish(world, 1, 2, { producer: "third", kind: ChatKind.VOID, content: undefined })).toBe("stored 2");
    const reject = { code: "REJECTED", message: "no" } as const;
    expect(publish(world, 1, 2, { producer: "fourth", reject })).toBe("stored 2");
    expect(publish(world, 3)).toBe("stored 3");
    // Not retained any more: then only the producer's own ring knows it.
    expect(publish(world, 1, 1, { producer: "late" })).toBe("stored 4");
  });

  test("targets (LOG-8)", () => {
    const world = setup({ retention: { maxEntries: 20 } });
    world.link.open("r", "ada");
    publish(world, 1);
    let seq = 1;
    const about = (kind: ChatKind, target: number, more: Partial<PublishRequest> = {}): string => {
      seq++;
      return publish(world, seq, seq, { kind, target: id(target), ...more });
    };
    const bob = { sender: "bob" };
    expect(about(ChatKind.EDIT, 99)).toBe("TARGET_UNKNOWN");
    expect(about(ChatKind.EDIT, 1, bob)).toBe("FORBIDDEN");
    expect(about(ChatKind.EDIT, 1)).toBe("stored 2");
    expect(about(ChatKind.EDIT, seq)).toBe("FORBIDDEN");
    expect(about(ChatKind.REACTION, 1, bob)).toBe("stored 3");
    expect(about(ChatKind.REACTION, seq, bob)).toBe("FORBIDDEN");
    expect(about(ChatKind.REDACTION, 1, bob)).toBe("FORBIDDEN");
    expect(about(ChatKind.REDACTION, 1, { ...bob, mayRedact: true })).toBe("stored 4");
    expect(about(ChatKind.REDACTION, seq, bob)).toBe("FORBIDDEN");
    expect(about(ChatKind.EDIT, 1)).toBe("FORBIDDEN");
    expect(about(99 as ChatKind, 98)).toBe("stored 5");
    expect(() => world.link.append("r", request(1, 500, { kind: ChatKind.EDIT, target: id(98) }))).toThrow(ProtocolError);
  });
});

test("a room beyond the bound is refused", () => {
  const { link } = setup({ maxRooms: 1 });
  link.open("a", "ada");
  expect(() => link.open("b", "ada")).toThrow(ProtocolError);
});
