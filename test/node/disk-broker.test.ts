/** The broker on disk: what every broker does, and what is there when its folder is opened again. */

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DiskBroker, type DiskBrokerOptions } from "../../src/node/disk-broker.ts";
import { ChatKind, Durability } from "../../src/wire/codec.ts";
import { attach, offsets, publish, refused, request, settle, setup, type World } from "../relay/attached-broker.ts";
import { brokerSuite } from "../relay/broker-suite.ts";
import { fakeRandom, id } from "../relay/peer.ts";
import { FakeClock } from "../support/fake-clock.ts";

let folder = "";
let made = 0;
const opened: DiskBroker[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "chappe-disk-"));
});

afterAll(async () => {
  for (const broker of opened) await broker.close();
  await rm(folder, { recursive: true });
});

async function open(options: Omit<DiskBrokerOptions, "directory">, directory = join(folder, `${++made}`)): Promise<DiskBroker> {
  const broker = await DiskBroker.open({ directory, ...options });
  opened.push(broker);
  return broker;
}

brokerSuite((options) => open(options), Durability.DISK);

/** A folder that is opened, closed and opened again, each time by a process whose clock begins anew. */
interface Reopened extends World {
  readonly broker: DiskBroker;
}

function reopening(options: Partial<DiskBrokerOptions> = {}): (seed?: number, laterMs?: number) => Promise<Reopened> {
  const directory = join(folder, `${++made}`);
  let last: DiskBroker | undefined;
  let wallMs = 1_700_000_000_000;
  return async (seed = 1, laterMs = 0) => {
    await last?.close();
    wallMs += laterMs;
    const clock = new FakeClock();
    clock.wallOffset = wallMs - clock.now();
    last = await open({ clock, random: fakeRandom(seed), ...options }, directory);
    return { clock, broker: last, ...attach(last) };
  };
}

const all = { after: 0, limit: 100, maxBytes: 1e6 };

describe("a folder that is opened again", () => {
  test("has the logs with their epochs, offsets, times and contents (LOG-2, LOG-3, LOG-4)", async () => {
    const again = reopening();
    const one = await again();
    const { epoch } = await one.link.open("r", "ada");
    const profile = { displayName: "Ada" } as never;
    for (const seq of [1, 2, 3]) await publish(one, seq, seq, seq === 2 ? { profile } : {});
    const before = await one.link.read("r", all);

    const two = await again(2, -1000);
    expect(await two.link.open("r", "bob")).toMatchObject({ epoch, head: 3, firstRetained: 1, durability: Durability.DISK });
    const after = await two.link.read("r", all);
    expect(
      after.entries.map(({ sender, id: bytes, timeMs, content }) => [sender, [...bytes], timeMs, content?.body.value]),
    ).toEqual(before.entries.map(({ sender, id: bytes, timeMs, content }) => [sender, [...bytes], timeMs, content?.body.value]));
    expect(after.entries[1]?.profile?.displayName).toBe("Ada");
    expect(await publish(two, 4)).toBe("stored 4");
    // The wall clock has stepped back: times do not.
    expect(two.told.entries[0]?.timeMs).toBe(before.entries[2]?.timeMs);
  });

  test("remembers what became of each publish, and what seq is next (PUB-7, PUB-8)", async () => {
    const again = reopening();
    const one = await again();
    await one.link.open("r", "ada");
    for (let seq = 1; seq <= 300; seq++) await publish(one, seq);
    await publish(one, 301, 301, { reject: { code: "REJECTED", message: "no" } });
    await publish(one, 302, 302, { kind: ChatKind.VOID, content: undefined });
    await publish(one, 1, 1, { producer: "pp" });
    // Known under another seq: it uses this one up as well.
    await publish(one, 303, 300);

    const two = await again(2);
    await two.link.open("r", "ada");
    expect((await two.link.producer("r", "p")).nextSeq).toBe(304);
    expect((await two.link.producer("r", "pp")).nextSeq).toBe(2);
    expect([await publish(two, 300), await publish(two, 301), await publish(two, 302)]).toEqual([
      "stored 300",
      "REJECTED",
      "voided",
    ]);
    expect([await publish(two, 303, 300), await publish(two, 1), await publish(two, 302, 999)]).toEqual([
      "stored 300",
      "forgotten",
      "conflict 304",
    ]);
    expect([await publish(two, 305), await publish(two, 304)]).toEqual(["outOfOrder 304", "stored 302"]);
  });

  test("forgets a producer after the dedup window, counted on while it was closed (PUB-9)", async () => {
    const again = reopening({ dedupWindowS: 10 });
    const one = await again();
    await one.link.open("r", "ada");
    await publish(one, 1);
    one.clock.advance(6000);
    // A duplicate is a publish too.
    await publish(one, 1);
    const two = await again(2, 15_999);
    await two.link.open("r", "ada");
    expect((await two.link.producer("r", "p")).nextSeq).toBe(2);
    two.clock.advance(1);
    expect((await two.link.producer("r", "p")).nextSeq).toBe(1);
    const three = await again(3, 1);
    await three.link.open("r", "ada");
    expect((await three.link.producer("r", "p")).nextSeq).toBe(1);
  });

  test("has what retention has left, also where only time has taken it, and tombstones (LOG-5, LOG-7)", async () => {
    const again = reopening({ retention: { maxEntries: 3, maxAgeMs: 10_000 } });
    const one = await again();
    const { epoch } = await one.link.open("r", "ada");
    for (const seq of [1, 2, 3, 4]) await publish(one, seq);
    await publish(one, 5, 5, { kind: ChatKind.REDACTION, target: id(4), content: undefined });
    const two = await again(2, 5000);
    await two.link.open("r", "ada");
    const { entries } = await two.link.read("r", all);
    expect(entries.map(({ offset, kind }) => [Number(offset), kind])).toEqual([
      [3, ChatKind.UNSPECIFIED],
      [4, ChatKind.TOMBSTONE],
      [5, ChatKind.REDACTION],
    ]);
    const three = await again(3, 5000);
    expect(await three.link.open("r", "ada")).toMatchObject({ epoch, head: 5, firstRetained: 6 });
    const four = await again(4);
    expect(await four.link.open("r", "ada")).toMatchObject({ epoch, head: 5, firstRetained: 6 });
    expect(await publish(four, 6)).toBe("stored 6");
  });

  test("has watermarks, the latest moved last (RCP-3)", async () => {
    const again = reopening();
    const one = await again();
    await one.link.open("r", "ada");
    for (const seq of [1, 2]) await publish(one, seq);
    for (const [user, read] of [
      ["ada", 2],
      ["__proto__", 1],
    ] as const) {
      one.link.receipt("r", user, { delivered: 2, read });
      one.clock.advance(1);
    }
    await settle(one);
    const two = await again(2);
    await two.link.open("r", "ada");
    expect([...(await two.link.receipts("r", 9))]).toEqual([
      ["ada", { delivered: 2, read: 2 }],
      ["__proto__", { delivered: 2, read: 1 }],
    ]);
    expect([...(await two.link.receipts("r", 1)).keys()]).toEqual(["__proto__"]);
  });

  test("has nothing of a log that was reset, and another epoch (LOG-3)", async () => {
    const again = reopening();
    const one = await again();
    await one.link.open("r", "ada");
    for (const seq of [1, 2, 3]) await publish(one, seq);
    one.link.receipt("r", "ada", { delivered: 3, read: 3 });
    one.broker.reset("r");
    expect(await publish(one, 1, 9)).toBe("stored 1");
    const { epoch } = await one.link.open("r", "ada");
    const two = await again(2);
    expect(await two.link.open("r", "ada")).toMatchObject({ epoch, head: 1 });
    expect([...(await two.link.receipts("r", 9))]).toEqual([]);
    expect((await two.link.producer("r", "p")).nextSeq).toBe(2);
  });

  test("counts the rooms that users have made", async () => {
    const again = reopening({ maxRoomsPerUser: 2, maxRooms: 3 });
    const one = await again();
    for (const room of ["a", "b"]) {
      await one.link.open(room, "ada");
      await publish(one, 1, 1, { room });
    }
    const two = await again(2);
    expect(await refused(() => two.link.open("c", "ada"))).toMatchObject({ code: "UNAVAILABLE" });
    await two.link.open("a", "ada");
    await two.link.open("c", "bob");
    expect(await refused(() => two.link.open("d", "bob"))).toMatchObject({ code: "UNAVAILABLE" });
  });

  test("names of any kind are apart", async () => {
    const again = reopening();
    const producers = ["p", "p\u0000", "pp", "p".repeat(600)];
    const names = ["r", "r\u0000", "r\u0000x", "", "𝕣", "é", "__proto__", "x".repeat(256)];
    const one = await again();
    for (const [at, room] of names.entries()) {
      await one.link.open(room, "ada");
      for (const [index, producer] of producers.entries()) {
        for (let seq = 1; seq <= at + 1; seq++) await publish(one, seq, seq + index * 100, { room, producer });
      }
    }
    const two = await again(2);
    for (const [at, room] of names.entries()) {
      expect((await two.link.open(room, "ada")).head).toBe(4 * (at + 1));
      for (const producer of ["p", "p\u0000", "pp", "p".repeat(600)])
        expect((await two.link.producer(room, producer)).nextSeq).toBe(at + 2);
    }
  });
});

test("behind a publish that is refused none of its producer is stored, until the relay knows of it (PUB-17, 6)", async () => {
  const world = await setup((options) => open(options));
  await world.link.open("r", "ada");
  for (const seq of [1, 2]) await publish(world, seq);
  world.told.settled.length = 0;
  world.link.publish(request(1, 80, { producer: "q" }));
  // A copy of the outbox, of which the last would be in order.
  for (const seq of [2, 3]) world.link.publish(request(seq, 70 + seq));
  await settle(world);
  expect(world.told.settled.map(([{ producer, seq }, { type }]) => [producer, seq, type])).toEqual([
    ["q", 1, "stored"],
    ["p", 2, "conflict"],
    ["p", 3, "retry"],
  ]);
  expect(await publish(world, 3)).toBe("stored 4");
});

test("a room that nobody has open is not in memory, and is read again when it is opened", async () => {
  const world = await setup((options) => open(options));
  const { epoch } = await world.link.open("r", "ada");
  await publish(world, 1);
  world.link.close("r");
  const before = await world.link.open("r", "bob");
  expect(before).toMatchObject({ epoch, head: 1 });
  expect(offsets(await world.link.read("r", all))).toEqual([1]);
  world.link.publish(request(2));
  world.link.close("r");
  await new Promise((resolve) => void setTimeout(resolve, 50));
  expect(await world.link.open("r", "bob")).toMatchObject({ epoch, head: 2 });
  expect(world.told.settled.at(-1)?.[1]).toMatchObject({ type: "stored", offset: 2 });
});

test("entries that are too old go also from rooms that nobody opens", async () => {
  const world = await setup((options) => open({ ...options, retention: { maxAgeMs: 1000 } }));
  await world.link.open("r", "ada");
  await publish(world, 1);
  world.link.close("r");
  await world.link.open("other", "ada");
  world.clock.advance(600_000);
  await world.link.append("other", request(1, 9));
  expect(await world.link.open("r", "ada")).toMatchObject({ head: 1, firstRetained: 2 });
});

describe("a folder that cannot be had", () => {
  const options = { clock: new FakeClock(), random: fakeRandom() };

  test("is held by one broker at a time", async () => {
    const directory = join(folder, "held");
    const broker = await open(options, directory);
    expect(await refused(() => DiskBroker.open({ ...options, directory }))).toMatchObject({ code: "STORE_LOCKED" });
    await broker.close();
    await broker.close();
    await (await open(options, directory)).close();
    expect(await refused(() => broker.attach({} as never))).toMatchObject({ code: "UNAVAILABLE" });
  });

  test("is a file, or holds something else, or another format", async () => {
    const file = join(folder, "file");
    await writeFile(file, "text");
    expect(await refused(() => DiskBroker.open({ ...options, directory: file }))).toMatchObject({ code: "STORE_UNUSABLE" });
    const directory = join(folder, "foreign");
    await (await open(options, directory)).close();
    await writeFile(join(directory, "data.mdb"), "no environment of LMDB".repeat(1000));
    expect(await refused(() => DiskBroker.open({ ...options, directory }))).toMatchObject({ code: "STORE_UNUSABLE" });
    expect((await readdir(directory)).filter((name) => name.startsWith("lock") && name !== "lock.mdb")).toEqual([]);
  });

  test.each([
    [{ directory: "" }, "directory"],
    [{ directory: undefined }, "directory"],
    [{ directory: "x", sync: "sometimes" }, "sync"],
    [{ directory: "x", folder: "y" }, "folder"],
    [{ directory: "x", retention: { maxEntries: 0 } }, "retention.maxEntries"],
  ])("%j is refused by its name", async (given, name) => {
    const error = await refused(() => DiskBroker.open({ ...options, ...given } as never));
    expect(error).toMatchObject({ code: "OPTION_INVALID", message: expect.stringContaining(name) });
  });
});
