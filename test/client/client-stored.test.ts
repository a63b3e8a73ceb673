/** PUB-22: a client that finds damaged records goes on with all others, and says which it has set aside. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { MemoryStorage } from "../../src/client/storage.ts";
import type { StoredEntry, StoredState } from "../../src/delivery/outbox.ts";
import { started, World } from "../support/world.ts";

const texts = ["one", "two", "three", "four", "five", "six"];

/** What storage holds of a client of which two messages were sent, and not acknowledged, and the others wait. */
async function leftBehind(world: World, reached: "relay" | "nobody"): Promise<StoredState> {
  const storage = new MemoryStorage();
  const ada = started(world.client("ada", { storage }));
  void ada.room("lobby").join();
  await world.pass(50);
  world.network.delayMs = () => (reached === "relay" ? 30 : 1000);
  for (const text of texts.slice(0, 2))
    ada
      .room("lobby")
      .publish(text)
      .catch(() => undefined);
  await world.pass(50);
  world.isDown = true;
  world.network.cut("ada");
  await world.pass(20);
  for (const text of texts.slice(2))
    ada
      .room("lobby")
      .publish(text)
      .catch(() => undefined);
  await world.pass(20);
  const state = await storage.load();
  expect(state.entries.map(({ state }) => state)).toEqual(["sent", "sent", "queued", "queued", "queued", "queued"]);
  await ada.close();
  world.network.delayMs = () => 1;
  world.isDown = false;
  return state;
}

/** The next run, with what storage gives. */
async function next(world: World, given: unknown) {
  const errors: { code: string; record: unknown }[] = [];
  const ends: [id: string, state: string][] = [];
  const storage = { load: async () => given as StoredState, write: async () => undefined };
  const ada: Client = world.client("ada", { storage });
  ada.on("error", ({ error, record }) => errors.push({ code: error.code, record }));
  ada.on("entry", ({ id, state }) => void ends.push([id, state]));
  started(ada);
  void ada.room("lobby").join();
  await world.pass(10_000);
  const bob = started(world.client("bob"));
  void bob.room("lobby").join();
  await world.pass(100);
  const { messages } = await Promise.all([bob.room("lobby").history({ limit: 100 }), world.pass(100)]).then(([page]) => page);
  return { ada, errors, ends, said: messages.map(({ content }) => content?.text) };
}

const inOrder = (said: readonly unknown[]) => said.map((text) => texts.indexOf(String(text)));

describe.each(["relay", "nobody"] as const)("a damaged outbox, what was sent had reached the %s", (reached) => {
  it("loses nothing where nothing is damaged", async () => {
    const world = new World();
    const { said, errors, ada } = await next(world, await leftBehind(world, reached));
    expect([said, errors, ada.outboxSize]).toEqual([texts, [], 0]);
  });

  it("loses a damaged record alone, whichever it is, and reports it as it is", async () => {
    for (const damaged of texts.keys()) {
      const world = new World();
      const state = await leftBehind(world, reached);
      const entries = state.entries.map((entry, i) => (i === damaged ? { ...entry, content: "damaged" } : entry));
      const { said, errors, ada } = await next(world, { ...state, entries });
      expect(errors).toEqual([{ code: "OUTBOX_CORRUPT", record: entries[damaged] }]);
      // What had been stored before is stored.
      const isThere = reached === "relay" && damaged < 2;
      expect(said).toEqual(texts.filter((_, i) => i !== damaged || isThere));
      expect(ada.outboxSize).toBe(0);
    }
  });

  it("of a session that is lost is sent anew but for what is in doubt, and that is told (SES-7)", async () => {
    const world = new World();
    const state = await leftBehind(world, reached);
    const { said, errors, ends } = await next(world, { ...state, session: "damaged" });
    expect(errors).toEqual([{ code: "OUTBOX_CORRUPT", record: "damaged" }]);
    expect(said).toEqual(reached === "relay" ? texts : texts.slice(2));
    expect(ends.filter(([, end]) => end === "maybe")).toHaveLength(2);
  });

  it("is survived in whatever way it is damaged", async () => {
    const fields: readonly (keyof StoredEntry)[] = [
      "order",
      "room",
      "id",
      "kind",
      "target",
      "content",
      "bytes",
      "seq",
      "epoch",
      "state",
    ];
    const change = fc.tuple(fc.nat(texts.length - 1), fc.constantFrom(...fields), fc.oneof(fc.anything(), fc.nat(9)));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const world = new World();
        const state = await leftBehind(world, reached);
        const entries = state.entries.map((entry) => ({ ...entry }) as Record<string, unknown>);
        for (const [i, field, value] of changes) (entries[i] as Record<string, unknown>)[field] = value;
        const { said, errors, ada, ends } = await next(world, { ...state, entries });
        const aside = new Set(errors.map(({ record }) => record));
        expect(errors.every(({ code }) => code === "OUTBOX_CORRUPT")).toBe(true);
        expect(aside.size).toBe(errors.length);
        const doubtful = ends.filter(([, end]) => end === "maybe").length;
        // Each that is whole is there once, in order, or the application is told that nobody knows.
        expect(inOrder(said)).toEqual([...new Set(inOrder(said))]);
        const untouched = texts.filter((_, i) => !changes.some(([changed]) => changed === i) && !aside.has(entries[i]));
        const missing = untouched.filter((text) => !said.includes(text));
        expect(missing.length).toBeLessThanOrEqual(doubtful);
        expect(ada.state).toBe("ready");
      }),
      { numRuns: 60 },
    );
  });
});
