// @ts-check
/**
 * A client with an outbox in a file, which publishes until it is killed.
 *
 *   node killed-client.js URL OUTBOX LOG [last]      `last`: publishes nothing, empties the outbox, and ends.
 */

import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, writeClientLog } from "chappe/client";
import { FileStorage } from "chappe/node";
import { WebSocket } from "ws";

const [url = "", outbox = "", log = "", last] = process.argv.slice(2);
const storage = new FileStorage(outbox, { sync: "never" });
const webSocket = /** @type {import("chappe/client").WebSocketConstructor} */ (/** @type {unknown} */ (WebSocket));
const client = new Client({ url, token: "ada", storage, webSocket, backoff: { base: 20, cap: 200 } });
const end = writeClientLog(client, "ada", (line) => appendFileSync(log, line));
client.start();
const room = client.room("mine");
if (last === undefined) {
  room.join().catch(() => undefined);
  process.stdout.write("started\n");
  for (let i = 0; ; i++) {
    room.publish(`${process.pid} ${i}`).catch(() => undefined);
    await sleep(i % 3);
  }
} else {
  await room.join();
  await client.flush();
  await client.close();
  end();
  await storage.close();
}
