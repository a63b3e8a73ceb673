/**
 * A relay with its logs on disk is killed at random moments, under load, and started again: by the logs of its clients nothing that was told
 * to be stored is lost, doubled or out of order, and the epoch of a log with an entry does not change. CHAPPE_KILLS says how often.
 */

import { appendFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { Client } from "../../src/client/client.ts";
import { writeClientLog } from "../../src/client/log.ts";
import type { WebSocketConstructor } from "../../src/client/transport.ts";
import { Rng } from "../sim/random.ts";
import { cli } from "../support/cli.ts";
import { Spawned } from "../support/spawned-cli.ts";

const kills = Number(process.env["CHAPPE_KILLS"] ?? 5);
const names = ["ada", "bob", "cyd", "dan"];

/** Bounds the messages of a client that wait for their outcome: the relay is down for most of the test, and the load waits for it then. */
const maxOpen = 500;

/** Starts the relay, on a port that is free where it is 0. */
async function start(data: string, port: number): Promise<Spawned> {
  const relay = await Spawned.start([
    "serve",
    "--dev",
    "--data",
    data,
    "--port",
    `${port}`,
    "--retention",
    "1000000",
    "--rate",
    "0",
    "--user-rate",
    "0",
    "--log",
    "error",
  ]);
  while (!relay.stdout.includes("\n")) await sleep(5);
  return relay;
}

test(`a relay that is killed ${kills} times loses nothing, and doubles nothing`, {
  timeout: 30_000 + 2000 * kills,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), "chappe-relay-kills-"));
  const data = join(directory, "data");
  let relay = await start(data, 0);
  const url = /ws:\S+/.exec(relay.stdout)?.[0] ?? "";
  const port = Number(new URL(url).port);
  const logs: string[] = [];
  const verdicts: string[] = [];
  const clients = names.map((name) => {
    const log = join(directory, `${name}.jsonl`);
    logs.push(log);
    const webSocket = WebSocket as unknown as WebSocketConstructor;
    const client = new Client({
      url,
      token: name,
      webSocket,
      backoff: { base: 10, cap: 50, breakAfter: 1000 },
    });
    const ended = writeClientLog(client, name, (line) => appendFileSync(log, line));
    client.on("joined", ({ verdict }) => void verdicts.push(verdict));
    client.start();
    return { client, ended };
  });
  await Promise.all(clients.map(({ client }) => client.room("ours").join()));
  // The epoch of a log in which nothing was ever stored is not kept (LOG-3).
  await clients[0]?.client.room("ours").publish("the first");

  const rng = new Rng(1, "relay-kills");
  let publishes = 1;
  let isLoad = true;
  const load = clients.map(async ({ client }) => {
    let open = 0;
    const settle = () => {
      open--;
    };
    while (isLoad) {
      for (let i = rng.int(1, 8); i > 0 && open < maxOpen; i--) {
        publishes++;
        open++;
        client.room("ours").publish(`message ${publishes}`).then(settle, settle);
      }
      await sleep(rng.int(1, 5));
    }
  });
  for (let i = 0; i < kills; i++) {
    await sleep(rng.int(20, 250));
    relay.kill("SIGKILL");
    await relay.ended;
    relay = await start(data, port);
  }
  isLoad = false;
  await Promise.all(load);
  await Promise.all(clients.map(({ client }) => client.flush()));
  const last = await Promise.all(clients.map(({ client }) => client.room("ours").history({ limit: 1 })));
  await sleep(100);
  for (const { client, ended } of clients) {
    await client.close();
    ended();
  }
  relay.kill("SIGTERM");
  expect([await relay.ended, relay.stderr]).toEqual([{ code: 0, signal: null }, ""]);
  const { code, stdout } = await cli(["check", ...logs]);
  console.log(`${kills} kills of the relay: ${stdout}`);
  expect(code).toBe(0);
  expect(stdout).toContain(`publishes ${publishes}, open 0,`);
  expect(verdicts).not.toContain("reset");
  for (const { messages } of last) expect(messages[0]?.offset).toBe(publishes);
  await rm(directory, { recursive: true });
});
