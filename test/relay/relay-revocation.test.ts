/** Access that is taken away, or given, while something is under way: nothing that was allowed before slips through. */

import { describe, expect, test } from "vitest";
import { type Broker, MemoryBroker, type Relay, type RelayOptions } from "../../src/relay/index.ts";
import type { RightName } from "../../src/session/client-events.ts";
import { ChatKind, Detail, PresenceState, Right, Verdict } from "../../src/wire/codec.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { codes, fakeRandom, first, id, type Peer, play, settled } from "./peer.ts";

const all: readonly RightName[] = ["read", "publish", "signal"];

async function quiet(): Promise<void> {
  for (let i = 0; i < 10; i++) await settled();
}

type Answer = readonly RightName[] | undefined;

/** Ada may do everything; what bob may do is asked here. */
function ask(
  bob: () => Answer | Promise<Answer>,
  options: Partial<RelayOptions> = {},
): ReturnType<typeof play> & { ada: Peer; bob: Peer } {
  const made = play(["ada", "bob"], { ...options, authorize: ({ user }) => (user === "bob" ? bob() : all) });
  const [ada, peer] = made.peers as [Peer, Peer];
  return { ...made, ada, bob: peer };
}

/** An `authorize` whose first answer waits until it is let go; all others come at once. */
function gated(now: () => Answer): { readonly answer: () => Answer | Promise<Answer>; readonly go: () => void } {
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  let asked = 0;
  return {
    answer: () => {
      const then = now();
      return ++asked === 1 ? gate.then(() => then) : then;
    },
    go: () => go(),
  };
}

describe("joins under way", () => {
  const takings: Record<string, (relay: Relay, bob: Peer) => void> = {
    revoke: (relay) => relay.revoke("bob"),
    "revoke of the room": (relay) => relay.revoke("bob", "lobby"),
    kick: (relay) => relay.kick("bob", "lobby"),
    closeRoom: (relay) => relay.closeRoom("lobby"),
    refresh: (_, bob) => void bob.ask("refresh", { token: "bob" }),
  };
  test.each(Object.entries(takings))("after %s rights are asked for again (AUT-8)", async (_, take) => {
    let answer: Answer = all;
    const gate = gated(() => answer);
    const { ada, bob, relay } = ask(gate.answer);
    const { room } = ada.join("lobby");
    bob.send("join", { name: "lobby" }, 70);
    answer = undefined;
    take(relay, bob);
    gate.go();
    await quiet();
    ada.send("publish", { room, seq: 1n, id: id(1), content: { body: { case: "text", value: "secret" } } });
    expect(codes(bob.received.filter(({ ref }) => ref === 70))).toEqual(["ROOM_UNAVAILABLE"]);
    expect(bob.offsets()).toEqual([]);
  });

  test("after a client's goodbye nothing is opened (GBY-6)", async () => {
    const gate = gated(() => all);
    const { ada, bob } = ask(gate.answer);
    ada.join("lobby");
    ada.received.length = 0;
    bob.send("join", { name: "lobby" }, 1);
    bob.send("goodbye", { retry: 1 });
    bob.received.length = 0;
    gate.go();
    await quiet();
    expect([ada.take("members"), codes(bob.received)]).toEqual([[], []]);
  });

  test("an open room whose join is refused is closed (ROM-10)", () => {
    let answer: Answer = all;
    const { ada, bob } = ask(() => answer);
    const { room } = ada.join("lobby");
    bob.join("lobby");
    bob.received.length = 0;
    answer = undefined;
    bob.send("join", { name: "lobby" }, 50);
    ada.publish(room, 1);
    expect(codes(bob.received)).toEqual(["left", "ROOM_UNAVAILABLE"]);
    expect(bob.take("left")).toMatchObject([{ room, code: 45 }]);
  });
});

describe("revocation", () => {
  test("who cannot say in time that it is allowed has not allowed it", async () => {
    let hang = false;
    const { ada, bob, relay, clock } = ask(() => (hang ? new Promise<never>(() => undefined) : all), {
      log: { info() {}, warn() {}, error() {} },
    });
    const { room } = ada.join("lobby");
    bob.join("lobby");
    hang = true;
    relay.revoke("bob", "lobby");
    expect(bob.take("left")).toEqual([]);
    clock.advance(999);
    expect(bob.take("left")).toMatchObject([{ room, code: 45 }]);
    ada.publish(room, 1);
    expect(bob.offsets()).toEqual([]);
    bob.cut();
    ada.cut();
    clock.advance(5000);
    expect(clock.pending).toBe(0);
  });

  test("of two answers the one that was asked for later holds", async () => {
    const answers: ((names: Answer) => void)[] = [];
    let first: "yes" | "no" = "yes";
    const { bob, relay } = ask(() => {
      if (first === "no") return new Promise((resolve) => void answers.push(resolve));
      first = "no";
      return ["read", "publish", "redact"];
    });
    bob.join("lobby");
    relay.revoke("bob");
    relay.revoke("bob");
    answers[1]?.(["read"]);
    await quiet();
    answers[0]?.(["read", "publish"]);
    await quiet();
    expect(
      bob
        .take("joined")
        .map(({ rights }) => rights)
        .slice(1),
    ).toEqual([[Right.READ]]);
  });

  test("the right to read that comes later begins delivery there, and makes a member (ROM-6)", () => {
    let answer: Answer = ["publish"];
    const { ada, bob, relay, clock } = ask(() => answer);
    const { room } = ada.join("lobby");
    ada.publish(room, 1);
    bob.join("lobby", { tail: 10 });
    ada.publish(room, 2);
    bob.publish(room, 1, 3);
    bob.received.length = 0;
    answer = ["read", "publish"];
    relay.revoke("bob");
    expect(bob.take("joined")).toMatchObject([
      { verdict: Verdict.RESUMED, start: 4n, rights: [Right.READ, Right.PUBLISH], count: 2 },
    ]);
    ada.publish(room, 3, 4);
    expect(bob.offsets()).toEqual([4]);
    clock.advance(500);
    expect(ada.take("members").at(-1)).toMatchObject({ count: 2, entered: [{ user: "bob" }] });
    bob.publish(room, 2, 5);
    expect(bob.take("ack")).toMatchObject([{ firstSeq: 2n }]);
  });

  test("the right to read may come where the room grows beyond its bound by it (MBR-2)", () => {
    let answer: Answer = ["publish"];
    const { ada, bob, relay, clock } = ask(() => answer, { detailBound: 1 });
    ada.join("lobby");
    bob.join("lobby");
    answer = all;
    relay.revoke("bob");
    clock.advance(500);
    expect(bob.take("joined").at(-1)).toMatchObject({ verdict: Verdict.RESUMED, count: 2, roster: Detail.COUNTS });
    bob.send("goodbye", {});
    clock.advance(1000);
    expect(ada.take("members").at(-1)).toMatchObject({ count: 1 });
  });

  test("a client that wants no chats gets none, also with the right to read (ROM-5)", () => {
    let answer: Answer = ["publish"];
    const { ada, bob, relay } = ask(() => answer);
    const { room } = ada.join("lobby");
    bob.join("lobby", { publishOnly: true });
    answer = all;
    relay.revoke("bob");
    ada.publish(room, 1);
    expect([bob.take("joined").length, bob.offsets()]).toEqual([2, []]);
  });

  test("commands that wait behind it find the room gone, and the connection lives", () => {
    let relay: Relay | undefined;
    const made = play(["ada"], { onSignal: () => relay?.closeRoom("lobby") });
    relay = made.relay;
    const ada = first(made.peers);
    const { room } = ada.join("lobby");
    ada.received.length = 0;
    ada.send("batch", {
      frames: [{ body: { case: "signal", value: { name: "close" } } }, { ref: 9, body: { case: "leave", value: { room } } }],
    } as never);
    expect([codes(ada.received), ada.closed]).toEqual([["left", "ROOM_UNKNOWN"], undefined]);
  });

  test.each(["lobby", undefined])("who is kicked (%s) by its own publish has published nothing", (name) => {
    let relay: Relay | undefined;
    const made = play(["ada", "bob"], { onPublish: ({ user }) => void relay?.kick(user, name) });
    relay = made.relay;
    const [ada, bob] = made.peers as [Peer, Peer];
    const { room } = ada.join("lobby");
    bob.join("lobby");
    ada.received.length = 0;
    ada.publish(room, 1);
    expect([bob.offsets(), ada.take("ack"), codes(ada.received)[0]]).toEqual([
      [],
      [],
      name === undefined ? "ACCESS_REVOKED" : "left",
    ]);
  });

  test("a right that goes with the signal before it is not there for the publish (AUT-8)", () => {
    let answer: Answer = all;
    let relay: Relay | undefined;
    const made = ask(() => answer, {
      onSignal: () => {
        answer = ["read"];
        relay?.revoke("bob");
      },
    });
    relay = made.relay;
    const { bob, ada } = made;
    ada.join("lobby");
    const { room } = bob.join("lobby");
    bob.received.length = 0;
    bob.send("batch", {
      frames: [
        { body: { case: "signal", value: { name: "less" } } },
        { body: { case: "publish", value: { room, seq: 1n, id: id(1) } } },
        { body: { case: "signal", value: { room, name: "more" } } },
      ],
    } as never);
    expect([codes(bob.received), ada.take("signal"), ada.offsets()]).toEqual([["joined", "FORBIDDEN"], [], []]);
  });

  test("the application is not asked about a void (PUB-12)", () => {
    const kinds: string[] = [];
    const { peers } = play(["ada"], { onPublish: (_, { kind }) => void kinds.push(kind) });
    const ada = first(peers);
    const { room } = ada.join("lobby");
    ada.send("publish", { room, seq: 1n, id: id(5), kind: ChatKind.VOID });
    expect([kinds, ada.take("ack").length]).toEqual([[], 1]);
  });
});

describe("presence", () => {
  const busy = (peer: Peer): void => peer.send("presence", { marks: [{ state: PresenceState.BUSY, statusText: "secret" }] });

  test("who may not be seen any more is told as one that does not exist, and seen again when that comes back (PRS-6)", () => {
    let see = true;
    const { relay, peers, clock } = play(["ada", "bob"], { maySee: () => see });
    const [ada, bob] = peers as [Peer, Peer];
    bob.ask("watch", { users: ["ada", "cyd"] });
    bob.take("presence");
    see = false;
    relay.revoke("bob", "lobby");
    busy(ada);
    expect(bob.take("presence")).toMatchObject([{ marks: [{ user: "ada", statusText: "secret" }] }]);
    clock.advance(5000);
    relay.revoke("bob");
    expect(bob.take("presence").flatMap(({ marks }) => marks)).toMatchObject([
      { user: "ada", state: PresenceState.UNSPECIFIED, statusText: "" },
      { user: "cyd", state: PresenceState.UNSPECIFIED, statusText: "" },
    ]);
    ada.send("presence", { marks: [{ state: PresenceState.AWAY, statusText: "hidden" }] });
    clock.advance(5000);
    expect([bob.take("presence"), relay.stats().watched]).toEqual([[], 0]);
    see = true;
    bob.ask("refresh", { token: "bob" });
    clock.advance(5000);
    expect(bob.take("presence").flatMap(({ marks }) => marks)).toMatchObject([
      { user: "ada", statusText: "hidden" },
      { user: "cyd" },
    ]);
    bob.send("unwatch", { users: ["ada", "cyd"] });
    relay.revoke("bob");
    clock.advance(5000);
    expect([bob.take("presence"), relay.stats().watched]).toEqual([[], 0]);
  });

  test("a hook that throws fails the watch, and leaves nothing (PRS-7)", () => {
    const memory = new MemoryBroker({ clock: new FakeClock(), random: fakeRandom() });
    const followed = new Set<string>();
    const broker: Broker = {
      attach: (sink) => {
        const link = memory.attach(sink);
        const [follow, unfollow] = [link.follow.bind(link), link.unfollow.bind(link)];
        link.follow = (topic) => {
          followed.add(topic);
          return follow(topic);
        };
        link.unfollow = (topic) => {
          followed.delete(topic);
          unfollow(topic);
        };
        return link;
      },
    };
    const asked: string[] = [];
    const maySee = (_: unknown, user: string): boolean => {
      asked.push(user);
      if (user === "c") throw new Error("database");
      return true;
    };
    const { relay, peers } = play(["eve"], { broker, maySee, log: { info() {}, warn() {}, error() {} } });
    const eve = first(peers);
    expect(codes([eve.ask("watch", { users: ["a", "b", "c"] }), eve.ask("watch", { users: ["a"] })])).toEqual([
      "UNAVAILABLE",
      "presence",
    ]);
    expect([relay.stats().watched, asked]).toEqual([1, ["a", "b", "c", "a"]]);
    eve.cut();
    expect([followed.size, relay.stats().watched]).toEqual([0, 0]);
  });
});
