/** `chappe serve --admin-port`: metrics, report, health and readiness, of a real process. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { metricTable } from "../../../src/node/metrics.ts";
import { Peer } from "../../support/relay-server.ts";
import { Spawned } from "../../support/spawned-cli.ts";

const canary = "canary-7f3a";

async function serve(...args: string[]): Promise<{ relay: Spawned; url: string; admin: string }> {
  const relay = await Spawned.start(["serve", "--dev", "--port", "0", "--admin-port", "0", "--drain", "3000", ...args]);
  while (!relay.stdout.includes("\n")) await sleep(5);
  const url = /ws:\S+/.exec(relay.stdout)?.[0] ?? "";
  const port = /"administration".*"port":(\d+)/.exec(relay.stderr)?.[1];
  return { relay, url, admin: `http://127.0.0.1:${port}` };
}

test("metrics are those of the table, each with its meaning, and count what is done", async () => {
  const { relay, url, admin } = await serve();
  const peer = await Peer.open(url);
  peer.send("hello", { session: new Uint8Array(16), attempt: 1n, token: canary, creditBytes: 1_000_000n });
  await peer.next("welcome");
  peer.send("join", { name: `room-${canary}` }, 1);
  const { room } = await peer.next("joined");
  const content = { body: { case: "text" as const, value: canary } };
  peer.send("publish", { room, seq: 1n, id: new Uint8Array(16).fill(1), content });
  await peer.next("ack");
  const answer = await fetch(`${admin}/metrics`);
  expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const text = await answer.text();
  for (const { name, type, help } of metricTable) expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
  const lines = text.split("\n");
  for (const line of [
    "chappe_connections 1",
    "chappe_users 1",
    "chappe_rooms 1",
    'chappe_joins_total{verdict="fresh"} 1',
    'chappe_publishes_total{outcome="stored"} 1',
    'chappe_frames_received_total{type="publish"} 1',
    "chappe_publish_seconds_count 1",
    'chappe_publish_seconds_bucket{le="+Inf"} 1',
    'chappe_broker_seconds_count{call="producer"} 1',
  ])
    expect(lines).toContain(line);
  expect(text).toContain("process_resident_memory_bytes");
  const report = await (await fetch(`${admin}/report`)).json();
  expect(report).toMatchObject({ now: { connections: 1 }, recommendations: [] });
  // Nothing that people write or are named by is told.
  expect(text + JSON.stringify(report)).not.toContain(canary);
  relay.kill("SIGKILL");
  await relay.ended;
});

test("every metric is in the documentation, as the table has it", () => {
  const text = readFileSync(new URL("../../../docs/operations.md", import.meta.url), "utf8");
  for (const { name, type, labels, help } of metricTable)
    expect(text).toContain(`| \`${name}${labels.length > 0 ? `{${labels.join(", ")}}` : ""}\` | ${type} | ${help} |`);
});

test("ready until it drains; healthy until it ends; other paths and methods are told what there is", async () => {
  const { relay, url, admin } = await serve();
  const status = async (path: string, init: RequestInit = {}): Promise<number> => (await fetch(admin + path, init)).status;
  expect([await status("/health"), await status("/ready"), await status("/ready?x=1")]).toEqual([200, 200, 200]);
  expect([await status("/"), await status("/__proto__"), await status("/ready", { method: "POST" })]).toEqual([404, 404, 405]);
  expect(await (await fetch(`${admin}/x`)).text()).toBe("there is /metrics, /health, /ready, /report\n");
  // A client that stays keeps it draining.
  const peer = await Peer.open(url);
  peer.send("hello", { session: new Uint8Array(16), attempt: 1n, token: "ada", creditBytes: 1n });
  await peer.next("welcome");
  relay.kill("SIGTERM");
  await peer.next("goodbye");
  expect([await status("/health"), await status("/ready")]).toEqual([200, 503]);
  peer.ws.close();
  expect(await relay.ended).toEqual({ code: 0, signal: null });
});

test("a port that is in use: one line, exit code 2", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const relay = await Spawned.start(["serve", "--dev", "--port", "0", "--admin-port", String(port)]);
  expect(await relay.ended).toEqual({ code: 2, signal: null });
  expect(relay.stderr).toMatch(/^chappe serve: --admin-port '\d+': the port is in use\n$/);
  taken.close();
});
