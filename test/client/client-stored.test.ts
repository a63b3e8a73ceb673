/** PUB-22: a client that finds damaged records goes on with all others, and says which it has set aside. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryStorage, type OutboxStorage } from "../../src/client/storage.ts";
import type { StoredEntry, StoredState, StoreOp } from "../../src/delivery/outbox.ts";
import { id16 } from "../support/client-harness.ts";
import { usageCodeOf } from "../support/errors.ts";
import { started, World } from "../support/world.ts";

const texts = ["one", "two", "three", "four", "five", "six"];
const sentCount = 3;

/** How much of what was sent had come to the relay, which has stored it; no ack came back. */
const reaches = ["all", "some", "none"] as const;
type Reach = (typeof reaches)[number];

/** What storage holds of a client of which three messages were sent, and not acknowledged, and the others wait. */
async function leftBehind(world: World, reach: Reach): Promise<StoredState> {
  const storage = new MemoryStorage();
  const ada = started(world.client("ada", { storage }));
  const lobby = ada.room("lobby");
  void lobby.join();
  await world.pass(50);
  // So that no seq stands at the very beginning.
  await Promise.all([lobby.publish("zero"), world.pass(50)]);
  world.network.delayMs = () => (reach === "none" ? 1000 : 30);
  lobby.publish("one").catch(() => undefined);
  await world.pass(reach === "some" ? 20 : 10);
  for (const text of texts.slice(1, sentCount)) lobby.publish(text).catch(() => undefined);
  await world.pass(reach === "all" ? 40 : 20);
  world.isDown = true;
  world.network.cut("ada");
  await world.pass(20);
  for (const text of texts.slice(sentCount)) lobby.publish(text).catch(() => undefined);
  await world.pass(20);
  const state = await storage.load();
  expect(state.entries.map(({ state }) => state)).toEqual(["sent", "sent", "sent", "queued", "queued", "queued"]);
  await ada.close();
  world.network.delayMs = () => 1;
  world.isDown = false;
  return state;
}

/** The next run, with what storage gives: it publishes "new" besides. */
async function next(world: World, given: unknown) {
  const errors: { code: string; record: unknown }[] = [];
  const ends: [id: string, state: string][] = [];
  const writes: (readonly StoreOp[])[] = [];
  const write = async (ops: readonly StoreOp[]) => void writes.push(ops);
  const ada = world.client("ada", { storage: { load: async () => given as StoredState, write } });
  ada.on("error", ({ error, record }) => errors.push({ code: error.code, record }));
  ada.on("entry", ({ id, state }) => void ends.push([id, state]));
  started(ada);
  void ada.room("lobby").join();
  ada
    .room("lobby")
    .publish("new")
    .catch(() => undefined);
  await world.pass(10_000);
  const bob = started(world.client("bob"));
  void bob.room("lobby").join();
  await world.pass(100);
  const [{ messages }] = await Promise.all([bob.room("lobby").history({ limit: 100 }), world.pass(100)]);
  const said = messages.map(({ content }) => content?.text).filter((text) => text !== "zero");
  return { ada, errors, ends, first: writes[0] ?? [], written: writes.flat(), said };
}

const copyOf = (entries: readonly StoredEntry[]): Damaged[] => entries.map((entry) => ({ ...entry }) as unknown as Damaged);
type Damaged = Record<string, unknown>;
const isEntry = (record: unknown): record is Damaged => typeof record === "object" && record !== null && "order" in record;

/** The texts of the records that are as they were, and were not set aside. */
function goodOf(
  state: StoredState,
  before: readonly Damaged[],
  entries: readonly unknown[],
  errors: readonly { record: unknown }[],
) {
  const isGood = (record: Damaged, i: number) =>
    entries.includes(record) &&
    !errors.some((error) => error.record === record) &&
    Object.entries(state.entries[i] ?? {}).every(([field, value]) => record[field] === value);
  return texts.filter((_, i) => isGood(before[i] ?? {}, i));
}

describe.each(reaches)("a damaged outbox, where %s of what was sent had reached the relay", (reach) => {
  it("loses nothing where nothing is damaged", async () => {
    const world = new World();
    const { said, errors, ada } = await next(world, await leftBehind(world, reach));
    expect([said, errors, ada.outboxSize]).toEqual([[...texts, "new"], [], 0]);
  });

  it.each([
    ["its content", { content: "damaged" }],
    ["everything", undefined],
  ])("loses a damaged record alone, whichever it is, and reports it as it is: %s", async (_name, damage) => {
    for (const damaged of texts.keys()) {
      const world = new World();
      const state = await leftBehind(world, reach);
      const entries = state.entries.map((entry, i) => (i === damaged ? damage && { ...entry, ...damage } : entry));
      const { said, errors, ada } = await next(world, { ...state, entries });
      expect(errors).toEqual([{ code: "OUTBOX_CORRUPT", record: entries[damaged] }]);
      // What had been stored before is stored.
      const isThere = damaged < { all: sentCount, some: 1, none: 0 }[reach];
      expect(said).toEqual([...texts.filter((_, i) => i !== damaged || isThere), "new"]);
      expect(ada.outboxSize).toBe(0);
    }
  });

  it("tells by its id what became of a damaged message of which others wait (PUB-12)", async () => {
    const world = new World();
    const state = await leftBehind(world, reach);
    const { ends } = await next(world, {
      ...state,
      entries: state.entries.map((entry, i) => (i === 0 ? { ...entry, bytes: -1 } : entry)),
    });
    const id = [...(state.entries[0]?.id ?? [])].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const own = ends.filter(([told]) => told.replaceAll("-", "") === id).map(([, end]) => end);
    expect(own.at(-1)).toBe(reach === "none" ? "cancelled" : "stored");
  });

  it("has storage set a damaged record aside with what takes its place, in one write", async () => {
    for (const damaged of texts.keys()) {
      const world = new World();
      const state = await leftBehind(world, reach);
      const entries = state.entries.map((entry, i) => (i === damaged ? { ...entry, content: "damaged" } : entry));
      const { first } = await next(world, { ...state, entries });
      expect(first).toContainEqual({ type: "setAside", record: entries[damaged] });
      const voids = first.filter((op) => op.type === "put" && op.entry.state === "voiding");
      // Behind the last that was sent there is no hole.
      expect(voids).toHaveLength(damaged < sentCount - 1 ? 1 : 0);
    }
  });

  it.each([2 ** 53 - 2, 2 ** 53 - 3, 100_000])(
    "sets a record aside whose seq is far from the others', and uses no seqs up: %i",
    async (seq) => {
      for (let damaged = 0; damaged < sentCount; damaged++) {
        const world = new World();
        const state = await leftBehind(world, reach);
        const entries = state.entries.map((entry, i) => (i === damaged ? { ...entry, seq } : entry));
        const { said, errors } = await next(world, { ...state, entries });
        expect(errors).toEqual([{ code: "OUTBOX_CORRUPT", record: entries[damaged] }]);
        const isThere = damaged < { all: sentCount, some: 1, none: 0 }[reach];
        expect(said).toEqual([...texts.filter((_, i) => i !== damaged || isThere), "new"]);
      }
    },
  );

  it.each([["damaged"], [undefined], [{ session: id16(1), attempt: 2 ** 60 }]])(
    "begins a new session where that is %j; what was sent in the old one is in doubt, and told (SES-7)",
    async (session) => {
      const world = new World();
      const state = await leftBehind(world, reach);
      const { said, errors, ends, written } = await next(world, { ...state, session });
      expect(errors).toEqual([{ code: "OUTBOX_CORRUPT", record: session }]);
      const there = { all: sentCount, some: 1, none: 0 }[reach];
      expect(said).toEqual([...texts.slice(0, there), ...texts.slice(sentCount), "new"]);
      expect(ends.filter(([, end]) => end === "maybe")).toHaveLength(sentCount);
      const sessions = written.flatMap((op) => (op.type === "session" ? [op.session] : []));
      expect(sessions.length).toBeGreaterThan(0);
      for (const fresh of sessions) expect(fresh).not.toEqual(state.session?.session);
    },
  );

  it.each([[undefined], [7], [[]], [{}], [{ entries: "damaged" }]])("begins anew where it is %j, and tells it", async (given) => {
    const world = new World();
    const state = await leftBehind(world, reach);
    const whole = typeof given === "object" && !Array.isArray(given) ? { ...given, session: state.session } : given;
    const { said, errors, ada, written } = await next(world, whole);
    expect(errors).toEqual([{ code: "OUTBOX_CORRUPT", record: whole }]);
    expect(said.at(-1)).toBe("new");
    expect(ada.outboxSize).toBe(0);
    for (const op of written) if (op.type === "session") expect(op.session).not.toEqual(state.session?.session);
  });

  const fields: readonly (keyof StoredEntry)[] = "order room id kind target content bytes seq epoch state".split(" ") as never;
  const index = fc.nat(texts.length - 1);
  const junk = fc.oneof(
    fc.anything(),
    fc.nat(9),
    fc.constantFrom<unknown>(2 ** 52, 2 ** 53 - 2, 2 ** 53 - 1, 2 ** 53, -1, Number.NaN, 1e308, "7", 7n, null, undefined),
    fc.constantFrom<unknown>(
      "x".repeat(100_000),
      new Uint8Array(2_000_000),
      id16(9),
      [...id16(9)],
      "lobby",
      "den",
      "sent",
      "queued",
    ),
  );
  const change = (touches: number[], apply: (entries: Damaged[]) => void) => ({ touches, apply });
  /** One change of the list, and the records that it changes. */
  const mutation = fc.oneof(
    fc
      .tuple(index, fc.constantFrom(...fields), junk)
      .map(([i, field, value]) => change([i], (all) => void Object.assign(isEntry(all[i]) ? all[i] : {}, { [field]: value }))),
    fc
      .tuple(index, fc.constantFrom(...fields))
      .map(([i, field]) => change([i], (all) => void (isEntry(all[i]) && delete all[i][field]))),
    fc.tuple(index, junk).map(([i, value]) => change([i], (all) => void all.splice(i, 1, value as Damaged))),
    fc.tuple(index, index).map(([from, to]) => change([from], (all) => void all.splice(to, 0, { ...all[from] }))),
    fc.tuple(index, index, fc.constantFrom(...fields)).map(([i, j, field]) =>
      change([i, j], (all) => {
        const [a, b] = [all[i], all[j]];
        if (isEntry(a) && isEntry(b)) [a[field], b[field]] = [b[field], a[field]];
      }),
    ),
  );

  it("is survived in whatever way one record is damaged: every other is delivered once, in order", async () => {
    await fc.assert(
      fc.asyncProperty(mutation, async ({ touches, apply }) => {
        const world = new World();
        const state = await leftBehind(world, reach);
        const entries = copyOf(state.entries);
        const before = [...entries];
        apply(entries);
        const { said, errors, ends, ada } = await next(world, { ...state, entries });
        expect(ada.state).toBe("ready");
        expect(errors.every(({ code, record }) => code === "OUTBOX_CORRUPT" && entries.includes(record as Damaged))).toBe(true);
        // One that bears another's order, and contradicts its neighbours there, costs that one too.
        expect(errors.length).toBeLessThanOrEqual(2 * new Set(touches).size);
        const good = goodOf(state, before, entries, errors);
        const heard = said.filter((text) => good.includes(text ?? ""));
        // A record that moved to another room without a trace leaves a hole that nobody can tell from seqs that were forgotten (PUB-8, e).
        const isHidden = errors.length === 0 && ends.some(([, end]) => end === "maybe");
        if (!isHidden) expect(heard).toEqual(good);
        expect(said.filter((text) => text === "new")).toEqual(["new"]);
      }),
      { numRuns: 60 },
    );
  });

  it("is survived in whatever way several are damaged: of every other it is told where nobody knows", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 2, maxLength: 4 }), async (mutations) => {
        const world = new World();
        const state = await leftBehind(world, reach);
        const entries = copyOf(state.entries);
        const before = [...entries];
        for (const { apply } of mutations) apply(entries);
        const { said, errors, ends, ada } = await next(world, { ...state, entries });
        expect(ada.state).toBe("ready");
        expect(errors.every(({ code, record }) => code === "OUTBOX_CORRUPT" && entries.includes(record as Damaged))).toBe(true);
        const good = goodOf(state, before, entries, errors);
        const heard = said.filter((text) => good.includes(text ?? ""));
        expect(heard).toEqual(good.filter((text) => heard.includes(text)));
        const doubtful = ends.filter(([, end]) => end === "maybe").length;
        expect(good.length - heard.length).toBeLessThanOrEqual(doubtful);
        expect(said.filter((text) => text === "new")).toEqual(["new"]);
      }),
      { numRuns: 40 },
    );
  });
});

describe("a storage", () => {
  const inner = new MemoryStorage();
  const never = new Promise<never>(() => undefined);

  it("that never settles its load keeps everything waiting, within the bound of the outbox", async () => {
    const world = new World();
    const storage: OutboxStorage = { load: () => never, write: () => Promise.resolve() };
    const ada = world.client("ada", { storage, outbox: { maxEntries: 2 } });
    ada.start();
    const lobby = ada.room("lobby");
    const waiting = [lobby.join(), lobby.publish("one"), lobby.publish("two")];
    expect(usageCodeOf(() => lobby.publish("three"))).toBe("OUTBOX_FULL");
    waiting.push(ada.close() as never);
    await world.pass(60_000);
    expect(await Promise.race([Promise.any(waiting), Promise.resolve("waits")])).toBe("waits");
    expect([ada.state, ada.outboxSize, world.clock.pending]).toEqual(["idle", 2, 0]);
  });

  it("that never settles a write lets nothing out that depends on it", async () => {
    const world = new World();
    const storage: OutboxStorage = { load: () => inner.load(), write: () => never };
    const ada = world.client("ada", { storage });
    ada.start();
    const stored = ada.room("lobby").publish("kept");
    await world.pass(60_000);
    expect(await Promise.race([stored, Promise.resolve("waits")])).toBe("waits");
    expect([ada.state, ada.outboxSize]).toEqual(["preparing", 1]);
  });
});
