/**
 * Every byte of a session as the place where its connection ends, both ways.
 *
 * Law: the session is the same each time, up to the cut; what follows must mend it.
 */

import { type Act, makePlan, type Plan } from "./plan.ts";
import { run } from "./run.ts";

type Step = readonly [at: number, what: Act["what"], who: number, n: number];

/** Two clients that do a little of everything; the first one's connection is the one that is cut. */
const steps: readonly Step[] = [
  [40, "publish", 0, 1],
  [45, "publish", 1, 1],
  [50, "burst", 0, 44],
  [55, "watch", 0, 1],
  [60, "publish", 1, 2],
  [65, "edit", 0, 1],
  [70, "read", 0, 1],
  [75, "typing", 0, 1],
  [80, "presence", 0, 1],
  [85, "react", 1, 0],
  [90, "signal", 1, 4],
  [95, "publish", 0, 23],
  [97, "cancel", 0, 0],
  [100, "publish", 0, 5],
  [110, "backend", 0, 6],
  [120, "history", 0, 7],
  [130, "redact", 0, 2],
  [140, "leave", 0, 1],
  [150, "publish", 1, 8],
  [160, "join", 0, 1],
  [170, "publish", 0, 9],
];

const reference: Plan = {
  ...makePlan(1),
  mode: "liveness",
  clients: 2,
  devices: 0,
  relays: 1,
  rooms: 2,
  latency: { min: 1, max: 4 },
  brokerLatency: { min: 0, max: 3 },
  retention: 100,
  windowMessages: 4,
  batchDelayMs: 2,
  tokenMs: 0,
  broken: -1,
  durationMs: 400,
  acts: steps.map(([at, what, who, n]) => ({ at, what, who, n, ms: 1 })),
};

/** One plan for each byte. */
export async function offsetPlans(): Promise<Plan[]> {
  const { world, violation } = await run(reference);
  if (violation !== undefined) throw violation;
  return (["up", "down"] as const).flatMap((direction) =>
    Array.from({ length: world.firstLinkBytes[direction] }, (_, byte) => ({
      ...reference,
      cutAt: { link: 1, direction, byte },
    })),
  );
}
