#!/usr/bin/env node
// @ts-check
/**
 * Runs one program of the proof of the codecs, bundled from its source: no build is needed before.
 *
 *   node scripts/proof.js NAME [arguments]     NAME is a file scripts/proof/NAME.ts
 */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "./proof/bundle.js";
import { root } from "./proof/generate.js";

/** What a program needs of Node. The young generation is large, so that none is collected while allocation is measured. */
const flags = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"];

const [name = "", ...args] = process.argv.slice(2);
if (!/^[a-z-]+$/.test(name) || !existsSync(join(root, `scripts/proof/${name}.ts`))) {
  console.error("usage: node scripts/proof.js NAME [arguments], where scripts/proof/NAME.ts is a program");
  process.exit(2);
}
const program = await bundle(name);
const { status, signal } = spawnSync(process.execPath, [...flags, program, ...args], { cwd: root, stdio: "inherit" });
if (signal !== null) console.error(`${name} ended with ${signal}`);
process.exitCode = status ?? 1;
