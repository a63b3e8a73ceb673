#!/usr/bin/env node
// @ts-check
/**
 * Whether the bundles of the entry points that React Native takes compile for Hermes, as they are: bundled from their source, not lowered, by
 * the compiler that npm has. It has no machine to run them on.
 *
 *   node scripts/hermes.js
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { codecRuntime, generate, root } from "./proof/generate.js";
import { installed } from "./proof/programs.js";

const entries = ["src/index.ts", "src/client/index.ts", "src/codec/index.ts"];
/** Folders of the package, by Node's names of platforms. */
const folders = { linux: "linux64-bin", darwin: "osx-bin", win32: "win64-bin" };

/** @param {readonly string[]} args */
function hermesc(...args) {
  const folder = /** @type {Record<string, string>} */ (folders)[process.platform];
  if (folder === undefined) throw new Error(`there is no hermesc for ${process.platform}`);
  const program = join(installed("hermes-compiler"), "hermesc", folder, process.platform === "win32" ? "hermesc.exe" : "hermesc");
  const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (error !== undefined || status !== 0) throw new Error(error?.message ?? stderr.split("\n").slice(0, 5).join("\n"));
  return stdout;
}

generate();
const out = mkdtempSync(join(tmpdir(), "chappe-hermes-"));
try {
  console.log(`Hermes ${/release version: (\S+)/.exec(hermesc("--version"))?.[1] ?? "of an unknown version"}`);
  for (const entry of entries) {
    const { outputFiles } = await build({
      entryPoints: [join(root, entry)],
      bundle: true,
      write: false,
      format: "iife",
      globalName: "chappe",
      platform: "browser",
      target: "es2022",
      alias: { "chappe/codec": codecRuntime },
      logLevel: "error",
    });
    const [source, bytecode] = [join(out, "bundle.js"), join(out, "bundle.hbc")];
    writeFileSync(source, outputFiles[0]?.contents ?? "");
    hermesc("-O", "-emit-binary", "-out", bytecode, source);
    const magic = readFileSync(bytecode).readBigUInt64LE(0);
    if (magic !== 0x1f1903c103bc1fc6n) throw new Error(`${entry}: what was made is no bytecode of Hermes`);
    console.log(`ok  ${entry.padEnd(20)}  ${statSync(bytecode).size} bytes of bytecode`);
  }
} catch (error) {
  console.error(`hermes: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
