/** What a caller of a relay gives is judged when it is given: what is wrong is refused by its name, and nothing has happened. */

import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { type Broker, MemoryBroker, type MemoryBrokerOptions, Relay, type RelayOptions } from "../../src/relay/index.ts";
import { binaryCodec } from "../../src/session/transmit.ts";
import { ChatKind } from "../../src/wire/codec.ts";
import { codeOf, usageCodeOf } from "../support/errors.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { fakeRandom, first, id, Peer, play, settled } from "./peer.ts";

const wrong = (value: unknown) => value as never;

/** What a refusal says, if it is one about an option or an argument; a promise is waited for. */
async function refusalOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof UsageError && error.code === "OPTION_INVALID") return error.message;
    throw error;
  }
  throw new Error("it threw nothing");
}

const clock = { now: () => 0, wall: () => 0, setTimer: () => 0, clearTimer: () => undefined };
const nothing = [null, {}, [], 7, "x", true];
const numbers = [-1, 1.5, Number.NaN, "5", null, {}];

describe("the options of a relay", () => {
  const base = () => {
    const time = new FakeClock();
    const broker = new MemoryBroker({ clock: time, random: fakeRandom() });
    return { broker, clock: time, random: fakeRandom(), authenticate: () => ({ user: "ada" }) };
  };
  const make = (options: object) => () => new Relay({ ...base(), ...options } as RelayOptions);
  const limit = (name: string, ...more: unknown[]): [string, object[]] => [
    `limits.${name}`,
    [...numbers, 0, ...more].map((value) => ({ limits: { [name]: value } })),
  ];
  const time = (name: string, ...more: unknown[]): [string, object[]] => [
    `times.${name}`,
    [...numbers, 2 ** 32, ...more].map((value) => ({ times: { [name]: value } })),
  ];
  const each = (name: string, values: readonly unknown[]): [string, object[]] => [
    name,
    values.map((value) => ({ [name]: value })),
  ];

  test.each<[string, object[]]>([
    each("broker", [undefined, ...nothing]),
    each("clock", [undefined, ...nothing, { ...clock, wall: 0 }]),
    each("random", [undefined, ...nothing]),
    ...["authenticate", "authorize", "onPublish", "onSignal", "maySee", "details"].map((name) => each(name, nothing)),
    each("authenticate", [undefined]),
    each("log", [...nothing, { info() {}, warn() {} }]),
    each("limits", [null, [], 5, "x"]),
    each("times", [null, [], 5, "x"]),
    each("detailBound", [...numbers, 0, 256]),
    each("transportBytes", [...numbers, 0]),
    each("controlQueueBytes", [...numbers, 0, 1]),
    each("chatQueueBytes", [...numbers, 0]),
    limit("frameBytes", 1024, 2 ** 21),
    limit("contentBytes", 2 ** 20),
    limit("windowMessages", 257),
    limit("windowBytes", 65_536, 2 ** 32),
    limit("batchFrames", 1025),
    limit("openRequests", 2 ** 32),
    limit("rooms", 2 ** 32),
    limit("watchedUsers", 257),
    limit("pageEntries", 10_001),
    limit("dedupWindowS", 2 ** 32),
    limit("typingIntervalMs", 2 ** 32),
    limit("presenceTtlMs", 2 ** 32),
    time("authTimeout"),
    time("answerTimeout", 0),
    time("pingAfter", 0),
    time("deadAfter", 0, 1000),
    time("rosterInterval"),
    time("presenceDebounce"),
  ])("are refused by name: %s", async (name, cases) => {
    for (const options of cases) expect(await refusalOf(make(options))).toMatch(new RegExp(`^${name}:`));
  });

  test.each<[string, object]>([
    ["onPublsh", { onPublsh: () => undefined }],
    ["toString", { toString: () => "x" }],
    ["limits.room", { limits: { room: 1 } }],
    ["times.pingafter", { times: { pingafter: 1 } }],
    ["one, two", { one: 1, two: undefined }],
  ])("are refused where nobody knows them: %s", async (name, options) => {
    expect(await refusalOf(make(options))).toContain(name);
  });

  test("are an object", () => {
    for (const options of [undefined, null, "x", []]) expect(usageCodeOf(() => new Relay(wrong(options)))).toBe("OPTION_INVALID");
  });

  test("may be absent, also in the form of undefined", () => {
    const options = { authorize: undefined, limits: { rooms: undefined }, times: { pingAfter: undefined }, log: undefined };
    const relay = make(options)() as Relay;
    Peer.ready(relay, "ada").join("lobby");
  });

  test("hold a broker that gives a link", async () => {
    const broken: Broker = { attach: () => wrong({ relayId: "r", open() {} }) };
    expect(await refusalOf(make({ broker: broken }))).toMatch(/^broker\.attach:/);
  });
});

describe("the options of a broker in memory", () => {
  const make = (options: object) => () =>
    new MemoryBroker({ clock: new FakeClock(), random: fakeRandom(), ...options } as MemoryBrokerOptions);
  const bad = [0, -1, Number.NaN, "5", null, {}];

  test.each<[string, object[]]>([
    ["clock", [undefined, ...nothing].map((value) => ({ clock: value }))],
    ["random", [undefined, ...nothing].map((random) => ({ random }))],
    ["retention", [null, [], 5].map((retention) => ({ retention }))],
    ...["maxEntries", "maxBytes", "maxAgeMs"].map((name): [string, object[]] => [
      `retention.${name}`,
      bad.map((value) => ({ retention: { [name]: value } })),
    ]),
    ...["dedupWindowS", "maxRooms", "maxRoomsPerUser", "maxSessionsPerUser"].map((name): [string, object[]] => [
      name,
      bad.map((value) => ({ [name]: value })),
    ]),
    ["retention.maxAge", [{ retention: { maxAge: 5 } }]],
    ["maxroom", [{ maxroom: 5 }]],
  ])("are refused by name: %s", async (name, cases) => {
    for (const options of cases) expect(await refusalOf(make(options))).toMatch(new RegExp(`^${name}:`));
  });

  test("are an object, and may be without bound", () => {
    for (const options of [undefined, null, "x", []]) {
      expect(usageCodeOf(() => new MemoryBroker(wrong(options)))).toBe("OPTION_INVALID");
    }
    expect(make({ retention: { maxEntries: Number.POSITIVE_INFINITY } })).not.toThrow();
    expect(usageCodeOf(() => (make({})() as MemoryBroker).reset(wrong(5)))).toBe("OPTION_INVALID");
  });
});

describe("what a command is given", () => {
  const drain = { drainMs: 0, afterMinMs: 0, afterMaxMs: 0 };
  const transport = { send() {}, close() {}, bufferedBytes: 0 };

  test.each<[string, (relay: Relay) => unknown]>([
    ...[undefined, null, 5, {}, ["lobby"]].flatMap((name): [string, (relay: Relay) => unknown][] => [
      ["room", (relay) => relay.publish(wrong(name), { content: "x" })],
      ["room", (relay) => relay.closeRoom(wrong(name))],
      ["user", (relay) => relay.revoke(wrong(name))],
      ["user", (relay) => relay.kick(wrong(name))],
      ["name", (relay) => relay.signal({ room: "lobby" }, wrong(name))],
    ]),
    ...[null, 5, {}].flatMap((name): [string, (relay: Relay) => unknown][] => [
      ["room", (relay) => relay.revoke("ada", wrong(name))],
      ["room", (relay) => relay.kick("ada", wrong(name))],
      ["entry.id", (relay) => relay.publish("lobby", wrong({ id: name }))],
      ["entry.target", (relay) => relay.publish("lobby", wrong({ target: name }))],
      ["entry.sender", (relay) => relay.publish("lobby", wrong({ sender: name }))],
      ["content.text", (relay) => relay.publish("lobby", wrong({ content: { text: name } }))],
      ["content.data", (relay) => relay.publish("lobby", wrong({ content: { data: name } }))],
      ["content.contentType", (relay) => relay.publish("lobby", wrong({ content: { text: "x", contentType: name } }))],
      ["profile.displayName", (relay) => relay.publish("lobby", wrong({ profile: { displayName: name } }))],
    ]),
    ...[undefined, null, 5, "x", []].flatMap((value): [string, (relay: Relay) => unknown][] => [
      ["entry", (relay) => relay.publish("lobby", wrong(value))],
      ["to", (relay) => relay.signal(wrong(value), "wave")],
      ["drain", (relay) => relay.drain(wrong(value))],
      ["info", (relay) => relay.accept(transport, wrong(value))],
      ["transport", (relay) => relay.accept(wrong(value), { codec: binaryCodec })],
      ["info.codec", (relay) => relay.accept(transport, wrong({ codec: value }))],
    ]),
    ...[null, 5, [], { a: 5 }, new Map([["a", 5]])].map((headers): [string, (relay: Relay) => unknown] => [
      "content.headers",
      (relay) => relay.publish("lobby", wrong({ content: { text: "x", headers } })),
    ]),
    ...[null, 5, []].flatMap((content): [string, (relay: Relay) => unknown][] => [
      ["content", (relay) => relay.signal({ room: "lobby" }, "wave", wrong(content))],
      ["content", (relay) => relay.publish("lobby", wrong({ content }))],
    ]),
    ...[null, 5, "x", []].flatMap((value): [string, (relay: Relay) => unknown][] => [
      ["profile", (relay) => relay.publish("lobby", wrong({ profile: value }))],
      ["profile.attributes", (relay) => relay.publish("lobby", wrong({ profile: { attributes: value } }))],
    ]),
    ...[99, "content", null].map((kind): [string, (relay: Relay) => unknown] => [
      "entry.kind",
      (relay) => relay.publish("lobby", wrong({ content: "x", kind })),
    ]),
    ["entry.contents", (relay) => relay.publish("lobby", wrong({ contents: "x" }))],
    ["content.txet", (relay) => relay.publish("lobby", wrong({ content: { text: "x", txet: "y" } }))],
    ["profile.name", (relay) => relay.publish("lobby", wrong({ profile: { name: "x" } }))],
    ["to", (relay) => relay.signal(wrong({}), "wave")],
    ["to", (relay) => relay.signal({ user: "ada", room: "lobby" }, "wave")],
    ["to.users", (relay) => relay.signal(wrong({ users: "ada" }), "wave")],
    ["to.user", (relay) => relay.signal(wrong({ user: 5 }), "wave")],
    ["drain.message", (relay) => relay.drain({ ...drain, message: wrong(5) })],
    ["drain.afterMs", (relay) => relay.drain({ ...drain, ...{ afterMs: 5 } })],
    ["drain.afterMaxMs", (relay) => relay.drain({ ...drain, afterMinMs: 5 })],
    ...["drainMs", "afterMinMs", "afterMaxMs"].flatMap((name) =>
      [...numbers, undefined, 2 ** 32].map((value): [string, (relay: Relay) => unknown] => [
        `drain.${name}`,
        (relay) => relay.drain({ ...drain, [name]: value }),
      ]),
    ),
    ["transport.bufferedBytes", (relay) => relay.accept(wrong({ send() {}, close() {} }), { codec: binaryCodec })],
    ["transport", (relay) => relay.accept(wrong({ bufferedBytes: 0, send() {} }), { codec: binaryCodec })],
    ["info.headers", (relay) => relay.accept(transport, { codec: binaryCodec, headers: wrong({ a: "b" }) })],
    ["info.requireMajor", (relay) => relay.accept(transport, { codec: binaryCodec, requireMajor: 0.5 })],
    ["info.header", (relay) => relay.accept(transport, { codec: binaryCodec, ...{ header: new Map() } })],
  ])("is refused by name: %s (%#)", async (name, call) => {
    const { relay, peers } = play(["ada"]);
    const ada = first(peers);
    ada.join("lobby");
    ada.received.length = 0;
    expect(await refusalOf(() => call(relay))).toMatch(new RegExp(`^${name}:`));
    expect([ada.received, ada.closed, relay.stats().connections]).toEqual([[], undefined, 1]);
    Peer.ready(relay, "bob").join("lobby");
  });

  test.each<[string, (relay: Relay) => unknown]>([
    ["an id of another length", (relay) => relay.publish("lobby", { content: "x", id: new Uint8Array(15) })],
    ["a target of another length", (relay) => relay.publish("lobby", { content: "x", target: new Uint8Array(15) })],
    ["no room", (relay) => relay.publish("", { content: "x" })],
    ["a room beyond its length", (relay) => relay.publish("x".repeat(257), { content: "x" })],
    ["half a surrogate pair", (relay) => relay.publish("lobby", { content: "\ud800" })],
    ["no content", (relay) => relay.publish("lobby", { content: {} })],
    ["two contents", (relay) => relay.publish("lobby", { content: { text: "x", data: new Uint8Array() } })],
    ["a tombstone", (relay) => relay.publish("lobby", { kind: ChatKind.TOMBSTONE })],
    ["a void", (relay) => relay.publish("lobby", { kind: ChatKind.VOID })],
    ["an edit of nothing", (relay) => relay.publish("lobby", { kind: ChatKind.EDIT, content: "x" })],
  ])("makes no frame: %s is FIELD_INVALID, of one's own making", async (_, call) => {
    await expect(call(play([]).relay)).rejects.toMatchObject({ code: "FIELD_INVALID", origin: "local" });
  });

  test("names a user, a room, an event (FIELD_INVALID)", () => {
    const { relay } = play([]);
    for (const name of ["", "x".repeat(257), "\ud800"]) {
      expect(codeOf(() => relay.revoke(name))).toBe("FIELD_INVALID");
      expect(codeOf(() => relay.revoke("ada", name))).toBe("FIELD_INVALID");
      expect(codeOf(() => relay.kick(name))).toBe("FIELD_INVALID");
      expect(codeOf(() => relay.kick("ada", name))).toBe("FIELD_INVALID");
      expect(codeOf(() => relay.closeRoom(name))).toBe("FIELD_INVALID");
      expect(codeOf(() => relay.signal({ user: name }, "wave"))).toBe("FIELD_INVALID");
      expect(codeOf(() => relay.signal({ room: name }, "wave"))).toBe("FIELD_INVALID");
      expect(codeOf(() => relay.signal({ room: "lobby" }, name))).toBe("FIELD_INVALID");
    }
  });

  test("is taken as it was: what the caller writes into it later changes nothing", async () => {
    const { relay, peers } = play(["ada"]);
    const ada = first(peers);
    ada.join("lobby");
    const [own, target] = [id(7), id(8)];
    await relay.publish("lobby", { content: "x", id: own, target });
    own.fill(0);
    target.fill(0);
    const { room } = ada.join("lobby", { tail: 5 });
    ada.send("history", { room, limit: 5 }, 9);
    const page = ada.take("page").flatMap(({ entries }) => entries);
    expect(page).toMatchObject([{ id: id(7), target: id(8) }]);
  });
});

describe("a relay that is closed", () => {
  const closed = () => {
    const { relay, broker } = play([]);
    relay.close();
    return { relay, broker };
  };

  test("does nothing any more, and says so", async () => {
    const { relay } = closed();
    await expect(relay.publish("lobby", { content: "x" })).rejects.toMatchObject({ name: "UsageError", code: "CLOSED" });
    for (const call of [
      () => relay.signal({ room: "lobby" }, "wave"),
      () => relay.revoke("ada"),
      () => relay.kick("ada", "lobby"),
      () => relay.closeRoom("lobby"),
      () => new Peer(relay),
    ]) {
      expect(usageCodeOf(call)).toBe("CLOSED");
    }
  });

  test("is closed by a second close, and drained by a drain, which checks its options all the same", async () => {
    const { relay } = closed();
    relay.close();
    await relay.drain({ drainMs: 60_000, afterMinMs: 0, afterMaxMs: 0 });
    expect(await refusalOf(() => relay.drain(wrong({})))).toMatch(/^drain\.drainMs:/);
  });

  test("keeps the promise of a drain that was under way", async () => {
    const { relay, peers } = play(["ada"]);
    const drained = relay.drain({ drainMs: 60_000, afterMinMs: 0, afterMaxMs: 0 });
    relay.close();
    await drained;
    expect(first(peers).closed?.reason).toBe("GOING_AWAY");
    await settled();
  });
});
