/** A relay: receipts, typing, signals, presence; clients that are played by hand, and a clock that is told to go on. */

import { describe, expect, test } from "vitest";
import type { Relay } from "../../src/relay/index.ts";
import { Detail, ErrorCode, PresenceState } from "../../src/wire/codec.ts";
import { Peer, play, world } from "./peer.ts";

describe("receipts, typing, signals", () => {
  test("receipts: watermarks of each member, the latest of each in an interval (RCP-4, RCP-6)", () => {
    const { peers, clock } = play(["ada", "bob", "cyd"]);
    const [ada, bob, cyd] = peers as [Peer, Peer, Peer];
    const [room] = peers.map((peer) => peer.join("lobby").room) as [number];
    for (let seq = 1; seq <= 5; seq++) ada.publish(room, seq);
    bob.send("receipt", { room, marks: [{ user: "ada", delivered: 2n }] });
    expect(ada.take("receipt")).toMatchObject([{ marks: [{ user: "bob", delivered: 2n, read: 0n }] }]);
    bob.send("receipt", { room, marks: [{ delivered: 3n }] });
    bob.send("receipt", { room, marks: [{ read: 4n }] });
    bob.send("receipt", { room, marks: [{ read: 1n, delivered: 1n }] });
    cyd.send("receipt", { room, marks: [{ read: 99n }] });
    expect(ada.take("receipt")).toEqual([]);
    clock.advance(500);
    expect(ada.take("receipt")).toMatchObject([
      {
        marks: [
          { user: "bob", delivered: 4n, read: 4n },
          { user: "cyd", delivered: 5n, read: 5n },
        ],
      },
    ]);
    expect(bob.join("lobby")).toMatchObject({ read: 4n, marks: [{ user: "bob" }, { user: "cyd" }] });
  });

  test("receipts: counts of own entries in large rooms, and own marks on other devices (RCP-5)", () => {
    const { relay, clock } = play([], { details: () => ({ receipts: "counts" }) });
    const [ada, phone, bob, cyd] = ["ada", "ada", "bob", "cyd"].map((user) => Peer.ready(relay, user)) as [
      Peer,
      Peer,
      Peer,
      Peer,
    ];
    const [room] = [ada, phone, bob, cyd].map((peer) => peer.join("lobby").room) as [number];
    for (const seq of [1, 2]) ada.publish(room, seq);
    bob.publish(room, 1, 50);
    bob.send("receipt", { room, marks: [{ delivered: 3n, read: 1n }] });
    expect(ada.take("receipt")).toMatchObject([
      {
        marks: [],
        counts: [
          { offset: 2n, delivered: 1, read: 0 },
          { offset: 1n, delivered: 1, read: 1 },
        ],
      },
    ]);
    cyd.send("receipt", { room, marks: [{ read: 3n }] });
    clock.advance(500);
    expect(ada.take("receipt")).toMatchObject([
      {
        counts: [
          { offset: 2n, delivered: 2, read: 1 },
          { offset: 1n, delivered: 2, read: 2 },
        ],
      },
    ]);
    expect(bob.take("receipt").flatMap((receipt) => receipt.counts)).toMatchObject([{ offset: 3n, delivered: 1, read: 1 }]);
    phone.received.length = 0;
    clock.advance(500);
    ada.send("receipt", { room, marks: [{ read: 1n }] });
    expect(phone.take("receipt")).toMatchObject([{ marks: [{ user: "ada", read: 1n }] }]);
  });

  test("receipts: own marks alone where so configured", () => {
    const { peers } = play(["ada", "bob"], { details: () => ({ receipts: "own", roster: "own" }) });
    const [ada, bob] = peers as [Peer, Peer];
    const { room } = ada.join("lobby");
    expect(bob.join("lobby")).toMatchObject({ receipts: Detail.OWN, roster: Detail.OWN, members: [{ user: "bob" }], count: 2 });
    ada.publish(room, 1);
    bob.send("receipt", { room, marks: [{ read: 1n }] });
    expect([ada.take("receipt").length, bob.take("receipt").length]).toEqual([0, 1]);
  });

  test("typing reaches the others, not the user itself; what waits is shown for less (TYP)", () => {
    const { relay, peers, clock } = play(["ada", "bob", "cyd"]);
    const [ada, bob, cyd] = peers as [Peer, Peer, Peer];
    const phone = Peer.ready(relay, "ada");
    const [room] = [...peers, phone].map((peer) => peer.join("lobby").room) as [number];
    ada.send("typing", { room, marks: [{ user: "bob", ttlMs: 6000 }] });
    expect(bob.take("typing")).toMatchObject([{ room, marks: [{ user: "ada", ttlMs: 6000 }] }]);
    expect(phone.take("typing")).toEqual([]);
    clock.advance(100);
    cyd.send("typing", { room, marks: [{ ttlMs: 5000 }] });
    expect(ada.take("typing")).toHaveLength(1);
    expect(bob.take("typing")).toEqual([]);
    ada.send("typing", { room, marks: [{ ttlMs: 0 }] });
    clock.advance(400);
    expect(bob.take("typing")).toMatchObject([
      {
        marks: [
          { user: "cyd", ttlMs: 4600 },
          { user: "ada", ttlMs: 0 },
        ],
      },
    ]);
  });

  test("signals go to all others in the room, over relays too; and to the application (SIG-2)", () => {
    const heard: unknown[] = [];
    const { relays } = world({ onSignal: ({ user }, signal) => void heard.push([user, signal.name, signal.content?.text]) }, 2);
    const [one, two] = relays as [Relay, Relay];
    const [ada, phone, bob] = [Peer.ready(one, "ada"), Peer.ready(one, "ada"), Peer.ready(two, "bob")];
    const { room } = ada.join("lobby");
    phone.join("lobby");
    bob.join("lobby");
    ada.send("signal", { room, name: "n", sender: "forged", content: { body: { case: "text", value: "x" } } });
    expect(ada.take("signal")).toEqual([]);
    for (const peer of [phone, bob])
      expect(peer.take("signal")).toMatchObject([{ sender: "ada", name: "n", content: { body: { value: "x" } } }]);
    ada.send("signal", { room: 0, name: "app", content: { body: { case: "text", value: "y" } } });
    expect(heard).toEqual([["ada", "app", "y"]]);
  });

  test("of signals that wait the latest of a name counts, and few of them (SIG-3)", () => {
    const { peers } = play(["ada", "bob"]);
    const [ada, bob] = peers as [Peer, Peer];
    const [room] = peers.map((peer) => peer.join("lobby").room) as [number];
    bob.bufferedBytes = 1e9;
    for (let i = 0; i < 500; i++) {
      ada.send("signal", { room, name: "same", content: { body: { case: "text", value: `${i}` } } });
      ada.send("signal", { room, name: `n${i}` });
    }
    bob.bufferedBytes = 0;
    bob.connection.handleWritable();
    const signals = bob.take("signal");
    expect(signals.length).toBeLessThanOrEqual(128);
    expect(signals.filter((signal) => signal.name === "same").map((signal) => signal.content?.body.value)).toEqual(["499"]);
  });
});

describe("presence", () => {
  test("a hook that gives a promise where it must answer at once allows nothing, and ends nothing", () => {
    const log = { info() {}, warn() {}, error() {} };
    const later = async (): Promise<never> => {
      throw new Error("too late");
    };
    const { peers } = play(["ada", "bob"], { maySee: later as never, onSignal: later as never, details: later as never, log });
    const [ada, bob] = peers as [Peer, Peer];
    bob.send("presence", { marks: [{ state: PresenceState.BUSY }] });
    const answer = ada.ask("watch", { users: ["bob"] });
    expect(answer?.body).toMatchObject({ case: "error", value: { code: ErrorCode.UNAVAILABLE } });
    ada.send("signal", { name: "x" });
  });

  const mark = (peer: Peer): unknown[] =>
    peer.take("presence").flatMap(({ marks, snapshot }) => marks.map((each) => [each.user, each.state, each.devices, snapshot]));

  test("snapshot, then changes; those who were never there and those who may not be seen look the same (PRS-7)", () => {
    const { peers } = play(["ada", "bob", "eve"], { maySee: (_, user) => user !== "eve" });
    const [ada, bob, eve] = peers as [Peer, Peer, Peer];
    for (const peer of [bob, eve])
      peer.send("presence", { marks: [{ state: PresenceState.BUSY, activity: "a", statusText: "s" }] });
    const answer = ada.ask("watch", { users: ["bob", "eve", "nobody"] });
    expect(answer?.body).toMatchObject({
      value: {
        snapshot: true,
        marks: [
          { user: "bob", state: PresenceState.BUSY, activity: "a", statusText: "s", devices: 1 },
          { user: "eve" },
          { user: "nobody" },
        ],
      },
    });
    const [, hidden, absent] = answer?.body.case === "presence" ? answer.body.value.marks : [];
    expect({ ...hidden, user: "" }).toEqual({ ...absent, user: "" });
    ada.received.length = 0;
    eve.send("presence", { marks: [{ state: PresenceState.AWAY }] });
    bob.send("presence", { marks: [{ state: PresenceState.AWAY }] });
    expect(mark(ada)).toEqual([["bob", PresenceState.AWAY, 1, false]]);
    expect(bob.take("presence")).toEqual([]);
  });

  test("over devices the strongest holds (PRS-3), and an unknown state is online (PRS-2)", () => {
    const { relays, clock } = world({}, 2);
    const [one, two] = relays as [Relay, Relay];
    const [ada, laptop, phone] = [Peer.ready(one, "ada"), Peer.ready(one, "bob"), Peer.ready(two, "bob")];
    ada.ask("watch", { users: ["bob"] });
    ada.received.length = 0;
    laptop.send("presence", { marks: [{ state: PresenceState.AWAY, activity: "idle" }] });
    expect(mark(ada)).toEqual([["bob", PresenceState.AWAY, 1, false]]);
    clock.advance(5000);
    phone.send("presence", { marks: [{ state: 77 as PresenceState, activity: "viewing" }] });
    expect(ada.take("presence")).toMatchObject([{ marks: [{ state: PresenceState.ONLINE, activity: "viewing", devices: 2 }] }]);
    clock.advance(5000);
    phone.send("presence", { marks: [{ state: PresenceState.OFFLINE }] });
    expect(ada.take("presence")).toMatchObject([{ marks: [{ state: PresenceState.AWAY, activity: "idle", devices: 1 }] }]);
  });

  test("a lost connection counts after the debounce, a goodbye at once (PRS-4)", () => {
    const { relay, clock, peers } = play(["ada"]);
    const [ada] = peers as [Peer];
    const bob = Peer.ready(relay, "bob");
    bob.send("presence", { marks: [{}] });
    ada.ask("watch", { users: ["bob"] });
    ada.received.length = 0;
    bob.cut();
    clock.advance(4999);
    expect(mark(ada)).toEqual([]);
    clock.advance(1);
    const [offline] = ada.take("presence");
    expect(offline?.marks).toMatchObject([{ user: "bob", state: PresenceState.OFFLINE, devices: 0 }]);
    expect(Number(offline?.marks[0]?.lastSeenMs)).toBeGreaterThan(0);
    clock.advance(10_000);
    const again = Peer.ready(relay, "bob");
    again.send("presence", { marks: [{}] });
    clock.advance(10_000);
    ada.received.length = 0;
    again.send("goodbye", {});
    expect(mark(ada)).toEqual([["bob", PresenceState.OFFLINE, 0, false]]);
  });

  test("a session that comes back in time was never away", () => {
    const { relay, clock, peers } = play(["ada"]);
    const [ada] = peers as [Peer];
    Peer.ready(relay, "bob", { session: 4 }).send("presence", { marks: [{}] });
    ada.ask("watch", { users: ["bob"] });
    ada.received.length = 0;
    const again = Peer.ready(relay, "bob", { session: 4, attempt: 2 });
    clock.advance(3000);
    again.send("presence", { marks: [{}] });
    clock.advance(20_000);
    expect(mark(ada)).toEqual([]);
  });

  test("who does not say it again is offline after its time (PRS-5)", () => {
    const { relay, clock } = play([], { times: { pingAfter: 1e6, deadAfter: 1e7 } });
    const [ada, bob] = [Peer.ready(relay, "ada"), Peer.ready(relay, "bob")] as [Peer, Peer];
    bob.send("presence", { marks: [{}] });
    ada.ask("watch", { users: ["bob"] });
    ada.received.length = 0;
    clock.advance(200_000);
    bob.send("presence", { marks: [{}] });
    clock.advance(299_999);
    expect(mark(ada)).toEqual([]);
    clock.advance(1);
    expect(mark(ada)).toEqual([["bob", PresenceState.OFFLINE, 0, false]]);
  });

  test("a thousand flaps are few frames (PRS-9)", () => {
    const { peers, clock } = play(["ada", "bob"]);
    const [ada, bob] = peers as [Peer, Peer];
    ada.ask("watch", { users: ["bob"] });
    ada.received.length = 0;
    for (let i = 0; i < 1000; i++) {
      bob.send("presence", { marks: [{ state: i % 2 === 0 ? PresenceState.AWAY : PresenceState.ONLINE }] });
      clock.advance(20);
    }
    clock.advance(5000);
    const marks = ada.take("presence");
    expect(marks.length).toBeLessThanOrEqual(6);
    expect(marks.at(-1)?.marks[0]?.state).toBe(PresenceState.ONLINE);
  });

  describe("who comes back is not shown as gone (PRS-9)", () => {
    const states = (peer: Peer): unknown[] => peer.take("presence").flatMap(({ marks }) => marks.map(({ state }) => state));
    const { ONLINE, AWAY, OFFLINE } = PresenceState;

    test("after its offline was told, its online does not wait for the debounce", () => {
      const { relay, clock, peers } = play(["ada", "bob"]);
      const [ada, bob] = peers as [Peer, Peer];
      bob.send("presence", { marks: [{}] });
      ada.ask("watch", { users: ["bob"] });
      ada.received.length = 0;
      bob.send("goodbye", {});
      expect(states(ada)).toEqual([OFFLINE]);
      clock.advance(1000);
      Peer.ready(relay, "bob").send("presence", { marks: [{}] });
      expect(states(ada)).toEqual([ONLINE]);
      clock.advance(20_000);
      expect(states(ada)).toEqual([]);
    });

    test("nor where a snapshot was all that told the watcher that it is offline", () => {
      const { relay, clock, peers } = play(["ada", "bob", "cyd"]);
      const [ada, bob, cyd] = peers as [Peer, Peer, Peer];
      ada.ask("watch", { users: ["bob"] });
      bob.send("presence", { marks: [{}] });
      expect(states(ada)).toEqual([PresenceState.UNSPECIFIED, ONLINE]);
      clock.advance(1000);
      bob.send("goodbye", {});
      cyd.ask("watch", { users: ["bob"] });
      expect([states(ada), states(cyd)]).toEqual([[], [OFFLINE]]);
      clock.advance(1000);
      Peer.ready(relay, "bob").send("presence", { marks: [{}] });
      expect(states(cyd)).toEqual([ONLINE]);
    });

    test("a watcher whose snapshot was ahead of what the others were told hears of the change back", () => {
      const { clock, peers } = play(["ada", "bob", "cyd"]);
      const [ada, bob, cyd] = peers as [Peer, Peer, Peer];
      ada.ask("watch", { users: ["bob"] });
      bob.send("presence", { marks: [{}] });
      clock.advance(1000);
      bob.send("presence", { marks: [{ state: AWAY }] });
      cyd.ask("watch", { users: ["bob"] });
      expect(states(cyd)).toEqual([AWAY]);
      bob.send("presence", { marks: [{}] });
      clock.advance(5000);
      expect(states(cyd)).toEqual([ONLINE]);
    });

    test("its going waits, so that a thousand comings and goings are two marks in a debounce time at most", () => {
      const { peers, clock } = play(["ada", "bob"]);
      const [ada, bob] = peers as [Peer, Peer];
      ada.ask("watch", { users: ["bob"] });
      ada.received.length = 0;
      for (let i = 0; i < 1000; i++) {
        bob.send("presence", { marks: [{ state: i % 2 === 0 ? ONLINE : OFFLINE }] });
        clock.advance(20);
      }
      clock.advance(20_000);
      const told = states(ada);
      expect(told.length).toBeLessThanOrEqual(2 * 5);
      expect(told.at(-1)).toBe(OFFLINE);
    });
  });

  test("unwatch, and the end of the connection, end it (PRS-8)", () => {
    const { relay, peers } = play(["ada", "bob"]);
    const [ada, bob] = peers as [Peer, Peer];
    ada.ask("watch", { users: ["bob", "cyd"] });
    ada.send("unwatch", { users: ["bob", "stranger"] });
    ada.received.length = 0;
    bob.send("presence", { marks: [{}] });
    expect([mark(ada), relay.stats().watched]).toEqual([[], 1]);
    ada.cut();
    expect(relay.stats().watched).toBe(0);
  });
});
