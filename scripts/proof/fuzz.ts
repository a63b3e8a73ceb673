/**
 * Fuzzes decoding with mutants and floods: nothing but a CodecError is thrown, no input takes more than 100 ms of CPU, and a decoded
 * message keeps no more than 4 times its input and 64 kB; of floods, what decoding allocates on its way, garbage and all, is bounded too. Prints
 * what breaks this, and exits with 1; and for floods the figures.
 *
 *   npm run fuzz:codec -- [--seconds 30] [--seed N] [--cpu-ms 100]
 */

import { parseArgs } from "node:util";
import { getHeapStatistics } from "node:v8";
import { CodecError } from "../../src/codec/index.ts";
import { isRefusal, type MessageType, messageType } from "../../test/support/codec/adapter.ts";
import { messageOf } from "../../test/support/codec/errors.ts";
import { floodSizes, floods } from "../../test/support/codec/floods.ts";
import { crashOf, fuzzInputs } from "../../test/support/codec/fuzz.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "30" }, seed: { type: "string" }, "cpu-ms": { type: "string", default: "100" } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error("--seconds is a positive number, --seed an integer");
const { gc } = globalThis;
if (gc === undefined) throw new Error("run this through scripts/proof.js, which exposes the garbage collector");

/** So many bytes are at least decoded to, where it is measured what a message keeps. */
const measuredBytes = 2 * 1024 * 1024;
const cpuLimit = 1000 * Number(values["cpu-ms"]);
/** So often is an input tried again that broke a limit: what is not the input's own doing is seldom there each time. */
const tries = 4;

/** How much of an input is printed: by the seed it can be made again. */
const shownBytes = 256;

let faults = 0;
/** @param what is wrong with the input, in one line */
function fault(type: MessageType, bytes: Uint8Array, what: string): void {
  faults++;
  const shown = Buffer.from(bytes.subarray(0, shownBytes)).toString("hex");
  console.error(`${what}: ${type.desc.typeName}, ${bytes.length} bytes: ${shown}${bytes.length > shownBytes ? "…" : ""}`);
}

/** Microseconds of CPU and bytes of heap that decoding takes. No young object is collected meanwhile: see the flags in scripts/proof.js. */
function cost(type: MessageType, bytes: Uint8Array): { cpu: number; heap: number } {
  const heap = getHeapStatistics().used_heap_size;
  const { user, system } = process.cpuUsage();
  decode(type, bytes);
  const after = process.cpuUsage();
  return { cpu: after.user + after.system - user - system, heap: getHeapStatistics().used_heap_size - heap };
}

function decode(type: MessageType, bytes: Uint8Array): unknown {
  try {
    return type.subject.decode(bytes);
  } catch (error) {
    if (isRefusal(error)) return error;
    throw error;
  }
}

/**
 * Bytes that a decoded message keeps, beyond the input itself: the mean of as many of them as make the limit large beside what else lives
 * in the heap and comes and goes, such as code that gets warm.
 */
function retained(type: MessageType, bytes: Uint8Array): number {
  const kept: unknown[] = new Array(Math.ceil(measuredBytes / limitOf(bytes))).fill(undefined);
  const before = heapInUse();
  for (let i = 0; i < kept.length; i++) kept[i] = decode(type, bytes);
  const after = heapInUse();
  // Read after it is measured, so that none of them is collected sooner.
  return Math.round((after - before) / kept.length);
}

function heapInUse(): number {
  gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Bytes that a message decoded from these may keep. */
const limitOf = (bytes: Uint8Array): number => 4 * bytes.length + 65_536;

/**
 * Bytes that decoding may allocate, garbage and all: multiples of the input, and what the engine itself allocates meanwhile for code that gets
 * warm. The interpreter of compact messages makes more garbage, most for entries of maps whose values are messages.
 */
const allocatedTimes = { straight: 10, compact: 24 };
const allocatedSpare = 768 * 1024;

/** The least of several measurements, ended by the first that is within the limit. */
function least(limit: number, first: number, again: () => number): number {
  let found = first;
  for (let i = 0; i < tries && found > limit; i++) {
    gc?.();
    found = Math.min(found, again());
  }
  return found;
}

/** Measures, and gives back how many bytes of heap were allocated. */
function checkCost(type: MessageType, bytes: Uint8Array): number {
  const { cpu, heap } = cost(type, bytes);
  const slow = least(cpuLimit, cpu, () => cost(type, bytes).cpu);
  if (slow > cpuLimit) fault(type, bytes, `${(slow / 1000).toFixed(0)} ms of CPU`);
  return heap;
}

/** What comes of a flood at one size: a message, or the code of the refusal; allocated and kept as multiples of the input. */
function checkFlood(type: MessageType, bytes: Uint8Array, form: keyof typeof allocatedTimes): string {
  const outcome = decode(type, bytes);
  const mayAllocate = allocatedTimes[form] * bytes.length + allocatedSpare;
  const allocated = least(mayAllocate, checkCost(type, bytes), () => cost(type, bytes).heap);
  if (allocated > mayAllocate) fault(type, bytes, `${allocated} bytes allocated`);
  const limit = limitOf(bytes);
  const kept = least(limit, retained(type, bytes), () => retained(type, bytes));
  if (kept > limit) fault(type, bytes, `${kept} bytes kept`);
  const times = (count: number): string => (count / bytes.length).toFixed(1);
  return `${outcome instanceof CodecError ? outcome.code : "read"} ${times(allocated)} ${times(kept)}`;
}

for (const form of ["straight", "compact"] as const) {
  const flooded = messageType("protobuf_test_messages.proto3.TestAllTypesProto3", form);
  console.log(`${form}: floods of ${floodSizes.join(", ")} bytes: outcome, allocated and kept as multiples of the input`);
  for (const { name, make } of floods)
    console.log(`  ${name}: ${floodSizes.map((size) => checkFlood(flooded, make(size), form)).join(", ")}`);
}
console.log(`${faults} faults`);

const end = performance.now() + seconds * 1000;
let inputs = 0;
for (const input of fuzzInputs(seed)) {
  const crash = crashOf(input);
  if (crash !== undefined) fault(input.type, input.bytes, messageOf(crash));
  // What is large is measured; all else fits into what is to spare, unless something is badly wrong.
  if (input.bytes.length > 1024 || inputs % 64 === 0) checkCost(input.type, input.bytes);
  inputs++;
  if (faults > 100 || performance.now() > end) break;
}
console.log(`seed ${seed}: ${inputs} inputs, ${faults} faults`);
process.exitCode = faults === 0 ? 0 : 1;
