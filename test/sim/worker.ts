/** Runs plans for the pool, one after the other, in a process of its own. */

import { makePlan, type Plan } from "./plan.ts";
import { run, uncaught } from "./run.ts";
import { shrink } from "./shrink.ts";
import { takeUsedRows } from "./tables/count.ts";

export interface Order {
  readonly id: number;
  readonly plan: Plan | number;
  /** How much of the trace is wanted, in lines. */
  readonly lines: number;
  /** Where it goes wrong: how many runs may be spent on a smaller plan. */
  readonly shrinkRuns: number;
}

export interface Outcome {
  readonly id: number;
  readonly seed: number;
  readonly hash: string;
  readonly steps: number;
  readonly virtualMs: number;
  readonly counts: readonly [string, number][];
  readonly lines: readonly string[];
  readonly violation: { readonly invariant: string; readonly message: string; readonly plan: Plan } | undefined;
}

export function serve(): void {
  process.on("uncaughtException", uncaught);
  process.on("message", (order: Order) => {
    void execute(order).then((outcome) => process.send?.(outcome));
  });
  process.on("disconnect", () => process.exit());
}

export async function execute({ id, plan: asked, lines: keep, shrinkRuns }: Order): Promise<Outcome> {
  const plan = typeof asked === "number" ? makePlan(asked) : asked;
  takeUsedRows();
  let result = await run(plan, keep);
  const counts: [string, number][] = [...result.world.counts.entries(), ...takeUsedRows()];
  const { hash, steps, virtualMs } = result;
  let smallest = plan;
  if (result.violation !== undefined && shrinkRuns > 0) {
    const { invariant } = result.violation;
    smallest = await shrink(plan, shrinkRuns, async (smaller) => {
      const tried = await run(smaller, keep);
      if (tried.violation?.invariant !== invariant) return false;
      result = tried;
      return true;
    });
  }
  const { violation, lines } = result;
  return {
    id,
    seed: plan.seed,
    hash,
    steps,
    virtualMs,
    counts,
    lines,
    violation: violation && { invariant: violation.invariant, message: violation.message, plan: smallest },
  };
}
