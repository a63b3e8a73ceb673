/** Writes that fail: what was told is kept, what could not be kept was not told, and the next one goes on from what is kept. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { databasesOf } from "../../src/node/disk-broker.ts";
import { DiskShelf } from "../../src/node/disk-shelf.ts";
import { loadLmdb } from "../../src/node/optional.ts";
import type { PublishOutcome } from "../../src/relay/broker.ts";
import { MemoryLink } from "../../src/relay/memory-broker.ts";
import { MemoryStore } from "../../src/relay/memory-store.ts";
import type { Shelf } from "../../src/relay/shelf.ts";
import { Durability } from "../../src/wire/codec.ts";
import { attach, request } from "../relay/attached-broker.ts";
import { fakeRandom } from "../relay/peer.ts";
import { FakeClock } from "../support/fake-clock.ts";

let folder = "";
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "chappe-shelf-"));
});

afterAll(() => rm(folder, { recursive: true }));

/** A shelf whose commits fail where they are told to: then nothing is written. */
async function setup(mayFail: () => boolean) {
  const lmdb = await loadLmdb();
  const root = lmdb.open({ path: join(folder, `${++made}`), noSubdir: false, maxDbs: 8, eventTurnBatching: false });
  const databases = await databasesOf(root);
  const clock = new FakeClock();
  let commits = 0;
  const shelfOf = (): Shelf => {
    const shelf = new DiskShelf(databases, Durability.DISK, () => clock.wall());
    const commit = shelf.commit.bind(shelf);
    shelf.commit = async () => {
      commits++;
      if (mayFail()) throw new Error("no space left on device");
      await commit();
    };
    return shelf;
  };
  const faults: string[] = [];
  const storeOf = () => {
    const store = new MemoryStore({ clock, random: fakeRandom(7) }, shelfOf(), (error) => faults.push(String(error)));
    const world = attach({
      attach: (sink) => {
        const link = new MemoryLink(store, sink, "d1");
        store.attach(link);
        return link;
      },
    });
    return { store, ...world };
  };
  return { storeOf, faults, commits: () => commits, close: () => root.close() };
}

const isStored = (outcome: PublishOutcome): outcome is Extract<PublishOutcome, { type: "stored" }> => outcome.type === "stored";

test("a publish that cannot be written is refused and can be sent again; what was open stays open", async () => {
  let isFull = false;
  const { storeOf, faults, close } = await setup(() => isFull);
  const { store, link, told } = storeOf();
  const { epoch } = await link.open("r", "ada");
  link.publish(request(1));
  await store.settled();
  isFull = true;
  link.publish(request(2));
  link.publish(request(3));
  const asked = [link.open("r", "ada"), link.producer("r", "p"), link.append("r", request(1, 9, { sender: "" }))];
  const [state, producer, appended] = await Promise.allSettled(asked);
  expect(told.settled.map(([{ seq }, { type }]) => [seq, type])).toEqual([
    [1, "stored"],
    [2, "retry"],
    [3, "retry"],
  ]);
  expect(told.settled[1]?.[1]).toMatchObject({ error: { code: "UNAVAILABLE", retry: "after", processed: "no" } });
  expect(state).toMatchObject({ value: { epoch, head: 1 } });
  expect(producer).toMatchObject({ value: { head: 1, nextSeq: 2 } });
  expect(appended).toMatchObject({ reason: { code: "UNAVAILABLE" } });
  expect(told.appended).toEqual([["r", 1, 1]]);
  expect(faults).toEqual(["Error: no space left on device"]);
  isFull = false;
  for (const seq of [2, 3]) link.publish(request(seq));
  await store.settled();
  expect(told.settled.slice(3).map(([, outcome]) => isStored(outcome) && outcome.offset)).toEqual([2, 3]);
  expect(told.appended.map(([, offset]) => offset)).toEqual([1, 2, 3]);
  await close();
});

test("what comes in one turn, or while another is written, is one write", async () => {
  const { storeOf, commits, close } = await setup(() => false);
  const { store, link, told } = storeOf();
  await link.open("r", "ada");
  for (let seq = 1; seq <= 100; seq++) link.publish(request(seq));
  expect(told.settled).toEqual([]);
  await store.settled();
  expect([told.settled.length, commits()]).toEqual([100, 1]);
  await close();
});

const rooms = ["a", "b"];
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("publish" as const),
      room: fc.constantFrom(...rooms),
      producer: fc.constantFrom("p", "q"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom("close" as const, "reset" as const, "append" as const),
      room: fc.constantFrom(...rooms),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("receipt" as const),
      room: fc.constantFrom(...rooms),
      user: fc.constantFrom("ada", "bob"),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("wait" as const), fails: fc.boolean() }) },
);

test("whatever fails: what was told is what is found when the folder is opened again", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      let fails = false;
      const { storeOf, close } = await setup(() => fails);
      const { store, link, told } = storeOf();
      let n = 0;
      const seqs = new Map<string, number>();
      for (const each of steps) {
        if (each.type === "wait") {
          fails = each.fails;
          await store.settled();
          // A client asks what is expected of it.
          for (const room of rooms) {
            await link.open(room, "ada");
            for (const producer of ["p", "q"]) seqs.set(room + producer, (await link.producer(room, producer)).nextSeq);
          }
          fails = false;
          continue;
        }
        const { room } = each;
        if (each.type !== "append" && each.type !== "reset") void Promise.resolve(link.open(room, "ada")).catch(() => undefined);
        if (each.type === "publish") {
          const key = room + each.producer;
          const seq = seqs.get(key) ?? 1;
          seqs.set(key, seq + 1);
          link.publish(request(seq, ++n, { room, producer: each.producer }));
        } else if (each.type === "close") link.close(room);
        else if (each.type === "reset") store.reset(room);
        else if (each.type === "receipt") link.receipt(room, each.user, { delivered: n, read: n });
        else if (each.type === "append")
          Promise.resolve(link.append(room, request(1, ++n, { sender: "" }))).catch(() => undefined);
      }
      fails = false;
      await store.settled();
      const states = [];
      for (const room of rooms) states.push(await link.open(room, "ada"), (await link.producer(room, "p")).nextSeq);
      const again = storeOf();
      const found = [];
      for (const room of rooms) found.push(await again.link.open(room, "ada"), (await again.link.producer(room, "p")).nextSeq);
      for (const [i, state] of states.entries()) {
        // A room of nothing is not kept, and has another epoch (LOG-3).
        if (typeof state === "object" && state.head === 0 && states[i + 1] === 1) continue;
        expect(found[i]).toEqual(state);
      }
      // Each entry was told at its place, and each answer is of an entry of its place, of the epoch that it was told in.
      for (const room of rooms) {
        const { entries } = await again.link.read(room, { after: 0, limit: 100, maxBytes: 1e6 });
        const ids = entries.map((entry) => entry.id.join());
        const wasReset = told.other.some(([what, of]) => what === "epoch" && of === room);
        expect(new Set(ids).size).toBe(ids.length);
        if (wasReset) continue;
        for (const [{ id, room: of }, outcome] of told.settled)
          if (of === room && isStored(outcome)) expect(ids[outcome.offset - 1]).toBe(id.join());
      }
      await close();
    }),
    { numRuns: 60 },
  );
});
