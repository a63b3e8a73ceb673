#!/usr/bin/env node
// @ts-check
/**
 * The relay beside its peers: server and load in processes of their own, one system after the other in turns, medians of the rounds.
 *
 *   npm run bench:relay                        all scenarios
 *   npm run bench:relay -- fanout idle         those whose names begin so
 *   npm run bench:relay -- --json FILE         rows { scenario, system, perSecond, p50ms, p99ms, cpuMicros, bytes }
 *   npm run bench:relay -- --rounds 3 --seconds 2
 */

import { fork, spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bench } from "./paths.js";

const systems = ["ws", "ws-json", "socket.io", "socket.io-msgpack", "chappe"];
const scenarios = [
  { name: "fanout-1000-inflight-16", kind: "fanout", members: 1000, inFlight: 16 },
  { name: "fanout-1000-inflight-1", kind: "fanout", members: 1000, inFlight: 1 },
  { name: "request-ack-200", kind: "request", members: 200, inFlight: 1 },
  { name: "idle-5000", kind: "idle", members: 5000, inFlight: 0 },
  { name: "fanout-10-inflight-16", kind: "fanout", members: 10, inFlight: 16 },
  { name: "fanout-100-inflight-16", kind: "fanout", members: 100, inFlight: 16 },
  { name: "fanout-5000-inflight-16", kind: "fanout", members: 5000, inFlight: 16 },
];
const usual = 4;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "string" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "2" },
  },
});
const chosen = scenarios.filter(({ name }, i) =>
  positionals.length === 0 ? i < usual : positionals.some((word) => name.startsWith(word)),
);
if (chosen.length === 0) {
  console.error(`bench:relay: there is no such scenario: ${scenarios.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
if (!existsSync(join(bench, "node_modules/socket.io"))) {
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: bench, stdio: "inherit" });
  if (status !== 0) process.exit(1);
}

/** @param {import("node:child_process").ChildProcess} child @returns {Promise<any>} */
const told = (child) =>
  new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`a process of the benchmark has ended with ${code}`)));
  });

/** @param {string} system @param {(typeof scenarios)[number]} scenario */
async function round(system, scenario) {
  const server = fork(join(bench, "relay/server.js"), [system], { execArgv: ["--expose-gc"] });
  const { port } = await told(server);
  const usage = () => {
    server.send("usage");
    return told(server);
  };
  const before = await usage();
  const load = fork(join(bench, "relay/load.js"), [
    JSON.stringify({ ...scenario, system, port, seconds: Number(values.seconds) }),
  ]);
  await told(load);
  const during = await usage();
  load.send("go");
  const result = await told(load);
  const after = await usage();
  for (const child of [load, server]) {
    child.removeAllListeners("exit");
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
  const idle = scenario.kind === "idle" ? { bytes: (after.rss - before.rss) / scenario.members } : {};
  return { ...result, ...idle, cpuMicros: result.count > 0 ? (after.cpuMicros - during.cpuMicros) / result.count : undefined };
}

/** @param {number[]} all */
const median = (all) => all.sort((a, b) => a - b)[all.length >> 1] ?? 0;

/** @type {Record<string, unknown>[]} */
const rows = [];
for (const scenario of chosen) {
  /** @type {Map<string, any[]>} */
  const results = new Map(systems.map((system) => [system, []]));
  for (let i = 0; i < Number(values.rounds); i++)
    for (const system of systems) results.get(system)?.push(await round(system, scenario));
  console.log(`\n${scenario.name}`);
  const unit = scenario.kind === "idle" ? "bytes" : "perSecond";
  const reference = median((results.get("ws") ?? []).map((result) => result[unit]));
  for (const [system, all] of results) {
    /** @param {string} field @param {number} digits */
    const of = (field, digits) => Number(median(all.map((result) => result[field] ?? 0)).toFixed(digits));
    const row =
      scenario.kind === "idle"
        ? { scenario: scenario.name, system, bytes: of("bytes", 0) }
        : {
            scenario: scenario.name,
            system,
            perSecond: of("perSecond", 0),
            p50ms: of("p50ms", 3),
            p99ms: of("p99ms", 3),
            cpuMicros: of("cpuMicros", 3),
          };
    rows.push(row);
    const ratio = (median(all.map((result) => result[unit])) / reference).toFixed(2);
    const figures = Object.entries(row)
      .slice(2)
      .map(([name, figure]) => `${name} ${figure}`)
      .join("  ");
    console.log(`  ${system.padEnd(18)} ${ratio.padStart(6)}  ${figures}`);
  }
}
if (values.json !== undefined) writeFileSync(values.json, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
