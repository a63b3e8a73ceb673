/** Events as async iterators, and waits that are given up. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventStream } from "../../src/client/event-stream.ts";
import type { AbortSignalLike } from "../../src/client/waiting.ts";
import { ProtocolError } from "../../src/errors.ts";
import { settle, started, World } from "../support/world.ts";

/** What a loop over a stream comes to: what it has taken, and how it has ended. */
async function all<T>(stream: AsyncIterable<T>): Promise<{ taken: T[]; error: unknown }> {
  const taken: T[] = [];
  try {
    for await (const each of stream) taken.push(each);
  } catch (error) {
    return { taken, error: (error as { code?: string }).code ?? error };
  }
  return { taken, error: undefined };
}

describe("EventStream", () => {
  it("gives every event once and in order, however pushes and takes are mixed, as far as its capacity goes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), async (turns, capacity) => {
        const stream = new EventStream<number>({ capacity }, () => undefined);
        const taken: Promise<IteratorResult<number, undefined>>[] = [];
        let pushed = 0;
        let model = 0;
        let most = 0;
        for (const isPush of turns) {
          if (isPush) stream.push(pushed++);
          else taken.push(stream.next());
          model += isPush ? 1 : -1;
          most = Math.max(most, model);
        }
        stream.end();
        const results = await Promise.allSettled([...taken, ...Array.from({ length: pushed + 1 }, () => stream.next())]);
        const values = results.flatMap((result) =>
          result.status === "fulfilled" && !result.value.done ? [result.value.value] : [],
        );
        const rejected = results.filter(({ status }) => status === "rejected").length;
        expect(values).toEqual(Array.from({ length: values.length }, (_, i) => i));
        if (most <= capacity) expect([values.length, rejected]).toEqual([pushed, 0]);
        else expect(rejected).toBe(1);
      }),
    );
  });

  it("ends with STREAM_OVERFLOW behind what waits, and releases what it holds, once", async () => {
    let released = 0;
    const stream = new EventStream<number>({ capacity: 2 }, () => released++);
    for (const each of [1, 2, 3, 4]) stream.push(each);
    expect(await all(stream)).toEqual({ taken: [1, 2], error: "STREAM_OVERFLOW" });
    expect(await stream.next()).toEqual({ value: undefined, done: true });
    stream.end();
    expect(released).toBe(1);
  });

  it("is over for a loop that is left, and for calls that wait then", async () => {
    let released = 0;
    const stream = new EventStream<number>({}, () => released++);
    stream.push(1);
    stream.push(2);
    for await (const each of stream) if (each === 1) break;
    const waiting = new EventStream<number>({}, () => released++);
    const call = waiting.next();
    await waiting.return();
    expect([await call, await stream.next(), released]).toEqual([
      { value: undefined, done: true },
      { value: undefined, done: true },
      2,
    ]);
  });

  it("rejects at once with the signal's reason, and drops what waits", async () => {
    const control = new AbortController();
    const stream = new EventStream<number>({ signal: control.signal }, () => undefined);
    stream.push(1);
    control.abort("enough");
    expect(await all(stream)).toEqual({ taken: [], error: "enough" });
  });

  it("holds no listener of a signal any more when it is over", async () => {
    let listeners = 0;
    const signal: AbortSignalLike = {
      aborted: false,
      addEventListener: () => listeners++,
      removeEventListener: () => listeners--,
    };
    const stream = new EventStream<number>({ signal }, () => undefined);
    expect(listeners).toBe(1);
    stream.end();
    expect(listeners).toBe(0);
  });
});

describe("the streams of a client", () => {
  it("messages of one room, in a for await, until it is left", async () => {
    const world = new World();
    const [ada, bob] = [started(world.client("ada")), started(world.client("bob"))];
    const heard = all(bob.room("lobby").messages());
    for (const name of ["lobby", "hall"]) void Promise.all([ada.room(name).join(), bob.room(name).join()]);
    await world.pass(50);
    for (const text of ["one", "two"]) ada.publish("lobby", text);
    ada.publish("hall", "elsewhere");
    await world.pass(100);
    void bob.room("lobby").leave();
    await world.pass(50);
    const { taken, error } = await heard;
    expect([taken.map(({ content }) => content?.text), error]).toEqual([["one", "two"], undefined]);
  });

  it("of a room reject where the relay closes it (ROM-7)", async () => {
    const world = new World();
    const bob = started(world.client("bob"));
    void bob.room("lobby").join();
    await world.pass(50);
    const heard = all(bob.room("lobby").messages());
    world.relay.closeRoom("lobby");
    await world.pass(50);
    expect(await heard).toEqual({ taken: [], error: "ROOM_UNAVAILABLE" });
  });

  it("states and errors, until the close, which is among them", async () => {
    const world = new World();
    const ada = world.client("ada");
    const [states, errors] = [all(ada.events("state")), all(ada.events("error"))];
    ada.start();
    await world.pass(50);
    await ada.close();
    expect((await states).taken.map(({ state }) => state)).toEqual([
      "preparing",
      "connecting",
      "authenticating",
      "ready",
      "closed",
    ]);
    expect(await errors).toEqual({ taken: [], error: undefined });
  });

  it("reject with CLOSED where the relay ends the client for good", async () => {
    const world = new World({
      authenticate: () => {
        throw new ProtocolError("UNAUTHENTICATED", "banned", { retry: "never" });
      },
    });
    const heard = all(started(world.client("ada")).events("message"));
    await world.pass(50);
    expect(await heard).toEqual({ taken: [], error: "CLOSED" });
  });

  it("reject with OUTBOX_CORRUPT where the storage cannot be read", async () => {
    const storage = { load: () => Promise.reject(new Error("unreadable")), write: () => Promise.resolve() };
    const ada = new World().client("ada", { storage });
    expect(await all(ada.events("message"))).toMatchObject({ error: "OUTBOX_CORRUPT" });
  });

  it("leave nothing behind at the client", async () => {
    const world = new World();
    const bob = started(world.client("bob"));
    void bob.room("lobby").join();
    const control = new AbortController();
    const heard = all(bob.room("lobby").messages({ signal: control.signal, capacity: 1 }));
    control.abort("enough");
    expect(await heard).toEqual({ taken: [], error: "enough" });
    await world.pass(50);
  });
});

describe("a signal", () => {
  it("ends every wait with its reason, and takes nothing back", async () => {
    const world = new World();
    world.isDown = true;
    const ada = started(world.client("ada"));
    const lobby = ada.room("lobby");
    const control = new AbortController();
    const { signal } = control;
    const sent = lobby.publish("kept", { signal });
    const waits = [lobby.join({ signal }), ada.watch(["bob"], { signal }), sent, ada.flush({ signal })];
    const outcomes = Promise.allSettled(waits);
    await world.pass(50);
    control.abort("enough");
    expect((await outcomes).map((each) => each.status === "rejected" && each.reason)).toEqual(Array(4).fill("enough"));
    const changes: string[] = [];
    ada.on("entry", ({ id, state }) => id === sent.id && changes.push(state));
    world.isDown = false;
    await world.pass(5000);
    expect([lobby.joined?.verdict, changes.at(-1)]).toEqual(["fresh", "stored"]);
  });

  it("ends the waits for a page and for a leave", async () => {
    const world = new World();
    const ada = started(world.client("ada"));
    void ada.room("lobby").join();
    await world.pass(50);
    const control = new AbortController();
    const { signal } = control;
    const waits = Promise.allSettled([ada.room("lobby").history({ signal }), ada.room("lobby").leave({ signal })]);
    control.abort("enough");
    expect((await waits).map((each) => each.status === "rejected" && each.reason)).toEqual(["enough", "enough"]);
    await world.pass(50);
    expect(ada.room("lobby").joined).toBeUndefined();
  });

  it("without a reason, as in React Native, gives ABORTED", async () => {
    const ada = new World().client("ada");
    let abort = () => {};
    const signal: AbortSignalLike = {
      aborted: false,
      addEventListener: (_, listener) => {
        abort = listener;
      },
      removeEventListener: () => undefined,
    };
    const sent = ada.publish("lobby", "hello", { signal });
    abort();
    await expect(sent).rejects.toMatchObject({ code: "ABORTED" });
    await settle();
  });
});
