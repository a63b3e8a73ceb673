/** What a relay counts and times, and what it makes of that in words. */

import { expect, test } from "vitest";
import { Histogram, histogramBounds } from "../../src/relay/meter.ts";
import { id, type Peer, play } from "./peer.ts";

test("frames, publishes, joins, errors and ends are counted by name", () => {
  const { peers, relay, clock } = play(["ada", "bob"]);
  const [ada, bob] = peers as [Peer, Peer];
  const { room } = ada.join("lobby");
  bob.join("lobby");
  ada.publish(room, 1);
  ada.publish(room, 1);
  ada.publish(room, 9);
  ada.send("ping", { timeMs: 1n });
  ada.ask("leave", { room: 77 });
  ada.cut();
  clock.advance(5000);
  const measures = relay.measures();
  expect(measures).toMatchObject({
    accepted: 2,
    welcomed: 2,
    uptimeSeconds: 5,
    closed: { none: 1 },
    joined: { fresh: 2 },
    published: { stored: 1, duplicate: 1, outOfOrder: 1 },
    framesReceived: { hello: 2, join: 2, publish: 3, ping: 1, leave: 1 },
    errorsTold: { OUT_OF_ORDER: 1, ROOM_UNKNOWN: 1 },
    faults: 0,
  });
  expect(measures.framesSent).toMatchObject({ welcome: 2, joined: 2, pong: 1, error: 2, chat: 2 });
  expect(measures.publishLatency.count).toBe(3);
  expect(measures.deliveryLatency.count).toBe(1);
  expect(measures.brokerLatency.producer.count).toBe(2);
});

test("a name that a peer chose is none of those that are counted", () => {
  const { peers, relay } = play(["__proto__"]);
  const [peer] = peers as [Peer];
  const { room } = peer.join("constructor");
  peer.send("signal", { room, name: "toString" });
  const { framesReceived, joined } = relay.measures();
  expect([Object.keys(framesReceived).sort(), joined]).toEqual([["hello", "join", "signal"], { fresh: 1 }]);
});

test("a hook that fails and a broker that fails are counted", async () => {
  const { peers, relay } = play(["ada"], {
    onPublish: () => {
      throw new Error("no");
    },
    log: { info() {}, warn() {}, error() {} },
  });
  const [ada] = peers as [Peer];
  ada.publish(ada.join("lobby").room, 1);
  expect(relay.measures().faults).toBe(1);
  const unknown = relay.publish("lobby", { target: id(7), kind: 2 });
  await expect(unknown).rejects.toMatchObject({ code: "TARGET_UNKNOWN" });
  expect(relay.measures().brokerFailures).toEqual({ append: 1 });
  expect(relay.report().recommendations).toHaveLength(2);
});

test("a report tells of the time since the one before, in rates and in words", () => {
  const { peers, relay, clock } = play(["ada"], { rates: { connection: { perSecond: 1, burst: 2 } } });
  const [ada] = peers as [Peer];
  const { room } = ada.join("lobby");
  clock.advance(10_000);
  ada.publish(room, 1);
  const first = relay.report();
  expect(first).toMatchObject({ seconds: 10, perSecond: { accepted: 0.1, published: 0.1 }, errors: {}, recommendations: [] });
  expect(first.publishMs).toEqual({ p50: 0.5, p99: 0.5 });
  for (let seq = 2; seq <= 4; seq++) ada.publish(room, seq);
  clock.advance(1000);
  const second = relay.report();
  expect(second).toMatchObject({ seconds: 1, perSecond: { accepted: 0, published: 1 }, errors: { RATE_LIMITED: 1 } });
  expect(second.recommendations).toEqual([expect.stringContaining("RATE_LIMITED")]);
  expect(relay.report()).toMatchObject({ seconds: 0, perSecond: { published: 0 }, publishMs: undefined });
});

test("a histogram counts each time in one class, and forgets nothing", () => {
  const histogram = new Histogram();
  for (const ms of [0, 0.5, 0.6, 1, 10_000, 10_001, -5]) histogram.observe(ms);
  const { counts, count, sumSeconds } = histogram.copy();
  expect(counts).toHaveLength(histogramBounds.length + 1);
  expect([counts[0], counts[1], counts.at(-2), counts.at(-1), count]).toEqual([3, 2, 1, 1, 7]);
  expect(sumSeconds).toBeCloseTo(20.0031, 6);
});

test("the service reads a room's log and its members, and leaves nothing open", async () => {
  const { peers, relay } = play(["ada"]);
  const [ada] = peers as [Peer];
  const { room } = ada.join("lobby");
  for (let seq = 1; seq <= 5; seq++) ada.publish(room, seq);
  const latest = await relay.history("lobby", { limit: 2 });
  expect(latest).toMatchObject({
    firstRetained: 1,
    head: 5,
    messages: [{ offset: 4 }, { offset: 5, sender: "ada", room: "lobby" }],
  });
  expect((await relay.history("lobby", { after: 1, limit: 2 })).messages.map(({ offset }) => offset)).toEqual([2, 3]);
  expect((await relay.history("empty")).messages).toEqual([]);
  expect(await relay.members("lobby")).toEqual({ count: 1, members: [{ user: "ada", profile: undefined }] });
  expect(await relay.members("empty")).toEqual({ count: 0, members: [] });
  expect(relay.stats().rooms).toBe(1);
  await expect(relay.history("lobby", { before: 2, after: 1 })).rejects.toMatchObject({ code: "OPTION_INVALID" });
  await expect(relay.history("lobby", { limit: 0 })).rejects.toMatchObject({ code: "OPTION_INVALID" });
  await expect(relay.members("")).rejects.toMatchObject({ code: "FIELD_INVALID" });
  relay.close();
  await expect(relay.members("lobby")).rejects.toMatchObject({ code: "CLOSED" });
});
