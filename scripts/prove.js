#!/usr/bin/env node
// @ts-check
/**
 * Runs what takes too long for CI, one part after the other, and says of each whether it held.
 *
 *   npm run proof                 all parts but those that take hours
 *   npm run proof -- sim kills    some of them
 *   npm run proof -- --list       their names and commands
 */

import { spawnSync } from "node:child_process";
import { root } from "./proof/generate.js";

/** @type {readonly { name: string, about: string, run: string, hours?: true }[]} */
const parts = [
  { name: "codec", about: "verdicts on damaged input, beside protoc's", run: "npm run --silent proof:codec" },
  { name: "fuzz", about: "ten minutes of damaged input", run: "npm run --silent fuzz:codec -- --seconds 600" },
  {
    name: "guided",
    about: "ten minutes of fuzzing guided by coverage",
    run: "npm run --silent fuzz:codec:guided -- --seconds 600",
  },
  { name: "conformance", about: "Protobuf's own conformance suite", run: "npm run --silent conformance:protobuf" },
  { name: "hermes", about: "whether the bundles compile for Hermes", run: "npm run --silent proof:hermes" },
  { name: "sim", about: "2,000 seeds of the simulator", run: "npm run --silent sim -- --seed 1 --count 2000 --no-save" },
  { name: "mutants", about: "whether the simulator finds planted bugs", run: "npm run --silent sim:mutants" },
  {
    name: "kills",
    about: "200 kills of a client with an outbox in a file, and of a relay with its logs on disk",
    run: "npm run --silent kills",
  },
  { name: "faults", about: "50 faults of Redis and of relays that share it", run: "npm run --silent faults:redis" },
  { name: "herd", about: "2,000 clients that are dropped at once", run: "npm run --silent herd" },
  { name: "bench", about: "the codec beside its peers", run: "npm run --silent bench:codec" },
  { name: "bench-disk", about: "the broker on disk beside its store alone", run: "npm run --silent bench:disk" },
  { name: "bench-relay", about: "the relay beside its peers", run: "npm run --silent bench:relay" },
  {
    name: "sim-long",
    about: "100,000 seeds of the simulator",
    run: "npm run --silent sim -- --seed 1 --count 100000 --no-save",
    hours: true,
  },
];

const words = process.argv.slice(2);
const names = parts.map(({ name }) => name);
const unknown = words.find((word) => word !== "--list" && !names.includes(word));
if (unknown !== undefined) {
  console.error(`proof: there is no part ${unknown}: ${names.join(", ")}`);
  process.exit(2);
}
if (words.includes("--list")) {
  for (const { name, about, run } of parts) console.log(`${name.padEnd(12)}  ${about.padEnd(80)}  ${run}`);
} else {
  const chosen = parts.filter(({ name, hours }) => (words.length === 0 ? hours !== true : words.includes(name)));
  const results = chosen.map(({ name, run }) => {
    console.log(`\n== ${name}: ${run}`);
    const began = performance.now();
    const { status, signal } = spawnSync(run, { cwd: root, shell: true, stdio: "inherit" });
    const minutes = ((performance.now() - began) / 60_000).toFixed(1);
    return {
      held: status === 0,
      line: `${status === 0 ? "held  " : "FAILED"}  ${name.padEnd(12)}  ${minutes} min${signal ? `, ended with ${signal}` : ""}`,
    };
  });
  console.log(`\n${results.map(({ line }) => line).join("\n")}`);
  if (results.some(({ held }) => !held)) process.exitCode = 1;
}
