/**
 * Everybody comes back at once: a relay drops all of its clients, they publish while it is gone, and all come back to the next one. CHAPPE_HERD
 * says how many. Nothing is lost, nothing comes twice; how long it took is told.
 */

import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { Client } from "../../src/client/client.ts";
import type { WebSocketConstructor } from "../../src/client/transport.ts";
import { nodeClock, nodeRandom } from "../../src/node/host.ts";
import { MemoryBroker } from "../../src/relay/memory-broker.ts";
import { startRelay } from "../support/relay-server.ts";

const herd = Number(process.env["CHAPPE_HERD"] ?? 200);
const perRoom = 20;

test(`${herd} clients that are dropped at once come back, and nothing is lost`, { timeout: 60_000 + 100 * herd }, async () => {
  const broker = new MemoryBroker({ clock: nodeClock(), random: nodeRandom, maxRooms: herd + 10 });
  const first = await startRelay({ broker });
  const webSocket = WebSocket as unknown as WebSocketConstructor;
  const clients = Array.from({ length: herd }, (_, i) => new Client({ url: first.url, token: `user ${i}`, webSocket }));
  const roomOf = (i: number): string => `room ${Math.floor(i / perRoom)}`;
  const seen = clients.map(() => [] as string[]);
  clients.forEach((client, i) => {
    client.on("message", ({ content }) => void seen[i]?.push(content?.text ?? ""));
    client.start();
  });
  await Promise.all(clients.map((client, i) => client.room(roomOf(i)).join()));
  // A log in which nothing was ever stored need not outlive those that have it open (LOG-3).
  for (let i = 0; i < herd; i += perRoom) await clients[i]?.publish(roomOf(i), "before");

  first.close();
  first.relay.close();
  const stored = clients.map((client, i) => client.publish(roomOf(i), `from ${i}`));
  const since = performance.now();
  const second = await startRelay({ broker }, {}, first.port);
  await Promise.all(stored);
  console.log(
    `${herd} clients: all are back, and what they wrote meanwhile is stored, after ${Math.round(performance.now() - since)} ms`,
  );

  const expected = (i: number): string[] => {
    const from = Math.floor(i / perRoom) * perRoom;
    return ["before", ...Array.from({ length: Math.min(perRoom, herd - from) }, (_, k) => `from ${from + k}`).sort()];
  };
  for (const [i] of clients.entries()) {
    await expect.poll(() => seen[i]?.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(expected(i).length);
    expect([...(seen[i] ?? [])].sort()).toEqual(expected(i));
  }
  // All go on where they were. One whose connection came to nothing in the crowd has come twice.
  const { resumed = 0, ...others } = second.relay.measures().joined;
  expect(resumed).toBeGreaterThanOrEqual(herd);
  expect(Object.values(others).every((count) => count === 0)).toBe(true);
  await Promise.all(clients.map((client) => client.close()));
  second.close();
});
