/**
 * A smaller plan that breaks the same: first without as many acts and faults as can go, then with less of everything else.
 *
 * Law: what is left out changes no other decision (see plan.ts), so what remains is what matters.
 */

import type { Act, Plan } from "./plan.ts";

/** Simpler worlds, each tried alone. */
const simpler: readonly ((plan: Plan) => Partial<Plan>)[] = [
  () => ({ tokenMs: 0 }),
  () => ({ batchDelayMs: 0 }),
  () => ({ brokerLatency: "at once" }),
  () => ({ relays: 1, broken: -1 }),
  () => ({ rooms: 1 }),
  () => ({ devices: 0 }),
  () => ({ clients: 2 }),
  () => ({ clients: 1 }),
  () => ({ retention: 10_000 }),
  () => ({ windowMessages: 256 }),
  () => ({ latency: { min: 1, max: 2 } }),
  ({ acts }) => ({ durationMs: (acts.at(-1)?.at ?? 0) + 1 }),
];

/** @param budget - runs at most. @param breaks - whether a plan still goes wrong in the same way. */
export async function shrink(plan: Plan, budget: number, breaks: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  let best = plan;
  let runs = 0;
  const tryOut = async (change: Partial<Plan>): Promise<boolean> => {
    const candidate = { ...best, ...change };
    if (runs++ >= budget || !(await breaks(candidate))) return false;
    best = candidate;
    return true;
  };
  const without = (acts: readonly Act[], from: number, length: number) => [...acts.slice(0, from), ...acts.slice(from + length)];
  for (let length = best.acts.length >> 1; length >= 1 && runs < budget; length >>= 1) {
    let from = 0;
    while (from < best.acts.length && runs < budget) {
      if (!(await tryOut({ acts: without(best.acts, from, length) }))) from += length;
    }
  }
  for (const change of simpler) {
    const wanted = change(best);
    if (Object.entries(wanted).some(([key, value]) => JSON.stringify(best[key as keyof Plan]) !== JSON.stringify(value)))
      await tryOut(wanted);
  }
  return best;
}
