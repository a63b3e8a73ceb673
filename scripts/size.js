#!/usr/bin/env node
// @ts-check
/**
 * What applications add to a browser's bundle by what they import: bundled from its source by esbuild, minified, compressed by gzip -9.
 * Fails where one is above its limit. A limit stands a little above what was measured: who raises it says in the commit for what.
 *
 *   node scripts/size.js              a table
 *   node scripts/size.js --docs       writes it into docs/codecs.md
 *   node scripts/size.js --parts WORD of entries whose name holds the word: their files, and what these take of the minified bundle
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { built, codecRuntime, generate, root } from "./proof/generate.js";

/** The codec of frames alone, without what the schema demands of values. @param {string} folder of generated code */
const frames = (folder) => `export { decodeFrame, encodeFrame } from "${folder}/chappe/v1/frame_codec.ts";`;
const proof = join(built, "gen");

/**
 * `limit`: bytes of gzip.
 * @type {readonly { name: string, code: string, limit: number, external?: string[] }[]}
 */
const entries = [
  { name: "codec of frames, as Chappe has it", code: frames("./gen"), limit: 9_500 },
  { name: "codec of frames, all straight-line", code: frames(proof), limit: 10_200 },
  { name: "codec of frames, all compact", code: frames(join(proof, "compact")), limit: 7_100 },
  {
    name: "`decodeFrame` and `encodeFrame` of `chappe`",
    code: `export { decodeFrame, encodeFrame } from "./src/index.ts";`,
    limit: 14_200,
  },
  { name: "`Client` of `chappe/client`", code: `export { Client } from "./src/client/index.ts";`, limit: 46_500 },
  { name: "all of `chappe/client`", code: `export * from "./src/client/index.ts";`, limit: 49_700 },
  {
    name: "`chappe/indexeddb`, beside the client",
    code: `export * from "./src/indexeddb/index.ts";`,
    limit: 3_000,
    // What the client has brought already.
    external: ["../client/*", "../delivery/*", "../session/*", "../errors.ts"],
  },
  { name: "all of `chappe`", code: `export * from "./src/index.ts";`, limit: 85_000 },
];

/** @param {string} contents @param {string[]} [external] */
async function measure(contents, external = []) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external,
    alias: { "chappe/codec": codecRuntime },
    logLevel: "error",
  });
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const parts = inputs.map(([path, { bytesInOutput }]) => ({ path: relative(root, path), bytes: bytesInOutput }));
  return { minified: code.length, gzip: gzipSync(code, { level: 9 }).length, parts };
}

/** @param {number} bytes */
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

/** @param {readonly (readonly string[])[]} rows */
function table(rows) {
  /** @param {readonly string[]} cells */
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(["import", "minified", "gzip", "limit"]), line(["---", "---:", "---:", "---:"]), ...rows.map(line)].join("\n");
}

/** Puts text between the two marks of the document. @param {string} text */
function publish(text) {
  const path = join(root, "docs/codecs.md");
  const before = readFileSync(path, "utf8");
  const after = before.replace(
    /(<!-- generated: size -->\n)[\s\S]*?(<!-- end -->)/,
    (_, start, end) => `${start}\n${text}\n\n${end}`,
  );
  if (!after.includes(text)) throw new Error(`${path} has no place for the table`);
  writeFileSync(path, after);
}

const [option, word = ""] = process.argv.slice(2);
generate();
const measured = await Promise.all(entries.map(async (entry) => ({ ...entry, ...(await measure(entry.code, entry.external)) })));
const text = table(measured.map(({ name, minified, gzip, limit }) => [name, ...[minified, gzip, limit].map(kilobytes)]));
if (option === "--parts") {
  for (const { name, parts } of measured.filter((entry) => entry.name.includes(word))) {
    console.log(name);
    const sorted = parts.filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes);
    for (const { path, bytes } of sorted) console.log(`${String(bytes).padStart(8)}  ${path}`);
  }
} else console.log(text);
if (option === "--docs") publish(text);
for (const { name, gzip, limit } of measured) {
  if (gzip <= limit) continue;
  console.error(`${name}: ${gzip} bytes, above the limit of ${limit}`);
  process.exitCode = 1;
}
