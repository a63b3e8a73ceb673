#!/usr/bin/env node
// @ts-check
/**
 * Durable publishes per second: a disk broker beside its store alone, which puts one record of the same bytes for each publish, with as many
 * in flight, in the same folder, one after the other in turns.
 *
 *   npm run bench:disk                   in the system's folder for temporary files
 *   npm run bench:disk -- --folder DIR   on another disk
 *   npm run bench:disk -- --json FILE    rows { inFlight, system, perSecond }
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createFrame, encodeFrame } from "chappe";
import { DiskBroker, nodeClock, nodeRandom } from "chappe/node";
import { open } from "lmdb";

const { values } = parseArgs({ options: { folder: { type: "string", default: tmpdir() }, json: { type: "string" } } });
const rounds = 5;
const roundMs = 700;
const counts = [1, 16, 256, 1024];

/** @param {number} n */
function messageId(n) {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
}

/** @param {number} n */
const contentOf = (n) =>
  createFrame("chat", { content: { body: { case: "text", value: `message ${n} of an ordinary length, with a word or two` } } })
    .body.value.content;

/** @param {string} path @param {number} inFlight */
async function openBroker(path, inFlight) {
  const broker = await DiskBroker.open({
    directory: path,
    clock: nodeClock(),
    random: nodeRandom,
    retention: { maxEntries: 10_000 },
    onFault: (error) => {
      throw error;
    },
  });
  let n = 0;
  /** @type {(() => void) | undefined} */
  let onSettled;
  let settled = 0;
  const link = broker.attach({
    settled: (_request, outcome) => {
      if (outcome.type !== "stored") throw new Error(outcome.type);
      settled++;
      onSettled?.();
    },
    appended() {},
    epochChanged() {},
    receipt() {},
    changed() {},
    announced() {},
  });
  await link.open("room", "ada");
  const target = new Uint8Array();
  const publish = () => {
    const at = n++;
    // Each client has a window of its own: as many producers as publishes in flight, up to 256.
    const producers = Math.min(inFlight, 256);
    link.publish({
      room: "room",
      producer: `client ${at % producers}`,
      seq: Math.floor(at / producers) + 1,
      id: messageId(at),
      sender: "ada",
      profile: undefined,
      kind: 0,
      content: contentOf(at),
      target,
      mayRedact: false,
      reject: undefined,
    });
  };
  /** @param {number} ms */
  const run = (ms) =>
    new Promise((/** @type {(perSecond: number) => void} */ resolve) => {
      const began = performance.now();
      const before = settled;
      onSettled = () => {
        if (performance.now() - began < ms) publish();
        else if (settled === n) resolve(((settled - before) * 1000) / (performance.now() - began));
      };
      for (let i = 0; i < inFlight; i++) publish();
    });
  return { run, close: () => broker.close() };
}

/** @param {string} path @param {number} inFlight */
async function openStore(path, inFlight) {
  const root = open({ path, noSubdir: false, maxDbs: 8, overlappingSync: false, eventTurnBatching: false });
  const entries = root.openDB({ name: "entries", encoding: "binary", keyEncoding: "binary" });
  let n = 0;
  /** @param {number} ms */
  const run = async (ms) => {
    const began = performance.now();
    const before = n;
    while (performance.now() - began < ms) {
      await root.batch(() => {
        for (let i = 0; i < inFlight; i++) {
          const key = Buffer.allocUnsafe(12);
          key.writeUIntBE(1, 0, 6);
          key.writeUIntBE(++n, 6, 6);
          const fields = {
            offset: BigInt(n),
            sender: "ada",
            timeMs: 1_700_000_000_000n,
            id: messageId(n),
            content: contentOf(n),
          };
          entries.put(key, encodeFrame(createFrame("chat", fields)));
        }
      });
    }
    return ((n - before) * 1000) / (performance.now() - began);
  };
  return { run, close: () => root.close() };
}

/** @param {number[]} all */
const median = (all) => all.sort((a, b) => a - b)[all.length >> 1] ?? 0;

const folder = mkdtempSync(join(values.folder, "chappe-bench-"));
/** @type {{ inFlight: number, system: string, perSecond: number }[]} */
const rows = [];
try {
  console.log("in flight   chappe/s   store alone/s   ratio");
  for (const inFlight of counts) {
    const systems = [
      {
        system: "chappe",
        ...(await openBroker(join(folder, `broker-${inFlight}`), inFlight)),
        figures: /** @type {number[]} */ ([]),
      },
      {
        system: "lmdb",
        ...(await openStore(join(folder, `store-${inFlight}`), inFlight)),
        figures: /** @type {number[]} */ ([]),
      },
    ];
    for (const { run } of systems) await run(roundMs / 2);
    for (let round = 0; round < rounds; round++) for (const { run, figures } of systems) figures.push(await run(roundMs));
    const [chappe = 0, store = 1] = systems.map(({ figures }) => Math.round(median(figures)));
    rows.push({ inFlight, system: "chappe", perSecond: chappe }, { inFlight, system: "lmdb", perSecond: store });
    console.log(
      `${`${inFlight}`.padStart(9)} ${`${chappe}`.padStart(10)} ${`${store}`.padStart(15)} ${(chappe / store).toFixed(2).padStart(7)}`,
    );
    for (const { close } of systems) await close();
  }
} finally {
  rmSync(folder, { recursive: true });
}
if (values.json !== undefined) writeFileSync(values.json, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
