// @ts-check
/**
 * One server of the benchmark, in a process of its own: `node --expose-gc server.js SYSTEM`. It tells its port, and answers `usage` with its
 * CPU time and memory.
 *
 * Each passes on what a client publishes in a room to all in the room, or answers a request: Chappe with all that it does for that, the bare
 * ones with a buffer that is ready, or with what JSON makes of a message for each receiver, as is common.
 */

import { createServer } from "node:http";
import { attachRelay, nodeClock, nodeRandom } from "chappe/node";
import { MemoryBroker, Relay } from "chappe/relay";
import { Server } from "socket.io";
import msgpackParser from "socket.io-msgpack-parser";
import { WebSocketServer } from "ws";
import { content } from "./content.js";

const system = process.argv[2] ?? "";
const http = createServer();

/** @type {Readonly<Record<string, () => unknown>>} */
const systems = {
  chappe: async () => {
    const host = { clock: nodeClock(), random: nodeRandom };
    const broker = new MemoryBroker({ ...host, maxRoomsPerUser: 100_000 });
    const relay = new Relay({ ...host, broker, authenticate: ({ token }) => ({ user: token }) });
    await attachRelay(http, relay, { maxConnections: 100_000 });
  },
  ws: () => bare(Buffer.from(content), Buffer.from("ok")),
  "ws-json": () => {
    const server = new WebSocketServer({ server: http, perMessageDeflate: false });
    let offset = 0;
    server.on("connection", (socket) => {
      socket.on("message", (data) => {
        const { type, id, text } = JSON.parse(data.toString());
        offset++;
        if (type === "request") socket.send(JSON.stringify({ type: "ack", id, offset }));
        else for (const client of server.clients) client.send(JSON.stringify({ type: "chat", id, offset, from: "ada", text }));
      });
    });
  },
  "socket.io": () => socketIo(undefined),
  "socket.io-msgpack": () => socketIo(msgpackParser),
};

/** @param {Buffer} ready @param {Buffer} answer */
function bare(ready, answer) {
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      // One byte says what it is: a request, or a chat for all.
      if (/** @type {Buffer} */ (data)[0] === 0x72) socket.send(answer);
      else for (const client of server.clients) client.send(ready);
    });
  });
}

/** @param {object | undefined} parser */
function socketIo(parser) {
  const server = new Server(http, {
    transports: ["websocket"],
    perMessageDeflate: false,
    ...(parser !== undefined && { parser }),
  });
  let offset = 0;
  server.on("connection", (socket) => {
    socket.join("room");
    socket.on(
      "chat",
      (/** @type {string} */ text) => void server.to("room").emit("chat", { offset: ++offset, from: "ada", text }),
    );
    socket.on("request", (/** @type {string} */ _text, /** @type {(answer: object) => void} */ answer) =>
      answer({ offset: ++offset }),
    );
  });
}

const start = systems[system];
if (start === undefined) throw new Error(`there is no system ${system}`);
await start();
http.listen(0, "127.0.0.1", () => process.send?.({ port: /** @type {import("node:net").AddressInfo} */ (http.address()).port }));
process.on("message", (what) => {
  if (what !== "usage") process.exit(0);
  globalThis.gc?.();
  const { user, system: kernel } = process.cpuUsage();
  process.send?.({ cpuMicros: user + kernel, rss: process.memoryUsage.rss() });
});
process.on("disconnect", () => process.exit(0));
