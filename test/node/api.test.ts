/** The HTTP API for backends, over real sockets: what it does to clients, and what it answers to what is wrong. */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { backendApi } from "../../src/node/api/listener.ts";
import { routes } from "../../src/node/api/routes.ts";
import type { RelayOptions } from "../../src/relay/options.ts";
import { ErrorCode } from "../../src/wire/codec.ts";
import { Peer, type RelayServer, startRelay } from "../support/relay-server.ts";

const key = "key-of-a-backend-0123456789abcdef";
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

class Backend {
  readonly server: RelayServer;
  /** Faults that the relay's log was told. */
  readonly errors: readonly unknown[];
  readonly #http: Server;

  private constructor(server: RelayServer, http: Server, errors: readonly unknown[]) {
    this.server = server;
    this.#http = http;
    this.errors = errors;
  }

  static async start(options: Partial<RelayOptions> = {}, keys: readonly string[] = [key]): Promise<Backend> {
    const server = await startRelay(options);
    const errors: unknown[] = [];
    const log = { error: (_event: string, fields: Readonly<Record<string, unknown>>) => void errors.push(fields["error"]) };
    const http = createServer(await backendApi({ relay: server.relay, keys, log }));
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    ends.push(() => {
      server.close();
      http.close();
      http.closeAllConnections();
    });
    return new Backend(server, http, errors);
  }

  async ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const { port } = this.#http.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      headers: response.headers,
      body: text === "" ? {} : JSON.parse(text),
    };
  }
}

async function join(server: RelayServer, user: string, name: string): Promise<{ peer: Peer; room: number }> {
  const peer = await Peer.open(server.url);
  peer.hello(user);
  await peer.next("welcome");
  peer.send("join", { name }, 1);
  return { peer, room: (await peer.next("joined")).room };
}

test("a message of a backend reaches who is in the room, is stored once, and is in the history", async () => {
  const backend = await Backend.start();
  const { peer } = await join(backend.server, "ada", "team/ü 1");
  const room = `/v1/rooms/${encodeURIComponent("team/ü 1")}`;
  const message = {
    id: "01890a5d-ac96-774b-bcce-b302099a8057",
    sender: "bot",
    profile: { displayName: "Bot", attributes: { team: "ops" } },
    content: { text: "hello", contentType: "text/markdown", headers: { trace: "1" } },
  };
  const first = await backend.ask("POST", `${room}/messages`, message);
  expect(first).toMatchObject({ status: 200, type: "application/json; charset=utf-8", body: { id: message.id, offset: 1 } });
  expect(await peer.next("chat")).toMatchObject({ offset: 1n, sender: "bot", content: { body: { value: "hello" } } });
  expect((await backend.ask("POST", `${room}/messages`, message)).body).toEqual(first.body);
  const edit = { kind: "edit", target: message.id, sender: "bot", content: { data: "AAEC" } };
  expect((await backend.ask("POST", `${room}/messages`, edit)).body).toMatchObject({ offset: 2 });
  const history = await backend.ask("GET", `${room}/messages?after=0&limit=10`);
  const { profile, ...rest } = message;
  expect(history).toMatchObject({
    status: 200,
    body: {
      head: 2,
      firstRetained: 1,
      messages: [
        { ...rest, offset: 1, kind: "content", profile: { ...profile, avatarUri: "" } },
        { offset: 2, kind: "edit", target: message.id, content: { data: "AAEC" } },
      ],
    },
  });
  expect((await backend.ask("GET", `${room}/messages?before=2`)).body["messages"]).toHaveLength(1);
  expect((await backend.ask("GET", `${room}/messages`)).body["messages"]).toHaveLength(2);
});

test("members are told; signals, kick, revoke and close do what they say", async () => {
  let rights: readonly ["read"] | undefined = ["read"];
  const backend = await Backend.start({ authorize: (_principal, room) => (room === "lobby" ? rights : ["read"]) });
  const { peer, room } = await join(backend.server, "ada", "lobby");
  await expect
    .poll(async () => (await backend.ask("GET", "/v1/rooms/lobby/members")).body)
    .toEqual({ count: 1, members: [{ user: "ada" }] });
  const signal = { name: "ring", content: { text: "now" } };
  expect((await backend.ask("POST", "/v1/rooms/lobby/signals", signal)).status).toBe(204);
  expect(await peer.next("signal")).toMatchObject({ room, name: "ring", content: { body: { value: "now" } } });
  expect((await backend.ask("POST", "/v1/users/ada/signals", { name: "ring" })).status).toBe(204);
  expect(await peer.next("signal")).toMatchObject({ room: 0, name: "ring" });
  rights = undefined;
  expect((await backend.ask("POST", "/v1/users/ada/revoke", { room: "lobby" })).status).toBe(204);
  expect(await peer.next("left")).toMatchObject({ room, code: ErrorCode.ACCESS_REVOKED });
  peer.send("join", { name: "other" }, 2);
  const other = (await peer.next("joined")).room;
  expect((await backend.ask("POST", "/v1/rooms/other/close")).status).toBe(204);
  expect(await peer.next("left")).toMatchObject({ room: other, code: ErrorCode.ROOM_UNAVAILABLE });
  expect((await backend.ask("POST", "/v1/users/ada/kick")).status).toBe(204);
  expect((await peer.closed).reason).toBe("ACCESS_REVOKED");
});

const long = "x".repeat(70_000);
test.each<[method: string, path: string, body: unknown, status: number, code: string, detail: string | RegExp]>([
  ["GET", "/", undefined, 404, "NOT_FOUND", /openapi/],
  ["PUT", "/v1/rooms/a/messages", {}, 404, "NOT_FOUND", /openapi/],
  ["GET", "/v1/rooms/a/messages?after=x", undefined, 400, "REQUEST_INVALID", /after/],
  ["GET", "/v1/rooms/a/messages?after=-1", undefined, 400, "REQUEST_INVALID", /after/],
  ["GET", "/v1/rooms/a/messages?after=1&before=2", undefined, 400, "REQUEST_INVALID", /either before or after/],
  ["GET", "/v1/rooms/a/messages?limit=0", undefined, 400, "REQUEST_INVALID", /limit/],
  ["GET", "/v1/rooms/a/messages?nope=0", undefined, 400, "REQUEST_INVALID", /nope/],
  ["POST", "/v1/rooms/%zz/messages", {}, 400, "REQUEST_INVALID", /%zz/],
  ["POST", `/v1/rooms/${"r".repeat(257)}/messages`, {}, 400, "FIELD_INVALID", /256/],
  ["POST", "/v1/rooms/a/messages", "{", 400, "REQUEST_INVALID", /JSON/],
  ["POST", "/v1/rooms/a/messages", "[]", 400, "REQUEST_INVALID", /object/],
  ["POST", "/v1/rooms/a/messages", undefined, 400, "REQUEST_INVALID", /body/],
  ["POST", "/v1/rooms/a/messages", { nope: 1 }, 400, "REQUEST_INVALID", /"nope"/],
  ["POST", "/v1/rooms/a/messages", '{"__proto__": {}}', 400, "REQUEST_INVALID", /JSON/],
  ["POST", "/v1/rooms/a/messages", '{"content": {"text": "x", "headers": {"__proto__": "x"}}}', 400, "REQUEST_INVALID", /JSON/],
  ["POST", "/v1/rooms/a/messages", { content: "x" }, 400, "REQUEST_INVALID", /body\/content/],
  ["POST", "/v1/rooms/a/messages", { content: { text: 5 } }, 400, "REQUEST_INVALID", /text must be string/],
  ["POST", "/v1/rooms/a/messages", { content: { text: "x", data: "" } }, 400, "REQUEST_INVALID", /content/],
  ["POST", "/v1/rooms/a/messages", { content: { data: "*" } }, 400, "REQUEST_INVALID", /data/],
  ["POST", "/v1/rooms/a/messages", { content: { text: long } }, 413, "LIMIT_EXCEEDED", /too long/],
  ["POST", "/v1/rooms/a/messages", { content: { text: long.repeat(40) } }, 413, "LIMIT_EXCEEDED", /too large/],
  ["POST", "/v1/rooms/a/messages", { id: "x" }, 400, "REQUEST_INVALID", /id must match/],
  ["POST", "/v1/rooms/a/messages", { kind: "tombstone" }, 400, "REQUEST_INVALID", /kind/],
  [
    "POST",
    "/v1/rooms/a/messages",
    { kind: "redaction", target: "01890a5d-ac96-774b-bcce-b302099a8057" },
    409,
    "TARGET_UNKNOWN",
    /no entry/,
  ],
  ["POST", "/v1/rooms/a/signals", {}, 400, "REQUEST_INVALID", /name/],
  ["POST", "/v1/users/a/kick", { rom: "b" }, 400, "REQUEST_INVALID", /"rom"/],
])("what is wrong is a problem: %# %s", async (method, path, body, status, code, detail) => {
  const backend = await Backend.start();
  const answer = await backend.ask(method, path, body);
  expect(answer).toMatchObject({ status, type: "application/problem+json", body: { status, code, processed: "no" } });
  expect(answer.body["detail"]).toMatch(detail);
  expect(backend.errors).toEqual([]);
});

test("another body than JSON is refused", async () => {
  const backend = await Backend.start();
  const answer = await backend.ask("POST", "/v1/rooms/a/messages", "x", { "content-type": "text/plain" });
  expect(answer).toMatchObject({ status: 415, body: { code: "REQUEST_INVALID" } });
});

test("without a key nothing is done, and each of several keys is taken", async () => {
  const second = "second-key-of-a-backend-0123456789";
  const backend = await Backend.start({}, [key, second]);
  for (const authorization of ["", "Bearer ", `Bearer ${key}x`, `Bearer ${key.slice(1)}`, `Basic ${key}`, key]) {
    const answer = await backend.ask("POST", "/v1/rooms/a/messages", { content: { text: "x" } }, { authorization });
    expect(answer).toMatchObject({ status: 401, type: "application/problem+json", body: { code: "UNAUTHENTICATED" } });
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="chappe"');
  }
  const taken = await backend.ask("GET", "/v1/rooms/a/messages", undefined, { authorization: `bearer ${second}` });
  expect(taken).toMatchObject({ status: 200, body: { head: 0 } });
});

test("a broker that fails, and a relay that has ended, say that one may ask again", async () => {
  const backend = await Backend.start({ times: { answerTimeout: 50 } });
  backend.server.relay.close();
  const answer = await backend.ask("POST", "/v1/rooms/a/messages", { content: { text: "x" } });
  expect(answer).toMatchObject({ status: 503, body: { code: "CLOSED", processed: "no" } });
  expect(answer.headers.get("retry-after")).toBe("1");
});

test("the document is served without a key, and names each route", async () => {
  const backend = await Backend.start();
  const { status, body } = await backend.ask("GET", "/openapi.json", undefined, { authorization: "" });
  expect(status).toBe(200);
  const paths = body["paths"] as Record<string, Record<string, { operationId: string }>>;
  for (const { method, path, operationId } of routes) {
    expect(paths[path]?.[method.toLowerCase()]).toMatchObject({ operationId });
  }
});

test.each([[[]], [["short"]], [[`${key} x`]], [[5]], [[key, ""]]])("keys %j are refused", async (keys) => {
  const { relay, close } = await startRelay();
  ends.push(close);
  await expect(backendApi({ relay, keys: keys as string[] })).rejects.toMatchObject({ code: "OPTION_INVALID" });
});
