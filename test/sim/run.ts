/** One run of one plan. */

import { LogChecker } from "../../src/conformance/log-checker.ts";
import { type FaultName, faults } from "./faults.ts";
import type { Act, Plan } from "./plan.ts";
import { Trace } from "./trace.ts";
import { invariants, Violation } from "./violation.ts";
import { work } from "./work.ts";
import { World } from "./world.ts";

export interface Result {
  readonly plan: Plan;
  readonly hash: string;
  readonly steps: number;
  readonly virtualMs: number;
  readonly world: World;
  /** What was broken, if anything was. */
  readonly violation: Violation | undefined;
  readonly lines: readonly string[];
}

/** The run that is under way: what is thrown where nobody waits for it has gone wrong in it. */
let running: World | undefined;

/** What nobody has caught. */
export function uncaught(error: unknown): void {
  if (running === undefined) throw error;
  running.checks.require("bounded", false, () => `nobody catches ${(error as Error)?.stack ?? error}`);
}

/** After faults stop, so much virtual time is enough; and for each publish that is left, the time of its turn in the window. */
const drainMs = 180_000;
/** What one process may have set at a time. */
const mostTimers = 400;

export async function run(plan: Plan, keepLines = 0): Promise<Result> {
  const trace = new Trace(keepLines);
  const world = new World(plan, trace);
  let violation: Violation | undefined;
  running = world;
  try {
    for (const device of world.devices) device.start();
    for (const act of plan.acts) world.scheduler.at(act.at, () => perform(world, act));
    await pass(world, plan.durationMs);
    if (plan.mode === "liveness") await heal(world);
    checkLogs(world);
    if (world.checks.violation !== undefined) throw world.checks.violation;
  } catch (error) {
    violation = error instanceof Violation ? error : new Violation("bounded", `${(error as Error).stack ?? error}`);
  }
  for (const name of invariants) world.counts.add(`checked ${name}`, world.checks.counts.get(name) ?? 0);
  return {
    plan,
    hash: trace.hash,
    steps: world.scheduler.steps,
    virtualMs: world.scheduler.now,
    world,
    violation,
    lines: trace.lines,
  };
}

function perform(world: World, act: Act): void {
  if (Object.hasOwn(faults, act.what)) {
    const hit = faults[act.what as FaultName].apply(world, act);
    world.trace("fault", act.what, String(hit));
    if (hit) world.counts.add(`fault ${act.what}`);
  } else if (work(world, act)) {
    world.counts.add(`work ${act.what}`);
  }
}

async function pass(world: World, until: number): Promise<void> {
  let n = 0;
  while (await world.scheduler.step(until)) {
    if (world.checks.violation !== undefined) throw world.checks.violation;
    if (++n % 32 === 0) checkBounds(world);
  }
}

async function heal(world: World): Promise<void> {
  world.heal();
  const { latency, brokerLatency, batchDelayMs, windowMessages } = world.plan;
  const turnMs = 2 * latency.max + (brokerLatency === "at once" ? 0 : 2 * brokerLatency.max) + batchDelayMs;
  const left = world.devices.reduce((sum, { client }) => sum + client.outboxSize, 0);
  const bound = drainMs + (left * turnMs) / windowMessages;
  const end = world.scheduler.now + bound;
  let why: string | undefined;
  // What acts and faults have put off comes first.
  await pass(world, world.scheduler.now + 5000);
  while (world.scheduler.now < end) {
    await pass(world, world.scheduler.now + 500);
    why = lacking(world);
    if (why === undefined) break;
  }
  world.checks.require("liveness", why === undefined, () => `${why}, ${bound} ms after the last fault`);
  for (const device of world.devices) device.checkEnds();
  world.checks.require("fencing", world.watch.doubled() === undefined, () => `two live connections of ${world.watch.doubled()}`);
  await close(world);
}

function lacking(world: World): string | undefined {
  for (const device of world.devices) {
    const lack = device.process.isAlive ? device.lacks() : `${device.name} is down`;
    if (lack !== undefined) return lack;
  }
  return undefined;
}

/** What can be seen from outside, by the logs that the applications have written, is as well as what was seen inside. */
function checkLogs(world: World): void {
  const checker = new LogChecker();
  for (const { name, log } of world.devices) for (const [i, record] of log.entries()) checker.add(record, `${name}:${i}`);
  for (const { invariant, message, place } of checker.finish())
    world.checks.require(invariant, false, () => `${place}, of the logs: ${message}`);
  world.counts.add("records of client logs", checker.totals.records);
}

/** Everybody goes; nothing is left behind. */
async function close(world: World): Promise<void> {
  for (const device of world.devices) void device.client.close();
  await pass(world, world.scheduler.now + 10_000);
  for (const device of world.devices) {
    world.checks.require(
      "bounded",
      device.process.pending === 0,
      () => `${device.name} has left ${device.process.pending} timers: ${device.process.describe()}`,
    );
    device.endLog();
  }
  for (const { relay, state, index } of world.relays) {
    if (state === "gone") continue;
    const { connections, users } = relay.stats();
    world.checks.require("bounded", connections === 0 && users === 0, () => `relay ${index} keeps ${connections} connections`);
  }
}

function checkBounds(world: World): void {
  for (const { name, process, client } of world.devices) {
    world.checks.require("bounded", process.pending <= mostTimers, () => `${name} has ${process.pending} timers`);
    world.checks.require("bounded", client.outboxSize <= 1000, () => `${name} has ${client.outboxSize} entries`);
  }
  for (const { index, process } of world.relays) {
    world.checks.require("bounded", process.pending <= mostTimers, () => `relay ${index} has ${process.pending} timers`);
  }
  // A relay stops giving to a transport that holds 256 KiB; what goes before credit and control may be on top of it.
  for (const link of world.network.links) {
    world.checks.require("bounded", link.unreadBytes <= 1024 * 1024, () => `link ${link.id} holds ${link.unreadBytes} bytes`);
  }
}
