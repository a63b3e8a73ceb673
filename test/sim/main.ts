/** The simulator's program: see options.ts for what it is asked. */

import { fileURLToPath } from "node:url";
import { currentCommit, readCase, writeCase } from "./case.ts";
import { Counts } from "./counts.ts";
import { demandFrom, missing } from "./coverage.ts";
import { offsetPlans } from "./offsets.ts";
import { help, type Options, parseOptions } from "./options.ts";
import type { Plan } from "./plan.ts";
import { Pool } from "./pool.ts";
import { table } from "./report.ts";
import { execute, type Outcome, serve } from "./worker.ts";

/** From the bundle in dist/sim. */
const casesDir = fileURLToPath(new URL("../../test/sim/cases", import.meta.url));
/** Of so many seeds one is run a second time, by another process: the same must happen. */
const repeatEach = 20;
const shrinkRuns = 400;

function usage(message: string): never {
  process.stderr.write(`sim: ${message}\n`);
  process.exit(2);
}

async function replay(path: string, options: Options): Promise<boolean> {
  let plan: Plan;
  try {
    plan = readCase(path).plan;
  } catch (error) {
    usage(`--replay ${path}: ${(error as Error).message}`);
  }
  const outcome = await execute({ id: 0, plan, lines: options.lines ?? 40, shrinkRuns: 0 });
  if (outcome.lines.length > 0) console.log(outcome.lines.slice(-(options.lines ?? 40)).join("\n"));
  const { violation, hash, steps, virtualMs } = outcome;
  console.log(
    `${path}: ${violation?.message ?? "nothing goes wrong"}; trace ${hash}, ${steps} steps, ${Math.round(virtualMs / 1000)} s`,
  );
  return violation === undefined;
}

async function many(plans: readonly (Plan | number)[], options: Options, isWhole: boolean): Promise<boolean> {
  const pool = new Pool(Math.min(options.jobs, plans.length), (error) => usage(error.message));
  const counts = new Counts();
  const began = performance.now();
  let failed = 0;
  let done = 0;
  let virtualMs = 0;
  const tell = (outcome: Outcome, message: string) => {
    failed++;
    console.log(`seed ${outcome.seed}: ${message}`);
    if (outcome.violation !== undefined && options.save) {
      const { violation } = outcome;
      console.log(`  ${violation.plan.acts.length} acts: ${writeCase(casesDir, { commit: currentCommit(), ...violation })}`);
    }
    print(outcome);
  };
  const print = ({ lines }: Outcome) => {
    if (lines.length > 0) console.log(lines.slice(-(options.lines ?? 0)).join("\n"));
  };
  const one = async (plan: Plan | number, nth: number): Promise<void> => {
    const order = { plan, lines: options.lines ?? 0, shrinkRuns: options.save ? shrinkRuns : 0 };
    const { outcome, worker } = await pool.run(order);
    for (const [name, times] of outcome.counts) counts.add(name, times);
    virtualMs += outcome.virtualMs;
    if (outcome.violation !== undefined) tell(outcome, outcome.violation.message);
    else if (plans.length === 1) print(outcome);
    else if (nth % repeatEach === 0) {
      const again = await pool.run({ ...order, shrinkRuns: 0 }, pool.size > 1 ? worker : -1);
      counts.add("checked determinism");
      if (again.outcome.hash !== outcome.hash) tell(outcome, `determinism: trace ${outcome.hash}, then ${again.outcome.hash}`);
    }
    done++;
    if (process.stderr.isTTY && done % 10 === 0) process.stderr.write(`\r${done} of ${plans.length} `);
  };
  // So many are under way that no process waits.
  let next = 0;
  const take = async (): Promise<void> => {
    while (next < plans.length && failed < options.until) {
      const nth = next++;
      await one(plans[nth] as Plan | number, nth);
    }
  };
  await Promise.all(Array.from({ length: 2 * pool.size }, take));
  pool.close();
  const seconds = (performance.now() - began) / 1000;
  if (process.stderr.isTTY) process.stderr.write("\r");
  console.log(table(counts));
  const lacking = isWhole && done >= demandFrom ? missing(counts) : [];
  if (lacking.length > 0) console.log(`\nnever happened: ${lacking.join(", ")}`);
  console.log(
    `\n${done - failed} passed, ${failed} failed, of ${plans.length}; ${counts.of("published")} publishes, ` +
      `${Math.round(virtualMs / 3_600_000)} simulated hours in ${seconds.toFixed(0)} s: ${(done / seconds).toFixed(1)} seeds/s, ${pool.size} processes`,
  );
  return failed === 0 && lacking.length === 0;
}

async function main(): Promise<void> {
  let options: Options;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    usage((error as Error).message);
  }
  if (options.help) {
    console.log(help);
    return;
  }
  let isGood: boolean;
  if (options.replay !== undefined) isGood = await replay(options.replay, options);
  else if (options.offsets) isGood = await many(await offsetPlans(), options, false);
  else {
    const seeds = Array.from({ length: options.count }, (_, i) => options.seed + i);
    isGood = await many(seeds, options, true);
  }
  process.exitCode = isGood ? 0 : 1;
}

if (process.argv[2] === "--worker") serve();
else await main();
