/** A relay on a broker in memory: messages, pressure, its end; clients that are played by hand, and a clock that is told to go on. */

import { describe, expect, test } from "vitest";
import { closeCode, ProtocolError, UsageError } from "../../src/errors.ts";
import type { Relay } from "../../src/relay/index.ts";
import type { RightName } from "../../src/session/client-events.ts";
import { ChatKind, createFrame, Durability, encodedSize, PresenceState, Right, Scope, Verdict } from "../../src/wire/codec.ts";
import { clientFrameBytes } from "../../src/wire/limits.ts";
import { codes, first, id, Peer, play, settled, texts, world } from "./peer.ts";

describe("chat", () => {
  test("a publish is acked, and reaches everyone in the room, its sender too (RES-9)", () => {
    const { peers } = play(["ada", "bob", "cyd"], {
      authenticate: ({ token }) => ({ user: token, profile: { displayName: token.toUpperCase() } }),
    });
    const [ada, bob, cyd] = peers as [Peer, Peer, Peer];
    const { room, ...joined } = ada.join("lobby");
    expect(joined).toMatchObject({ verdict: Verdict.FRESH, start: 1n, head: 0n, nextSeq: 1n, durability: Durability.MEMORY });
    expect(joined.rights).toEqual([Right.READ, Right.PUBLISH, Right.SIGNAL]);
    expect(bob.join("lobby").room).toBe(room);
    cyd.join("elsewhere");
    ada.publish(room, 1, 5);
    expect(ada.take("ack")).toMatchObject([{ room, firstSeq: 1n, offsetDeltas: [1n] }]);
    for (const peer of [ada, bob]) {
      expect(peer.take("chat")).toMatchObject([{ room, offset: 1n, sender: "ada", id: id(5), profile: { displayName: "ADA" } }]);
    }
    expect(cyd.take("chat")).toEqual([]);
  });

  test("a delivery is encoded once for all its receivers (ROM-4)", () => {
    const { relay } = play([]);
    const bytes: Uint8Array[] = [];
    const peers = Array.from({ length: 20 }, (_, i) => Peer.ready(relay, `user ${i}`));
    const room = first(peers.map((peer) => peer.join("lobby"))).room;
    for (const peer of peers) peer.onData = (data) => void bytes.push(data);
    first(peers).publish(room, 1);
    const chats = bytes.filter((each) => each[0] === 0x0a);
    expect([chats.length, new Set(chats).size]).toEqual([20, 1]);
  });

  test("the client's unknown fields are dropped, but for those in the content (PUB-2, PUB-3)", () => {
    const { peers } = play(["ada"]);
    const [ada] = peers as [Peer];
    const { room } = ada.join("lobby");
    const $unknown = [{ no: 99, wireType: 0, data: new Uint8Array([5]) }];
    const frame = createFrame("publish", { room, seq: 1n, id: id(1), content: { body: { case: "text", value: "x" } } });
    frame.body.value.$unknown = $unknown;
    if (frame.body.value.content) frame.body.value.content.$unknown = $unknown;
    ada.raw(frame);
    const chat = first(ada.take("chat"));
    expect([chat.$unknown, chat.content?.$unknown]).toEqual([undefined, $unknown]);
  });

  test("names that mean something to objects are names like others (LIM-7)", () => {
    const { peers } = play(["__proto__", "constructor"]);
    const [proto, other] = peers as [Peer, Peer];
    const { room } = proto.join("__proto__");
    expect(other.join("__proto__").members.map((member) => member.user)).toEqual(["__proto__", "constructor"]);
    const headers = Object.fromEntries([
      ["__proto__", "a"],
      ["constructor", "b"],
    ]);
    proto.publish(room, 1, 1, { content: { body: { case: "text", value: "x" }, headers } });
    proto.send("signal", { room, name: "__proto__" });
    proto.send("receipt", { room, marks: [{ read: 1n }] });
    expect(Object.entries(first(other.take("chat")).content?.headers ?? {})).toEqual(Object.entries(headers));
    expect(other.take("signal")).toMatchObject([{ sender: "__proto__", name: "__proto__" }]);
    expect(other.take("receipt")).toMatchObject([{ marks: [{ user: "__proto__", read: 1n }] }]);
  });

  test("each inner publish of a batch is answered for itself (BAT-3)", () => {
    const { peers } = play(["ada"], { limits: { contentBytes: 20 } });
    const [ada] = peers as [Peer];
    const { room } = ada.join("lobby");
    const publish = (seq: number, value: string) =>
      createFrame("publish", { room, seq: BigInt(seq), id: id(seq), content: { body: { case: "text", value } } });
    ada.send("batch", {
      frames: [publish(1, "a"), publish(2, "x".repeat(30)), publish(3, "b"), createFrame("join", { name: "" }, { ref: 9 })],
    });
    expect(codes(ada.received.filter(({ body }) => body.case === "ack" || body.case === "error"))).toEqual([
      "FIELD_INVALID",
      "ack",
      "LIMIT_EXCEEDED",
      "ack",
    ]);
    expect(ada.offsets()).toEqual([1, 2]);
    ada.raw(publish(2, "short"));
    expect(ada.errors()).toEqual(["FIELD_INVALID", "LIMIT_EXCEEDED", "LIMIT_EXCEEDED"]);
  });

  test("what the application makes of a publish", () => {
    const { peers } = play(["ada"], {
      onPublish: (_, { content }) => {
        if (content?.text === "m1") return undefined;
        if (content?.text === "m2") return { reject: "not nice" };
        if (content?.text === "m3") return { content: "better" };
        throw new Error("out of order");
      },
    });
    const [ada] = peers as [Peer];
    const { room } = ada.join("lobby");
    for (const seq of [1, 2, 3, 4, 5]) ada.publish(room, seq);
    expect(texts(ada.take("chat"))).toEqual(["m1", "better"]);
    expect(ada.errors()).toEqual(["REJECTED", "UNAVAILABLE"]);
  });

  test("the window (PUB-10)", () => {
    const { relay } = play([], { limits: { windowMessages: 2 } });
    const ada = Peer.ready(relay, "ada");
    const { room } = ada.join("lobby");
    const publish = (seq: number) => createFrame("publish", { room, seq: BigInt(seq), id: id(seq) });
    ada.send("batch", { frames: [publish(1), publish(2)] });
    ada.send("batch", { frames: [publish(3), publish(4)] });
    expect(ada.closed).toBeUndefined();
    ada.send("batch", { frames: [publish(5), publish(6), publish(7)] });
    expect([ada.errors(), ada.closed?.code]).toEqual([["WINDOW_EXCEEDED"], 4126]);
  });

  test("redaction by those who may", () => {
    const rights: Record<string, RightName[]> = {
      ada: ["read", "publish"],
      bob: ["read", "publish"],
      mod: ["read", "publish", "redact"],
    };
    const { peers } = play(["ada", "bob", "mod"], { authorize: ({ user }) => rights[user] });
    const [ada, bob, mod] = peers as [Peer, Peer, Peer];
    const [room] = peers.map((peer) => peer.join("lobby").room) as [number];
    ada.publish(room, 1, 1);
    const redact = { kind: ChatKind.REDACTION, target: id(1), content: undefined } as const;
    bob.publish(room, 1, 2, redact);
    expect(bob.errors()).toEqual(["FORBIDDEN"]);
    mod.publish(room, 1, 3, redact);
    expect(ada.take("chat").map((chat) => chat.kind)).toEqual([ChatKind.UNSPECIFIED, ChatKind.REDACTION]);
    const page = ada.ask("history", { room });
    expect(page?.body).toMatchObject({ value: { entries: [{ kind: ChatKind.TOMBSTONE }, { kind: ChatKind.REDACTION }] } });
  });

  test("entries of a backend, and signals of the service", async () => {
    const { relay, peers } = play(["ada"]);
    const [ada] = peers as [Peer];
    const { room } = ada.join("lobby");
    const stored = await relay.publish("lobby", { id: id(9), content: "hello", sender: "bot" });
    expect([stored.offset, await relay.publish("lobby", { id: id(9), content: "again", sender: "bot" })]).toEqual([1, stored]);
    expect(ada.take("chat")).toMatchObject([{ offset: 1n, sender: "bot", id: id(9) }]);
    relay.signal({ user: "ada" }, "n", "x");
    relay.signal({ room: "lobby" }, "m");
    relay.signal({ user: "nobody" }, "n");
    expect(ada.take("signal")).toMatchObject([
      { room: 0, sender: "", name: "n" },
      { room, sender: "", name: "m" },
    ]);
    await expect(relay.publish("", {})).rejects.toMatchObject({ code: "FIELD_INVALID" });
    await expect(relay.publish("lobby", { kind: ChatKind.REDACTION, target: id(1) })).rejects.toMatchObject({
      code: "TARGET_UNKNOWN",
    });
    await expect(relay.publish("lobby", { kind: ChatKind.TOMBSTONE })).rejects.toMatchObject({ code: "FIELD_INVALID" });
    expect(() => relay.signal({ user: "ada" }, "")).toThrow(ProtocolError);
  });

  test("what the service says is held to what a client may say (ENC-8, LIM-3)", async () => {
    const long = "x".repeat(1100);
    const { relay, peers } = play(["ada"], {
      limits: { contentBytes: 1024 },
      log: { info() {}, warn() {}, error() {} },
      onPublish: (_, { kind }) => ({ content: kind === "redaction" ? "why" : long }),
    });
    const ada = first(peers);
    const { room } = ada.join("lobby");
    await relay.publish("lobby", { content: "x".repeat(1000), id: id(9), sender: "ada" });
    await expect(relay.publish("lobby", { content: long })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    const redaction = { kind: ChatKind.REDACTION, target: id(9) };
    await expect(relay.publish("lobby", { ...redaction, content: "why" })).rejects.toMatchObject({ code: "FIELD_INVALID" });
    await expect(relay.publish("lobby", { kind: ChatKind.VOID })).rejects.toMatchObject({ code: "FIELD_INVALID" });
    expect(() => relay.signal({ room: "lobby" }, "big", long)).toThrow("too long");
    // What the application has made of a publish does not become valid when it is sent again: it is final (PUB-11).
    ada.publish(room, 1);
    ada.publish(room, 2, 2, { ...redaction, content: undefined } as never);
    expect([ada.errors(), ada.offsets()]).toEqual([["LIMIT_EXCEEDED", "FIELD_INVALID"], [1]]);
  });
});

test("a relay that is closed within a callback leaves no timer of its own", () => {
  let relay: Relay | undefined;
  const made = play(["ada", "bob"], { onSignal: () => relay?.close() });
  relay = made.relay;
  for (const peer of made.peers) {
    peer.join("lobby");
    peer.send("presence", { marks: [{ state: PresenceState.ONLINE }] });
  }
  first(made.peers).send("signal", { name: "x" });
  expect(made.peers.map(({ closed }) => closed?.reason)).toEqual(["GOING_AWAY", "GOING_AWAY"]);
  // One is the broker's own: it forgets when users were last seen (PRS-7).
  expect([relay.stats().connections, made.clock.pending]).toEqual([0, 1]);
});

describe("pressure", () => {
  test("credit stops chats and nothing else, and no byte more is sent (CRD)", () => {
    const { relay, peers } = play(["ada"]);
    const [ada] = peers as [Peer];
    const { room } = ada.join("lobby");
    ada.publish(room, 1);
    const size = encodedSize(createFrame("chat", first(ada.take("chat"))));
    const bob = Peer.ready(relay, "bob", { credit: 3 * size });
    bob.join("lobby");
    for (let seq = 2; seq <= 9; seq++) ada.publish(room, seq);
    expect(bob.offsets()).toEqual([2, 3, 4]);
    bob.send("ping", {});
    expect(bob.take("pong")).toHaveLength(1);
    bob.send("credit", { totalBytes: BigInt(4 * size) });
    expect(bob.offsets()).toEqual([5]);
    bob.send("credit", { totalBytes: BigInt(100 * size) });
    ada.publish(room, 10);
    expect(bob.offsets()).toEqual([6, 7, 8, 9, 10]);
  });

  test("a transport that is full is given nothing, and little waits for it; then all comes, in order", () => {
    const { relay, peers } = play(["ada"], { transportBytes: 1000, chatQueueBytes: 500 });
    const [ada] = peers as [Peer];
    const { room } = ada.join("lobby");
    const bob = Peer.ready(relay, "bob");
    bob.join("lobby");
    bob.bufferedBytes = 1000;
    for (let seq = 1; seq <= 90; seq++) ada.publish(room, seq);
    expect(bob.take("chat")).toEqual([]);
    bob.bufferedBytes = 0;
    bob.connection.handleWritable();
    expect(bob.offsets()).toEqual(Array.from({ length: 90 }, (_, i) => i + 1));
    expect(ada.offsets()).toHaveLength(90);
  });

  test("a client that asks and does not read is ended (CRD-6)", () => {
    const { relay } = play([], { controlQueueBytes: 2 * clientFrameBytes });
    const ada = Peer.ready(relay, "ada");
    ada.join("lobby");
    ada.bufferedBytes = 1e9;
    for (let i = 0; i < 100_000 && ada.closed === undefined; i++) ada.send("join", { name: "@not mine" }, i + 1);
    expect(ada.closed).toEqual({ code: closeCode("BACKLOG_EXCEEDED"), reason: "BACKLOG_EXCEEDED" });
    expect(relay.stats()).toMatchObject({ connections: 0, users: 0, rooms: 1 });
  });
});

describe("the end of a relay", () => {
  test("drain says goodbye to all, still acks, and is done when all have gone (GBY)", async () => {
    const { relay, peers, clock } = play(["ada", "bob"]);
    const [ada, bob] = peers as [Peer, Peer];
    const { room } = ada.join("lobby");
    let done = false;
    const drained = relay.drain({ drainMs: 5000, afterMinMs: 100, afterMaxMs: 900 }).then(() => {
      done = true;
    });
    expect(ada.take("goodbye")).toMatchObject([{ drainMs: 5000, afterMinMs: 100, afterMaxMs: 900 }]);
    ada.publish(room, 1);
    expect(ada.take("error")).toMatchObject([{ code: 73, seq: 1n, scope: Scope.FRAME }]);
    const late = new Peer(relay);
    expect(late.closed?.code).toBe(4373);
    ada.cut();
    await settled();
    expect(done).toBe(false);
    clock.advance(5000);
    await drained;
    expect([bob.closed?.code, relay.stats().connections]).toEqual([4373, 0]);
  });

  test("a relay without connections is drained at once; a closed one takes nobody", async () => {
    const { relay, clock } = play([]);
    await relay.drain({ drainMs: 5000, afterMinMs: 0, afterMaxMs: 0 });
    relay.close();
    relay.close();
    expect(clock.pending).toBe(0);
    expect(() => new Peer(relay)).toThrow(UsageError);
  });

  test("close ends what is left, and what the relay has told its broker goes with it", () => {
    const { relays, clock } = world({}, 2);
    const [one, two] = relays as [Relay, Relay];
    const [ada, bob] = [Peer.ready(one, "ada"), Peer.ready(two, "bob")];
    bob.join("lobby");
    ada.join("lobby");
    bob.ask("watch", { users: ["ada"] });
    ada.send("presence", { marks: [{}] });
    clock.advance(1000);
    bob.received.length = 0;
    one.close();
    expect(ada.closed?.reason).toBe("GOING_AWAY");
    expect(bob.take("members")).toMatchObject([{ exited: ["ada"] }]);
    clock.advance(5000);
    expect(bob.take("presence")).toMatchObject([{ marks: [{ state: PresenceState.OFFLINE }] }]);
  });

  test("a dead client is freed, and no timer is left (LIV-4)", () => {
    const { relay, peers, clock } = play(["ada"]);
    const [ada] = peers as [Peer];
    ada.join("lobby");
    clock.advance(25_000);
    expect(ada.take("ping")).toHaveLength(1);
    clock.advance(35_000);
    expect(ada.closed?.reason).toBe("HEARTBEAT_TIMEOUT");
    clock.advance(5000);
    expect([relay.stats(), clock.pending]).toEqual([
      { connections: 0, users: 0, rooms: 0, handles: 0, watched: 0, bufferedBytes: 0 },
      0,
    ]);
  });

  test("what a transport cannot take is told (TRN-12)", () => {
    const { peers } = play(["ada"]);
    const [ada] = peers as [Peer];
    ada.connection.handleFault(new ProtocolError("FRAME_TOO_LARGE", "too long", { origin: "remote" }));
    expect([ada.errors(), ada.closed?.code]).toEqual([["FRAME_TOO_LARGE"], 4101]);
  });
});
