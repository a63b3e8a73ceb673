// @ts-check
/** Bundles a program of the proof into dist/proof. Packages stay outside, so that they are what the machine has installed. */

import { join } from "node:path";
import { build } from "esbuild";
import { built, codecRuntime, generate, root } from "./generate.js";

/**
 * The path of the bundle of scripts/proof/NAME.ts.
 *
 * @param {string} name
 * @param {"esm" | "cjs"} format
 */
export async function bundle(name, format = "esm") {
  const outfile = join(built, `${name}.${format === "esm" ? "mjs" : "cjs"}`);
  await build({
    entryPoints: [join(root, `scripts/proof/${name}.ts`)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format,
    packages: "external",
    alias: { "proof:generated": generate(), "chappe/codec": codecRuntime },
    sourcemap: "inline",
    logLevel: "warning",
  });
  return outfile;
}
