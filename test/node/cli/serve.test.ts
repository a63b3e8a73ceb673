/** `chappe serve` and `chappe chat` as processes: they talk, outlive each other, and end as they should. */

import { once } from "node:events";
import { copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer, get } from "node:http";
import { get as getTls } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ErrorCode } from "../../../src/wire/codec.ts";
import { certificate } from "../../support/certificate.ts";
import { cli } from "../../support/cli.ts";
import { Peer, upgrade } from "../../support/relay-server.ts";
import { Spawned } from "../../support/spawned-cli.ts";

const apiKey = "canary-key-of-a-backend-0123456789";
const running: Spawned[] = [];
afterEach(() => {
  for (const each of running.splice(0)) each.kill("SIGKILL");
});
async function start(args: readonly string[], env?: Record<string, string>): Promise<Spawned> {
  const spawned = await Spawned.start(args, env);
  running.push(spawned);
  return spawned;
}
/** A relay, and its URL once it listens. */
async function serve(...args: readonly string[]): Promise<{ relay: Spawned; url: string }> {
  const relay = await start(["serve", "--port", "0", ...args]);
  await expect.poll(() => relay.stdout, { timeout: 10_000 }).toMatch(/^chappe relay: ws:\S+\n$/);
  return { relay, url: relay.stdout.trim().replace("chappe relay: ", "") };
}
const temporary = (name: string, text: string): string => {
  const file = join(mkdtempSync(join(tmpdir(), "chappe-")), name);
  writeFileSync(file, text);
  return file;
};
const shows = (spawned: Spawned, text: string | RegExp) =>
  expect.poll(() => spawned.stdout, { timeout: 15_000 }).toEqual(expect.stringMatching(text));

describe("serve", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("on %s says goodbye, closes, and ends with 0", async (signal) => {
    const { relay, url } = await serve("--dev", "--drain", "50");
    const peer = await Peer.open(url);
    peer.hello("ada");
    await peer.next("welcome");
    relay.kill(signal);
    expect(await peer.next("goodbye")).toMatchObject({ code: ErrorCode.GOING_AWAY });
    expect(await peer.closed).toEqual({ code: 4373, reason: "GOING_AWAY" });
    expect(await relay.ended).toEqual({ code: 0, signal: null });
    const events = relay.stderr
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events).toEqual(expect.arrayContaining(["listening", "draining", "stopped"]));
  });

  test("takes the tokens of its file alone, and logs none", async () => {
    const file = temporary("tokens.json", JSON.stringify({ "canary-a": "ada", "canary-b": { user: "bob", displayName: "Bob" } }));
    const { relay, url } = await serve("--tokens", file, "--log", "debug");
    const [ada, bob, eve] = [await Peer.open(url), await Peer.open(url), await Peer.open(url)];
    ada.hello("canary-a");
    expect(await ada.next("welcome")).toMatchObject({ user: "ada" });
    bob.hello("canary-b");
    expect(await bob.next("welcome")).toMatchObject({ user: "bob", profile: { displayName: "Bob" } });
    eve.hello("canary-c");
    expect(await eve.next("error")).toMatchObject({ code: ErrorCode.UNAUTHENTICATED });
    expect((await eve.closed).code).toBe(4440);
    relay.kill("SIGKILL");
    await relay.ended;
    expect(relay.stdout + relay.stderr).not.toContain("canary");
  });

  test("with a certificate speaks TLS, to clients and backends, and takes a new one on SIGHUP", async () => {
    const [first, second] = await Promise.all([certificate(), certificate()]);
    const keys = temporary("keys", `${apiKey}\n`);
    const relay = await start([
      "serve",
      "--dev",
      "--port",
      "0",
      "--api-port",
      "0",
      "--api-keys",
      keys,
      "--tls-cert",
      first.certFile,
      "--tls-key",
      first.keyFile,
    ]);
    await expect.poll(() => relay.stdout, { timeout: 10_000 }).toMatch(/^chappe relay: wss:\S+\n$/);
    const url = relay.stdout.trim().replace("chappe relay: ", "");
    const port = Number(/"event":"api".*"port":(\d+)/.exec(relay.stderr)?.[1]);
    const connect = (ca: string): Promise<string> =>
      new Promise((resolve) => {
        const ws = new WebSocket(url, "chappe.v1", { ca });
        ws.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        ws.on("open", () => {
          resolve("open");
          ws.terminate();
        });
      });
    const members = (ca: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${apiKey}` };
        getTls({ host: "127.0.0.1", port, path: "/v1/rooms/lobby/members", ca, headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).on("error", reject);
      });
    expect([await connect(first.cert), await members(first.cert)]).toEqual(["open", 200]);
    expect(await connect(second.cert)).toBe("DEPTH_ZERO_SELF_SIGNED_CERT");
    // One that cannot be read leaves the one there is.
    copyFileSync(second.keyFile, first.keyFile);
    relay.kill("SIGHUP");
    await expect.poll(() => relay.stderr).toContain("is no private key in PEM of this certificate");
    expect(await connect(first.cert)).toBe("open");
    copyFileSync(second.certFile, first.certFile);
    relay.kill("SIGHUP");
    await expect.poll(() => relay.stderr).toContain('"certificate"');
    expect([await connect(second.cert), await members(second.cert)]).toEqual(["open", 200]);
    relay.kill("SIGTERM");
    expect(await relay.ended).toEqual({ code: 0, signal: null });
    expect(relay.stderr + relay.stdout).not.toContain(apiKey);
  });

  test("goes on where nobody reads its log any more", async () => {
    const { relay, url } = await serve("--dev", "--log", "debug");
    relay.child.stderr?.destroy();
    for (const user of ["ada", "bob", "eve"]) {
      const peer = await Peer.open(url);
      peer.hello(user);
      expect(await peer.next("welcome")).toMatchObject({ user });
      peer.ws.terminate();
    }
    relay.kill("SIGTERM");
    expect(await relay.ended).toEqual({ code: 0, signal: null });
  });

  test("under --dev takes pages of this machine and port alone", async () => {
    const { url } = await serve("--dev");
    const { port } = new URL(url);
    for (const host of ["localhost", "127.0.0.1"])
      expect(await upgrade(Number(port), { Origin: `http://${host}:${port}` })).toMatchObject({ status: 101 });
    // A name that leads here: host and origin agree.
    const rebound = { Host: `evil.example:${port}`, Origin: `http://evil.example:${port}` };
    expect(await upgrade(Number(port), rebound)).toMatchObject({ status: 403 });
  });

  test("answers a plain request with 426", async () => {
    const { url } = await serve("--dev");
    const [response] = await once(get(url.replace("ws:", "http:")), "response");
    response.resume();
    expect(response.statusCode).toBe(426);
  });

  test("a port in use is one line, and exit code 2", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const relay = await start(["serve", "--dev", "--port", String(port)]);
    expect(await relay.ended).toEqual({ code: 2, signal: null });
    expect(relay.stderr).toBe(`chappe serve: --port '${port}': the port is in use\n`);
    server.close();
  });

  test("a folder that cannot hold the logs is one line, and exit code 2", async () => {
    const file = temporary("data", "text");
    const { code, stderr } = await cli(["serve", "--dev", "--port", "0", "--data", file]);
    expect([code, stderr]).toEqual([2, `chappe serve: --data '${file}': file already exists\n`]);
    const folder = `${file}-folder`;
    const holder = await start(["serve", "--dev", "--port", "0", "--data", folder]);
    while (holder.stdout === "") await new Promise((resolve) => void setTimeout(resolve, 5));
    const second = await start(["serve", "--dev", "--port", "0", "--data", folder]);
    expect(await second.ended).toEqual({ code: 2, signal: null });
    expect(second.stderr).toMatch(/^chappe serve: --data '.*-folder': process \d+ holds the store; its lock is .*\n$/);
    holder.kill("SIGTERM");
    expect(await holder.ended).toEqual({ code: 0, signal: null });
  });

  test.each([
    ['{"canary": ', "is not JSON"],
    ['["canary"]', "must be an object from tokens to users"],
    ["{}", "names no user"],
    ['{"canary": 5}', "entry 1 names no user"],
    ['{"a": "ada", "canary": {"user": "", "displayName": "x"}}', "entry 2 names no user"],
    ['{"canary": {"user": "ada", "admin": true}}', "entry 1 names no user"],
    [`{"canary": {"user": "ada", "displayName": "${"x".repeat(257)}"}}`, "entry 1 names no user"],
    [`{"canary": {"user": "ada", "avatarUri": "${"x".repeat(2049)}"}}`, "entry 1 names no user"],
    ['{"canary": "\\ud800"}', "entry 1 names no user"],
  ])("a file of tokens that holds %s is refused, without a word of it", async (text, problem) => {
    const file = temporary("tokens.json", text);
    const { code, stderr } = await cli(["serve", "--tokens", file]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${file}`);
    expect(stderr).toContain(problem);
    expect(stderr).not.toContain("canary");
  });
});

describe("chat", () => {
  test("two terminals talk, see states, and go on when the relay is killed and started again", async () => {
    const first = await serve("--dev");
    const port = new URL(first.url).port;
    const [ada, bob] = await Promise.all(
      ["ada", "bob"].map((user) => start(["chat", "lobby", "--url", first.url, "--user", user])),
    );
    if (ada === undefined || bob === undefined) throw new Error("not started");
    await shows(ada, /in lobby with/);
    await shows(bob, /in lobby with/);
    ada.type("hello");
    await shows(bob, /^ada: hello$/m);
    await shows(ada, /you \(1\): hello\n {2}\(1\) stored\n/);
    await shows(ada, /\(1\) read by bob/);

    first.relay.kill("SIGKILL");
    await shows(ada, /-- offline/);
    await shows(bob, /-- offline/);
    ada.type("while away");
    ada.type("in order");
    await start(["serve", "--dev", "--port", port]);
    await shows(bob, /the room's log began anew[\s\S]*ada: while away\nada: in order\n/);
    await shows(ada, /\(2\) stored\n[\s\S]*\(3\) stored/);
    expect(bob.stdout.match(/^ada: /gm)).toHaveLength(3);

    for (const each of [ada, bob]) {
      each.endInput();
      expect(await each.ended).toEqual({ code: 0, signal: null });
      expect(each.stderr).toBe("");
    }
  });

  test("a pipe is sent to its end", async () => {
    const { url } = await serve("--dev");
    const chat = await start(["chat", "ops", "--url", url], { CHAPPE_TOKEN: "backup" });
    chat.type("done");
    chat.type("// and dusted");
    chat.endInput();
    expect(await chat.ended).toEqual({ code: 0, signal: null });
    const reader = await start(["chat", "ops", "--url", url, "--user", "ada"]);
    await shows(reader, /^backup: done\nbackup: \/ and dusted$/m);
  });

  test("a program may write more lines than the outbox holds: all are sent, in order", async () => {
    const { url } = await serve("--dev");
    const chat = await start(["chat", "bulk", "--url", url, "--user", "ada", "--wait", "60000"]);
    const count = 3000;
    chat.type(Array.from({ length: count }, (_, index) => `line ${index + 1}`).join("\n"));
    chat.endInput();
    expect(await chat.ended).toMatchObject({ code: 0 });
    expect(chat.stderr).toBe("");
    const stored = [...chat.stdout.matchAll(/^ {2}\((\d+)\) stored$/gm)].map(([, number]) => Number(number));
    expect(stored).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  });

  test("a program learns by the exit code that a line could not be sent", async () => {
    const { url } = await serve("--dev");
    const chat = await start(["chat", "bulk", "--url", url, "--user", "ada"]);
    chat.type("x".repeat(100_000));
    chat.type("short");
    chat.endInput();
    expect(await chat.ended).toMatchObject({ code: 2 });
    expect(chat.stderr).toBe("chappe chat: 1 message was not stored\n");
  });

  test("what could not be stored in time is told", async () => {
    const chat = await start(["chat", "ops", "--url", "ws://127.0.0.1:9/", "--user", "ada", "--wait", "50"]);
    chat.type("nobody listens");
    chat.endInput();
    expect(await chat.ended).toEqual({ code: 2, signal: null });
    const line = "chappe chat: --url 'ws://127.0.0.1:9/': connection refused; 1 message was not stored\n";
    expect(chat.stderr).toBe(line);
  });

  test("a token that is not accepted, and a room that may not be entered, end it", async () => {
    const { url } = await serve("--tokens", temporary("tokens.json", '{"good": "ada"}'));
    const eve = await start(["chat", "lobby", "--url", url], { CHAPPE_TOKEN: "bad" });
    expect(await eve.ended).toEqual({ code: 2, signal: null });
    expect(eve.stderr).toMatch(/^chappe chat: the token is not accepted: UNAUTHENTICATED: .+\n$/);
    const ada = await start(["chat", "@bob", "--url", url, "--token-file", temporary("token", "good\n")]);
    expect(await ada.ended).toEqual({ code: 2, signal: null });
    expect(ada.stderr).toMatch(/^chappe chat: the room is closed to you: ROOM_UNAVAILABLE\b.*\n$/);
  });
});
