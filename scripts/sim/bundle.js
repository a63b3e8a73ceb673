// @ts-check
/**
 * Bundles the simulator with the product's sources into one file. What it needs to know of the product it takes from around it: the tables of
 * states are replaced by the same tables, counted. A mutant is a change that is made here, to a copy; so the product has no hooks.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** @typedef {{ file: string, was: string, becomes: string }} Change */

/**
 * @param {string} name - of the bundle
 * @param {readonly Change[]} changes - of the sources; each must fit exactly once
 * @returns {Promise<string>} the path of the bundle
 */
export async function bundle(name = "sim", changes = []) {
  const outfile = join(root, "dist/sim", `${name}.mjs`);
  /** @type {import("esbuild").Plugin} */
  const plugin = {
    name: "simulation",
    setup(builder) {
      builder.onResolve({ filter: /\/(transitions|entry-states)\.ts$/ }, ({ path, importer }) => {
        if (importer.includes("/test/sim/") || importer.endsWith("/transitions.ts")) return undefined;
        return { path: join(root, "test/sim/tables", path.slice(path.lastIndexOf("/") + 1)) };
      });
      builder.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
        let contents = await readFile(path, "utf8");
        for (const { file, was, becomes } of changes) {
          if (join(root, file) !== path) continue;
          const parts = contents.split(was);
          if (parts.length !== 2) throw new Error(`${name}: what it replaces stands ${parts.length - 1} times in ${file}`);
          contents = parts.join(becomes);
        }
        return { contents, loader: "ts" };
      });
    },
  };
  await build({
    entryPoints: [join(root, "test/sim/main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    alias: { "chappe/codec": join(root, "src/codec/index.ts") },
    plugins: [plugin],
    sourcemap: true,
    logLevel: "silent",
  });
  return outfile;
}
