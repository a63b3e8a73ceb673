/**
 * Clients and a relay over real sockets, with a network between them that cuts, delays, splits, merges and goes silent: what the clients
 * were told keeps the promises, by the checker of logs, and everything arrives.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Client } from "../../src/client/client.ts";
import { clientRecords } from "../../src/client/log.ts";
import type { WebSocketConstructor } from "../../src/client/transport.ts";
import { LogChecker } from "../../src/conformance/log-checker.ts";
import { parseLogRecord } from "../../src/conformance/log-record.ts";
import { nodeClock, nodeRandom } from "../../src/node/host.ts";
import { MemoryBroker } from "../../src/relay/memory-broker.ts";
import { Rng } from "../sim/random.ts";
import { FaultProxy, fair } from "../support/fault-proxy.ts";
import { startRelay } from "../support/relay-server.ts";

const room = "tunnel";
const users = ["ada", "grace", "alan"];
/** Of each user. */
const messages = 120;

/** What a network does to the connections there are, and to those to come; @returns whether it hit anything. */
type Fault = (proxy: FaultProxy, rng: Rng) => Promise<boolean>;

const faults: Readonly<Record<string, Fault>> = {
  cut: async (proxy) => proxy.cut() > 0,
  delay: async (proxy, rng) => {
    proxy.weather = { delayMs: rng.int(5, 60), pieces: "whole" };
    await sleep(rng.int(100, 300));
    return true;
  },
  "one byte per segment": async (proxy, rng) => {
    proxy.weather = { delayMs: 0, pieces: "bytes" };
    await sleep(rng.int(100, 300));
    return true;
  },
  coalesced: async (proxy, rng) => {
    proxy.weather = { delayMs: rng.int(20, 80), pieces: "coalesced" };
    await sleep(rng.int(100, 300));
    return true;
  },
  "cut within a frame": async (proxy, rng) => {
    proxy.weather = { delayMs: 0, pieces: "bytes" };
    await sleep(rng.int(5, 60));
    return proxy.cut() > 0;
  },
  "half-open upwards": async (proxy) => proxy.silence("up") > 0,
  "half-open downwards": async (proxy) => proxy.silence("down") > 0,
  "nobody answers": async (proxy, rng) => {
    proxy.isClosed = true;
    const hit = proxy.cut() > 0;
    await sleep(rng.int(50, 200));
    proxy.isClosed = false;
    return hit;
  },
};

/** What is to be closed after a test, in this order. */
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function chat(proxy: FaultProxy, name: string, rng: Rng, checker: LogChecker) {
  const client = new Client({
    url: proxy.url,
    token: name,
    webSocket: WebSocket as unknown as WebSocketConstructor,
    backoff: { base: 20, cap: 200, breakFor: 0 },
    times: { connectTimeout: 1000 },
  });
  let line = 0;
  const end = clientRecords(client, name, (record) => checker.add(parseLogRecord(JSON.stringify(record)), `${name}:${++line}`));
  const shown: string[] = [];
  client.on("message", ({ content }) => shown.push(content?.text ?? ""));
  open.unshift(async () => {
    await client.close();
    end();
  });
  client.start();
  await client.room(room).join();
  const publish = async () => {
    const sent: Promise<unknown>[] = [];
    for (let i = 0; i < messages; i++) {
      sent.push(client.publish(room, `${name} ${i}`));
      if (rng.chance(0.4)) await sleep(rng.int(0, 20));
    }
    await Promise.all(sent);
  };
  return { shown, publish };
}

async function run(seed: number, chosen: readonly Fault[], until: number): Promise<LogChecker> {
  const rng = new Rng(seed, "faults");
  // Who is away long finds all that it has missed.
  const broker = new MemoryBroker({ clock: nodeClock(), random: nodeRandom, retention: { maxEntries: users.length * messages } });
  const relay = await startRelay({ broker, times: { pingAfter: 100, deadAfter: 600 } });
  const proxy = await FaultProxy.start(relay.port);
  open.push(
    () => proxy.close(),
    () => relay.close(),
  );
  const checker = new LogChecker();
  const chats = await Promise.all(users.map((name) => chat(proxy, name, new Rng(seed, name), checker)));
  const published = Promise.all(chats.map(({ publish }) => publish()));
  let hits = 0;
  while (hits < until) {
    if (await rng.pick(chosen)(proxy, rng)) hits++;
    await sleep(rng.int(20, 150));
    proxy.weather = fair;
  }
  await published;
  const expected = users.length * messages;
  while (chats.some(({ shown }) => shown.length < expected)) await sleep(20);
  for (const { shown } of chats) {
    for (const name of users)
      expect(shown.filter((text) => text.startsWith(`${name} `))).toEqual(
        Array.from({ length: messages }, (_, i) => `${name} ${i}`),
      );
  }
  for (const close of open.splice(0, users.length)) await close();
  expect(checker.finish()).toEqual([]);
  return checker;
}

describe("three clients chat through a network that has faults", () => {
  test.each(Object.entries(faults))("%s", { timeout: 30_000 }, async (_, fault) => {
    const { totals } = await run(1, [fault], 4);
    expect(totals).toMatchObject({ clients: 3, publishes: 3 * messages, messages: 9 * messages, open: 0 });
  });

  test.each([1, 2, 3])("all of them, seed %i", { timeout: 60_000 }, async (seed) => {
    const { totals } = await run(seed, Object.values(faults), 20);
    expect(totals).toMatchObject({ clients: 3, publishes: 3 * messages, messages: 9 * messages, open: 0 });
  });
});
