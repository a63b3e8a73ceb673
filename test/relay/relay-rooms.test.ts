/** A relay: resuming, rooms, history, members; clients that are played by hand, and a clock that is told to go on. */

import { describe, expect, test } from "vitest";
import type { Relay } from "../../src/relay/index.ts";
import { Detail, encodedSize, Verdict } from "../../src/wire/codec.ts";
import { clientFrameBytes } from "../../src/wire/limits.ts";
import { codes, first, Peer, play, world } from "./peer.ts";

describe("resuming", () => {
  test("the verdicts, on another relay (RES-2)", () => {
    const { relays } = world({ limits: { pageEntries: 50 } }, 2);
    const [one, two] = relays as [Relay, Relay];
    const ada = Peer.ready(one, "ada");
    const { room, epoch } = ada.join("lobby");
    for (let seq = 1; seq <= 120; seq++) ada.publish(room, seq);
    const join = (init: Parameters<Peer["join"]>[1]): [Verdict, number, number[]] => {
      const bob = Peer.ready(two, "bob");
      const { verdict, start, head, firstRetained } = bob.join("lobby", init);
      expect([head, firstRetained]).toEqual([120n, 21n]);
      return [verdict, Number(start), bob.offsets()];
    };
    const upTo = (from: number): number[] => Array.from({ length: 121 - from }, (_, i) => from + i);
    expect(join({})).toEqual([Verdict.FRESH, 121, []]);
    expect(join({ tail: 3 })).toEqual([Verdict.FRESH, 118, [118, 119, 120]]);
    expect(join({ tail: 1000 })).toEqual([Verdict.FRESH, 71, upTo(71)]);
    expect(join({ position: { epoch, offset: 117n } })).toEqual([Verdict.RESUMED, 118, [118, 119, 120]]);
    expect(join({ position: { epoch, offset: 120n }, maxCatchup: 1 })).toEqual([Verdict.RESUMED, 121, []]);
    expect(join({ position: { epoch, offset: 60n } })).toEqual([Verdict.GAP, 71, upTo(71)]);
    expect(join({ position: { epoch, offset: 110n }, maxCatchup: 5 })).toEqual([Verdict.GAP, 116, upTo(116)]);
    expect(join({ position: { epoch, offset: 1n } })).toEqual([Verdict.GAP, 71, upTo(71)]);
    expect(join({ position: { epoch, offset: 121n }, tail: 1 })).toEqual([Verdict.RESET, 120, [120]]);
    expect(join({ position: { epoch: epoch - 1n, offset: 120n }, tail: 1 })).toEqual([Verdict.RESET, 120, [120]]);
    expect(join({ position: { epoch, offset: 100n }, publishOnly: true })).toEqual([Verdict.FRESH, 121, []]);
  });

  test("next_seq is told, and what is sent again is answered as the first time (PUB-8)", () => {
    const { relays } = world({}, 2);
    const [one, two] = relays as [Relay, Relay];
    const ada = Peer.ready(one, "ada", { session: 5 });
    const { room } = ada.join("lobby");
    for (const seq of [1, 2, 3]) ada.publish(room, seq);
    ada.cut();
    const again = Peer.ready(two, "ada", { session: 5, attempt: 2 });
    const joined = again.join("lobby");
    expect(joined.nextSeq).toBe(4n);
    for (const seq of [2, 3, 4]) again.publish(joined.room, seq);
    expect(again.take("ack").map((ack) => [ack.firstSeq, ack.offsetDeltas])).toEqual([
      [2n, [2n]],
      [3n, [3n]],
      [4n, [4n]],
    ]);
    expect(Peer.ready(two, "bob", { session: 5 }).join("lobby").nextSeq).toBe(1n);
  });

  test("joins behind hello are answered after welcome, in order", () => {
    const { relay } = play([]);
    const ada = new Peer(relay);
    ada.hello("ada");
    ada.send("join", { name: "a" }, 1);
    ada.send("join", { name: "b" }, 2);
    expect(codes(ada.received)).toEqual(["welcome", "joined", "joined"]);
  });

  test("a room is joined again while it is open: delivery goes on from the new start (ROM-10)", () => {
    const { peers } = play(["ada"]);
    const [ada] = peers as [Peer];
    const { room } = ada.join("lobby");
    for (const seq of [1, 2, 3]) ada.publish(room, seq);
    ada.received.length = 0;
    const again = ada.join("lobby", { tail: 2 });
    expect([again.room, again.count, ada.offsets()]).toEqual([room, 1, [2, 3]]);
  });

  test("another epoch is told to all that have the room open, on every relay (LOG-3, ROM-6)", () => {
    const { relays, broker } = world({}, 2);
    const peers = relays.map((relay, i) => Peer.ready(relay, `user ${i}`));
    const [ada, bob] = peers as [Peer, Peer];
    const { room, epoch } = ada.join("lobby");
    bob.join("lobby", { tail: 10 });
    ada.publish(room, 1);
    ada.send("receipt", { room, marks: [{ read: 1n }] });
    for (const peer of peers) peer.received.length = 0;
    broker.reset("lobby");
    for (const peer of peers) {
      const reset = first(peer.take("joined"));
      expect(reset).toMatchObject({ room, verdict: Verdict.RESET, start: 1n, head: 0n, nextSeq: 1n, read: 0n, marks: [] });
      expect(reset.epoch).not.toBe(epoch);
    }
    ada.join("lobby");
    ada.publish(room, 1, 77);
    expect([ada.offsets(), bob.offsets()]).toEqual([[1], [1]]);
    expect(codes([ada.ask("history", { room, epoch })])).toEqual(["EPOCH_CHANGED"]);
  });

  test("a reader that retention overtakes gets a gap (RES-7)", () => {
    const { relay, peers } = play(["ada"]);
    const [ada] = peers as [Peer];
    const { room } = ada.join("lobby");
    const bob = Peer.ready(relay, "bob", { credit: 0 });
    bob.join("lobby");
    for (let seq = 1; seq <= 150; seq++) ada.publish(room, seq);
    expect(bob.take("chat")).toEqual([]);
    bob.send("credit", { totalBytes: 1_000_000n });
    expect(bob.take("gap")).toMatchObject([{ first: 1n, last: 50n, reason: 1 }]);
    expect(bob.offsets()).toEqual(Array.from({ length: 100 }, (_, i) => 51 + i));
  });
});

describe("rooms", () => {
  test("absent and forbidden rooms cannot be told apart (AUT-7)", () => {
    const { relay } = play([], { authorize: (_, room) => (room === "secret" ? undefined : room === "none" ? [] : ["read"]) });
    const ada = Peer.ready(relay, "ada");
    const answers = ["secret", "none"].map((name) => ada.ask("join", { name }));
    expect(codes(answers)).toEqual(["ROOM_UNAVAILABLE", "ROOM_UNAVAILABLE"]);
    expect(answers.map((answer) => ({ ...answer, ref: 0 }))[0]).toEqual({ ...answers[1], ref: 0 });
    expect(relay.stats().rooms).toBe(0);
  });

  test("names that begin with @ are the relay's: by default the own inbox alone (ROM-2)", () => {
    const { peers } = play(["ada"]);
    const [ada] = peers as [Peer];
    expect(codes([ada.ask("join", { name: "@bob" }), ada.ask("join", { name: "@me" })])).toEqual([
      "ROOM_UNAVAILABLE",
      "ROOM_UNAVAILABLE",
    ]);
    expect(ada.join("@ada").name).toBe("@ada");
  });

  test("publish-only, by wish and for want of RIGHT_READ (ROM-5)", () => {
    const { relay } = play([], {
      authorize: ({ user }) => (user === "bot" ? ["publish", "signal"] : ["read", "publish", "signal"]),
    });
    const [ada, bob, bot] = ["ada", "bob", "bot"].map((user) => Peer.ready(relay, user)) as [Peer, Peer, Peer];
    const { room } = ada.join("lobby");
    const joined = [bob.join("lobby", { publishOnly: true }), bot.join("lobby")];
    for (const each of joined) expect(each).toMatchObject({ verdict: Verdict.FRESH, start: 1n, members: [], count: 1 });
    bot.publish(room, 1);
    expect([bot.take("ack").length, bot.offsets(), bob.offsets(), ada.offsets()]).toEqual([1, [], [], [1]]);
    expect(codes([bob.ask("history", { room }), bot.ask("history", { room })])).toEqual(["page", "FORBIDDEN"]);
    ada.send("signal", { room, name: "n" });
    expect([...bob.take("signal"), ...bot.take("signal")]).toEqual([]);
  });

  test("leaving, and handles afterwards (ROM-4, ROM-7)", () => {
    const { relay, peers } = play(["ada", "bob"]);
    const [ada, bob] = peers as [Peer, Peer];
    const { room } = ada.join("lobby");
    bob.join("lobby");
    ada.publish(room, 1);
    expect(codes([ada.ask("leave", { room })])).toEqual(["left"]);
    bob.publish(room, 1, 50);
    ada.publish(room, 2);
    expect([ada.offsets(), ada.errors()]).toEqual([[1], ["ROOM_UNKNOWN"]]);
    expect(ada.join("lobby")).toMatchObject({ room, nextSeq: 2n });
    const other = ada.join("another").room;
    expect(other).not.toBe(room);
    bob.publish(other, 1);
    expect(bob.errors()).toEqual(["ROOM_UNKNOWN"]);
    ada.cut();
    bob.cut();
    expect(relay.stats()).toMatchObject({ handles: 2 });
  });

  test("history, page by page (HIS-1 to HIS-5)", () => {
    const { peers } = play(["ada"], { limits: { pageEntries: 30 } });
    const [ada] = peers as [Peer];
    const { room, epoch } = ada.join("lobby");
    for (let seq = 1; seq <= 100; seq++) ada.publish(room, seq);
    const page = (anchor: "before" | "after" | undefined, value: number, limit = 0): [number, number] | [] => {
      const init = anchor === undefined ? {} : { anchor: { case: anchor, value: BigInt(value) } };
      const answer = ada.ask("history", { room, epoch, limit, ...init });
      if (answer?.body.case !== "page") throw new Error("no page");
      const { entries, head, firstRetained } = answer.body.value;
      expect([head, firstRetained]).toEqual([100n, 1n]);
      expect(entries.every((entry, i) => entry.room === 0 && entry.offset === BigInt(Number(entries[0]?.offset) + i))).toBe(true);
      return entries.length === 0 ? [] : [Number(entries[0]?.offset), Number(entries.at(-1)?.offset)];
    };
    expect(page(undefined, 0)).toEqual([71, 100]);
    expect(page("before", 0, 10)).toEqual([91, 100]);
    expect(page("before", 71)).toEqual([41, 70]);
    expect(page("before", 1)).toEqual([]);
    expect(page("after", 0, 5)).toEqual([1, 5]);
    expect(page("after", 100)).toEqual([]);
    expect(codes([ada.ask("history", { room, epoch: epoch - 1n, anchor: { case: "after", value: 1n } })])).toEqual([
      "EPOCH_CHANGED",
    ]);
  });

  test("a page fits into the frame that every client takes, and leaves out what is far from the anchor (HIS-4)", () => {
    const { peers } = play(["ada"]);
    const [ada] = peers as [Peer];
    const { room } = ada.join("lobby");
    const content = { body: { case: "data" as const, value: new Uint8Array(60_000) } };
    for (let seq = 1; seq <= 10; seq++) ada.publish(room, seq, seq, { content });
    for (const [anchor, offsets] of [
      ["before", [7, 8, 9, 10]],
      ["after", [1, 2, 3, 4]],
    ] as const) {
      const answer = ada.ask("history", { room, anchor: { case: anchor, value: 0n } });
      if (answer?.body.case !== "page") throw new Error("no page");
      expect(encodedSize(answer)).toBeLessThanOrEqual(clientFrameBytes);
      expect(answer.body.value.entries.map((entry) => Number(entry.offset))).toEqual(offsets);
    }
  });

  test("members: who is there, who comes and goes, and not too often (MBR)", () => {
    const { relay, clock, peers } = play(["ada"]);
    const [ada] = peers as [Peer];
    const { room, members, count } = ada.join("lobby");
    expect([members.map((member) => member.user), count]).toEqual([["ada"], 1]);
    const bob = Peer.ready(relay, "bob");
    expect(bob.join("lobby")).toMatchObject({ count: 2, roster: Detail.ALL, members: [{ user: "ada" }, { user: "bob" }] });
    expect(ada.take("members")).toMatchObject([{ room, count: 2, entered: [{ user: "bob" }], exited: [] }]);
    const phone = Peer.ready(relay, "bob");
    phone.join("lobby");
    const cyd = Peer.ready(relay, "cyd");
    cyd.join("lobby");
    const dan = Peer.ready(relay, "dan");
    dan.join("lobby");
    cyd.ask("leave", { room });
    expect(ada.take("members")).toEqual([]);
    clock.advance(500);
    expect(ada.take("members")).toMatchObject([{ count: 3, entered: [{ user: "dan" }], exited: ["cyd"] }]);
    clock.advance(500);
    phone.cut();
    clock.advance(6000);
    expect(ada.take("members")).toEqual([]);
    bob.cut();
    clock.advance(4999);
    expect(ada.take("members")).toEqual([]);
    clock.advance(1);
    expect(ada.take("members")).toMatchObject([{ count: 2, exited: ["bob"] }]);
    dan.send("goodbye", {});
    clock.advance(500);
    // At the goodbye, not at the end of the transport (GBY-6).
    expect(ada.take("members")).toMatchObject([{ count: 1, exited: ["dan"] }]);
    dan.cut();
    clock.advance(6000);
    expect(ada.take("members")).toEqual([]);
  });

  test("who comes back within the debounce has never gone, also on another relay (MBR-3)", () => {
    const { relays, clock } = world({}, 2);
    const [one, two] = relays as [Relay, Relay];
    const ada = Peer.ready(two, "ada");
    ada.join("lobby");
    const bob = Peer.ready(one, "bob");
    bob.join("lobby");
    clock.advance(1000);
    expect(ada.take("members")).toMatchObject([{ entered: [{ user: "bob" }] }]);
    bob.cut();
    clock.advance(3000);
    Peer.ready(two, "bob", { attempt: 2 }).join("lobby");
    clock.advance(10_000);
    expect(ada.take("members")).toEqual([]);
  });

  test("a room that outgrows the bound tells counts from then on (MBR-2)", () => {
    const { relay, clock } = play([], { detailBound: 2 });
    const [ada, bob, cyd] = ["ada", "bob", "cyd"].map((user) => Peer.ready(relay, user)) as [Peer, Peer, Peer];
    const { room } = ada.join("lobby");
    bob.join("lobby");
    ada.received.length = 0;
    expect(cyd.join("lobby")).toMatchObject({ roster: Detail.COUNTS, receipts: Detail.COUNTS, count: 3, members: [] });
    expect(ada.take("joined")).toMatchObject([{ room, verdict: Verdict.RESUMED, roster: Detail.COUNTS, count: 3 }]);
    Peer.ready(relay, "dan").join("lobby");
    clock.advance(500);
    expect(ada.take("members").at(-1)).toMatchObject({ count: 4, entered: [], exited: [] });
    ada.send("typing", { room, marks: [{ ttlMs: 6000 }] });
    expect(bob.take("typing")).toEqual([]);
  });
});

describe("what is told of members", () => {
  test("never of each in a room of 256, whatever is configured (MBR-2)", () => {
    const users = Array.from({ length: 256 }, (_, i) => `u${i}`);
    const { peers, clock } = play(users, { details: () => ({ roster: "all", receipts: "all" }) });
    for (const peer of peers.slice(0, 255)) expect(peer.join("lobby").roster).toBe(Detail.ALL);
    const [ada, last] = [first(peers), peers[255] as Peer];
    clock.advance(500);
    ada.received.length = 0;
    expect(last.join("lobby")).toMatchObject({ roster: Detail.COUNTS, receipts: Detail.COUNTS, count: 256, members: [] });
    clock.advance(500);
    expect(codes(ada.received)[0]).toBe("joined");
    expect(ada.take("joined")).toMatchObject([{ roster: Detail.COUNTS, receipts: Detail.COUNTS, count: 256 }]);
    expect(ada.take("members").every(({ entered }) => entered.length === 0)).toBe(true);
  });

  test("a hook that throws, or says what does not exist, leaves the default", () => {
    const log = { info() {}, warn() {}, error() {} };
    const hooks: (() => never)[] = [
      () => {
        throw new Error("no");
      },
      () => ({ roster: "some" }) as never,
    ];
    for (const details of hooks) {
      const { relay, peers } = play(["ada"], { log, details });
      const ada = first(peers);
      expect(ada.join("lobby")).toMatchObject({ roster: Detail.ALL, receipts: Detail.ALL });
      ada.send("goodbye", {});
      ada.cut();
      expect(relay.stats()).toMatchObject({ rooms: 0, handles: 0 });
    }
  });

  test("numbers are told once per interval, however many come (MBR-1)", () => {
    const users = Array.from({ length: 50 }, (_, i) => `u${i}`);
    const { peers, clock } = play(users, { detailBound: 1 });
    const ada = first(peers);
    ada.join("lobby");
    const told: (readonly number[])[] = [];
    for (let from = 1; from < 50; from += 7) {
      for (const peer of peers.slice(from, from + 7)) peer.join("lobby");
      clock.advance(500);
      told.push(ada.take("members").map(({ count }) => count));
    }
    expect(told.every((counts) => counts.length <= 2)).toBe(true);
    clock.advance(500);
    expect([...told.flat(), ...ada.take("members").map(({ count }) => count)].at(-1)).toBe(50);
  });
});
