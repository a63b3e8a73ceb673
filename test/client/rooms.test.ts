/** Paging backwards, and publishing anew what is not in the log. */

import { describe, expect, it } from "vitest";
import { historyPages } from "../../src/client/pages.ts";
import type { Room } from "../../src/client/room.ts";
import { MemoryStorage } from "../../src/client/storage.ts";
import { usageCodeOf } from "../support/errors.ts";
import { started, World } from "../support/world.ts";

async function filled(count: number): Promise<{ world: World; lobby: Room }> {
  const world = new World();
  const ada = started(world.client("ada"));
  const lobby = ada.room("lobby");
  void lobby.join();
  for (let i = 1; i <= count; i++) lobby.publish(`${i}`);
  await world.pass(200);
  return { world, lobby };
}

/** All that a loop reads, while time passes. */
async function read(world: World, pages: AsyncIterable<{ messages: readonly { offset: number }[] }>): Promise<number[][]> {
  const taken: number[][] = [];
  let isOver = false;
  const loop = (async () => {
    for await (const { messages } of pages) taken.push(messages.map(({ offset }) => offset));
  })().finally(() => {
    isOver = true;
  });
  loop.catch(() => undefined);
  while (!isOver) await world.pass(10);
  await loop;
  return taken;
}

describe("historyPages", () => {
  it("adjoin, from the latest back to the first (HIS-5)", async () => {
    const { world, lobby } = await filled(7);
    expect(await read(world, historyPages(lobby, { limit: 3 }))).toEqual([[5, 6, 7], [2, 3, 4], [1]]);
    expect(await read(world, historyPages(lobby, { limit: 2, before: 4 }))).toEqual([[2, 3], [1]]);
  });

  it("of an empty log are none", async () => {
    const { world, lobby } = await filled(0);
    expect(await read(world, historyPages(lobby))).toEqual([]);
  });

  it("reject where the log is another one in between", async () => {
    const page = (epoch: number) => ({ room: "lobby", epoch, messages: [{ offset: 5 }], firstRetained: 1, head: 9 });
    let epoch = 1;
    const pages = historyPages({ history: async () => page(epoch++) as never });
    await pages.next();
    await expect(pages.next()).rejects.toMatchObject({ code: "EPOCH_CHANGED" });
  });

  it("end with the signal, and take each option by its name", async () => {
    const { lobby } = await filled(1);
    await expect(historyPages(lobby, { signal: AbortSignal.abort("enough") }).next()).rejects.toBe("enough");
    await expect(historyPages(lobby, { limt: 5 } as never).next()).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });
});

describe("resend", () => {
  it("publishes anew, as another message, what was finally rejected", async () => {
    let isStrict = true;
    const world = new World({ onPublish: () => (isStrict ? { reject: "not now" } : undefined) });
    const ada = started(world.client("ada"));
    const lobby = ada.room("lobby");
    void lobby.join();
    const again: string[] = [];
    ada.on("entry", (change) => {
      if (change.state !== "failed") return;
      isStrict = false;
      again.push(change.id, lobby.resend(change).id);
    });
    const texts: unknown[] = [];
    ada.on("message", ({ id, content }) => texts.push([id, content?.text, content?.headers?.get("lang")]));
    lobby.publish({ text: "hello", headers: { lang: "en" } });
    await world.pass(200);
    expect(again[0]).not.toBe(again[1]);
    expect(texts).toEqual([[again[1], "hello", "en"]]);
  });

  it("publishes anew what may be stored, also that of an earlier run, with what it is about", async () => {
    const world = new World();
    const storage = new MemoryStorage();
    const before = started(world.client("ada", { storage }));
    const lobby = before.room("lobby");
    void lobby.join();
    const first = lobby.publish("first");
    await world.pass(50);
    world.isDown = true;
    world.network.cut("ada");
    await world.pass(50);
    world.isDown = false;
    await world.pass(5000);
    lobby.edit(first.id, "second");
    // The edit is sent, and its ack does not come.
    world.clock.advance(0);
    await before.close();
    const state = await storage.load();
    const sent = state.entries.map((entry) => ({
      ...entry,
      seq: entry.seq || 2,
      epoch: entry.epoch || 1,
      state: "sent" as const,
    }));
    // Under which session it was sent is lost: nobody can say.
    const corrupt = { load: async () => ({ session: "damaged" as never, entries: sent }), write: async () => undefined };
    const after = started(world.client("ada", { storage: corrupt }));
    const resent: string[] = [];
    after.on("entry", (change) => {
      if (change.state === "maybe") resent.push(after.room("lobby").resend(change).id);
    });
    const heard: unknown[] = [];
    after.on("message", ({ id, kind, target, content }) => heard.push([id, kind, target, content?.text]));
    void after.room("lobby").join();
    await world.pass(500);
    expect(resent).toHaveLength(1);
    expect(heard).toContainEqual([resent[0], "edit", first.id, "second"]);
  });

  it("takes nothing else", () => {
    const lobby = new World().client("ada").room("lobby");
    for (const change of [{}, { unpublished: { kind: "tombstone" } }, { unpublished: { kind: "toString" } }]) {
      expect(usageCodeOf(() => lobby.resend(change as never))).toBe("OPTION_INVALID");
    }
  });
});
