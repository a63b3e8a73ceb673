/** What one user can take from the others of a broker in memory: no more than its share of rooms, and of a room's producers. */

import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/errors.ts";
import type { BrokerLink, BrokerSink, ProducerState, PublishOutcome, PublishRequest, RoomLog } from "../../src/relay/broker.ts";
import { MemoryBroker, type MemoryBrokerOptions } from "../../src/relay/memory-broker.ts";
import { Relay } from "../../src/relay/relay.ts";
import { ChatKind, ErrorCode, Processed, Retry, Scope, Verdict } from "../../src/wire/codec.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { codes, fakeRandom, id, Peer } from "./peer.ts";

interface World {
  readonly clock: FakeClock;
  readonly broker: MemoryBroker;
  readonly outcomes: PublishOutcome[];
  readonly sink: BrokerSink;
  readonly link: BrokerLink;
}

function setup(options: Partial<MemoryBrokerOptions> = {}): World {
  const clock = new FakeClock(1000);
  const broker = new MemoryBroker({ clock, random: fakeRandom(), ...options });
  const outcomes: PublishOutcome[] = [];
  const sink: BrokerSink = {
    settled: (_request, outcome) => void outcomes.push(outcome),
    appended() {},
    epochChanged() {},
    receipt() {},
    changed() {},
    announced() {},
  };
  return { clock, broker, outcomes, sink, link: broker.attach(sink) };
}

const open = (link: BrokerLink, room: string, user = "ada"): RoomLog => link.open(room, user) as RoomLog;
const nextSeq = (link: BrokerLink, room: string, producer: string): number =>
  (link.producer(room, producer) as ProducerState).nextSeq;

/** What became of a publish of this user under this session: its code where it is to be tried again. */
function publish(world: World, room: string, session: string, user: string, seq = 1, more: Partial<PublishRequest> = {}): string {
  world.link.publish({
    room,
    producer: session + user,
    seq,
    id: id(seq),
    sender: user,
    profile: undefined,
    kind: ChatKind.UNSPECIFIED,
    content: undefined,
    target: new Uint8Array(),
    mayRedact: false,
    reject: undefined,
    ...more,
  });
  const outcome = world.outcomes.at(-1);
  return outcome?.type === "retry" ? outcome.error.code : (outcome?.type ?? "nothing");
}

function refusal(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

const unavailable = { code: "UNAVAILABLE", retry: "after", processed: "no" };

describe("a log of nothing (LOG-3)", () => {
  test("goes when nobody has its room open, and has another epoch when it is made again", () => {
    const { link } = setup({ maxRooms: 1 });
    const { epoch } = open(link, "a");
    expect(refusal(() => open(link, "b"))).toMatchObject(unavailable);
    link.close("a");
    open(link, "b");
    link.close("b");
    const again = open(link, "a");
    expect(again).toMatchObject({ head: 0, firstRetained: 1 });
    expect(again.epoch).not.toBe(epoch);
  });

  test("stays as long as one relay has it open, opened however often", () => {
    const { broker, link, sink } = setup();
    const two = broker.attach(sink);
    const { epoch } = open(link, "a");
    expect([open(link, "a").epoch, open(two, "a").epoch]).toEqual([epoch, epoch]);
    link.close("a");
    link.close("a");
    expect(open(two, "a").epoch).toBe(epoch);
    two.close("a");
    expect(open(link, "a").epoch).not.toBe(epoch);
  });

  test("goes with its relay, which can open nothing any more", () => {
    const { broker, link, sink } = setup({ maxRooms: 1 });
    open(link, "a");
    link.detach();
    link.close("a");
    const two = broker.attach(sink);
    open(two, "b");
    two.close("b");
    expect(refusal(() => open(link, "c"))).toMatchObject(unavailable);
    open(two, "d");
  });

  test.each<[string, (world: World) => void]>([
    ["an entry", (world) => void publish(world, "a", "s", "ada")],
    ["an entry of a backend", ({ link }) => void link.append("a", entry(1))],
    ["a void", (world) => void publish(world, "a", "s", "ada", 1, { kind: ChatKind.VOID })],
    ["a final rejection", (world) => void publish(world, "a", "s", "ada", 1, { reject: { code: "REJECTED", message: "no" } })],
  ])("is none after %s: it keeps its epoch, and what is known of it (PUB-9)", (_what, act) => {
    const world = setup();
    const { epoch } = open(world.link, "a");
    act(world);
    world.link.close("a");
    expect(open(world.link, "a").epoch).toBe(epoch);
  });

  test("stays one where producers are remembered no more, or were never in order", () => {
    const world = setup({ dedupWindowS: 10 });
    const { link, clock } = world;
    const { epoch } = open(link, "a");
    expect(publish(world, "a", "s", "ada", 7)).toBe("outOfOrder");
    link.close("a");
    const again = open(link, "a");
    expect(again.epoch).not.toBe(epoch);
    publish(world, "a", "s", "ada", 1, { kind: ChatKind.VOID });
    link.close("a");
    expect(open(link, "a").epoch).toBe(again.epoch);
    clock.advance(10_000);
    link.close("a");
    expect(open(link, "a").epoch).not.toBe(again.epoch);
  });

  test("one that had entries stays for ever, also where retention and time have left none (PUB-8, e)", () => {
    const world = setup({ dedupWindowS: 10, retention: { maxAgeMs: 1000 } });
    const { epoch } = open(world.link, "a");
    publish(world, "a", "s", "ada");
    world.clock.advance(10_000);
    world.link.close("a");
    expect(open(world.link, "a")).toMatchObject({ epoch, head: 1, firstRetained: 2 });
  });

  test("a backend's entry that is refused leaves none", () => {
    const { link } = setup({ maxRooms: 1 });
    expect(refusal(() => link.append("a", { ...entry(1), kind: ChatKind.EDIT, target: id(9) }))).toMatchObject({
      code: "TARGET_UNKNOWN",
    });
    open(link, "b");
  });

  test("a reset leaves one", () => {
    const world = setup({ maxRooms: 1 });
    open(world.link, "a");
    publish(world, "a", "s", "ada");
    world.broker.reset("a");
    world.link.close("a");
    open(world.link, "b");
    world.link.close("b");
    open(world.link, "a");
    publish(world, "a", "s", "ada");
    world.link.close("a");
    world.broker.reset("a");
    open(world.link, "b");
  });
});

describe("rooms of a user", () => {
  test("one that has made its share makes no further one; others do, and it may enter theirs", () => {
    const world = setup({ maxRoomsPerUser: 2 });
    const { link } = world;
    for (const room of ["a", "b"]) {
      open(link, room);
      publish(world, room, "s", "ada");
      link.close(room);
    }
    expect(refusal(() => open(link, "c"))).toMatchObject(unavailable);
    open(link, "c", "bob");
    open(link, "c");
    open(link, "a");
    for (const room of ["d", "e", "f"]) link.append(room, entry(1));
  });

  test("a room that goes is given back to who made it, whoever has it open last", () => {
    const world = setup({ maxRoomsPerUser: 1 });
    const { link } = world;
    open(link, "a");
    open(link, "a", "bob");
    link.close("a");
    open(link, "b");
    link.close("b");
    open(link, "a", "bob");
    expect(refusal(() => open(link, "c", "bob"))).toBeInstanceOf(ProtocolError);
    expect(open(link, "b").head).toBe(0);
    world.broker.reset("b");
    expect(refusal(() => open(link, "c"))).toBeInstanceOf(ProtocolError);
  });
});

describe("producers of a user in a room (PUB-9)", () => {
  test("a session beyond the share is refused retryably, none is forgotten for it, and others are not touched", () => {
    const world = setup({ maxSessionsPerUser: 2, dedupWindowS: 10 });
    const { link, clock } = world;
    for (const room of ["a", "b"]) open(link, room);
    expect([publish(world, "a", "1", "ada"), publish(world, "a", "2", "ada")]).toEqual(["stored", "stored"]);
    expect([publish(world, "a", "3", "ada"), publish(world, "a", "3", "ada")]).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
    // It says what it expects all the same, and remembers nothing of it.
    expect([publish(world, "a", "3", "ada", 5), nextSeq(link, "a", "3ada")]).toEqual(["outOfOrder", 1]);
    // What cannot be recorded is not final (PUB-11, 1).
    expect(publish(world, "a", "3", "ada", 1, { reject: { code: "REJECTED", message: "no" } })).toBe("UNAVAILABLE");
    expect([publish(world, "a", "3", "bob"), publish(world, "b", "3", "ada")]).toEqual(["stored", "stored"]);
    expect([nextSeq(link, "a", "1ada"), nextSeq(link, "a", "2ada")]).toEqual([2, 2]);
    expect(publish(world, "a", "1", "ada", 1)).toBe("stored");
    expect((world.outcomes.at(-1) as { offset?: number }).offset).toBe(1);

    clock.advance(9_999);
    expect(publish(world, "a", "2", "ada", 2)).toBe("stored");
    expect(publish(world, "a", "3", "ada")).toBe("UNAVAILABLE");
    clock.advance(1);
    expect(publish(world, "a", "3", "ada")).toBe("stored");
    expect(publish(world, "a", "4", "ada")).toBe("UNAVAILABLE");
  });
});

describe("over a relay", () => {
  function relayOn({ broker, clock }: World): Relay {
    return new Relay({ broker, clock, random: fakeRandom(), authenticate: ({ token }) => ({ user: token }) });
  }

  test("a user beyond its share gets UNAVAILABLE for a join, and another one gets in", () => {
    const relay = relayOn(setup({ maxRoomsPerUser: 2 }));
    const [ada, bob] = [Peer.ready(relay, "ada"), Peer.ready(relay, "bob")];
    ada.join("a");
    ada.join("b");
    const refused = ada.ask("join", { name: "c" });
    expect(refused?.body.value).toMatchObject({
      code: ErrorCode.UNAVAILABLE,
      retry: Retry.AFTER,
      scope: Scope.FRAME,
      processed: Processed.NO,
    });
    bob.join("c");
    ada.join("c");
    const { room } = ada.join("a");
    ada.ask("leave", { room });
    ada.join("d");
  });

  test("a session beyond the share gets UNAVAILABLE for a publish, another user's ack", () => {
    const relay = relayOn(setup({ maxSessionsPerUser: 1 }));
    const peers = ["ada", "ada", "bob"].map((user) => Peer.ready(relay, user));
    for (const peer of peers) {
      const { room } = peer.join("a");
      peer.publish(room, 1);
      peer.take("chat");
    }
    const told = peers.map((peer) => codes(peer.received).filter((code) => code === "ack" || code === "UNAVAILABLE"));
    expect(told).toEqual([["ack"], ["UNAVAILABLE"], ["ack"]]);
  });

  test("who comes back to a room of nothing that was forgotten begins anew (RES-2, 3)", () => {
    const world = setup();
    const relay = relayOn(world);
    const ada = Peer.ready(relay, "ada", { session: 5 });
    const { epoch } = ada.join("a");
    ada.cut();
    world.clock.advance(5000);
    const back = Peer.ready(relay, "ada", { session: 5, attempt: 2 });
    const joined = back.join("a", { position: { epoch, offset: 0n } });
    expect(joined).toMatchObject({ verdict: Verdict.RESET, start: 1n, head: 0n, nextSeq: 1n });
    back.publish(joined.room, 1);
    expect(back.offsets()).toEqual([1]);
  });
});

function entry(n: number): Parameters<BrokerLink["append"]>[1] {
  return { id: id(n), sender: "", kind: ChatKind.UNSPECIFIED, content: undefined, target: new Uint8Array() };
}
