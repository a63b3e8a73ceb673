/**
 * A client with an outbox in a file is killed at random moments, again and again: by the logs of the client and of one that looks on, nothing
 * that was told to be kept is lost, doubled or out of order. CHAPPE_KILLS says how often.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { Client } from "../../src/client/client.ts";
import { writeClientLog } from "../../src/client/log.ts";
import type { WebSocketConstructor } from "../../src/client/transport.ts";
import { nodeClock, nodeRandom } from "../../src/node/host.ts";
import { MemoryBroker } from "../../src/relay/memory-broker.ts";
import { Rng } from "../sim/random.ts";
import { cli } from "../support/cli.ts";
import { startRelay } from "../support/relay-server.ts";

const kills = Number(process.env["CHAPPE_KILLS"] ?? 8);
const script = join(fileURLToPath(import.meta.url), "../killed-client.js");

test(`a client that is killed ${kills} times loses nothing, and doubles nothing`, {
  timeout: 20_000 + 2000 * kills,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), "chappe-kills-"));
  const [outbox, log, seen] = [join(directory, "outbox"), join(directory, "ada.jsonl"), join(directory, "bob.jsonl")];
  const broker = new MemoryBroker({ clock: nodeClock(), random: nodeRandom, retention: { maxEntries: 1_000_000 } });
  const relay = await startRelay({ broker });
  const watcher = new Client({ url: relay.url, token: "bob", webSocket: WebSocket as unknown as WebSocketConstructor });
  const ended = writeClientLog(watcher, "bob", (line) => appendFileSync(seen, line));
  watcher.start();
  await watcher.room("mine").join();
  const run = (...more: string[]) =>
    spawn(process.execPath, [script, relay.url, outbox, log, ...more], { stdio: ["ignore", "pipe", "inherit"] });

  const rng = new Rng(1, "kills");
  for (let i = 0; i < kills; i++) {
    const child = run();
    await once(child.stdout, "data");
    await sleep(rng.int(0, 120));
    child.kill("SIGKILL");
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
  }
  expect(await once(run("last"), "exit")).toEqual([0, null]);
  await watcher.close();
  ended();
  const { code, stdout } = await cli(["check", log, seen]);
  console.log(`${kills} kills: ${stdout}`);
  expect(code).toBe(0);
  const [, publishes = ""] = /^clients 2, records \d+, publishes (\d+), open 0, messages \d+; violations 0$/m.exec(stdout) ?? [];
  expect(Number(publishes)).toBeGreaterThan(kills);
  relay.close();
  await rm(directory, { recursive: true });
});
