// @ts-check
/** The large programs of the proof: installed on first use, from the lock file in this folder, without running their scripts. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Unavailable } from "./glibc.js";

const here = dirname(fileURLToPath(import.meta.url));

/** The folder of an installed package of scripts/proof/package.json. @param {string} name */
export function installed(name) {
  const folder = join(here, "node_modules", name);
  const wanted = /** @type {Record<string, string>} */ (json(join(here, "package.json"))["devDependencies"])[name];
  const manifest = join(folder, "package.json");
  if (existsSync(manifest) && json(manifest)["version"] === wanted) return folder;
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
  const { error, status, stderr } = spawnSync("npm", args, { cwd: here, encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (error === undefined && status === 0) return folder;
  throw new Unavailable(
    `${name} cannot be had: npm ci: ${error?.message ?? (stderr.trim().split("\n")[0] || `exit code ${status}`)}`,
  );
}

/** @param {string} path @returns {Record<string, unknown>} */
function json(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}
