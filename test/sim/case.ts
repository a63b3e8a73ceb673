/** A run that went wrong, as a file: everything that it takes to see it again, and to keep it from coming back. */

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plan } from "./plan.ts";
import { invariants } from "./violation.ts";

export interface Case {
  /** Of the sources in which it was found. */
  readonly commit: string;
  readonly invariant: string;
  readonly message: string;
  readonly plan: Plan;
}

/** One act a line, so that a difference can be read. */
export function writeCase(dir: string, { plan, ...found }: Case): string {
  const { acts, ...rest } = plan;
  const lines = acts.map((act) => `      ${JSON.stringify(act)}`).join(",\n");
  const head = JSON.stringify({ ...found, plan: rest }, null, 2).replace(/\n {2}\}\n\}$/, "");
  const path = join(dir, `${found.invariant}-${plan.seed}.json`);
  mkdirSync(dir, { recursive: true });
  writeFileSync(path, `${head},\n    "acts": [\n${lines}\n    ]\n  }\n}\n`);
  return path;
}

/** @throws Error, where the file is not of this form. */
export function readCase(path: string): Case {
  const read = JSON.parse(readFileSync(path, "utf8")) as Case;
  const isCase =
    typeof read?.commit === "string" &&
    (invariants as readonly string[]).includes(read.invariant) &&
    Number.isSafeInteger(read.plan?.seed) &&
    Array.isArray(read.plan?.acts);
  if (!isCase) throw new Error("it is not a case of the simulator");
  return read;
}

export function caseFiles(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => join(dir, name));
}

/** The commit of the sources, with a mark where they have been changed since. */
export function currentCommit(): string {
  return execFileSync("git", ["describe", "--always", "--dirty", "--abbrev=12"], { encoding: "utf8" }).trim();
}
