/** What a client keeps to: limits before and after welcome, counters that end, frames that cannot be. */

import { describe, expect, it } from "vitest";
import { encodeFrame as encodeRaw } from "../../gen/chappe/v1/frame_codec.ts";
import { createFrame, encodeFrame } from "../../src/wire/codec.ts";
import { defaultRelayLimits } from "../../src/wire/limits.ts";
import { ClientHarness, id16 } from "../support/client-harness.ts";

const most = BigInt(Number.MAX_SAFE_INTEGER);
const refusal = { scope: 1, processed: 1 } as const;

/** Hello is sent. */
function opened(client = new ClientHarness()): ClientHarness {
  client.session.start(client.now);
  client.pump().session.handleOpen("chappe.v1", client.now);
  return client.pump();
}

function joined(options: Parameters<ClientHarness["session"]["rooms"]["join"]>[1] = {}): ClientHarness {
  const client = new ClientHarness().connect();
  client.session.rooms.join("lobby", options, client.now);
  return client.pump().admit("lobby");
}

const sizes = (client: ClientHarness) => client.sent.slice(1).map((frame) => encodeFrame(frame).length);
const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

describe("before welcome (SES-4, LIM-5)", () => {
  it("watches go in frames that fit, are bounded, and are answered when all are known", () => {
    const users = Array.from({ length: 256 }, (_, i) => `did:plc:${String(i).padStart(240, "x")}`);
    const client = new ClientHarness();
    const request = client.session.rooms.watch(users, client.now);
    opened(client);
    expect(Math.max(...sizes(client))).toBeLessThanOrEqual(16 * 1024);
    expect(sum(sizes(client))).toBeLessThanOrEqual(32 * 1024);
    client.welcome();
    const watches = client.framesOf("watch");
    expect(watches.flatMap(({ value }) => value.users)).toEqual(users);
    for (const { value, ref } of watches) {
      expect(client.eventsOf("answer")).toEqual([]);
      client.receive("presence", { snapshot: true, marks: value.users.map((user) => ({ user, state: 1 })) }, ref);
    }
    const [answer] = client.eventsOf("answer");
    expect(answer).toMatchObject({ request, error: undefined });
    expect(answer?.result).toHaveLength(256);
  });

  it("joins that are asked for behind hello are bounded too; the others follow welcome", () => {
    const client = opened();
    for (let i = 0; i < 100; i++) client.session.rooms.join(`${"r".repeat(200)}${i}`, {}, client.now);
    client.pump();
    expect(client.framesOf("join").length).toBeLessThanOrEqual(64);
    expect(sum(sizes(client))).toBeLessThanOrEqual(32 * 1024);
    expect(client.welcome().framesOf("join")).toHaveLength(100);
  });

  it("presence is said once, and what has changed since follows welcome", () => {
    const client = new ClientHarness();
    client.session.rooms.setPresence({ state: "online" }, client.now);
    opened(client);
    for (let i = 0; i < 9; i++) client.session.rooms.setPresence({ state: "busy", statusText: `${i}` }, client.now);
    client.session.rooms.unwatch(["bob"]);
    expect(client.pump().sent.map(({ body }) => body.case)).toEqual(["hello", "presence"]);
    client.welcome();
    expect(client.framesOf("presence").map(({ value }) => value.marks[0]?.statusText)).toEqual(["", "8"]);
  });
});

describe("limits of welcome (LIM-1)", () => {
  it("typing keeps the relay's interval in a room joined before welcome (TYP-3)", () => {
    const client = new ClientHarness();
    client.session.rooms.join("lobby", {}, client.now);
    client.connect({ limits: { ...defaultRelayLimits, typingIntervalMs: 5000 } }).admit("lobby");
    for (let i = 0; i < 3; i++) {
      client.session.rooms.type("lobby", "press", client.now);
      client.pump().advance(1000);
    }
    expect(client.framesOf("typing")).toHaveLength(1);
  });

  it("presence is said again within a third of what the relay keeps it for (PRS-5)", () => {
    const client = new ClientHarness();
    client.session.rooms.setPresence({ state: "online" }, client.now);
    client.connect({ limits: { ...defaultRelayLimits, presenceTtlMs: 15_000 } }).advance(15_000);
    expect(client.framesOf("presence")).toHaveLength(4);
  });

  it("a refused watch fails alone, and its users are not watched (LIM-1)", () => {
    const client = new ClientHarness().connect();
    const [bob, eve] = [["bob"], ["eve"]].map((users) => client.session.rooms.watch(users, client.now));
    const [first, second] = client.pump().framesOf("watch");
    client.receive("error", { code: 27, retry: 1, ...refusal }, second?.ref);
    expect(client.eventsOf("answer")).toMatchObject([{ request: eve, error: { code: "LIMIT_EXCEEDED" } }]);
    client.receive("presence", { snapshot: true, marks: [{ user: "bob", state: 1 }] }, first?.ref);
    expect(client.eventsOf("answer").at(-1)).toMatchObject({ request: bob, result: [{ user: "bob" }] });
    expect(client.lose().reconnect().framesOf("watch").at(-1)?.value.users).toEqual(["bob"]);
  });

  it("a watch that is refused for now after a reconnect is sent again", () => {
    const client = new ClientHarness().connect();
    client.session.rooms.watch(["bob"], client.now);
    client.pump().lose().reconnect();
    client.receive("error", { code: 72, retry: 3, retryAfterMs: 300, ...refusal }, client.framesOf("watch").at(-1)?.ref);
    expect(client.framesOf("watch")).toHaveLength(2);
    expect(client.advance(2300).framesOf("watch").at(-1)?.value.users).toEqual(["bob"]);
    expect(client.framesOf("watch")).toHaveLength(3);
  });
});

describe("seqs that are used up (PUB-5)", () => {
  const exhausted = (client: ClientHarness) => client.eventsOf("error").map(({ error, room }) => [error.code, room]);

  it("stop the room, and are told once", () => {
    const client = new ClientHarness().connect();
    client.session.rooms.join("lobby", {}, client.now);
    client.pump().admit("lobby", { nextSeq: most - 1n });
    client.publish("lobby", "last");
    client.publish("lobby", "one more");
    client.advance(100);
    expect(client.published.map(([, seq]) => seq)).toEqual([Number.MAX_SAFE_INTEGER - 1]);
    expect(exhausted(client)).toEqual([["COUNTER_EXHAUSTED", "lobby"]]);
    expect(client.session.outboxSize).toBe(2);
  });

  it("also where the relay expects a seq that leaves none for the rest", () => {
    const client = joined();
    client.publish("lobby", "x");
    client.receive("error", { code: 51, retry: 2, room: 1, seq: 1n, nextSeq: most, ...refusal }).advance(1000);
    expect(exhausted(client)).toEqual([["COUNTER_EXHAUSTED", "lobby"]]);
    expect(client.published).toHaveLength(1);
  });
});

describe("frames that cannot be, or mean nothing", () => {
  it("chats and gaps of a room that is open for publishing alone are passed over (ROM-5)", () => {
    const client = joined({ publishOnly: true }).receive("chat", { room: 1, offset: 1n, id: id16(1), sender: "bob" });
    client.receive("gap", { room: 1, first: 1n, last: 1n });
    expect([client.session.state, client.eventsOf("message"), client.eventsOf("gap")]).toEqual(["ready", [], []]);
  });

  it("a gap counts as delivered (RCP-2)", () => {
    const client = joined().receive("gap", { room: 1, first: 1n, last: 9n }).advance(2000);
    expect(client.framesOf("receipt").map(({ value }) => value.marks[0]?.delivered)).toEqual([9n]);
  });

  it("a batch of more than 1024 frames ends the connection (ENC-8)", () => {
    const client = new ClientHarness().connect();
    const batch = createFrame("batch", { frames: Array.from({ length: 1025 }, () => createFrame("pong", {})) });
    expect(client.receiveBytes(encodeRaw(batch)).closed.at(-1)?.reason).toBe("FIELD_INVALID");
  });

  it("a pong that answers no ping measures nothing (FRM-5)", () => {
    const client = new ClientHarness().connect().receive("pong", { echoMs: 1n, timeMs: 1n });
    expect(client.session.rooms.rttMs).toBeUndefined();
    // The ping that follows welcome.
    const echoMs = client.framesOf("ping")[0]?.value.timeMs ?? 0n;
    client.now += 40;
    client.receive("pong", { echoMs, timeMs: 1n });
    expect(client.session.rooms.rttMs).toBe(40);
    client.now += 1000;
    client.receive("pong", { echoMs, timeMs: 1n });
    expect(client.session.rooms.rttMs).toBe(40);
  });

  it("a relay that always says ROOM_UNKNOWN, or SEQ_CONFLICT, is met more and more seldom (PUB-16, 5)", () => {
    for (const code of [25, 50] as const) {
      const client = joined();
      client.publish("lobby", "A");
      for (let i = 0; i < 200; i++) {
        const seq = BigInt(client.published.at(-1)?.[1] ?? 0);
        client.receive("error", { code, retry: 2, room: 1, seq, nextSeq: 1n, ...refusal });
        client.admit("lobby", { verdict: 2 }).advance(5);
      }
      expect(client.published.length).toBeLessThan(5);
      expect(client.session.state).toBe("ready");
    }
  });

  it("an entry that is cancelled while it is being stored is told, and its end once", () => {
    const client = new ClientHarness();
    client.autoStore = false;
    const input = { room: "a", id: client.session.nextId(1), content: "x", kind: 0, target: new Uint8Array(0) } as const;
    const { id } = client.session.rooms.publish(input);
    client.session.pollStore();
    client.session.rooms.cancel(id);
    client.session.handleStored(client.now);
    // Its end not before storage holds that: a crash would bring the entry back (PUB-13).
    expect(client.pump().states(id)).toEqual(["queued"]);
    client.session.pollStore();
    client.session.handleStored(client.now);
    expect(client.pump().states(id)).toEqual(["queued", "cancelled"]);
  });
});
