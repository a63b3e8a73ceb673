/** A relay's log as lines of JSON: one event each, with its time and level first. Who calls gives no token and no content (AUT-2). */

import type { Logger } from "../../relay/options.ts";
import { loadPino } from "../optional.ts";
import type { Output } from "./io.ts";

export const levels = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof levels)[number];

/** Writes what is at or above `level`. @throws UsageError DEPENDENCY_MISSING: the package pino is. */
export async function jsonLog(output: Output, level: Level, wall: () => number): Promise<Logger> {
  const { pino } = await loadPino();
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(wall()).toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)])),
      },
    },
    { write: (line: string) => void output.write(line) },
  );
  const write = (at: Level) => (event: string, fields: Readonly<Record<string, unknown>>) => logger[at]({ event, ...fields });
  return { info: write("info"), warn: write("warn"), error: write("error") };
}

/** What JSON has no form for: large integers, bytes, and errors, whose stack belongs to the log of a service. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (value instanceof Error) return { name: value.name, message: value.message, ...codeOf(value), stack: value.stack };
  return value;
}

function codeOf(error: Error): { code?: unknown } {
  return "code" in error ? { code: error.code } : {};
}
