/** A relay over real sockets: upgrades (TRN-2, TRN-7, TRN-8), limits (TRN-11, TRN-12), closing (TRN-13, ERR-8), and two forms of one conversation. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { errorCodeName, UsageError } from "../../src/errors.ts";
import { nodeClock, nodeRandom } from "../../src/node/host.ts";
import { attachRelay } from "../../src/node/ws-server.ts";
import { MemoryBroker } from "../../src/relay/memory-broker.ts";
import { Durability, ErrorCode, Scope, Verdict } from "../../src/wire/codec.ts";
import { Peer, type RelayServer, startRelay, upgrade } from "../support/relay-server.ts";

const open: RelayServer[] = [];
const start = async (...args: Parameters<typeof startRelay>): Promise<RelayServer> => {
  const server = await startRelay(...args);
  open.push(server);
  return server;
};
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

/** An upgrade as it stands on the wire. */
const rawUpgrade = (path: string): string =>
  [
    `GET ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: chappe.v1",
    "\r\n",
  ].join("\r\n");

/** A socket that asks for an upgrade. */
const rawUpgradeTo = (port: number, path: string): Socket => {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  socket.write(rawUpgrade(path));
  return socket;
};

describe("the upgrade", () => {
  test.each([
    ["chappe.v1", "chappe.v1"],
    ["chappe.v1.json", "chappe.v1.json"],
    ["chappe.v1.json, chappe.v1", "chappe.v1.json"],
    ["chappe.v2,chappe.v1 , chappe.v1.json", "chappe.v1"],
  ])("TRN-2: of %s the first that is spoken is %s", async (offered, chosen) => {
    const { port } = await start();
    const { status, headers } = await upgrade(port, {
      "Sec-WebSocket-Protocol": offered,
      "Sec-WebSocket-Extensions": "permessage-deflate",
    });
    expect(status).toBe(101);
    expect(headers["sec-websocket-protocol"]).toBe(chosen);
    // TRN-9.
    expect(headers["sec-websocket-extensions"]).toBeUndefined();
  });

  test.each([undefined, "mqtt", "chappe.v2", "CHAPPE.V1", "chappe.v1.json.x"])(
    "TRN-2: %s gets 400, and what is spoken",
    async (offered) => {
      const { port } = await start();
      const { status, body } = await upgrade(port, { "Sec-WebSocket-Protocol": offered });
      expect(status).toBe(400);
      expect(body).toContain("chappe.v1, chappe.v1.json");
    },
  );

  test.each([
    ["another path", 404, {}, { path: "/other" }],
    ["a token in the query", 400, {}, { path: "/?token=canary" }],
    ["an access token in the query", 400, {}, { path: "/?a=b&access_token=canary" }],
    ["a token behind a second question mark", 400, {}, { path: "/?a=?&token=canary" }],
    ["another method", 400, {}, { method: "POST" }],
    ["another protocol", 400, { Upgrade: "h2c" }, {}],
    ["no key", 400, { "Sec-WebSocket-Key": undefined }, {}],
    ["another version", 400, { "Sec-WebSocket-Version": "12" }, {}],
    ["a foreign origin", 403, { Origin: "https://evil.example" }, {}],
    ["the origin null", 403, { Origin: "null" }, {}],
    ["a look-alike", 403, { Origin: "https://chat.example.org.evil.example" }, {}],
  ])("TRN-7: %s gets %i", async (_what, status, headers, target) => {
    const { port, logged } = await start({}, { origins: ["https://chat.example.org"] });
    expect(await upgrade(port, headers, target)).toMatchObject({ status });
    expect(logged()).not.toContain("canary");
  });

  test("TRN-8: a listed origin, and without a list the own host, may connect", async () => {
    const listed = await start({}, { origins: ["https://chat.example.org"] });
    expect(await upgrade(listed.port, { Origin: "https://chat.example.org" })).toMatchObject({ status: 101 });
    const own = await start();
    expect(await upgrade(own.port, { Origin: `http://127.0.0.1:${own.port}` })).toMatchObject({ status: 101 });
    expect(await upgrade(own.port, { Origin: "http://localhost" })).toMatchObject({ status: 403 });
  });

  test("503 with Retry-After where there is no room, and none is admitted any more", async () => {
    const { port, url, attached } = await start({}, { maxConnections: 1 });
    const first = await Peer.open(url);
    const refused = await upgrade(port);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    first.ws.terminate();
    await expect.poll(() => attached.connections).toBe(0);
    expect(await upgrade(port)).toMatchObject({ status: 101 });
    attached.stopAccepting();
    expect(await upgrade(port)).toMatchObject({ status: 503 });
  });

  test("an upgrade of another path is left to others who listen", async () => {
    const { port, server } = await start({}, { timeoutMs: 100 });
    server.on("upgrade", (request, socket) => {
      if (request.url === "/other") socket.end("HTTP/1.1 418 I'm a teapot\r\nConnection: close\r\n\r\n");
    });
    expect(await upgrade(port, {}, { path: "/other" })).toMatchObject({ status: 418 });
    expect(await upgrade(port)).toMatchObject({ status: 101 });
    // One that none of them answers is ended, and its peer's reset disturbs nobody.
    const left = rawUpgradeTo(port, "/nobody");
    const reset = rawUpgradeTo(port, "/nobody");
    await once(server, "upgrade");
    await once(server, "upgrade");
    reset.resetAndDestroy();
    await once(left, "close");
    expect(left.bytesRead).toBe(0);
    expect(await upgrade(port)).toMatchObject({ status: 101 });
  });

  test("TRN-11: an upgrade that others have answered in time keeps its connection", async () => {
    const { port, server } = await start({}, { timeoutMs: 20 });
    server.on("upgrade", (_request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n");
      // The echo comes after the time has passed, for it is asked for then.
      socket.pipe(socket);
    });
    const [socket, late] = [rawUpgradeTo(port, "/other"), connect(port, "127.0.0.1")];
    await once(socket, "data");
    // Opened after the other: its time passes later.
    await once(late, "close");
    socket.write("still here");
    expect(String((await once(socket, "data"))[0])).toBe("still here");
    socket.destroy();
  });

  test("relays of one server share it: each has its path, and what is no one's gets 404 once", async () => {
    const { port, relay, server, attached } = await start({}, { path: "/a" });
    const other = await attachRelay(server, relay, { path: "/b" });
    expect(await upgrade(port, {}, { path: "/a" })).toMatchObject({ status: 101 });
    expect(await upgrade(port, {}, { path: "/b" })).toMatchObject({ status: 101 });
    expect(await upgrade(port, {}, { path: "/c" })).toMatchObject({ status: 404, body: "nothing is here\n" });
    const twice = await attachRelay(server, relay, { path: "/b" }).catch((cause: unknown) => cause);
    expect(twice).toMatchObject({ name: "UsageError", code: "OPTION_INVALID" });
    attached.detach();
    expect(await upgrade(port, {}, { path: "/a" })).toMatchObject({ status: 404 });
    expect(await upgrade(port, {}, { path: "/b" })).toMatchObject({ status: 101 });
    other.detach();
    other.detach();
    expect(server.listenerCount("upgrade")).toBe(0);
  });

  test.each([
    { path: "x" },
    { path: "/?a" },
    { maxConnections: 0 },
    { maxConnections: 1.5 },
    { timeoutMs: Number.NaN },
    { origins: "https://chat.example.org" },
    { origins: [5] },
    { origins: ["https://chat.example.org/"] },
    { origins: ["chat.example.org"] },
    { origins: null },
    { origin: ["https://chat.example.org"] },
    { path: 5 },
    { path: null },
    { path: "/#a" },
    { timeoutMs: 2 ** 31 },
    { maxConnections: "5" },
    null,
    [],
    5,
  ])("%j is OPTION_INVALID", async (options) => {
    const { relay, server } = await start();
    const error = await attachRelay(server, relay, options as never).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code: "OPTION_INVALID" });
  });

  test("a server or a relay that is none is OPTION_INVALID, by its name", async () => {
    const { relay, server } = await start();
    for (const none of [undefined, null, {}, 5, []]) {
      await expect(attachRelay(none as never, relay, { path: "/b" })).rejects.toThrow(/^server:/);
      await expect(attachRelay(server, none as never, { path: "/b" })).rejects.toThrow(/^relay:/);
    }
  });

  test("those of the clock are checked", () => {
    for (const options of [null, 5, [], { keepAlive: 1 }, { keepalive: true }]) {
      expect(() => nodeClock(options as never)).toThrow(UsageError);
    }
  });
});

describe("a conversation", () => {
  test.each(["binary", "json"] as const)("in %s form: welcome, joined, ack, and the message to both", async (form) => {
    const { url, logged } = await start();
    const [ada, bob] = [await Peer.open(url, form), await Peer.open(url)];
    ada.hello("ada");
    bob.hello("bob");
    expect(await ada.next("welcome")).toMatchObject({ user: "ada" });
    ada.send("join", { name: "lobby" }, 1);
    bob.send("join", { name: "lobby" }, 1);
    const joined = await ada.next("joined");
    expect(joined).toMatchObject({ name: "lobby", verdict: Verdict.FRESH, durability: Durability.MEMORY });
    await bob.next("joined");
    const id = Uint8Array.from([1, 0x93, 0x1f, 0x52, 0x41, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1]);
    ada.send("publish", { room: joined.room, seq: 1n, id, content: { body: { case: "text", value: "secret words" } } });
    expect(await ada.next("ack")).toMatchObject({ room: joined.room, firstSeq: 1n, offsetDeltas: [1n] });
    for (const peer of [ada, bob]) {
      const chat = await peer.next("chat");
      expect(chat).toMatchObject({ sender: "ada", offset: 1n, content: { body: { case: "text", value: "secret words" } } });
      expect([...chat.id]).toEqual([...id]);
    }
    expect(logged()).not.toContain("secret words");
  });

  test("a token is in no log, accepted or not (AUT-2)", async () => {
    const { url, logged } = await start({
      authenticate: () => {
        throw new Error("the store is down");
      },
    });
    const peer = await Peer.open(url);
    peer.hello("canary-token");
    await peer.closed;
    expect(logged()).not.toContain("canary-token");
  });

  test("goodbye before a drained relay closes (GBY-1, ERR-4)", async () => {
    const { url, relay } = await start();
    const peer = await Peer.open(url);
    peer.hello("ada");
    await peer.next("welcome");
    const drained = relay.drain({ drainMs: 20, afterMinMs: 1, afterMaxMs: 2 });
    expect(await peer.next("goodbye")).toMatchObject({ code: ErrorCode.GOING_AWAY, afterMinMs: 1, afterMaxMs: 2 });
    expect(await peer.closed).toEqual({ code: 4373, reason: "GOING_AWAY" });
    await drained;
  });
});

describe("backpressure", () => {
  test("a client that stops reading gets everything once it reads again, in order (CRD-4)", async () => {
    const count = 300;
    const clock = nodeClock();
    const retention = { maxEntries: count, maxBytes: 64 * 1024 * 1024 };
    const { url, relay } = await start({ broker: new MemoryBroker({ clock, random: nodeRandom, retention }) });
    const bob = await Peer.open(url);
    bob.hello("bob");
    bob.send("credit", { totalBytes: BigInt(Number.MAX_SAFE_INTEGER) });
    bob.send("join", { name: "lobby" }, 1);
    await bob.next("joined");
    bob.ws.pause();
    // More than the sockets of both ends hold.
    const text = "x".repeat(40_000);
    for (let i = 0; i < count; i++) await relay.publish("lobby", { content: text });
    bob.ws.resume();
    for (let offset = 1n; offset <= count; offset++) expect((await bob.next("chat")).offset).toBe(offset);
  });
});

test("a relay that was closed before its server sends newcomers away", async () => {
  const { url, relay } = await start();
  relay.close();
  const peer = await Peer.open(url);
  expect(await peer.closed).toEqual({ code: 4373, reason: "GOING_AWAY" });
});

describe("what is wrong ends the connection", () => {
  test.each([
    ["a text message under chappe.v1 (TRN-6)", "binary", "{}", ErrorCode.UNEXPECTED_FRAME, 4120],
    ["a binary message under chappe.v1.json (TRN-6)", "json", Uint8Array.of(1), ErrorCode.UNEXPECTED_FRAME, 4120],
    ["a wrong tag", "binary", Uint8Array.of(0x07, 1), ErrorCode.TAG_INVALID, 4104],
    ["a cut frame", "binary", Uint8Array.of(0x82), ErrorCode.FRAME_TRUNCATED, 4102],
    ["no JSON", "json", "{", ErrorCode.JSON_INVALID, 4112],
    ["16 KiB and one byte before welcome (LIM-5)", "binary", new Uint8Array(16 * 1024 + 1), ErrorCode.FRAME_TOO_LARGE, 4101],
  ] as const)("%s", async (_what, form, data, code, close) => {
    const { url } = await start();
    const peer = await Peer.open(url, form);
    peer.raw(data);
    expect(await peer.next("error")).toMatchObject({ code, scope: Scope.CONNECTION });
    expect(await peer.closed).toEqual({ code: close, reason: errorCodeName(code) });
  });

  test.each([
    ["binary", 1024 * 1024 + 1],
    ["json", 8 * 1024 * 1024 + 1],
  ] as const)("TRN-12: a longer message than any frame, in %s form, is refused by its length", async (form, length) => {
    const { url } = await start();
    const peer = await Peer.open(url, form);
    peer.raw(form === "json" ? "x".repeat(length) : new Uint8Array(length));
    expect((await peer.closed).code).toBe(1009);
  });

  test("TRN-12: that length is the relay's own limit", async () => {
    const { url } = await start({ limits: { frameBytes: 20_000, contentBytes: 10_000 } });
    const [within, beyond] = [await Peer.open(url), await Peer.open(url)];
    within.hello("ada");
    expect(await within.next("welcome")).toMatchObject({ limits: { frameBytes: 20_000 } });
    within.raw(new Uint8Array(20_000));
    expect(await within.next("error")).toMatchObject({ code: ErrorCode.TAG_INVALID });
    beyond.raw(new Uint8Array(20_001));
    expect((await beyond.closed).code).toBe(1009);
  });

  test("text that is not UTF-8", async () => {
    const { url } = await start();
    const peer = await Peer.open(url, "json");
    peer.ws.send(Uint8Array.of(0xff, 0xfe), { binary: false });
    expect((await peer.closed).code).toBe(1007);
  });

  test("a message in thousands of fragments", async () => {
    const { url } = await start();
    const peer = await Peer.open(url);
    for (let i = 0; i < 1000 && peer.ws.readyState === 1; i++) peer.ws.send(Uint8Array.of(0), { fin: false });
    expect((await peer.closed).code).toBe(1008);
  });

  test("AUT-3: who says nothing after the upgrade", async () => {
    const { url } = await start({ times: { authTimeout: 20 } });
    const peer = await Peer.open(url);
    expect(await peer.next("error")).toMatchObject({ code: ErrorCode.AUTH_TIMEOUT });
    expect(await peer.closed).toEqual({ code: 4329, reason: "AUTH_TIMEOUT" });
  });

  test("TRN-11: who says nothing before it", async () => {
    const { port } = await start({}, { timeoutMs: 20 });
    const socket = connect(port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: ");
    await once(socket, "close");
  });

  test("what ws objects to is no error of the process, also where the relay takes no connection", async () => {
    const { port, relay } = await start();
    relay.close();
    const socket = connect(port, "127.0.0.1");
    // A reset is as good as an end here.
    socket.on("error", () => undefined);
    // No frame: reserved bits are set, and the opcode is unknown.
    socket.write(Buffer.concat([Buffer.from(rawUpgrade("/")), Buffer.of(0xff, 0x00)]));
    socket.resume();
    await once(socket, "close");
  });

  test("TRN-11: a message that begins and does not end", async () => {
    const { url, attached } = await start({}, { timeoutMs: 20 });
    const peer = await Peer.open(url);
    peer.hello("ada");
    await peer.next("welcome");
    peer.ws.send(Uint8Array.of(1), { fin: false });
    expect(await peer.next("error")).toMatchObject({ code: ErrorCode.HEARTBEAT_TIMEOUT, scope: Scope.CONNECTION });
    expect((await peer.closed).code).toBe(4228);
    await expect.poll(() => attached.connections).toBe(0);
  });
});
