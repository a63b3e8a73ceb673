/** The broker in Redis, on a real one: what every broker does, and what is its own. */

import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeClock, nodeRandom } from "../../../src/node/host.ts";
import { RedisBroker, type RedisBrokerOptions } from "../../../src/node/redis/broker.ts";
import { MemoryBroker } from "../../../src/relay/memory-broker.ts";
import { ChatKind, createFrame, Durability, encodeFrame, PresenceState } from "../../../src/wire/codec.ts";
import { attach, offsets, publish, refused, request, settle, setup, type World } from "../../relay/attached-broker.ts";
import { brokerSuite } from "../../relay/broker-suite.ts";
import { fakeRandom, id } from "../../relay/peer.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { RedisServer, redisMissing } from "../../support/redis-server.ts";

let server: RedisServer;
let made = 0;
const opened: RedisBroker[] = [];
const host = { clock: nodeClock(), random: nodeRandom };

async function open(options: Partial<RedisBrokerOptions> = {}): Promise<RedisBroker> {
  const broker = await RedisBroker.open({ ...host, url: server.url, prefix: `t${++made}`, ...options });
  opened.push(broker);
  return broker;
}

/** Waits until it holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5);
}

describe.skipIf(redisMissing !== undefined)("on a server", () => {
  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(async () => {
    for (const broker of opened) await broker.close();
    await server.stop();
  });

  brokerSuite(
    ({ clock, random, retention, dedupWindowS }) => {
      return open({ clock, random, ...(retention && { retention }), ...(dedupWindowS && { dedupWindowS }) });
    },
    Durability.MEMORY,
    "own",
  );

  const all = { after: 0, limit: 100, maxBytes: 1e6 };

  describe("what is decided", () => {
    const { UNSPECIFIED, EDIT, REDACTION, REACTION, VOID } = ChatKind;
    const step = fc.record({
      by: fc.constantFrom("ada", "bob"),
      producer: fc.constantFrom("p", "q"),
      // Mostly the next one.
      ahead: fc.constantFrom(0, 0, 0, 0, -1, -2, 1),
      message: fc.nat(20),
      kind: fc.constantFrom(UNSPECIFIED, UNSPECIFIED, UNSPECIFIED, EDIT, REDACTION, REACTION, VOID),
      target: fc.nat(20),
      rest: fc.constantFrom("publish", "publish", "publish", "reject", "append", "redactor"),
    });

    test("is what a broker in memory decides, and so is the log", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          const retention = { maxEntries: 8 };
          const memory = await setup((options) => new MemoryBroker(options), { retention });
          const redis: World = await setup((options) => open({ ...options, retention }));
          const next = new Map<string, number>();
          for (const world of [memory, redis]) await world.link.open("r", "ada");
          for (const each of steps) {
            const more = {
              kind: each.kind,
              target: each.kind >= REDACTION && each.kind <= REACTION ? id(each.target) : new Uint8Array(),
            };
            const given = { producer: each.producer, sender: each.by, ...more, mayRedact: each.rest === "redactor" };
            const said = [];
            for (const world of [memory, redis]) {
              if (each.rest === "append") {
                const entry = { ...request(1, each.message, given), kind: each.kind === VOID ? UNSPECIFIED : each.kind };
                said.push(
                  await Promise.resolve()
                    .then(() => world.link.append("r", entry))
                    .then(
                      ({ offset }) => offset,
                      (error) => error.code,
                    ),
                );
                await settle(world);
              } else {
                const seq = Math.max(1, (next.get(each.producer) ?? 1) + each.ahead);
                const reject = each.rest === "reject" ? ({ code: "REJECTED", message: "no" } as const) : undefined;
                said.push(await publish(world, seq, each.message, { ...given, reject }));
              }
            }
            expect(said[1]).toEqual(said[0]);
            for (const producer of ["p", "q"]) {
              const [one, two] = [await memory.link.producer("r", producer), await redis.link.producer("r", producer)];
              expect([two.nextSeq, two.head, two.firstRetained]).toEqual([one.nextSeq, one.head, one.firstRetained]);
              next.set(producer, one.nextSeq);
            }
          }
          const logs = await Promise.all([memory, redis].map(({ link }) => link.read("r", all)));
          const seen = logs.map(({ entries }) =>
            entries.map((entry) => encodeFrame(createFrame("chat", { ...entry, timeMs: 0n }))),
          );
          expect(seen[1]).toEqual(seen[0]);
          expect(redis.told.appended).toEqual(memory.told.appended);
        }),
        { numRuns: 40 },
      );
    });

    test("is decided for what is remembered of 256 seqs (PUB-9)", async () => {
      const world = await setup((options) => open(options));
      await world.link.open("r", "ada");
      for (let seq = 1; seq <= 300; seq++) world.link.publish(request(seq));
      await settle(world);
      expect([await publish(world, 44), await publish(world, 45), await publish(world, 44, 999)]).toEqual([
        "forgotten",
        "stored 45",
        "forgotten",
      ]);
      expect([await publish(world, 45, 998), await publish(world, 301, 45), await publish(world, 302)]).toEqual([
        "conflict 301",
        "stored 45",
        "stored 301",
      ]);
    });

    test("behind a refusal that the relay does not know of, nothing (PUB-17, 6)", async () => {
      const world = await setup((options) => open(options));
      await world.link.open("r", "ada");
      for (const seq of [1, 2]) await publish(world, seq);
      world.told.settled.length = 0;
      for (const seq of [2, 3]) world.link.publish(request(seq, 70 + seq));
      world.link.publish(request(1, 80, { producer: "q" }));
      await settle(world);
      await until(() => world.told.settled.length === 3);
      expect(world.told.settled.map(([{ producer, seq }, { type }]) => [producer, seq, type])).toEqual([
        ["p", 2, "conflict"],
        ["p", 3, "retry"],
        ["q", 1, "stored"],
      ]);
      expect(await publish(world, 3)).toBe("stored 4");
    });
  });

  describe("by the time of Redis", () => {
    test("entries go by their age, and producers are forgotten (LOG-5, PUB-9)", async () => {
      const broker = await open({ retention: { maxAgeMs: 300 }, dedupWindowS: 0.3 as number & 1 }).catch((error) => error);
      expect(broker).toMatchObject({ code: "OPTION_INVALID" });
      const world = { ...attach(await open({ retention: { maxAgeMs: 300 }, dedupWindowS: 1 })) };
      await world.link.open("r", "ada");
      await publish(world, 1);
      await sleep(400);
      expect(await world.link.read("r", all)).toMatchObject({ head: 1, firstRetained: 2, entries: [] });
      expect((await world.link.producer("r", "p")).nextSeq).toBe(2);
      await sleep(1000);
      expect((await world.link.producer("r", "p")).nextSeq).toBe(1);
    });
  });

  describe("names", () => {
    test.each(["{", "}{", "a}b", "%7b", "", "\u0000", "é𝕣"])("%j is a room of its own", async (room) => {
      const world = { ...attach(await open()) };
      for (const each of [room, `${room}x`, "7b"]) await world.link.open(each, "ada");
      await publish(world, 1, 1, { room });
      expect(offsets(await world.link.read(room, all))).toEqual([1]);
      expect(offsets(await world.link.read(`${room}x`, all))).toEqual([]);
    });
  });

  test("registries: what one sets another is told of, and it goes after its time, or with its relay", async () => {
    const prefix = `t${++made}`;
    const [one, two] = [attach(await open({ prefix })), attach(await open({ prefix }))];
    const device = { type: "device", session: "s", state: PresenceState.ONLINE, activity: "", statusText: "", atMs: 1 } as const;
    two.link.put("t", "early", device, undefined);
    await settle(two);
    expect([...(await one.link.follow("t")).keys()]).toEqual(["early"]);
    two.link.put("t", "a", device, 200);
    two.link.put("t", "b", device, undefined);
    two.link.put("t", "seen", { type: "seen", atMs: 1 }, 60_000);
    await settle(two);
    await until(() => one.told.other.length >= 4);
    expect(one.told.other.map(([, , key, type]) => [key, type])).toEqual([
      ["early", "device"],
      ["a", "device"],
      ["b", "device"],
      ["seen", "seen"],
    ]);
    await until(() => one.told.other.length >= 5);
    two.link.remove("t", "early");
    await until(() => one.told.other.length >= 6);
    two.link.detach();
    await until(() => one.told.other.length >= 7);
    expect(one.told.other.slice(4)).toEqual([
      ["changed", "t", "a", undefined],
      ["changed", "t", "early", undefined],
      ["changed", "t", "b", undefined],
    ]);
    expect([...(await one.link.follow("t")).keys()]).toEqual(["seen"]);
  });

  describe("a server that is gone", () => {
    test("publishes are refused meanwhile, the rest of what is asked rejects, and all goes on in another epoch (LOG-3)", async () => {
      const own = await RedisServer.start();
      const faults: unknown[] = [];
      const broker = await open({ url: own.url, onFault: (error) => faults.push(error) });
      const world = { ...attach(broker) };
      const { epoch } = await world.link.open("r", "ada");
      await world.link.follow("t");
      world.link.put("t", "a", { type: "seen", atMs: 1 }, 60_000);
      for (const seq of [1, 2]) await publish(world, seq);
      await own.kill();
      await until(() => faults.length > 0);
      const asked = world.told.settled.length;
      world.link.publish(request(3));
      expect(world.told.settled.slice(asked)).toMatchObject([[{ seq: 3 }, { type: "retry", error: { code: "UNAVAILABLE" } }]]);
      expect(await refused(() => world.link.open("other", "ada"))).toMatchObject({ code: "UNAVAILABLE" });
      expect(await refused(() => world.link.read("r", all))).toMatchObject({ code: "UNAVAILABLE" });
      await own.restart();
      await until(() => world.told.other.some(([what]) => what === "epoch"));
      expect(await world.link.open("r", "ada")).toMatchObject({ head: 0 });
      expect((await world.link.open("r", "ada")).epoch).not.toBe(epoch);
      expect(await publish(world, 1, 3)).toBe("stored 1");
      // What the relay has set is there again.
      const other = attach(await open({ url: own.url, prefix: `t${made}` }));
      expect([...(await other.link.follow("t")).keys()]).toEqual(["a"]);
      await own.stop();
    });

    test("with its log on disk it has all that was stored, under another epoch", async () => {
      const own = await RedisServer.start(["--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
      const world = { ...attach(await open({ url: own.url })) };
      const before = await world.link.open("r", "ada");
      expect(before.durability).toBe(Durability.BUFFERED);
      for (const seq of [1, 2, 3]) await publish(world, seq);
      await own.kill();
      await own.restart();
      await until(() => world.told.other.some(([what]) => what === "epoch"));
      const after = await world.link.open("r", "ada");
      expect(after).toMatchObject({ head: 3, firstRetained: 1 });
      expect(after.epoch).not.toBe(before.epoch);
      expect((await world.link.producer("r", "p")).nextSeq).toBe(4);
      expect(await publish(world, 3)).toBe("stored 3");
      await own.stop();
    });

    test("publishes of which nobody knows what became are answered once it is there", async () => {
      const own = await RedisServer.start(["--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
      const world = { ...attach(await open({ url: own.url })) };
      await world.link.open("r", "ada");
      await publish(world, 1);
      // It has what it is asked for in its socket, and is killed.
      own.signal("SIGSTOP");
      for (const seq of [2, 3]) world.link.publish(request(seq));
      await sleep(50);
      await own.kill();
      await own.restart();
      await until(() => world.told.settled.length === 3);
      const outcomes = world.told.settled.slice(1).map(([, { type }]) => type);
      expect(outcomes).toEqual(["retry", "retry"]);
      expect([await publish(world, 2), await publish(world, 3)]).toEqual(["stored 2", "stored 3"]);
      await own.stop();
    });
  });

  test("a server that is frozen is one that is gone, until it answers again", { timeout: 30_000 }, async () => {
    const own = await RedisServer.start();
    const faults: unknown[] = [];
    const world = { ...attach(await open({ url: own.url, onFault: (error) => faults.push(error) })) };
    const { epoch } = await world.link.open("r", "ada");
    await publish(world, 1);
    own.signal("SIGSTOP");
    world.link.publish(request(2));
    const error = await refused(() => open({ url: own.url }));
    expect(error).toMatchObject({ code: "STORE_UNUSABLE" });
    await until(() => faults.length > 0);
    own.signal("SIGCONT");
    // Nobody knew what became of it: it is decided again, in the same log.
    await until(() => world.told.settled.length === 2);
    expect(world.told.settled[1]?.[1]).toMatchObject({ type: "stored", offset: 2 });
    // The entry comes by the channel: before the answer, or behind it. Who opens the room is told the head that was told.
    await until(() => world.told.appended.length === 2);
    expect(await world.link.open("r", "ada")).toMatchObject({ epoch, head: 2 });
    await own.stop();
  });
});

describe("a Redis that cannot be had", () => {
  const wall = { clock: new FakeClock(), random: fakeRandom() };

  test("is one error, with what the system says", async () => {
    const error = await refused(() => RedisBroker.open({ ...wall, url: "redis://127.0.0.1:1" }));
    expect(error).toMatchObject({ code: "STORE_UNUSABLE", message: expect.stringContaining("ECONNREFUSED") });
  });

  test.each([
    [{ url: "http://x" }, "url"],
    [{ url: undefined }, "url"],
    [{ url: "redis://x", prefix: "a b" }, "prefix"],
    [{ url: "redis://x", retention: { maxAgeMs: 0 } }, "retention.maxAgeMs"],
    [{ url: "redis://x", rooms: 3 }, "rooms"],
  ])("%j is refused by its name", async (given, name) => {
    const error = await refused(() => RedisBroker.open({ ...wall, ...given } as never));
    expect(error).toMatchObject({ code: "OPTION_INVALID", message: expect.stringContaining(name) });
  });
});
