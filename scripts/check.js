#!/usr/bin/env node
// @ts-check
/**
 * Everything that must hold besides the tests: one line for each step, the output of those that failed, and exit code 1 if any did.
 *
 *   node scripts/check.js            all steps
 *   node scripts/check.js WORD …     those whose name holds one of the words
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { generate } from "./proof/generate.js";

const root = join(fileURLToPath(import.meta.url), "../..");
const scratch = mkdtempSync(join(tmpdir(), "chappe-check-"));
const env = { ...process.env, PATH: `${join(root, "node_modules/.bin")}${delimiter}${process.env["PATH"]}`, NO_COLOR: "1" };

/** What a step came to: the problem, if there is one, and a remark for its line. @typedef {{ problem?: string, remark?: string }} Outcome */

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Outcome}
 */
function run(command, ...args) {
  const { error, status, signal, stdout, stderr } = spawnSync(command, args, { cwd: root, env, encoding: "utf8" });
  if (error !== undefined) return { problem: `${command}: ${error.message}` };
  if (status === 0) return {};
  return { problem: `${stdout}${stderr}`.trim() || `${command} ended with ${signal ?? `exit code ${status}`}` };
}

/** The first of these that fails. @param {(() => Outcome)[]} steps @returns {Outcome} */
function all(...steps) {
  for (const step of steps) {
    const outcome = step();
    if (outcome.problem !== undefined) return outcome;
  }
  return {};
}

/** @returns {Outcome} */
function breaking() {
  const released = join(root, "proto/released");
  const images = existsSync(released) ? readdirSync(released).filter((name) => name.endsWith(".binpb")) : [];
  if (images.length === 0) return { remark: "nothing is released yet" };
  return all(...images.map((image) => () => run("buf", "breaking", "proto", "--against", join("proto/released", image))));
}

/** The files below a directory, by their paths within it. @param {string} dir @returns {string[]} */
function filesBelow(dir) {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort();
}

/** @returns {Outcome} */
function generated() {
  const outcome = run("buf", "generate", "--output", scratch);
  if (outcome.problem !== undefined) return outcome;
  const [fresh, committed] = [join(scratch, "gen"), join(root, "gen")];
  const names = new Set([...filesBelow(fresh), ...filesBelow(committed)]);
  const stale = [...names].filter((name) => {
    const paths = [join(fresh, name), join(committed, name)];
    return !paths.every(existsSync) || new Set(paths.map((path) => readFileSync(path, "utf8"))).size > 1;
  });
  return stale.length === 0 ? {} : { problem: `not up to date: ${stale.join(", ")}; run npm run generate` };
}

/** What is generated for other schemas has to pass the compiler too. @returns {Outcome} */
function proof() {
  generate();
  return run("tsc", "-p", "scripts/proof");
}

/** The packages as they would be published: Chappe's, and the plugin's. @type {string[]} */
let tarballs = [];

/** @returns {Outcome} */
function pack() {
  // Without scripts: the step before has built what is packed.
  const options = ["--silent", "--ignore-scripts", "--pack-destination", scratch];
  const outcome = run("npm", "pack", ...options, "--workspace", "codegen", "--include-workspace-root");
  tarballs = readdirSync(scratch)
    .filter((name) => name.endsWith(".tgz"))
    .map((name) => join(scratch, name));
  return outcome.problem === undefined && tarballs.length !== 2 ? { problem: `packed: ${tarballs}` } : outcome;
}

/** @param {string} command @param {...string} options @returns {() => Outcome} */
function ofEach(command, ...options) {
  return () => all(...tarballs.map((path) => () => run(command, ...(command === "publint" ? ["run"] : []), path, ...options)));
}

/** @type {[name: string, step: () => Outcome][]} */
const steps = [
  ["schema: buf lint", () => run("buf", "lint")],
  ["schema: buf format", () => run("buf", "format", "proto", "--diff", "--exit-code")],
  ["schema: buf breaking", breaking],
  ["generated code is up to date", generated],
  ["vectors are up to date", () => run("node", "scripts/vectors.js", "--check")],
  ["specification is up to date", () => run("node", "scripts/docs-spec.js", "--check")],
  ["biome: format, lint, layers", () => run("biome", "check", "--error-on-warnings", "--max-diagnostics=200")],
  ["tsc: core, then node", () => run("tsc", "-b")],
  ["OpenAPI document is up to date", () => run("node", "scripts/docs-openapi.js", "--check")],
  ["tsc: tests and scripts", () => run("tsc", "-p", "tsconfig.test.json")],
  ["tsc: the chat page", () => run("tsc", "-p", "examples/chat", "--noEmit")],
  ["tsc: codecs of the proof, in each form", proof],
  ["knip: nothing unused", () => run("knip", "--no-progress", "--treat-config-hints-as-errors")],
  ["sizes in a bundle are within their limits", () => run("node", "scripts/size.js")],
  ["packages: npm pack", pack],
  ["packages: publint", ofEach("publint", "--strict")],
  ["packages: attw", ofEach("attw", "--profile", "esm-only", "--no-emoji")],
  ["packages: what a newcomer does", () => run("node", "scripts/newcomer.js", ...tarballs)],
];

const words = process.argv.slice(2);
const chosen = steps.filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)));
/** @type {string[]} */
const problems = [];
try {
  for (const [name, step] of chosen) {
    const started = performance.now();
    const { problem, remark } = step();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${problem === undefined ? "ok    " : "failed"}  ${name} (${remark ?? `${seconds} s`})`);
    if (problem !== undefined) problems.push(`--- ${name}\n${problem}`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const problem of problems) console.error(`\n${problem}`);
console.log(`\n${chosen.length - problems.length} ok, ${problems.length} failed`);
process.exitCode = problems.length > 0 ? 1 : 0;
