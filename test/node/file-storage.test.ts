/** An outbox in a file: what was written is there after any end of the process, and damage stays where it is. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StoredState, StoreOp } from "../../src/delivery/outbox.ts";
import { readStoredState } from "../../src/delivery/stored-state.ts";
import { FileStorage } from "../../src/node/file-storage.ts";
import { byOrder, held, put, session, writes } from "../support/stored-writes.ts";

let directory: string;
let path: string;
const open: FileStorage[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "chappe-outbox-"));
  path = join(directory, "outbox");
});

afterEach(async () => {
  for (const storage of open.splice(0)) await storage.close();
  await rm(directory, { recursive: true });
});

function storageAt(options: ConstructorParameters<typeof FileStorage>[1] = { sync: "never" }): FileStorage {
  const storage = new FileStorage(path, options);
  open.push(storage);
  return storage;
}

async function loaded(): Promise<StoredState> {
  const storage = storageAt();
  const state = await storage.load();
  await storage.close();
  return state;
}

async function written(all: readonly (readonly StoreOp[])[]): Promise<number[]> {
  await rm(path, { force: true });
  const storage = storageAt();
  await storage.load();
  const sizes = [(await readFile(path)).length];
  for (const ops of all) {
    await storage.write(ops);
    sizes.push((await readFile(path)).length);
  }
  await storage.close();
  return sizes;
}

describe("an outbox in a file", () => {
  it("is empty at first, and holds what was written", async () => {
    expect(await loaded()).toEqual({ session: undefined, entries: [] });
    await fc.assert(
      fc.asyncProperty(writes, async (all) => {
        await written(all);
        expect(byOrder(await loaded())).toEqual(byOrder(held(all)));
      }),
      { numRuns: 30 },
    );
  });

  it("cut off at any byte, holds the writes that were whole by then", async () => {
    const all = [
      [session(1), put(1, "one")],
      [put(2, "two"), put(3, "three")],
      [{ type: "delete", order: 1 } as const, session(2)],
    ];
    const sizes = await written(all);
    const bytes = await readFile(path);
    for (let end = 0; end <= bytes.length; end++) {
      await writeFile(path, bytes.subarray(0, end));
      const whole = sizes.filter((size) => size <= end).length - 1;
      expect(byOrder(await loaded()), `cut at ${end}`).toEqual(byOrder(held(all.slice(0, Math.max(0, whole)))));
    }
  });

  it("goes on behind a cut", async () => {
    await written([[put(1, "one")], [put(2, "two")]]);
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 3));
    const storage = storageAt();
    await storage.load();
    await storage.write([put(3, "three")]);
    await storage.close();
    expect((await loaded()).entries.map(({ order }) => order)).toEqual([1, 3]);
  });

  it("with any byte changed, loses that line alone, and gives it to be set aside", async () => {
    await written([[session(1)], [put(1, "one")], [put(2, "two"), put(3, "three")]]);
    const bytes = await readFile(path);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x15;
      await writeFile(path, changed);
      const storage = storageAt();
      const state = await storage.load();
      const read = readStoredState(state, () => new Uint8Array(16).fill(200));
      const orders = read.state.entries.filter(({ state: is }) => is === "sent").map(({ order }) => order);
      // The end of the last line is where a write that was cut off would end.
      if (at === bytes.length - 1) expect(orders).toEqual([1]);
      else {
        expect(read.corrupt.length, `changed at ${at}`).toBeGreaterThan(0);
        // Where the end of a line is changed, the next line is of no use either.
        expect(orders.length, `changed at ${at}`).toBeGreaterThanOrEqual(bytes[at] === 10 ? 1 : 2);
      }
      const records = read.aside.filter((record) => typeof record === "string");
      if (records.length > 0) await storage.write(records.map((record): StoreOp => ({ type: "setAside", record })));
      await storage.close();
      if (records.length === 0) continue;
      const after = await loaded();
      expect(after.entries.filter((record) => typeof record === "string")).toEqual([]);
      expect(await readFile(`${path}.damaged`, "utf8")).toContain(records[0]);
    }
  });

  it("sets an entry aside that only the client knows to be none", async () => {
    await written([[put(1, "one"), put(2, "two")]]);
    const storage = storageAt();
    const { entries } = await storage.load();
    await storage.write([{ type: "setAside", record: entries[0] }]);
    await storage.close();
    expect((await loaded()).entries.map(({ order }) => order)).toEqual([2]);
    expect(await readFile(`${path}.damaged`, "utf8")).toContain('"order":1');
  });

  it("is written anew when most of it is of the past", async () => {
    const storage = storageAt();
    await storage.load();
    const text = "x".repeat(1000);
    for (let i = 1; i <= 500; i++) await storage.write([put(1 + (i % 5), `${i} ${text}`)]);
    await storage.close();
    expect((await readFile(path)).length).toBeLessThan(100_000);
    const { entries } = await loaded();
    expect(entries.map(({ order }) => order).sort()).toEqual([1, 2, 3, 4, 5]);
  });

  it("refuses a file that is none of an outbox, and leaves it as it is", async () => {
    await writeFile(path, "my\nprecious\nnotes\n");
    await expect(storageAt().load()).rejects.toMatchObject({ code: "OUTBOX_CORRUPT" });
    expect(await readFile(path, "utf8")).toBe("my\nprecious\nnotes\n");
  });

  it("is held by one alone, until that closes or its process ends", async () => {
    const first = storageAt();
    await first.load();
    await expect(storageAt().load()).rejects.toMatchObject({ code: "OUTBOX_LOCKED" });
    await first.close();
    const holder = spawn("sleep", ["60"]);
    await once(holder, "spawn");
    await writeFile(`${path}.lock`, `${holder.pid}\n`);
    await expect(storageAt().load()).rejects.toMatchObject({ code: "OUTBOX_LOCKED" });
    holder.kill("SIGKILL");
    await once(holder, "exit");
    await expect(loaded()).resolves.toEqual({ session: undefined, entries: [] });
  });

  it.each([[""], [5], [undefined]])("refuses the path %j", (wrong) => {
    expect(() => new FileStorage(wrong as string)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });

  it("refuses other options, and to write before it is loaded", async () => {
    expect(() => new FileStorage(path, { sync: "sometimes" } as never)).toThrow(/^sync: /);
    expect(() => new FileStorage(path, { fsync: true } as never)).toThrow(/^fsync: /);
    await expect(storageAt().write([session(1)])).rejects.toMatchObject({ code: "STATE_INVALID" });
  });

  it("puts each write on the disk, by default", async () => {
    const storage = storageAt({});
    await storage.load();
    await storage.write([put(1, "one")]);
    await storage.close();
    expect((await loaded()).entries).toHaveLength(1);
  });
});
