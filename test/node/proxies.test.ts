/** nginx and HAProxy with the files of examples/deploy before two real relays; only paths and ports are others. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { parse } from "../../src/node/cli/command.ts";
import { serve } from "../../src/node/cli/serve.ts";
import { settingsOf } from "../../src/node/cli/settings.ts";
import { certificate } from "../support/certificate.ts";
import { Peer } from "../support/relay-server.ts";
import { Spawned } from "../support/spawned-cli.ts";

const deploy = new URL("../../examples/deploy/", import.meta.url);
const isMissing = (command: string): boolean => {
  const missing = spawnSync(command, ["-v"]).status !== 0;
  if (missing && process.env["CI"]) throw new Error(`${command} is missing: install Debian's package of this name`);
  return missing;
};

const running: (Spawned | ChildProcess)[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) {
    // The workers of nginx end with it where it may say so.
    each.kill(each instanceof Spawned ? "SIGKILL" : "SIGTERM");
    if (!(each instanceof Spawned) && each.exitCode === null) await once(each, "exit");
  }
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}

interface Relay {
  readonly spawned: Spawned;
  readonly port: number;
  readonly adminPort: number;
}

async function relay(...args: readonly string[]): Promise<Relay> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const ports = ["--port", String(port), "--admin-port", String(adminPort)];
  const spawned = await Spawned.start(["serve", "--dev", "--trusted-proxy", "127.0.0.1", ...ports, ...args]);
  running.push(spawned);
  await expect.poll(() => spawned.stdout, { timeout: 10_000 }).toContain("\n");
  return { spawned, port, adminPort };
}

/** Starts the proxy with its file. @returns the URL behind which the relays are, and their certificate. */
async function proxy(name: "nginx" | "haproxy", relays: readonly Relay[]): Promise<{ url: string; ca: string }> {
  const dir = mkdtempSync(join(tmpdir(), "chappe-"));
  const { certFile, keyFile, cert } = await certificate();
  writeFileSync(join(dir, "chappe.pem"), `${cert}\n${readFileSync(keyFile, "utf8")}`);
  const port = await freePort();
  const [one, two] = relays as [Relay, Relay];
  const changes: readonly (readonly [string, string])[] = [
    ["/etc/chappe/cert.pem", certFile],
    ["/etc/chappe/key.pem", keyFile],
    ["/etc/chappe/", `${dir}/`],
    ["/var/log/", `${dir}/`],
    ["/run/", `${dir}/`],
    ["listen 443", `listen 127.0.0.1:${port}`],
    ["bind :443", `bind 127.0.0.1:${port}`],
    ["127.0.0.1:7900", `127.0.0.1:${one.port}`],
    ["127.0.0.1:7901", `127.0.0.1:${two.port}`],
    ["port 9100", `port ${one.adminPort}`],
    ["port 9101", `port ${two.adminPort}`],
  ];
  const path = name === "nginx" ? "nginx.conf" : "haproxy.cfg";
  let text = readFileSync(new URL(path, deploy), "utf8");
  for (const [from, to] of changes) text = text.replaceAll(from, to);
  const file = join(dir, path);
  writeFileSync(file, text);
  const args = name === "nginx" ? ["-c", file, "-g", "daemon off;"] : ["-f", file, "-db"];
  const child = spawn(name, args, { stdio: "ignore" });
  running.push(child);
  const url = `wss://127.0.0.1:${port}/`;
  await expect.poll(() => attempt(url, cert), { timeout: 10_000 }).toBe("open");
  return { url, ca: cert };
}

/** "open", or the status or error instead. */
function attempt(url: string, ca: string, from = "192.0.2.1"): Promise<string> {
  return new Promise((resolve) => {
    const ws = new WebSocket(url, "chappe.v1", { ca, headers: { "X-Forwarded-For": from } });
    ws.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    ws.on("open", () => {
      ws.terminate();
      resolve("open");
    });
  });
}

describe.each(["nginx", "haproxy"] as const)("%s", (name) => {
  const skip = isMissing(name);

  test.skipIf(skip)("passes frames of all lengths, pings, and the code of a close", async () => {
    const relays = [await relay("--rate", "0"), await relay("--rate", "0")];
    const { url, ca } = await proxy(name, relays);
    const peer = await Peer.open(url, "binary", {}, ca);
    peer.hello("ada");
    await peer.next("welcome");
    peer.send("join", { name: "lobby" }, 1);
    const { room } = await peer.next("joined");
    const value = "é".repeat(30_000);
    peer.send("publish", { room, seq: 1n, id: new Uint8Array(16).fill(1), content: { body: { case: "text", value } } });
    expect((await peer.next("chat")).content?.body.value).toBe(value);
    peer.send("ping", { timeMs: 5n });
    expect(await peer.next("pong")).toMatchObject({ echoMs: 5n });
    peer.raw(new Uint8Array([0xff]));
    expect(await peer.closed).toEqual({ code: 4102, reason: "FRAME_TRUNCATED" });
  });

  test.skipIf(skip)("tells the relay from where a client comes", async () => {
    const relays = [await relay("--attempts", "1"), await relay("--attempts", "1")];
    const { url, ca } = await proxy(name, relays);
    const outcomes = await Promise.all(Array.from({ length: 40 }, () => attempt(url, ca, "192.0.2.9")));
    // Ten at once for each of two relays, and one per second after.
    expect(outcomes.filter((outcome) => outcome === "open").length).toBeLessThanOrEqual(30);
    expect(new Set(outcomes)).toEqual(new Set(["open", "Unexpected server response: 429"]));
    expect(await attempt(url, ca, "192.0.2.10")).toBe("open");
  });

  test.skipIf(skip)("goes on with the other relay where one ends", async () => {
    const relays = [await relay("--drain", "100"), await relay("--drain", "100")] as const;
    const { url, ca } = await proxy(name, relays);
    relays[0].spawned.kill("SIGTERM");
    await relays[0].spawned.ended;
    // Within a second it is seen to be gone.
    await expect.poll(() => attempt(url, ca), { timeout: 10_000 }).toBe("open");
    await sleep(1500);
    for (let i = 0; i < 10; i++) expect(await attempt(url, ca)).toBe("open");
  });
});

test("the settings of the example are settings", async () => {
  const file = new URL("relay.json", deploy).pathname;
  const io = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: {} };
  const given = await settingsOf(serve, parse(serve, ["--config", file]), io);
  expect([given.number("port"), given.texts("origin")]).toEqual([7900, ["https://chat.example.org"]]);
});
