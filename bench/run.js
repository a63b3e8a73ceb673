#!/usr/bin/env node
// @ts-check
/**
 * `npm run bench:codec`: installs what is missing, measures in one process after the other, prints the tables, and writes what is asked for.
 * Up to the installation only Node's own modules are imported.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { parseOptions, usage } from "./options.js";
import { bench, root } from "./paths.js";

/** @param {string} cwd @param {string} command @param {readonly string[]} args */
function run(cwd, command, ...args) {
  const { error, status } = spawnSync(command, args, { cwd, stdio: ["ignore", "inherit", "inherit"] });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`);
}

/** @returns {ReturnType<typeof parseOptions>} */
function options() {
  try {
    const parsed = parseOptions(process.argv.slice(2));
    if (!parsed.help) return parsed;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exit(2);
  }
  console.log(usage);
  process.exit(0);
}

const chosen = options();

if (!existsSync(join(root, "node_modules/esbuild"))) throw new Error("run npm ci first");
const lock = createHash("sha256")
  .update(readFileSync(join(bench, "package-lock.json")))
  .digest("hex");
const stamp = join(bench, "node_modules/.installed");
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
  console.log("installing the peers into bench/node_modules …");
  run(bench, "npm", "ci", "--no-audit", "--no-fund");
  writeFileSync(stamp, lock);
}
run(root, process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-b");
await (await import("./generate.js")).generate();

const { measureAll } = await import("./processes.js");
const { report } = await import("./report/console.js");
const { rowsOf } = await import("./summary.js");

const result = await measureAll(chosen);
writeFileSync(join(bench, "generated/result.json"), JSON.stringify(result));
for (const runtime of result.runtimes) {
  report(runtime);
  if (chosen.json !== undefined) {
    const extension = extname(chosen.json);
    const name =
      runtime.key === "node"
        ? chosen.json
        : `${chosen.json.slice(0, chosen.json.length - extension.length)}.${runtime.key}${extension}`;
    writeFileSync(
      name,
      `[\n${rowsOf(runtime)
        .map((row) => `  ${JSON.stringify(row)}`)
        .join(",\n")}\n]\n`,
    );
  }
}
if (chosen.docs) {
  const { writeDocs } = await import("./report/docs.js");
  // Without --json, whose file is nobody else's business.
  const said = [
    "--docs",
    ...(chosen.node24 ? ["--node24"] : []),
    ...(chosen.chromium ? ["--chromium"] : []),
    `--processes ${chosen.processes}`,
  ];
  writeDocs(result, `npm run bench:codec -- ${said.join(" ")}`);
}
