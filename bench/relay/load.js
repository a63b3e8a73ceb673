// @ts-check
/** The load of one round, in a process of its own: connects all, says so, and on `go` does what the scenario says, for its time. */

import { clients } from "./clients.js";

/** @type {{ kind: string, system: string, port: number, members: number, inFlight: number, seconds: number }} */
const { kind, system, port, members, inFlight, seconds } = JSON.parse(process.argv[2] ?? "{}");
const make = clients[system];
if (make === undefined) throw new Error(`there is no system ${system}`);

let ready = 0;
let count = 0;
let isOver = false;
let endsAt = 0;
let began = 0;
/** Of a sample: latencies of deliveries or answers, in ms. @type {number[]} */
const latencies = [];
/** When the n-th chat was published, and how many have it. @type {number[]} */
const publishedAt = [];
/** @type {number[]} */
const deliveries = [];
let published = 0;

/** @type {(() => void)[]} */
const waits = [];
/** @param {number} index */
function connectOne(index) {
  let askedAt = 0;
  const client = make?.(
    port,
    index,
    {
      ready: () => {
        ready++;
        waits.shift()?.();
      },
      chat: (n) => {
        if (kind !== "fanout" || isOver) return;
        count++;
        if ((count & 15) === 0) latencies.push(performance.now() - (publishedAt[n] ?? 0));
        const have = (deliveries[n] ?? 0) + 1;
        deliveries[n] = have;
        if (have === members) {
          if (performance.now() >= endsAt) finish();
          else publish();
        }
      },
      answer: () => {
        if (kind !== "request" || isOver) return;
        count++;
        const now = performance.now();
        latencies.push(now - askedAt);
        if (now >= endsAt) finish();
        else {
          askedAt = now;
          client?.request();
        }
      },
    },
    kind === "request" ? `room ${index}` : "room",
  );
  return {
    client,
    ask: () => {
      askedAt = performance.now();
      client?.request();
    },
  };
}

const all = [];
for (let i = 0; i < members; i++) {
  all.push(connectOne(i));
  // No more than a listener's backlog at a time.
  if (i % 100 === 99) while (ready < i - 50) await new Promise((resolve) => void waits.push(() => resolve(undefined)));
}
while (ready < members) await new Promise((resolve) => void waits.push(() => resolve(undefined)));
process.send?.({ ready });

function publish() {
  publishedAt[published++] = performance.now();
  all[0]?.client?.publish();
}

function finish() {
  if (isOver) return;
  isOver = true;
  const elapsed = (performance.now() - began) / 1000;
  latencies.sort((a, b) => a - b);
  /** @param {number} part */
  const quantile = (part) => latencies[Math.floor(part * latencies.length)] ?? 0;
  process.send?.({ count, perSecond: count / elapsed, p50ms: quantile(0.5), p99ms: quantile(0.99) });
}

process.once("message", () => {
  began = performance.now();
  endsAt = began + seconds * 1000;
  if (kind === "fanout") for (let i = 0; i < inFlight; i++) publish();
  else if (kind === "request") for (const { ask } of all) ask();
  // What is idle is looked at once nothing moves any more.
  else setTimeout(() => process.send?.({ count: 0 }), 2000);
});
