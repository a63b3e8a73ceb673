/** A relay on a broker that answers everything later, as one on disk or behind a network does: nothing of what holds in memory may fail. */

import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/errors.ts";
import { type Broker, type BrokerLink, type BrokerSink, MemoryBroker, Relay, type RelayOptions } from "../../src/relay/index.ts";
import type { RightName } from "../../src/session/client-events.ts";
import { PresenceState, Verdict } from "../../src/wire/codec.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { codes, fakeRandom, first, id, Peer, settled } from "./peer.ts";

/** Every call, in both directions, takes two turns. `down`: promises are broken, and publishes wait. */
class LaterBroker implements Broker {
  readonly memory: MemoryBroker;
  state: "up" | "down" = "up";

  constructor(memory: MemoryBroker) {
    this.memory = memory;
  }

  attach(sink: BrokerSink): BrokerLink {
    const later = <A extends unknown[]>(call: (...args: A) => void): ((...args: A) => void) => {
      return (...args) => void turns().then(() => call(...args));
    };
    const ask = <A extends unknown[], R>(call: (...args: A) => R | Promise<R>): ((...args: A) => Promise<R>) => {
      return async (...args) => {
        await turns();
        if (this.state === "down") throw new ProtocolError("UNAVAILABLE", "down");
        return await call(...args);
      };
    };
    const link = this.memory.attach({
      settled: later(sink.settled),
      appended: later(sink.appended),
      epochChanged: later(sink.epochChanged),
      receipt: later(sink.receipt),
      changed: later(sink.changed),
      announced: later(sink.announced),
    });
    return {
      relayId: link.relayId,
      open: ask((room, user) => link.open(room, user)),
      close: (room) => link.close(room),
      publish: later((request) => link.publish(request)),
      append: ask((room, entry) => link.append(room, entry)),
      producer: ask((room, producer) => link.producer(room, producer)),
      read: ask((room, query) => link.read(room, query)),
      receipt: later((room, user, marks) => link.receipt(room, user, marks)),
      receipts: ask((room, limit) => link.receipts(room, limit)),
      follow: ask((topic) => link.follow(topic)),
      unfollow: (topic) => link.unfollow(topic),
      put: later((topic, key, value, ttlMs) => link.put(topic, key, value, ttlMs)),
      remove: later((topic, key) => link.remove(topic, key)),
      announce: later((topic, announcement) => link.announce(topic, announcement)),
      claim: ask((user, session, attempt) => link.claim(user, session, attempt)),
      release: later((user, session, attempt) => link.release(user, session, attempt)),
      detach: () => link.detach(),
    };
  }
}

async function turns(): Promise<void> {
  await Promise.resolve();
  await Promise.resolve();
}

async function quiet(): Promise<void> {
  for (let i = 0; i < 10; i++) await settled();
}

function setup(relays = 1, options: Partial<RelayOptions> = {}): { clock: FakeClock; broker: LaterBroker; relays: Relay[] } {
  const clock = new FakeClock(1000);
  const broker = new LaterBroker(new MemoryBroker({ clock, random: fakeRandom() }));
  const authenticate = async ({ token }: { token: string }) => ({ user: token });
  return {
    clock,
    broker,
    relays: Array.from({ length: relays }, () => new Relay({ broker, clock, random: fakeRandom(), authenticate, ...options })),
  };
}

async function join(relay: Relay, user: string, init: Parameters<Peer["join"]>[1] = {}): Promise<Peer> {
  const peer = new Peer(relay);
  peer.hello(user);
  peer.send("join", { ...init, name: "lobby" }, 77);
  await quiet();
  return peer;
}

describe("a broker that answers later", () => {
  test("two relays: chat, resume, members, presence", async () => {
    const { relays, clock } = setup(2);
    const [one, two] = relays as [Relay, Relay];
    const ada = await join(one, "ada");
    const { room, epoch, members } = first(ada.take("joined"));
    expect(members.map((member) => member.user)).toEqual(["ada"]);
    for (let seq = 1; seq <= 50; seq++) ada.publish(room, seq);
    const bob = await join(two, "bob", { tail: 1000 });
    for (let seq = 51; seq <= 80; seq++) ada.publish(room, seq);
    await quiet();
    const joined = first(bob.take("joined"));
    const offsets = bob.offsets();
    expect(offsets).toEqual(Array.from({ length: 81 - Number(joined.start) }, (_, i) => Number(joined.start) + i));
    expect(ada.offsets()).toHaveLength(80);
    expect(ada.take("ack").reduce((sum, ack) => sum + ack.offsetDeltas.length, 0)).toBe(80);
    clock.advance(500);
    expect(ada.take("members").at(-1)).toMatchObject({ count: 2, entered: [{ user: "bob" }] });
    const cyd = await join(one, "cyd", { position: { epoch, offset: 70n } });
    expect([first(cyd.take("joined")).verdict, cyd.offsets().length]).toEqual([Verdict.RESUMED, 10]);

    bob.send("watch", { users: ["ada"] }, 5);
    await quiet();
    bob.take("presence");
    ada.send("presence", { marks: [{ state: PresenceState.BUSY }] });
    await quiet();
    expect(bob.take("presence")).toMatchObject([{ marks: [{ user: "ada", state: PresenceState.BUSY, devices: 1 }] }]);
    ada.cut();
    clock.advance(5000);
    await quiet();
    expect(bob.take("presence")).toMatchObject([{ marks: [{ user: "ada", state: PresenceState.OFFLINE }] }]);
    expect(bob.take("members").at(-1)).toMatchObject({ exited: ["ada"] });
  });

  test("a new epoch reaches all, and what crosses it is dropped until the room is joined again (PUB-20)", async () => {
    const { relays, broker } = setup();
    const ada = await join(first(relays), "ada");
    const { room } = first(ada.take("joined"));
    ada.publish(room, 1);
    await quiet();
    ada.publish(room, 2);
    broker.memory.reset("lobby");
    await quiet();
    const reset = first(ada.take("joined"));
    expect(reset).toMatchObject({ verdict: Verdict.RESET, nextSeq: 1n });
    ada.received.length = 0;
    ada.publish(room, 1, 2);
    await quiet();
    expect([ada.offsets(), ada.take("ack").length]).toEqual([[], 0]);
    ada.send("join", { name: "lobby" }, 7);
    await quiet();
    ada.publish(room, 1, 2);
    await quiet();
    expect([ada.offsets(), ada.take("ack").length]).toEqual([[1], 1]);
  });

  test("a room whose log changes while it is opened is joined all the same (LOG-3)", async () => {
    for (let wait = 0; wait < 12; wait++) {
      const { relays, broker } = setup();
      const opener = new Relay({
        broker: broker.memory,
        clock: new FakeClock(),
        random: fakeRandom(),
        authenticate: () => ({ user: "x" }),
      });
      Peer.ready(opener, "x").join("lobby");
      const ada = new Peer(first(relays));
      ada.hello("ada");
      await quiet();
      ada.received.length = 0;
      ada.send("join", { name: "lobby" }, 7);
      for (let i = 0; i < wait; i++) await Promise.resolve();
      broker.memory.reset("lobby");
      await quiet();
      expect([wait, codes(ada.received)[0]]).toEqual([wait, "joined"]);
    }
  });

  test("publishes before a leave are settled before left; a join waits for its turn", async () => {
    const { relays } = setup();
    const ada = await join(first(relays), "ada");
    const { room } = first(ada.take("joined"));
    ada.received.length = 0;
    ada.publish(room, 1);
    ada.send("leave", { room }, 1);
    ada.send("join", { name: "lobby" }, 2);
    await quiet();
    expect(codes(ada.received.filter(({ body }) => body.case !== "chat"))).toEqual(["ack", "left", "joined"]);
  });

  test("while the broker is down joins are refused retryably, hellos end with UNAVAILABLE, and nothing is left over", async () => {
    const { relays, broker } = setup();
    const relay = first(relays);
    const ada = await join(relay, "ada");
    broker.state = "down";
    ada.received.length = 0;
    ada.send("join", { name: "other" }, 1);
    ada.send("watch", { users: ["bob"] }, 2);
    ada.send("history", { room: 1 }, 3);
    await quiet();
    expect(codes(ada.received)).toEqual(["UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"]);
    const bob = await join(relay, "bob");
    expect([codes(bob.received), bob.closed?.code]).toEqual([["UNAVAILABLE"], 4370]);
    broker.state = "up";
    expect(relay.stats()).toMatchObject({ connections: 1, users: 1, rooms: 1, watched: 0 });
    ada.send("join", { name: "other" }, 1);
    await quiet();
    expect(codes([ada.received.find((frame) => frame.ref === 1 && frame.body.case === "joined")])).toEqual(["joined"]);
  });

  test("who goes before it is let in leaves nothing", async () => {
    const { relays, clock } = setup();
    const relay = first(relays);
    for (let wait = 0; wait < 30; wait++) {
      const peer = new Peer(relay);
      peer.send("hello", { session: id(9), attempt: BigInt(wait + 1), token: "ada" });
      peer.send("join", { name: "lobby" }, 1);
      for (let i = 0; i < wait; i++) await Promise.resolve();
      peer.cut();
      await quiet();
    }
    clock.advance(5000);
    await quiet();
    expect(relay.stats()).toEqual({ connections: 0, users: 0, rooms: 0, handles: 0, watched: 0, bufferedBytes: 0 });
    expect(clock.pending).toBe(0);
  });

  test("history whose answer comes after the right has gone is not told (AUT-8)", async () => {
    let rights: RightName[] = ["read", "publish"];
    const { relays } = setup(1, { authorize: ({ user }) => (user === "bob" ? rights : ["read", "publish"]) });
    const relay = first(relays);
    const ada = await join(relay, "ada");
    const { room } = first(ada.take("joined"));
    ada.publish(room, 1);
    const bob = await join(relay, "bob");
    bob.received.length = 0;
    rights = [];
    relay.revoke("bob");
    await turns();
    bob.send("history", { room }, 9);
    await quiet();
    expect(codes(bob.received)).toEqual(["left", "ROOM_UNKNOWN"]);
  });

  test("who is unwatched before the watch is answered is not watched (PRS-8)", async () => {
    const { relays } = setup();
    const relay = first(relays);
    const ada = await join(relay, "ada");
    ada.send("watch", { users: ["bob", "cyd"] }, 5);
    ada.send("unwatch", { users: ["bob"] });
    await quiet();
    expect([first(ada.take("presence")).marks.length, relay.stats().watched]).toEqual([2, 1]);
  });

  test("a kick reaches who is known but not let in yet", async () => {
    const { relays } = setup();
    const relay = first(relays);
    for (let wait = 2; wait < 14; wait++) {
      const bob = new Peer(relay);
      bob.hello("bob");
      for (let i = 0; i < wait; i++) await Promise.resolve();
      relay.kick("bob");
      await quiet();
      expect([wait, bob.closed?.code]).toEqual([wait, 4145]);
    }
    expect(relay.stats()).toEqual({ connections: 0, users: 0, rooms: 0, handles: 0, watched: 0, bufferedBytes: 0 });
  });

  test("of two claims that are decided in one turn the later one holds, whichever promise is kept first (SES-3)", async () => {
    const clock = new FakeClock(1000);
    const memory = new MemoryBroker({ clock, random: fakeRandom() });
    const claims: (() => void)[] = [];
    const broker: Broker = {
      attach: (sink) => {
        const link = memory.attach(sink);
        const claim = link.claim.bind(link);
        link.claim = (...args) => new Promise((resolve) => void claims.push(() => resolve(claim(...args))));
        return link;
      },
    };
    const make = (): Relay => new Relay({ broker, clock, random: fakeRandom(), authenticate: ({ token }) => ({ user: token }) });
    const [older, newer] = [new Peer(make()), new Peer(make())];
    older.hello("bob", { session: 5, attempt: 1 });
    newer.hello("bob", { session: 5, attempt: 2 });
    for (const decide of claims) decide();
    await quiet();
    expect([older.closed?.reason, codes(newer.received), newer.closed]).toEqual(["SESSION_TAKEN", ["welcome"], undefined]);
    newer.cut();
    const next = new Peer(make());
    next.hello("bob", { session: 5, attempt: 1 });
    for (const decide of claims.slice(2)) decide();
    await quiet();
    expect(codes(next.received)).toEqual(["welcome"]);
  });
});
