/** The flags of the simulator. */

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

export const help = `Simulates clients, relays and a broker, with faults; compares everything with what must hold.

  npm run sim -- --seed N --count N     so many seeds, from N on (1, 1)
  npm run sim -- --replay FILE          a saved case
  npm run sim -- --offsets              cuts a reference session at every byte, both ways

  --jobs N      processes (as many as there are processors)
  --lines N     prints so many last lines of the trace of what went wrong, or of a single seed (0; of a replay: 40)
  --until N     stops after so many seeds have gone wrong (5)
  --no-save     does not shrink and save what went wrong in test/sim/cases
  --help        this text

Exit code 0: nothing went wrong, and with 300 seeds and more everything that can happen has happened; 1: not so; 2: wrong flags.
`;

export interface Options {
  readonly seed: number;
  readonly count: number;
  readonly jobs: number;
  readonly lines: number | undefined;
  readonly until: number;
  readonly replay: string | undefined;
  readonly offsets: boolean;
  readonly save: boolean;
  readonly help: boolean;
}

/** @throws Error that names the flag. */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      seed: { type: "string" },
      count: { type: "string" },
      jobs: { type: "string" },
      lines: { type: "string" },
      until: { type: "string" },
      replay: { type: "string" },
      offsets: { type: "boolean", default: false },
      save: { type: "boolean", default: true },
      help: { type: "boolean", default: false },
    },
  });
  const whole = (name: "seed" | "count" | "jobs" | "lines" | "until", least: number, most: number): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new Error(`--${name} must be a whole number from ${least} to ${most}`);
  };
  return {
    seed: whole("seed", 0, 2 ** 31) ?? 1,
    count: whole("count", 1, 10_000_000) ?? 1,
    jobs: whole("jobs", 1, 256) ?? availableParallelism(),
    lines: whole("lines", 0, 1_000_000),
    until: whole("until", 1, 1_000_000) ?? 5,
    replay: values.replay,
    offsets: values.offsets,
    save: values.save,
    help: values.help,
  };
}
