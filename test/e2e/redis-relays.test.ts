/**
 * Relays over one Redis, with real sockets: who is on one talks with who is on another; a client that is cut comes back on another relay; and
 * Redis is killed, started again and frozen under load. By the logs of the clients nothing that was told to be stored is lost, doubled or out of
 * order. CHAPPE_FAULTS says how often.
 */

import { appendFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { EventName } from "../../src/client/checks.ts";
import { Client } from "../../src/client/client.ts";
import { writeClientLog } from "../../src/client/log.ts";
import type { WebSocketConstructor } from "../../src/client/transport.ts";
import { nodeClock, nodeRandom } from "../../src/node/host.ts";
import { RedisBroker } from "../../src/node/redis/broker.ts";
import type { ClientEvents } from "../../src/session/client-events.ts";
import { Rng } from "../sim/random.ts";
import { cli } from "../support/cli.ts";
import { RedisServer, redisMissing } from "../support/redis-server.ts";
import { startRelay } from "../support/relay-server.ts";

const faults = Number(process.env["CHAPPE_FAULTS"] ?? 4);
const host = { clock: nodeClock(), random: nodeRandom };
const webSocket = WebSocket as unknown as WebSocketConstructor;

let server: RedisServer;
let folder = "";

/** A relay of its own process, as far as Redis can tell. */
async function node(prefix: string, port = 0) {
  const broker = await RedisBroker.open({ ...host, url: server.url, prefix, retention: { maxEntries: 1_000_000 } });
  const relay = await startRelay({ broker }, {}, port);
  const stop = async (): Promise<void> => {
    relay.relay.drain({ drainMs: 0, afterMinMs: 0, afterMaxMs: 50 }).catch(() => undefined);
    relay.close();
    await broker.close();
  };
  return { url: relay.url, port: relay.port, stop };
}

function client(url: string | readonly string[], token: string): Client {
  const backoff = { base: 10, cap: 100, breakAfter: 1000 };
  const made = new Client({ url, token, webSocket, backoff, outbox: { maxEntries: 100_000 } });
  made.start();
  return made;
}

/** Resolves with the next event that is as wanted. */
function next<K extends EventName>(of: Client, name: K, isIt: (event: ClientEvents[K]) => boolean): Promise<ClientEvents[K]> {
  return new Promise((resolve) => {
    const listener = (event: ClientEvents[K]): void => {
      if (!isIt(event)) return;
      off();
      resolve(event);
    };
    const off = of.on(name, listener as never);
  });
}

describe.skipIf(redisMissing !== undefined)("over one Redis", () => {
  beforeAll(async () => {
    server = await RedisServer.start(["--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
    folder = await mkdtemp(join(tmpdir(), "chappe-redis-relays-"));
  });

  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });

  describe("two relays", () => {
    test("messages, receipts, typing, presence, signals and members pass between them", async () => {
      const nodes = [await node("two"), await node("two")];
      const [ada, bob] = nodes.map(({ url }, i) => client(url, ["ada", "bob"][i] ?? "")) as [Client, Client];
      const [hers, his] = [ada.room("lobby"), bob.room("lobby")];
      await hers.join();
      const entered = next(ada, "members", ({ entered: users }) => users.some(({ user }) => user === "bob"));
      await his.join();
      await entered;
      const heard = next(bob, "message", ({ content }) => content?.text === "hello");
      const stored = await hers.publish("hello");
      expect((await heard).offset).toBe(stored.offset);
      const read = next(ada, "receipt", ({ marks }) => marks.some((mark) => mark.user === "bob" && mark.read === stored.offset));
      his.markRead(stored.offset);
      await read;
      const typing = next(bob, "typing", ({ users }) => users.includes("ada"));
      hers.typing();
      await typing;
      const seen = next(ada, "presence", ({ marks }) => marks.some((mark) => mark.user === "bob" && mark.state === "online"));
      await ada.watch(["bob"]);
      bob.setPresence({ state: "online" });
      await seen;
      const signalled = next(bob, "signal", ({ name }) => name === "wave");
      hers.signal("wave", "now");
      await signalled;
      for (const each of [ada, bob]) await each.close();
      for (const each of nodes) await each.stop();
    });

    test("a client that is cut goes on at the other, where it was (RES-2)", async () => {
      const nodes = [await node("resume"), await node("resume")];
      const urls = nodes.map(({ url }) => url);
      const [ada, bob] = [client(urls, "ada"), client([...urls].reverse(), "bob")];
      await ada.room("lobby").join();
      await bob.room("lobby").join();
      await ada.room("lobby").publish("one");
      const back = next(ada, "joined", () => true);
      const heard: (string | undefined)[] = [];
      ada.on("message", ({ content }) => void heard.push(content?.text));
      await nodes[0]?.stop();
      const sent = [ada.room("lobby").publish("two"), bob.room("lobby").publish("three")];
      expect(await back).toMatchObject({ verdict: "resumed", room: "lobby" });
      await Promise.all(sent);
      while (heard.length < 2) await sleep(5);
      expect([...heard].sort()).toEqual(["three", "two"]);
      for (const each of [ada, bob]) await each.close();
      await nodes[1]?.stop();
    });
  });

  test(`three relays, and ${faults} faults of Redis and of relays under load: nothing is lost or doubled`, {
    timeout: 60_000 + 4000 * faults,
  }, async () => {
    const rng = new Rng(1, "redis-faults");
    const nodes = [await node("load"), await node("load"), await node("load")];
    const urls = nodes.map(({ url }) => url);
    const logs: string[] = [];
    const clients = ["ada", "bob", "cyd", "dan"].map((name, i) => {
      const log = join(folder, `${name}.jsonl`);
      logs.push(log);
      const made = client([...urls.slice(i % 3), ...urls.slice(0, i % 3)], name);
      const ended = writeClientLog(made, name, (line) => appendFileSync(log, line));
      return { client: made, ended };
    });
    await Promise.all(clients.map((each) => each.client.room("ours").join()));
    let publishes = 0;
    let isLoad = true;
    const load = clients.map(async (each) => {
      while (isLoad) {
        for (let i = rng.int(1, 4); i > 0; i--) {
          publishes++;
          each.client
            .room("ours")
            .publish(`message ${publishes}`)
            .catch(() => undefined);
        }
        await sleep(rng.int(2, 10));
      }
    });
    for (let i = 0; i < faults; i++) {
      await sleep(rng.int(100, 400));
      const what = i % 3;
      if (what === 0) {
        await server.kill();
        await sleep(rng.int(0, 200));
        await server.restart();
      } else if (what === 1) {
        server.signal("SIGSTOP");
        await sleep(rng.int(50, 500));
        server.signal("SIGCONT");
      } else {
        const at = rng.int(0, 2);
        const { port } = nodes[at] ?? {};
        await nodes[at]?.stop();
        nodes[at] = await node("load", port);
      }
    }
    isLoad = false;
    await Promise.all(load);
    await Promise.all(clients.map((each) => each.client.flush()));
    await sleep(500);
    for (const each of clients) {
      await each.client.close();
      each.ended();
    }
    const { code, stdout } = await cli(["check", ...logs]);
    console.log(`${faults} faults of Redis and relays: ${stdout}`);
    expect(code).toBe(0);
    expect(stdout).toContain(`publishes ${publishes}, open 0,`);
    for (const each of nodes) await each.stop();
  });
});
