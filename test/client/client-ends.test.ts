/** What becomes of commands and promises where a client is not started, waits for a token, is closed, or has left the room. */

import { describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { MemoryStorage, type OutboxStorage } from "../../src/client/storage.ts";
import { ProtocolError } from "../../src/errors.ts";
import { usageCodeOf } from "../support/errors.ts";
import { settle, started, World } from "../support/world.ts";

/** How a promise stands, without waiting for it. */
async function standing(promise: Promise<unknown>): Promise<string> {
  const rejected = ({ code }: { code: string }) => code;
  return Promise.race([promise.then(() => "resolved", rejected), settle().then(() => "pending")]);
}

/** A client that is in the lobby. */
async function inLobby(world: World, name = "ada"): Promise<Client> {
  const client = started(world.client(name));
  void client.room("lobby").join();
  await world.pass(50);
  expect(client.room("lobby").joined).toBeDefined();
  return client;
}

describe("a client without a connection", () => {
  it("keeps joins, watches and publishes while it is not started", async () => {
    const world = new World();
    const ada = world.client("ada");
    const waiting = [ada.room("lobby").join(), ada.watch(["bob"]), ada.room("lobby").publish("early"), ada.flush()];
    await world.pass(50);
    expect(await Promise.all(waiting.map(standing))).toEqual(Array(4).fill("pending"));
    started(ada);
    await world.pass(100);
    expect(await Promise.all(waiting.map(standing))).toEqual(Array(4).fill("resolved"));
  });

  it("keeps them while it waits for a token, and goes on with a fresh one (AUT-10)", async () => {
    const world = new World();
    const ada = started(world.client("ada", { token: "bad" }));
    const waiting = [ada.room("lobby").join(), ada.watch(["bob"]), ada.room("lobby").publish("early"), ada.flush()];
    await world.pass(100);
    expect(ada.state).toBe("locked");
    const late = [ada.room("hall").join(), ada.room("hall").publish("late")];
    expect(await Promise.all([...waiting, ...late].map(standing))).toEqual(Array(6).fill("pending"));
    ada.setToken("ada");
    await world.pass(5000);
    expect(await Promise.all([...waiting, ...late].map(standing))).toEqual(Array(6).fill("resolved"));
  });

  it("ends what waits for an answer where the relay ends it for good, and keeps what was published", async () => {
    const world = new World({
      authenticate: () => {
        throw new ProtocolError("UNAUTHENTICATED", "banned", { retry: "never" });
      },
    });
    const ada = started(world.client("ada"));
    const ends = Promise.allSettled([ada.room("lobby").join(), ada.watch(["bob"])]);
    const stored = ada.room("lobby").publish("early");
    const flush = ada.flush();
    await world.pass(100);
    expect(ada.state).toBe("closed");
    const reason = { code: "CLOSED", cause: { code: "UNAUTHENTICATED" } };
    expect(await ends).toMatchObject([{ reason }, { reason }]);
    expect(await Promise.all([stored, flush].map(standing))).toEqual(["pending", "pending"]);
    expect(usageCodeOf(() => ada.room("lobby").publish("more"))).toBe("CLOSED");
  });
});

describe("a client that is closed", () => {
  it("refuses what hands something over or waits for an answer, until it is started again", async () => {
    const world = new World();
    const ada = await inLobby(world);
    const lobby = ada.room("lobby");
    const kept = lobby.publish("kept");
    const closing = ada.close();
    for (const call of [
      () => lobby.publish("x"),
      () => lobby.edit(kept.id, "x"),
      () => lobby.react(kept.id, "x"),
      () => lobby.redact(kept.id),
      () => lobby.signal("x"),
      () => ada.signal("x"),
    ]) {
      expect(usageCodeOf(call)).toBe("CLOSED");
    }
    const refused = [lobby.join(), lobby.history(), ada.watch(["bob"]), ada.flush()];
    expect(await Promise.all(refused.map(standing))).toEqual(Array(4).fill("CLOSED"));
    await closing;
    expect(await standing(kept)).toBe("pending");
    // What needs no connection, or is lost without one, is as before.
    lobby.typing();
    lobby.markRead(1);
    ada.setPresence({ state: "away" });
    ada.setToken("ada");
    ada.unwatch(["bob"]);
    expect(lobby.cancel("00000000-0000-0000-0000-000000000000")).toBe(false);
    ada.start();
    const more = lobby.publish("more");
    await world.pass(100);
    expect(await kept).toMatchObject({ offset: 1 });
    expect(await more).toMatchObject({ offset: 2 });
  });

  it("leaves a room at once", async () => {
    const world = new World();
    const ada = await inLobby(world);
    const leaving = ada.room("lobby").leave();
    await ada.close();
    expect(await standing(leaving)).toBe("resolved");
    void ada
      .room("hall")
      .join()
      .catch(() => undefined);
    expect(await standing(ada.room("hall").leave())).toBe("resolved");
    ada.start();
    await world.pass(100);
    expect(ada.state).toBe("ready");
    expect(ada.room("lobby").joined).toBeUndefined();
  });

  it("starts again right behind a close, also while its token is fetched or its storage read", async () => {
    const world = new World();
    for (const token of ["ada", () => Promise.resolve("ada")]) {
      const ada = started(world.client("ada", { token }));
      void ada.close();
      ada.start();
      const join = ada.room("lobby").join();
      const stored = ada.room("lobby").publish("hello");
      await world.pass(100);
      void ada.close();
      ada.start();
      const again = ada.room("hall").join();
      await world.pass(100);
      expect(await Promise.all([join, stored, again].map(standing))).toEqual(["resolved", "resolved", "resolved"]);
    }
  });

  it("stays closed where its token, or its storage, comes after the close", async () => {
    const world = new World();
    for (const token of [
      "ada",
      () => "ada",
      () => new Promise<string>((resolve) => world.clock.setTimer(20, () => resolve("ada"))),
    ]) {
      const [early, late] = [started(world.client("ada", { token })), started(world.client("ada", { token }))];
      const closed = early.close();
      await settle();
      const alsoClosed = late.close();
      await world.pass(300);
      await Promise.all([closed, alsoClosed]);
      expect([early.state, late.state, world.relay.stats().connections]).toEqual(["closed", "closed", 0]);
    }
  });

  it("carries out the commands of one turn in their order", async () => {
    const world = new World();
    const ada = await inLobby(world);
    const watch = ada.watch(["bob"]);
    ada.unwatch(["bob"]);
    expect(await standing(watch)).toBe("UNAVAILABLE");
    await world.pass(100);
    expect(world.relay.stats().watched).toBe(0);
  });

  it("is known as closed after a start that waited for a token while the relay wanted one too", async () => {
    let isBanned = false;
    const world = new World({
      authenticate: ({ token }) => {
        if (isBanned) throw new ProtocolError("UNAUTHENTICATED", "banned", { retry: "never" });
        return { user: token, expiresInMs: 10_000 };
      },
    });
    const tokens: (string | Promise<string>)[] = ["ada", new Promise<string>(() => undefined), "ada"];
    const ada = started(world.client("ada", { token: () => tokens.shift() ?? "none" }));
    await world.pass(50);
    // This token never comes; the one that the client itself asks for, before the old one expires, stands for it.
    ada.start();
    await world.pass(9000);
    expect(tokens).toEqual([]);
    isBanned = true;
    world.network.cut("ada");
    await world.pass(5000);
    expect(ada.state).toBe("closed");
    expect(usageCodeOf(() => ada.room("lobby").publish("x"))).toBe("CLOSED");
  });

  it("refuses at once also while its storage is read", async () => {
    const ada = new World().client("ada");
    const closing = ada.close();
    expect(usageCodeOf(() => ada.room("lobby").publish("x"))).toBe("CLOSED");
    expect(await standing(ada.room("lobby").join())).toBe("CLOSED");
    await closing;
    expect(ada.state).toBe("closed");
  });
});

describe("a client whose storage", () => {
  it("is held by another waits with its commands, and keeps what is published", async () => {
    const world = new World();
    const inner = new MemoryStorage();
    let unlock = (): void => undefined;
    const lock = new Promise<void>((resolve) => {
      unlock = resolve;
    });
    const storage: OutboxStorage = { load: () => lock.then(() => inner.load()), write: (ops) => inner.write(ops) };
    const ada = started(world.client("ada", { storage }));
    const waiting = [ada.room("lobby").join(), ada.room("lobby").publish("early")];
    await world.pass(100);
    expect(await Promise.all(waiting.map(standing))).toEqual(["pending", "pending"]);
    unlock();
    await world.pass(100);
    expect(await Promise.all(waiting.map(standing))).toEqual(["resolved", "resolved"]);
  });

  it("is being written keeps the close waiting, until it is free for the next client", async () => {
    const world = new World();
    const inner = new MemoryStorage();
    let release = (): void => undefined;
    let gate: Promise<void> | undefined;
    const storage: OutboxStorage = {
      load: () => inner.load(),
      write: async (ops) => {
        await gate;
        await inner.write(ops);
      },
    };
    const ada = started(world.client("ada", { storage }));
    void ada.room("lobby").join();
    await world.pass(50);
    gate = new Promise((resolve) => {
      release = resolve;
    });
    const { id } = ada.room("lobby").publish("kept");
    const closing = ada.close();
    expect(await standing(closing)).toBe("pending");
    expect((await inner.load()).entries).toEqual([]);
    release();
    expect(await standing(closing)).toBe("resolved");
    expect((await inner.load()).entries).toHaveLength(1);
    expect(ada.room("lobby").cancel(id)).toBe(true);
  });

  it("cannot be read refuses everything, and tells those who were let in before", async () => {
    const world = new World();
    const storage: OutboxStorage = { load: () => Promise.reject(new Error("held")), write: () => Promise.resolve() };
    const ada = started(world.client("ada", { storage }));
    const before = [ada.room("lobby").join(), ada.room("lobby").publish("early"), ada.flush()];
    expect(await Promise.all(before.map(standing))).toEqual(Array(3).fill("OUTBOX_CORRUPT"));
    expect(usageCodeOf(() => ada.room("lobby").publish("late"))).toBe("OUTBOX_CORRUPT");
    expect(await standing(ada.watch(["bob"]))).toBe("OUTBOX_CORRUPT");
    expect(await standing(ada.close())).toBe("resolved");
  });
});

describe("a room that was left", () => {
  it("takes nothing until it is joined again; what was not sent waits in the outbox, and is sent then (PUB-21)", async () => {
    const world = new World();
    const ada = await inLobby(world);
    const lobby = ada.room("lobby");
    world.network.cut("ada");
    world.isDown = true;
    const [sent, gone] = [lobby.publish("unsent"), lobby.publish("gone")];
    const left = lobby.leave();
    expect(usageCodeOf(() => lobby.publish("late"))).toBe("ROOM_NOT_JOINED");
    expect(usageCodeOf(() => lobby.redact(sent.id))).toBe("ROOM_NOT_JOINED");
    await world.pass(50);
    expect(await standing(left)).toBe("resolved");
    expect(lobby.cancel(gone.id)).toBe(true);
    world.isDown = false;
    await world.pass(5000);
    expect(usageCodeOf(() => lobby.publish("late"))).toBe("ROOM_NOT_JOINED");
    expect(await standing(lobby.history())).toBe("ROOM_NOT_JOINED");
    expect(await standing(sent)).toBe("pending");
    expect(ada.outboxSize).toBe(1);
    void lobby.join();
    const later = lobby.publish("later");
    await world.pass(100);
    expect(await sent).toMatchObject({ offset: 1 });
    expect(await later).toMatchObject({ offset: 2 });
  });

  it("is forgotten once nothing of it is pending; the object that an application still has is good for another join", async () => {
    const world = new World();
    const ada = await inLobby(world);
    const lobby = ada.room("lobby");
    world.network.cut("ada");
    world.isDown = true;
    const { id } = lobby.publish("open");
    void lobby.leave();
    await world.pass(50);
    expect(ada.room("lobby")).toBe(lobby);
    expect(lobby.cancel(id)).toBe(true);
    await world.pass(5);
    expect(ada.room("lobby")).not.toBe(lobby);
    const hall = ada.room("hall");
    void hall.leave();
    const join = hall.join();
    expect(ada.room("hall")).toBe(hall);
    world.isDown = false;
    await world.pass(5000);
    expect(await standing(join)).toBe("resolved");
    expect(ada.room("hall")).toBe(hall);
    // Now on a connection: forgotten when the relay has answered.
    const leaving = hall.leave();
    expect(ada.room("hall")).toBe(hall);
    await world.pass(100);
    expect(await standing(leaving)).toBe("resolved");
    expect(ada.room("hall")).not.toBe(hall);
    await Promise.all([hall.join(), world.pass(100)]);
    expect(await Promise.all([hall.publish("again"), world.pass(100)])).toMatchObject([{ offset: 1 }, undefined]);
  });

  it("takes what is published after a join that overtakes the leave", async () => {
    const world = new World();
    const ada = await inLobby(world);
    const lobby = ada.room("lobby");
    void lobby.leave();
    const join = lobby.join();
    const stored = lobby.publish("back");
    await world.pass(100);
    expect(await Promise.all([join, stored].map(standing))).toEqual(["resolved", "resolved"]);
  });

  it("takes nothing either where it was left before it was ever joined", () => {
    const lobby = new World().client("ada").room("lobby");
    void lobby.leave();
    expect(usageCodeOf(() => lobby.publish("x"))).toBe("ROOM_NOT_JOINED");
    void lobby.join();
    expect(() => lobby.publish("x")).not.toThrow();
  });

  it("is one that the relay refused, too", async () => {
    const world = new World({ authorize: (_principal, room) => (room === "lobby" ? ["read"] : undefined) });
    const ada = started(world.client("ada"));
    const secret = ada.room("secret");
    // Before its first join a room takes what is published: nobody knows yet whether it opens.
    const early = secret.publish("early");
    const join = secret.join();
    const refused = expect(join).rejects.toMatchObject({ code: "ROOM_UNAVAILABLE" });
    await world.pass(50);
    await refused;
    expect(usageCodeOf(() => secret.publish("late"))).toBe("ROOM_NOT_JOINED");
    expect(await standing(early)).toBe("pending");
    expect(secret.cancel(early.id)).toBe(true);
  });
});
