/** Hooks and brokers that never answer: who waits for them is answered in time, nothing is held for ever, and a late answer does no harm. */

import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { type Broker, type BrokerLink, MemoryBroker, Relay, type RelayOptions } from "../../src/relay/index.ts";
import type { RightName } from "../../src/session/client-events.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { codes, fakeRandom, first, Peer, play, settled } from "./peer.ts";

const all: readonly RightName[] = ["read", "publish", "signal"];
const empty = { connections: 0, users: 0, rooms: 0, handles: 0, watched: 0, bufferedBytes: 0 };

async function quiet(): Promise<void> {
  for (let i = 0; i < 10; i++) await settled();
}

type Method = "open" | "append" | "producer" | "read" | "receipts" | "follow" | "claim";

/** A broker that never answers these, until it is let go. */
class HangingBroker implements Broker {
  readonly hung = new Set<Method>();
  readonly #memory: MemoryBroker;
  #late: (() => void)[] = [];

  constructor(clock: FakeClock) {
    this.#memory = new MemoryBroker({ clock, random: fakeRandom() });
  }

  attach(sink: Parameters<Broker["attach"]>[0]): BrokerLink {
    const link = this.#memory.attach(sink);
    const ask = <A extends unknown[], R>(name: Method, call: (...args: A) => R | Promise<R>): ((...args: A) => Promise<R>) => {
      return async (...args) => {
        if (this.hung.has(name)) await new Promise<void>((resolve) => void this.#late.push(resolve));
        return await call(...args);
      };
    };
    link.open = ask("open", link.open.bind(link));
    link.append = ask("append", link.append.bind(link));
    link.producer = ask("producer", link.producer.bind(link));
    link.read = ask("read", link.read.bind(link));
    link.receipts = ask("receipts", link.receipts.bind(link));
    link.follow = ask("follow", link.follow.bind(link));
    link.claim = ask("claim", link.claim.bind(link));
    return link;
  }

  async letGo(): Promise<void> {
    this.hung.clear();
    for (const go of this.#late.splice(0)) go();
    await quiet();
  }
}

function setup(options: Partial<RelayOptions> = {}): { clock: FakeClock; broker: HangingBroker; relay: Relay; faults: string[] } {
  const clock = new FakeClock(1000);
  const broker = new HangingBroker(clock);
  const faults: string[] = [];
  const log = { info() {}, warn() {}, error: (event: string) => void faults.push(event) };
  const authenticate = ({ token }: { token: string }) => ({ user: token });
  return { clock, broker, faults, relay: new Relay({ broker, clock, random: fakeRandom(), authenticate, log, ...options }) };
}

async function ready(relay: Relay, user = "ada"): Promise<Peer> {
  const peer = Peer.ready(relay, user);
  await quiet();
  expect(peer.take("welcome")).toHaveLength(1);
  return peer;
}

describe("an authorize that hangs", () => {
  test("a join gets UNAVAILABLE after the answer timeout, what waits behind it its answer, and the late one changes nothing", async () => {
    let hang = false;
    let go: (rights: readonly RightName[]) => void = () => undefined;
    const late = new Promise<readonly RightName[]>((resolve) => {
      go = resolve;
    });
    const { relay, peers, clock } = play(["ada"], {
      log: { info() {}, warn() {}, error() {} },
      authorize: () => (hang ? late : all),
    });
    const ada = first(peers);
    const { room } = ada.join("lobby");
    hang = true;
    ada.send("join", { name: "lobby" }, 71);
    ada.send("leave", { room }, 72);
    ada.send("join", { name: "other" }, 73);
    ada.received.length = 0;
    clock.advance(7999);
    expect(ada.received).toEqual([]);
    clock.advance(1);
    expect(codes(ada.received)).toEqual(["UNAVAILABLE", "left", "UNAVAILABLE"]);
    expect(ada.received.map(({ ref }) => ref)).toEqual([71, 72, 73]);
    ada.received.length = 0;
    go(all);
    await quiet();
    expect([ada.received, ada.closed, relay.stats().rooms]).toEqual([[], undefined, 0]);
    hang = false;
    ada.join("other");
  });

  test("the time is that of the options, and of all that a join waits for", async () => {
    const { relay, clock, broker } = setup({
      times: { answerTimeout: 1000 },
      authorize: (_, room) => (room === "slow" ? new Promise((resolve) => void clock.setTimer(600, () => resolve(all))) : all),
    });
    const ada = await ready(relay);
    broker.hung.add("open");
    ada.send("join", { name: "slow" }, 1);
    clock.advance(600);
    await quiet();
    clock.advance(399);
    expect(ada.received).toEqual([]);
    clock.advance(1);
    expect([codes(ada.received), relay.stats().rooms]).toEqual([["UNAVAILABLE"], 0]);
  });

  test("the end of its connection holds nothing", () => {
    const { relay, peers, clock } = play(["ada"], { authorize: () => new Promise<never>(() => undefined) });
    const ada = first(peers);
    ada.send("join", { name: "lobby" }, 1);
    ada.cut();
    expect([relay.stats(), clock.pending]).toEqual([empty, 0]);
  });

  test("after a goodbye nothing is answered (GBY-6)", () => {
    const { peers, clock } = play(["ada"], { authorize: () => new Promise<never>(() => undefined) });
    const ada = first(peers);
    ada.send("join", { name: "lobby" }, 1);
    ada.received.length = 0;
    ada.send("goodbye", { retry: 1 });
    clock.advance(8000);
    expect(codes(ada.received).filter((code) => code !== "ping")).toEqual([]);
  });
});

describe("a broker that hangs", () => {
  test.each<Method>(["open", "follow", "receipts", "producer"])(
    "in %s: a join gets UNAVAILABLE, and nothing is held",
    async (name) => {
      const { relay, clock, broker, faults } = setup();
      const ada = await ready(relay);
      broker.hung.add(name);
      ada.send("join", { name: "lobby" }, 1);
      await quiet();
      expect(ada.received).toEqual([]);
      clock.advance(8000);
      expect([codes(ada.received), relay.stats()]).toMatchObject([["UNAVAILABLE"], { rooms: 0, handles: 0 }]);
      await broker.letGo();
      ada.received.length = 0;
      ada.send("join", { name: "lobby" }, 2);
      await quiet();
      expect([codes(ada.received), faults]).toEqual([["joined"], ["failed"]]);
      ada.cut();
      clock.advance(5000);
      expect([relay.stats(), clock.pending]).toEqual([empty, 0]);
    },
  );

  test.each<Method>(["open", "follow", "receipts", "producer"])("in %s: a connection that ends holds no room", async (name) => {
    const { relay, clock, broker, faults } = setup();
    const ada = await ready(relay);
    broker.hung.add(name);
    ada.send("join", { name: "lobby" }, 1);
    await quiet();
    ada.cut();
    expect([relay.stats(), clock.pending]).toEqual([empty, 0]);
    await broker.letGo();
    expect([relay.stats(), faults]).toEqual([empty, []]);
  });

  test.each<Method>(["follow", "claim"])("in %s: a hello gets UNAVAILABLE (AUT-3)", async (name) => {
    const { relay, clock, broker } = setup();
    broker.hung.add(name);
    const ada = Peer.ready(relay, "ada");
    clock.advance(10_000);
    expect([codes(ada.received), ada.closed?.code]).toEqual([["UNAVAILABLE"], 4370]);
    await broker.letGo();
    expect([relay.stats(), clock.pending]).toEqual([empty, 0]);
    await ready(relay);
  });

  test("in read: a history gets UNAVAILABLE, and the next one is read", async () => {
    const { relay, clock, broker } = setup();
    const ada = await ready(relay);
    ada.send("join", { name: "lobby" }, 1);
    await quiet();
    const { room } = first(ada.take("joined"));
    broker.hung.add("read");
    ada.send("history", { room, limit: 5 }, 2);
    ada.send("history", { room, limit: 5 }, 3);
    ada.received.length = 0;
    clock.advance(8000);
    expect(codes(ada.received)).toEqual(["UNAVAILABLE"]);
    broker.hung.clear();
    clock.advance(8000);
    await quiet();
    ada.send("history", { room, limit: 5 }, 4);
    await quiet();
    expect(codes(ada.received)).toEqual(["UNAVAILABLE", "UNAVAILABLE", "page"]);
    await broker.letGo();
    expect(codes(ada.received)).toEqual(["UNAVAILABLE", "UNAVAILABLE", "page"]);
  });

  test("in read: a reader that is behind is sent away, to come back", async () => {
    const { relay, clock, broker } = setup();
    await relay.publish("lobby", { content: "x" });
    const ada = await ready(relay);
    broker.hung.add("read");
    ada.send("join", { name: "lobby", tail: 5 }, 1);
    await quiet();
    clock.advance(8000);
    expect(ada.closed?.reason).toBe("UNAVAILABLE");
    await broker.letGo();
  });

  test("in follow: a watch gets UNAVAILABLE, and nothing is held", async () => {
    const { relay, clock, broker, faults } = setup();
    const ada = await ready(relay);
    broker.hung.add("follow");
    ada.send("watch", { users: ["bob", "cyd"] }, 1);
    clock.advance(8000);
    expect([codes(ada.received), relay.stats().watched]).toEqual([["UNAVAILABLE"], 0]);
    await broker.letGo();
    expect([codes(ada.received), relay.stats().watched, faults]).toEqual([["UNAVAILABLE"], 0, ["failed"]]);
    ada.send("watch", { users: ["bob", "cyd"] }, 2);
    await quiet();
    expect([codes(ada.received), relay.stats().watched]).toEqual([["UNAVAILABLE", "presence"], 2]);
  });

  test("in append: a backend's entry is doubtful, and stored once when it is given again (PUB-14)", async () => {
    const { relay, clock, broker } = setup();
    broker.hung.add("append");
    const entry = { id: new Uint8Array(16).fill(7), content: "x" };
    const stored = expect(relay.publish("lobby", entry)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retry: "after",
      processed: "maybe",
    });
    clock.advance(8000);
    await stored;
    await broker.letGo();
    expect(await relay.publish("lobby", entry)).toMatchObject({ offset: 1 });
  });

  test("in append: the end of the relay ends the waiting", async () => {
    const { relay, broker, clock } = setup();
    broker.hung.add("append");
    const stored = expect(relay.publish("lobby", { content: "x" })).rejects.toMatchObject({ processed: "maybe" });
    relay.close();
    await stored;
    expect(clock.pending).toBe(0);
  });
});

test("what a broker fails with is a ProtocolError to a backend, with its cause", async () => {
  const { relay, clock } = setup();
  const cause = new Error("the disk is full");
  const broken: Broker = {
    attach: (sink) => {
      const link = new MemoryBroker({ clock, random: fakeRandom() }).attach(sink);
      link.append = () => {
        throw cause;
      };
      return link;
    },
  };
  const other = new Relay({ broker: broken, clock, random: fakeRandom(), authenticate: () => ({ user: "ada" }) });
  await expect(other.publish("lobby", { content: "x" })).rejects.toMatchObject({ code: "UNAVAILABLE", processed: "no", cause });
  await expect(relay.publish("lobby", { contnt: "x" } as never)).rejects.toBeInstanceOf(UsageError);
});

test("a broker that throws while a room is opened leaves nothing behind", async () => {
  const clock = new FakeClock();
  let state: "up" | "down" = "down";
  const broker: Broker = {
    attach: (sink) => {
      const link = new MemoryBroker({ clock, random: fakeRandom() }).attach(sink);
      const { receipts } = link;
      link.receipts = (...args) => {
        if (state === "down") throw new Error("down");
        return receipts.apply(link, args);
      };
      return link;
    },
  };
  const relay = new Relay({ broker, clock, random: fakeRandom(), authenticate: ({ token }) => ({ user: token }) });
  const ada = Peer.ready(relay, "ada");
  ada.send("join", { name: "lobby" }, 1);
  await quiet();
  expect([codes(ada.received), relay.stats()]).toMatchObject([["welcome", "UNAVAILABLE"], { rooms: 0, handles: 0 }]);
  state = "up";
  ada.received.length = 0;
  ada.join("lobby");
});
