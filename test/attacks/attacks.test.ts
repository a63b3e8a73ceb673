/**
 * The attacks that docs/spec/security.md names, each made over real sockets against a relay as it is served: one test for each, in the order
 * of that table. What is proven here is that the defence stands in the whole; the parts have tests of their own.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { deflateRawSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { relayMetrics } from "../../src/node/metrics.ts";
import { ErrorCode, PresenceState } from "../../src/wire/codec.ts";
import { DelimitedDecoder } from "../../src/wire/framing.ts";
import { Rng } from "../sim/random.ts";
import { Peer, type RelayServer, startRelay, upgrade } from "../support/relay-server.ts";

const opened: RelayServer[] = [];
afterEach(() => {
  for (const server of opened.splice(0)) server.close();
});

async function start(...args: Parameters<typeof startRelay>): Promise<RelayServer> {
  const server = await startRelay(...args);
  opened.push(server);
  return server;
}

async function welcome(server: RelayServer, user: string): Promise<Peer> {
  const peer = await Peer.open(server.url);
  peer.hello(user);
  await peer.next("welcome");
  return peer;
}

async function join(peer: Peer, name: string): Promise<number> {
  peer.send("join", { name }, 1);
  return (await peer.next("joined")).room;
}

/** The relay serves others as before. */
async function stillServes(server: RelayServer): Promise<void> {
  const peer = await welcome(server, "somebody");
  await join(peer, "elsewhere");
  peer.ws.close();
}

/** A socket behind an upgrade, to write what no library would. */
async function raw(server: RelayServer): Promise<Socket> {
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chappe.v1\r\n\r\n",
  );
  await once(socket, "data");
  return socket;
}

test("a length that promises gigabytes: nothing is allocated", async () => {
  const server = await start();
  const decoder = new DelimitedDecoder();
  const heap = process.memoryUsage();
  // 2^31 as a varint.
  expect(() => {
    decoder.push(new Uint8Array([0x80, 0x80, 0x80, 0x80, 0x08]));
    decoder.next();
  }).toThrow(expect.objectContaining({ code: "FRAME_TOO_LARGE" }));
  // A WebSocket frame that declares 2^31 bytes, masked.
  const socket = await raw(server);
  socket.write(new Uint8Array([0x82, 0xff, 0, 0, 0, 0, 0x80, 0, 0, 0, 1, 2, 3, 4]));
  await once(socket, "close");
  const after = process.memoryUsage();
  expect(after.arrayBuffers - heap.arrayBuffers).toBeLessThan(64 * 1024);
  await stillServes(server);
});

test("compression is not agreed to, and a compressed bomb is a broken frame", async () => {
  const server = await start();
  const { headers } = await upgrade(server.port, { "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" });
  expect(headers["sec-websocket-extensions"]).toBeUndefined();
  const bomb = deflateRawSync(new Uint8Array(64 * 1024 * 1024));
  const socket = await raw(server);
  const header = Buffer.from([0xc2, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(bomb.length, 6);
  socket.write(Buffer.concat([header, bomb]));
  await once(socket, "close");
  await stillServes(server);
});

test("a message in fragments without end, and one that does not go on", async () => {
  const server = await start({}, { timeoutMs: 200 });
  const flood = await raw(server);
  const ended = once(flood, "close");
  // Masked, of one byte, never the last.
  flood.write(new Uint8Array([0x02, 0x81, 0, 0, 0, 0, 1]));
  for (let i = 0; i < 2000; i++) flood.write(new Uint8Array([0x00, 0x81, 0, 0, 0, 0, 1]));
  await ended;
  const half = await raw(server);
  half.write(new Uint8Array([0x02, 0x81, 0, 0, 0, 0, 1]));
  await once(half, "close");
  await stillServes(server);
});

test("who says nothing, before the upgrade or after it, is ended by a deadline", async () => {
  const server = await start({ times: { authTimeout: 100 } }, { timeoutMs: 100 });
  const before = connect(server.port, "127.0.0.1");
  before.write("GET / HTTP/1.1\r\nHost: x\r\n");
  await once(before, "close");
  const after = await Peer.open(server.url);
  expect(await after.closed).toEqual({ code: 4329, reason: "AUTH_TIMEOUT" });
});

test("much before authentication: nothing is done, and little is kept", async () => {
  let asked = 0;
  const server = await start({
    authenticate: () => {
      asked++;
      return new Promise(() => undefined);
    },
  });
  const peer = await Peer.open(server.url);
  peer.hello("ada");
  for (let ref = 1; ref <= 5000; ref++) peer.send("join", { name: `room ${ref}` }, ref);
  expect((await peer.next("error")).code).toBe(ErrorCode.LIMIT_EXCEEDED);
  await peer.closed;
  expect([asked, server.relay.stats().rooms]).toEqual([1, 0]);
});

test("a foreign page: wrong, null and look-alike origins get 403", async () => {
  const server = await start({}, { origins: ["https://chat.example.org"] });
  const status = async (origin: string): Promise<number | undefined> => (await upgrade(server.port, { Origin: origin })).status;
  for (const origin of [
    "null",
    "http://chat.example.org",
    "https://chat.example.org.evil.example",
    "https://chat.example.org:444",
    "https://chat.example.org@evil.example",
    "HTTPS://chat.example.org",
    "https://chat.exаmple.org".normalize(),
    "__proto__",
  ])
    expect([origin, await status(encodeURI(origin))]).toEqual([origin, 403]);
  expect(await status("https://chat.example.org")).toBe(101);
});

test("a token in a URL is refused, and a canary is in no log, error or metric", async () => {
  const canary = "canary-2c9e41";
  const server = await start({
    authenticate: ({ token }) => {
      if (token !== "good") throw new Error(`what is ${token}?`);
      return { user: "ada" };
    },
  });
  expect((await upgrade(server.port, {}, { path: `/?token=${canary}` })).status).toBe(400);
  expect((await upgrade(server.port, {}, { path: `/?access_token=${canary}` })).status).toBe(400);
  const peer = await Peer.open(server.url);
  peer.hello(canary);
  const error = await peer.next("error");
  const { reason } = await peer.closed;
  const metrics = await (await relayMetrics(server.relay)).metrics();
  const told = JSON.stringify(server.relay.report());
  for (const text of [error.message, reason, metrics, told, server.logged()]) expect(text).not.toContain(canary);
});

test("somebody else's session id reaches nothing", async () => {
  const server = await start();
  const session = new Uint8Array(16).fill(9);
  const hello = async (token: string): Promise<Peer> => {
    const peer = await Peer.open(server.url);
    peer.send("hello", { session, attempt: 1n, token, creditBytes: 1_000_000n });
    await peer.next("welcome");
    return peer;
  };
  const ada = await hello("ada");
  const room = await join(ada, "lobby");
  ada.send("publish", { room, seq: 1n, id: new Uint8Array(16).fill(1), content: { body: { case: "text", value: "hers" } } });
  await ada.next("ack");
  const eve = await hello("eve");
  eve.send("join", { name: "lobby" }, 1);
  // Her seqs begin anew, and the other's connection lives.
  expect((await eve.next("joined")).nextSeq).toBe(1n);
  eve.send("publish", { room, seq: 1n, id: new Uint8Array(16).fill(2), content: { body: { case: "text", value: "own" } } });
  await eve.next("ack");
  expect((await ada.next("chat")).sender).toBe("ada");
  expect((await ada.next("chat")).sender).toBe("eve");
});

test("probing which rooms exist: absent and forbidden are equal byte for byte", async () => {
  const server = await start({
    authorize: ({ user }, room) => (room === "secret" && user !== "ada" ? undefined : room === "secret" ? ["read"] : undefined),
  });
  await join(await welcome(server, "ada"), "secret");
  const eve = await welcome(server, "eve");
  const answers: string[] = [];
  eve.ws.on("message", (data: Buffer) => void answers.push(data.toString("hex")));
  eve.send("join", { name: "secret" }, 5);
  eve.send("join", { name: "absent" }, 5);
  eve.send("ping", { timeMs: 1n });
  await eve.next("error");
  await eve.next("error");
  expect(answers[0]).toBe(answers[1]);
});

test("revoked in mid-session: the room is gone for its next frame", async () => {
  let allowed = true;
  const server = await start({ authorize: () => (allowed ? ["read", "publish", "signal"] : undefined) });
  const ada = await welcome(server, "ada");
  const room = await join(ada, "lobby");
  allowed = false;
  server.relay.revoke("ada");
  expect((await ada.next("left")).code).toBe(ErrorCode.ACCESS_REVOKED);
  ada.send("publish", { room, seq: 1n, id: new Uint8Array(16).fill(1), content: { body: { case: "text", value: "x" } } });
  expect((await ada.next("error")).code).toBe(ErrorCode.ROOM_UNKNOWN);
  expect((await server.relay.history("lobby")).messages).toEqual([]);
});

test("a storm of presence and typing: a thousand flaps are few frames", async () => {
  const server = await start({ times: { rosterInterval: 200 } });
  const [ada, bob] = [await welcome(server, "ada"), await welcome(server, "bob")];
  const room = await join(ada, "lobby");
  await join(bob, "lobby");
  bob.send("watch", { users: ["ada"] }, 2);
  await bob.next("presence");
  const states = [PresenceState.ONLINE, PresenceState.AWAY, PresenceState.BUSY];
  for (let i = 0; i < 1000; i++) {
    ada.send("presence", { marks: [{ state: states[i % 3] as PresenceState }] });
    ada.send("typing", { room, marks: [{ ttlMs: i % 2 === 0 ? 3000 : 0 }] });
  }
  ada.send("publish", { room, seq: 1n, id: new Uint8Array(16).fill(1), content: { body: { case: "text", value: "end" } } });
  await ada.next("ack");
  const before = server.relay.measures().framesSent;
  // All was taken in by now, and bob is told of each kind at most once per interval.
  expect((before["presence"] ?? 0) + (before["typing"] ?? 0)).toBeLessThan(100);
});

test("a client that never reads is ended or waits, within bounds; the others get all", async () => {
  const server = await start({ controlQueueBytes: 512 * 1024 });
  const slow = await raw(server);
  slow.pause();
  const frames = await Peer.open(server.url);
  frames.hello("fast");
  await frames.next("welcome");
  const room = await join(frames, "lobby");
  const value = "x".repeat(10_000);
  for (let seq = 1; seq <= 300; seq++) {
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(12, seq);
    frames.send("publish", { room, seq: BigInt(seq), id, content: { body: { case: "text", value } } });
    frames.send("credit", { totalBytes: 100_000_000n });
    if (seq % 50 === 0) await frames.next("ack");
  }
  let last = 0;
  while (last < 300) last = Number((await frames.next("chat")).offset);
  expect(server.relay.stats().bufferedBytes).toBeLessThan(1024 * 1024);
  slow.destroy();
});

test("keys that the peer chose are names, and nothing else", async () => {
  const server = await start();
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    const peer = await welcome(server, name);
    const room = await join(peer, name);
    const content = { body: { case: "text" as const, value: name }, headers: { [name]: name, ["__proto__"]: "x" } };
    peer.send("publish", { room, seq: 1n, id: new Uint8Array(16).fill(1), content });
    const chat = await peer.next("chat");
    expect([chat.sender, Object.getPrototypeOf({})]).toEqual([name, Object.prototype]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    expect(await server.relay.members(name)).toMatchObject({ count: 1, members: [{ user: name }] });
    peer.ws.close();
  }
});

test("any bytes at all end in a coded error, and the relay goes on", async () => {
  const server = await start();
  const rng = new Rng(1, "attacks");
  for (let i = 0; i < 200; i++) {
    const peer = await Peer.open(server.url);
    if (i % 2 === 0) {
      peer.hello("eve");
      await peer.next("welcome");
    }
    peer.raw(Uint8Array.from({ length: rng.int(1, 200) }, () => rng.int(0, 255)));
    peer.send("ping", { timeMs: 1n });
    // The bytes may be a frame of a later version, that is passed over; then the ping is answered.
    const answer = await Promise.race([peer.closed, i % 2 === 0 ? peer.next("pong").catch(() => peer.closed) : peer.closed]);
    if ("code" in answer)
      expect([answer.code >= 4100 && answer.code < 4500, answer.reason]).toEqual([true, expect.stringMatching(/^[A-Z_]+$/)]);
    peer.ws.close();
  }
  expect(server.relay.measures().faults).toBe(0);
  await stillServes(server);
});
