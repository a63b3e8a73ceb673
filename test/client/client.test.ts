import { describe, expect, it } from "vitest";
import { MemoryStorage, type OutboxStorage } from "../../src/client/storage.ts";
import { MemoryBroker } from "../../src/relay/memory-broker.ts";
import { Relay } from "../../src/relay/relay.ts";
import { linearRetry } from "../../src/session/client-retries.ts";
import { jsonCodec } from "../../src/session/json-codec.ts";
import { binaryCodec } from "../../src/session/transmit.ts";
import { countingRandom } from "../support/client-harness.ts";
import { codeOf } from "../support/errors.ts";
import { settle, started, World } from "../support/world.ts";

describe("Client", () => {
  it.each([
    ["binary", binaryCodec],
    ["ProtoJSON", jsonCodec],
  ])("two talk, in %s: chat, ack, receipt, typing, presence, history, signal", async (_name, codec) => {
    const world = new World();
    const [ada, bob] = [started(world.client("ada", { codec })), started(world.client("bob"))];
    const heard: string[] = [];
    bob.on("message", ({ sender, content, own }) => heard.push(`${sender}: ${content?.text} ${own}`));
    bob.on("typing", ({ users }) => heard.push(`typing: ${users.join()}`));
    bob.on("signal", ({ sender, name, content }) => heard.push(`${name} of ${sender}: ${content?.text}`));
    bob.on("presence", ({ marks }) => heard.push(...marks.map(({ user, state, activity }) => `${user} is ${state} ${activity}`)));
    const read: number[] = [];
    ada.on("receipt", ({ marks }) => read.push(...marks.filter(({ user }) => user === "bob").map((mark) => mark.read)));
    const joins = [ada.room("lobby").join(), bob.room("lobby").join()];
    await world.pass(50);
    await Promise.all(joins);
    const watched = bob.watch(["ada"]);
    ada.setPresence({ state: "busy", activity: "writing" });
    ada.room("lobby").typing();
    await world.pass(600);
    expect(await watched).toMatchObject([{ user: "ada" }]);
    const sent = ada.room("lobby").publish({ text: "hello", headers: { lang: "en" } });
    ada.room("lobby").signal("wave", "hi");
    await world.pass(600);
    expect(await sent).toMatchObject({ offset: 1 });
    bob.room("lobby").markRead(1);
    await world.pass(1200);
    expect(heard).toEqual(expect.arrayContaining(["ada: hello false", "typing: ada", "wave of ada: hi", "ada is busy writing"]));
    expect(read).toContain(1);
    const page = bob.room("lobby").history();
    await world.pass(50);
    expect((await page).messages.map(({ content }) => content?.headers?.get("lang"))).toEqual(["en"]);
  });

  it("edits, reacts and redacts; later readers see a tombstone (LOG-7, LOG-8)", async () => {
    const world = new World();
    const ada = started(world.client("ada"));
    const lobby = ada.room("lobby");
    void lobby.join();
    await world.pass(50);
    const first = lobby.publish("first");
    lobby.edit(first.id, "second");
    lobby.react(first.id, "+1");
    lobby.redact(first.id);
    await world.pass(100);
    const bob = started(world.client("bob"));
    const kinds: string[] = [];
    bob.on("message", ({ kind }) => kinds.push(kind));
    void bob.room("lobby").join({ tail: 10 });
    await world.pass(100);
    expect(kinds).toEqual(["tombstone", "tombstone", "reaction", "redaction"]);
  });

  it("rejects what the application refused, and goes on (PUB-11)", async () => {
    const world = new World({
      onPublish: (_principal, { content }) => (content?.text === "spam" ? { reject: "no spam" } : undefined),
    });
    const ada = started(world.client("ada"));
    void ada.room("lobby").join();
    await world.pass(50);
    const [spam, ham] = [ada.room("lobby").publish("spam"), ada.room("lobby").publish("ham")];
    await world.pass(100);
    await expect(spam).rejects.toMatchObject({ code: "REJECTED", processed: "no" });
    expect(await ham).toMatchObject({ offset: 1 });
  });

  it("gives up what is rejected for now as often as the application says, and what follows goes on (PUB-24)", async () => {
    const world = new World({
      onPublish: (_principal, { content }) => {
        if (content?.text === "spam") throw new Error("the judge is away");
        return undefined;
      },
    });
    const ada = started(world.client("ada", { retry: linearRetry }));
    void ada.room("lobby").join();
    await world.pass(50);
    const sent = [ada.publish("lobby", "spam"), ada.publish("lobby", "ham")];
    const told: string[] = [];
    ada.on("entry", ({ id, state, error }) => id === sent[0]?.id && error !== undefined && told.push(`${state} ${error.code}`));
    await world.pass(30_000);
    expect(await Promise.allSettled(sent)).toMatchObject([
      { status: "rejected", reason: { code: "UNAVAILABLE", processed: "no" } },
      { status: "fulfilled", value: { offset: 1 } },
    ]);
    expect(told).toEqual([...Array(3).fill("sent UNAVAILABLE"), "voiding UNAVAILABLE", "failed UNAVAILABLE"]);
    expect(ada.outboxSize).toBe(0);
  });

  it("tells a room that is not for this principal in the same way as one that is not there (AUT-7)", async () => {
    const world = new World({ authorize: (_principal, room) => (room === "lobby" ? ["read"] : undefined) });
    const ada = started(world.client("ada"));
    const refused = expect(ada.room("secret").join()).rejects.toMatchObject({ code: "ROOM_UNAVAILABLE", retry: "never" });
    await world.pass(50);
    await refused;
  });

  it("gets a fresh token by its function when one is refused (AUT-10)", async () => {
    const world = new World();
    const tokens = ["bad", "ada"];
    const ada = started(world.client("ada", { token: () => tokens.shift() ?? "none" }));
    await world.pass(100);
    expect(ada.state).toBe("ready");
    expect(ada.user).toBe("ada");
    expect(tokens).toEqual([]);
  });

  it("keeps what is published while nobody listens, also over its own end (SES-11)", async () => {
    const world = new World();
    world.isDown = true;
    const storage = new MemoryStorage();
    const before = started(world.client("ada", { storage }));
    before.room("lobby").publish("one");
    before.room("lobby").publish("two");
    await world.pass(100);
    await before.close();
    world.isDown = false;
    const after = started(world.client("ada", { storage }));
    // Before the storage is read: it comes after what that holds.
    after.room("lobby").publish("three");
    const texts: (string | undefined)[] = [];
    after.on("message", ({ content }) => texts.push(content?.text));
    void after.room("lobby").join();
    await world.pass(100);
    expect(texts).toEqual(["one", "two", "three"]);
    expect(after.outboxSize).toBe(0);
  });

  it("tells a storage that fails, sends nothing under a seq that is not stored, and goes on when it works", async () => {
    const world = new World();
    let isFull = false;
    const inner = new MemoryStorage();
    const storage: OutboxStorage = {
      load: () => inner.load(),
      write: (ops) => (isFull ? Promise.reject(new Error("full")) : inner.write(ops)),
    };
    const ada = started(world.client("ada", { storage }));
    const errors: unknown[] = [];
    ada.on("error", ({ error }) => errors.push(error.cause));
    void ada.room("lobby").join();
    await world.pass(50);
    isFull = true;
    const sent = ada.room("lobby").publish("kept");
    await world.pass(500);
    expect(errors).toHaveLength(1);
    expect(ada.outboxSize).toBe(1);
    isFull = false;
    await world.pass(2000);
    expect(await sent).toMatchObject({ offset: 1 });
  });

  it("tells a storage that cannot be read, and sends nothing", async () => {
    const world = new World();
    const storage: OutboxStorage = { load: () => Promise.reject(new Error("unreadable")), write: () => Promise.resolve() };
    const ada = world.client("ada", { storage });
    const errors: string[] = [];
    ada.on("error", ({ error }) => errors.push(error.code));
    ada.start();
    await world.pass(100);
    expect(errors).toEqual(["OUTBOX_CORRUPT"]);
    expect(ada.state).toBe("idle");
    await expect(ada.room("lobby").join()).rejects.toMatchObject({ code: "OUTBOX_CORRUPT", cause: { message: "unreadable" } });
  });

  it("goes on where a storage throws at once", async () => {
    const world = new World();
    const inner = new MemoryStorage();
    let failures = 2;
    const storage: OutboxStorage = {
      load: () => inner.load(),
      write: (ops) => {
        if (failures-- > 0) throw new Error("at once");
        return inner.write(ops);
      },
    };
    const ada = started(world.client("ada", { storage }));
    void ada.room("lobby").join();
    const sent = ada.room("lobby").publish("kept");
    await world.pass(4000);
    expect(await sent).toMatchObject({ offset: 1 });
  });

  it.each([
    ["tail", { tail: -1 }],
    ["tail", { tail: 0.5 }],
    ["maxCatchup", { maxCatchup: -1 }],
    ["position", { position: { epoch: Number.NaN, offset: 1 } }],
    ["position", { position: { epoch: 1, offset: -1 } }],
  ])("refuses a wrong %s of a join at once, and the room is as before", async (_name, wrong) => {
    const world = new World();
    const ada = started(world.client("ada"));
    await expect(ada.room("lobby").join(wrong)).rejects.toMatchObject({ code: "FIELD_INVALID", origin: "local" });
    void ada.room("lobby").join();
    await world.pass(50);
    expect(ada.room("lobby").joined?.verdict).toBe("fresh");
  });

  it("refuses misuse at once, also before its storage is read, and takes nothing", () => {
    const ada = new World().client("ada");
    const lobby = ada.room("lobby");
    const wrong = (value: unknown) => value as never;
    for (const call of [
      () => lobby.publish(wrong(undefined)),
      () => lobby.publish(wrong(5)),
      () => lobby.publish(wrong([])),
      () => lobby.publish({}),
      () => lobby.publish({ data: wrong("abc") }),
      () => lobby.publish({ text: wrong(5) }),
      () => lobby.publish({ text: "a", headers: wrong({ a: 1 }) }),
      () => lobby.markRead(Number.NaN),
      () => lobby.markRead(-1),
      () => lobby.signal("x".repeat(1000)),
      () => ada.setPresence({ state: wrong("bogus") }),
      () => ada.unwatch(wrong("ada")),
      () => ada.setToken("x".repeat(9000)),
      () => ada.setToken("\ud800"),
    ]) {
      expect(codeOf(call)).toBe("FIELD_INVALID");
    }
    expect(ada.outboxSize).toBe(0);
    expect(codeOf(() => new World().client("ada", { agent: "x".repeat(999) }))).toBe("FIELD_INVALID");
    expect(codeOf(() => new World().client("ada", { token: "x".repeat(9000) }))).toBe("FIELD_INVALID");
  });

  it("refuses a page that is nowhere, and a watch of what is no list", async () => {
    const world = new World();
    const ada = started(world.client("ada"));
    void ada.room("lobby").join();
    await world.pass(50);
    for (const anchor of [{ before: 1.5 }, { after: Number.NaN }, { limit: -1 }]) {
      await expect(ada.room("lobby").history(anchor)).rejects.toMatchObject({ code: "FIELD_INVALID" });
    }
    await expect(ada.watch("bob" as never)).rejects.toMatchObject({ code: "FIELD_INVALID" });
  });

  it("asks for a token again where that fails, hangs, or gives none that can be", async () => {
    const world = new World();
    const answers: (() => string | Promise<string>)[] = [
      () => {
        throw new Error("at once");
      },
      () => Promise.reject(new Error("offline")),
      () => new Promise(() => undefined),
      () => ({}) as never,
      () => "x".repeat(9000),
    ];
    let calls = 0;
    const ada = started(world.client("ada", { token: () => (answers[calls++] ?? (() => "ada"))() }));
    const errors: string[] = [];
    ada.on("error", ({ error }) => errors.push(error.code));
    for (let i = 0; i < 400 && ada.state !== "ready"; i++) {
      world.clock.advance(500);
      await settle();
    }
    expect(ada.user).toBe("ada");
    expect(calls).toBe(6);
    expect(errors).toEqual(Array(5).fill("OPTION_INVALID"));
  });

  it("asks for no token after it is closed", async () => {
    const world = new World();
    let calls = 0;
    const ada = world.client("ada", {
      token: () => {
        calls++;
        return Promise.reject(new Error("offline"));
      },
    });
    ada.start();
    await world.pass(20);
    await ada.close();
    const before = calls;
    await world.pass(10_000);
    expect(before).toBeGreaterThan(0);
    expect(calls).toBe(before);
    expect(world.clock.pending).toBe(0);
  });

  it("tells what a late reader misses of a log that began anew (RES-4)", async () => {
    const world = new World();
    const broker = new MemoryBroker({ clock: world.clock, random: countingRandom(8) });
    const relay = new Relay({
      broker,
      clock: world.clock,
      random: countingRandom(9),
      authenticate: ({ token }) => ({ user: token }),
    });
    const connect = world.network.connect("bob", () => (transport) => relay.accept(transport, { codec: binaryCodec }));
    const bob = started(world.client("bob", { connect }));
    void bob.room("lobby").join();
    await relay.publish("lobby", { content: "old" });
    await world.pass(50);
    world.network.cut("bob");
    broker.reset("lobby");
    for (const content of ["one", "two", "three"]) await relay.publish("lobby", { content });
    await world.pass(5000);
    expect(bob.room("lobby").joined).toMatchObject({ verdict: "reset", start: 4, missing: { first: 1, last: 3 } });
    const page = bob.room("lobby").history();
    await world.pass(50);
    expect((await page).messages.map(({ content }) => content?.text)).toEqual(["one", "two", "three"]);
  });

  it("tries again where no transport can be made", async () => {
    const world = new World();
    let failures = 2;
    const real = world.network.connect("ada", () => (transport) => world.relay.accept(transport, { codec: binaryCodec }));
    const ada = started(
      world.client("ada", {
        connect: (...args) => {
          if (failures-- > 0) throw new Error("forbidden");
          return real(...args);
        },
      }),
    );
    const errors: string[] = [];
    ada.on("error", ({ error }) => errors.push(error.code));
    await world.pass(5000);
    expect(errors).toEqual(["OPTION_INVALID", "OPTION_INVALID"]);
    expect(ada.state).toBe("ready");
  });

  it("a cancelled message rejects its promise, and is not in the log (PUB-12)", async () => {
    const world = new World();
    world.isDown = true;
    const ada = started(world.client("ada"));
    const lobby = ada.room("lobby");
    const [gone, kept] = [lobby.publish("gone"), lobby.publish("kept")];
    expect(lobby.cancel(gone.id)).toBe(true);
    await expect(gone).rejects.toMatchObject({ code: "ENTRY_SETTLED" });
    world.isDown = false;
    void lobby.join();
    await world.pass(5000);
    expect(await kept).toMatchObject({ offset: 1 });
  });

  it("comes back after a drain, and flushes (GBY)", async () => {
    const world = new World();
    const ada = started(world.client("ada"));
    void ada.room("lobby").join();
    await world.pass(50);
    const sent = ada.room("lobby").publish("last words");
    await settle();
    world.clock.advance(1);
    expect(ada.outboxSize).toBe(1);
    const drained = world.relay.drain({ drainMs: 1000, afterMinMs: 100, afterMaxMs: 200 });
    await world.pass(60);
    await drained;
    expect(await sent).toMatchObject({ offset: 1 });
    expect(["waiting", "preparing", "connecting"]).toContain(ada.state);
  });

  it("what a listener throws ends nothing here: it is thrown from a timer, where the platform tells it", async () => {
    const world = new World();
    const reported: unknown[] = [];
    const keep = (error: unknown) => reported.push(error);
    const before = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", keep);
    let frames = 0;
    const onFrame = () => {
      if (++frames === 1) throw "of a frame";
    };
    const ada = started(world.client("ada", { onFrame }));
    const heard: string[] = [];
    ada.on("welcome", () => {
      throw "of an event";
    });
    ada.on("welcome", ({ user }) => heard.push(user));
    await world.pass(50);
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off("uncaughtException", keep);
    for (const listener of before) process.on("uncaughtException", listener);
    expect(heard).toEqual(["ada"]);
    expect(ada.state).toBe("ready");
    expect(reported).toEqual(["of a frame", "of an event"]);
  });
});
