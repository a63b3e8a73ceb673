/** An outbox in a store of texts by key: what was written is there after a crash at any step, and damage stays where it is. */

import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { KeyValueStorage } from "../../src/client/key-value-storage.ts";
import type { OutboxStorage } from "../../src/client/storage.ts";
import type { StoredState, StoreOp } from "../../src/delivery/outbox.ts";
import { readStoredState } from "../../src/delivery/stored-state.ts";
import { usageCodeOf } from "../support/errors.ts";
import { byOrder, held, put, session, writes } from "../support/stored-writes.ts";

/** A store as AsyncStorage is one; from its call number `failsFrom` on, writes fail, until it is mended. */
class Store {
  readonly items: Map<string, string>;
  failsFrom = Number.POSITIVE_INFINITY;
  calls = 0;

  constructor(items: ReadonlyMap<string, string> = new Map()) {
    this.items = new Map(items);
  }

  async getItem(key: string): Promise<string | null> {
    return this.items.get(key) ?? null;
  }

  async setItem(key: string, value: string): Promise<void> {
    this.#count();
    this.items.set(key, value);
  }

  async removeItem(key: string): Promise<void> {
    this.#count();
    this.items.delete(key);
  }

  #count(): void {
    if (++this.calls >= this.failsFrom) throw new Error("no space left");
  }
}

const open: KeyValueStorage[] = [];
afterEach(async () => {
  for (const storage of open.splice(0)) await storage.close();
});

function storageIn(store: ConstructorParameters<typeof KeyValueStorage>[0], name = "outbox"): KeyValueStorage {
  const storage = new KeyValueStorage(store, name);
  open.push(storage);
  return storage;
}

/** What another process finds, after a copy of the store. */
const found = (store: Store): Promise<StoredState> => storageIn(new Store(store.items)).load();

/** @returns how many of them were done. */
async function writeAll(storage: OutboxStorage, all: readonly (readonly StoreOp[])[]): Promise<number> {
  for (const [i, ops] of all.entries()) {
    try {
      await storage.write(ops);
    } catch {
      return i;
    }
  }
  return all.length;
}

const many = (count: number): StoreOp[][] => Array.from({ length: count }, (_, i) => [put(1 + (i % 5), `m${i}`)]);

describe("an outbox in a store of texts", () => {
  it("is empty at first, and holds what was written", async () => {
    expect(await found(new Store())).toEqual({ session: undefined, entries: [] });
    await fc.assert(
      fc.asyncProperty(writes, async (all) => {
        const store = new Store();
        const storage = storageIn(store);
        await storage.load();
        expect(await writeAll(storage, all)).toBe(all.length);
        expect(byOrder(await found(store))).toEqual(byOrder(held(all)));
      }),
      { numRuns: 50 },
    );
  });

  it("after a crash at any call, holds each write that was done, and the next one as a whole or not at all", async () => {
    const all = [
      [session(1), put(9, "nine")],
      ...many(150),
      [{ type: "delete", order: 9 } as const, put(7, "seven")],
      ...many(80),
    ];
    const whole = new Store();
    const storage = storageIn(whole);
    await storage.load();
    await writeAll(storage, all);
    expect(whole.calls).toBeGreaterThan(all.length);
    for (let failsFrom = 1; failsFrom <= whole.calls; failsFrom++) {
      const store = new Store();
      store.failsFrom = failsFrom;
      const crashing = storageIn(store);
      await crashing.load();
      const done = await writeAll(crashing, all);
      const state = byOrder(await found(store));
      const may = [done, done + 1].map((count) => byOrder(held(all.slice(0, count))));
      expect(may, `a crash at call ${failsFrom}`).toContainEqual(state);
    }
  });

  it("goes on where a write has failed, as the client gives the same changes again", async () => {
    await fc.assert(
      fc.asyncProperty(writes, fc.integer({ min: 1, max: 8 }), async (all, failsFrom) => {
        const store = new Store();
        const storage = storageIn(store);
        await storage.load();
        store.failsFrom = failsFrom;
        const done = await writeAll(storage, all);
        store.failsFrom = Number.POSITIVE_INFINITY;
        await writeAll(storage, all.slice(done));
        expect(byOrder(await found(store))).toEqual(byOrder(held(all)));
      }),
      { numRuns: 50 },
    );
  });

  it("has no more items than it needs, however long it is used", async () => {
    const store = new Store();
    const storage = storageIn(store);
    await storage.load();
    await writeAll(storage, many(5000));
    expect(store.items.size).toBeLessThan(150);
    const large = Array.from({ length: 40 }, (_, i) => [put(i + 1, "x".repeat(10_000))]);
    await writeAll(storage, [...large, ...large, ...large]);
    for (const value of store.items.values()) expect(value.length).toBeLessThan(80_000);
    expect(byOrder(await found(store))).toEqual(byOrder(held([...many(5000), ...large])));
  });

  it("loses by damage what is damaged alone, gives that to the client, and keeps it where people find it (PUB-22)", async () => {
    const store = new Store();
    const storage = storageIn(store);
    await storage.load();
    await writeAll(storage, [[session(1)], [put(1, "one"), put(2, "two")], [put(3, "three")]]);
    const item = store.items.get("outbox/2") ?? "";
    store.items.set("outbox/2", item.replace(/.$/, "?"));
    store.items.delete("outbox/3");
    await storage.write([put(4, "four")]);
    await storage.close();

    const next = storageIn(store);
    const state = await next.load();
    const { corrupt } = readStoredState(state, () => new Uint8Array(16));
    expect(corrupt.map(({ record }) => record)).toEqual([expect.stringContaining('{"put":'), "the item outbox/3 is missing"]);
    expect(state.entries.filter((entry) => typeof entry === "object").map(({ order }) => order)).toEqual([1, 4]);
    await next.write(corrupt.map(({ record }) => ({ type: "setAside", record })));
    expect(store.items.get("outbox/damaged")?.split("\n")).toEqual(corrupt.map(({ record }) => record));
    expect(byOrder(await found(store))).toEqual(byOrder(held([[session(1), put(1, "one"), put(4, "four")]])));
  });

  it("is refused where the head is none", async () => {
    for (const head of ["", "{}", "[1]", '{"from":3,"first":2,"last":9}'])
      await expect(found(new Store(new Map([["outbox", head]])))).rejects.toMatchObject({ code: "OUTBOX_CORRUPT" });
  });

  it("is one storage's at a time", async () => {
    const store = new Store();
    const first = storageIn(store);
    await first.load();
    await expect(storageIn(store).load()).rejects.toMatchObject({ code: "OUTBOX_LOCKED" });
    await storageIn(store, "another").load();
    await first.close();
    await expect(first.write([session(1)])).rejects.toMatchObject({ code: "STATE_INVALID" });
    await storageIn(store).load();
  });

  it("may be in a store that answers at once, as localStorage does", async () => {
    const items = new Map<string, string>();
    const store = {
      getItem: (key: string) => items.get(key) ?? null,
      setItem: (key: string, value: string) => void items.set(key, value),
      removeItem: (key: string) => void items.delete(key),
    };
    const storage = storageIn(store);
    await storage.load();
    await storage.write([session(1), put(1, "one")]);
    await storage.close();
    expect(await storageIn(store).load()).toEqual(held([[session(1), put(1, "one")]]));
  });

  it("takes no store and no name that is none", () => {
    const store = new Store();
    expect(usageCodeOf(() => new KeyValueStorage({} as Store, "x"))).toBe("OPTION_INVALID");
    expect(usageCodeOf(() => new KeyValueStorage(null as unknown as Store, "x"))).toBe("OPTION_INVALID");
    expect(usageCodeOf(() => new KeyValueStorage(store, ""))).toBe("OPTION_INVALID");
  });
});
