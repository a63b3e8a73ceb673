/** Positions that outlive a client: after a restart its rooms go on where they were. */

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PositionStore } from "../../src/client/positions.ts";
import type { RoomPosition } from "../../src/delivery/room-cursor.ts";
import { started, World } from "../support/world.ts";

/** A store in memory; what is written while it is `isBroken` is refused. */
class Store implements PositionStore {
  readonly positions: Map<string, RoomPosition> = new Map();
  isBroken = false;
  writes = 0;
  load(): Promise<Iterable<readonly [string, RoomPosition]>> {
    return this.isBroken ? Promise.reject(new Error("broken")) : Promise.resolve(this.positions);
  }
  async write(changes: ReadonlyMap<string, RoomPosition | undefined>): Promise<void> {
    this.writes++;
    if (this.isBroken) throw new Error("broken");
    for (const [room, position] of changes) {
      if (position === undefined) this.positions.delete(room);
      else this.positions.set(room, position);
    }
  }
}

/** Another user, who has published so many messages in the lobby. */
async function speaker(world: World) {
  const bob = started(world.client("bob"));
  void bob.room("lobby").join();
  await world.pass(50);
  let count = 0;
  return async (more: number) => {
    const sent = Array.from({ length: more }, () => bob.publish("lobby", `${++count}`));
    await world.pass(200);
    await Promise.all(sent);
  };
}

/** A client that has asked for the lobby, and what it is shown there. */
function listener(world: World, positions: PositionStore) {
  const ada = started(world.client("ada", { positions }));
  const shown: string[] = [];
  const errors: string[] = [];
  ada.on("message", ({ content }) => shown.push(content?.text ?? ""));
  ada.on("error", ({ error }) => errors.push(error.code));
  const join = ada.room("lobby").join();
  return { ada, shown, errors, join };
}

describe("the positions of a client", () => {
  it("let a join resume after a restart: nothing is missed, and nothing comes twice", async () => {
    const world = new World();
    const [store, speak] = [new Store(), await speaker(world)];
    const first = listener(world, store);
    await world.pass(50);
    await speak(3);
    await first.ada.close();
    expect(store.positions.get("lobby")).toMatchObject({ offset: 3 });
    await speak(2);
    const second = listener(world, store);
    await world.pass(100);
    expect([first.shown, second.shown]).toEqual([
      ["1", "2", "3"],
      ["4", "5"],
    ]);
    expect(await second.join).toMatchObject({ verdict: "resumed" });
  });

  it("skip no message whenever the process dies: what was not stored yet comes again", async () => {
    const steps = fc.array(fc.record({ messages: fc.integer({ min: 0, max: 3 }), waitMs: fc.integer({ min: 0, max: 1500 }) }), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 4 }), async (runs) => {
        const world = new World();
        const [store, speak] = [new Store(), await speaker(world)];
        // From the first message on.
        const before = listener(world, store);
        await world.pass(100);
        await before.ada.close();
        const shown: number[] = [];
        let published = 0;
        for (const run of [...runs, [{ messages: 0, waitMs: 100 }]]) {
          let isAlive = true;
          const mortal: PositionStore = {
            load: () => store.load(),
            write: (changes) => (isAlive ? store.write(changes) : Promise.resolve()),
          };
          const here = listener(world, mortal);
          await world.pass(100);
          for (const { messages, waitMs } of run) {
            await speak(messages);
            published += messages;
            await world.pass(waitMs);
          }
          isAlive = false;
          shown.push(...here.shown.map(Number));
          await here.ada.close();
        }
        // Each is the one behind one that was seen, and all were seen.
        let highest = 0;
        for (const number of shown) {
          expect(number).toBeLessThanOrEqual(highest + 1);
          highest = Math.max(highest, number);
        }
        expect(highest).toBe(published);
      }),
      { numRuns: 15 },
    );
  });

  it("are written once for many messages, and not while a write is under way", async () => {
    const world = new World();
    const [store, speak] = [new Store(), await speaker(world)];
    listener(world, store);
    await world.pass(1500);
    const before = store.writes;
    await speak(50);
    await world.pass(1500);
    expect(store.writes).toBe(before + 1);
    expect(store.positions.get("lobby")).toMatchObject({ offset: 50 });
  });

  it("are forgotten with the room, and give way to what the application says, or the room has come to in this run", async () => {
    const world = new World();
    const [store, speak] = [new Store(), await speaker(world)];
    await speak(5);
    const first = listener(world, store);
    await world.pass(50);
    await first.ada.close();
    const { epoch } = store.positions.get("lobby") ?? { epoch: 0 };
    expect(store.positions.get("lobby")).toEqual({ epoch, offset: 5 });
    const second = started(world.client("ada", { positions: store }));
    const shown: string[] = [];
    second.on("message", ({ content }) => shown.push(content?.text ?? ""));
    void second.room("lobby").join({ position: { epoch, offset: 3 } });
    await world.pass(50);
    expect(shown).toEqual(["4", "5"]);
    void second.room("lobby").leave();
    await world.pass(2000);
    expect(store.positions.has("lobby")).toBe(false);
  });

  it("that cannot be read, or are none, are told, and cost nothing but themselves", async () => {
    const world = new World();
    const [store, speak] = [new Store(), await speaker(world)];
    await speak(2);
    store.isBroken = true;
    const first = listener(world, store);
    await world.pass(100);
    expect(await first.join).toMatchObject({ verdict: "fresh" });
    expect(first.errors).toEqual(["UNAVAILABLE"]);
    // A write that has failed is made again.
    await world.pass(1000);
    expect(first.errors).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
    store.isBroken = false;
    await world.pass(1000);
    expect(store.positions.get("lobby")).toMatchObject({ offset: 2 });
    await first.ada.close();
    store.positions.set("hall", { epoch: 0, offset: -1 });
    const second = listener(world, store);
    await world.pass(100);
    expect(second.errors).toEqual(["OPTION_INVALID"]);
    expect(await second.join).toMatchObject({ verdict: "resumed" });
  });

  it("leave no timer behind where the last write fails", async () => {
    const world = new World();
    const store = new Store();
    const { ada, errors } = listener(world, store);
    await world.pass(50);
    store.isBroken = true;
    await ada.close();
    expect(errors).toEqual(["UNAVAILABLE"]);
    const { writes } = store;
    await world.pass(5000);
    expect(store.writes).toBe(writes);
  });
});
