// @ts-check
/**
 * Writes `generated/`: the code that each schema-driven peer's own generator makes of `proto/chappe/v1`, as ES modules, in the fastest
 * mode that its documents name. Not committed: it is a function of the schema and of the versions in package-lock.json, and is made
 * again when one of these has changed.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { build } from "esbuild";
import { bench, root } from "./paths.js";

const out = join(bench, "generated");

/** Does nothing where `generated/` is up to date. */
export async function generate() {
  const schema = join(root, "proto/chappe/v1");
  const sources = readdirSync(schema)
    .sort()
    .map((name) => readFileSync(join(schema, name), "utf8"));
  const stamp = createHash("sha256");
  for (const path of [join(bench, "package-lock.json"), join(bench, "generate.js")]) stamp.update(readFileSync(path));
  for (const source of sources) stamp.update(source);
  const digest = stamp.digest("hex");
  const stampFile = join(out, "stamp");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === digest) return;

  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  writeFileSync(join(out, "chappe.proto"), flatten(sources));
  const flat = "generated/chappe.proto";
  // Without what encoding and decoding do not need.
  const without = ["verify", "convert", "delimited", "typeurl", "service", "comments"].map((part) => `--no-${part}`);
  tool("pbjs", ["-t", "static-module", "-w", "esm", ...without, "-o", "generated/protobufjs.js", flat]);
  writeFileSync(join(out, "pbf.js"), tool("pbf", [flat]));
  writeFileSync(join(out, "buf.gen.yaml"), template);
  tool("buf", ["generate", "--template", "bench/generated/buf.gen.yaml"], root);
  for (const name of ["ts-proto", "protobuf-ts"]) {
    await build({
      entryPoints: [join(out, name, "chappe/v1/frame.ts")],
      outfile: join(out, `${name}.js`),
      bundle: true,
      packages: "external",
      format: "esm",
      target: "es2022",
      logLevel: "warning",
    });
  }
  for (const name of ["protobufjs", "pbf", "ts-proto", "protobuf-ts"]) {
    const file = join(out, `${name}.js`);
    writeFileSync(file, `// @ts-nocheck\n${readFileSync(file, "utf8")}`);
  }
  writeFileSync(stampFile, digest);
}

const template = JSON.stringify({
  version: "v2",
  inputs: [{ directory: "proto" }],
  plugins: [
    {
      local: "bench/node_modules/.bin/protoc-gen-ts_proto",
      out: "bench/generated/ts-proto",
      opt: [
        "oneof=unions-value",
        "importSuffix=.js",
        "outputJsonMethods=false",
        "outputPartialMethods=false",
        "outputServices=none",
        "forceLong=bigint",
      ],
      exclude_types: ["buf.validate"],
      strategy: "all",
    },
    {
      local: "bench/node_modules/.bin/protoc-gen-ts",
      out: "bench/generated/protobuf-ts",
      opt: ["optimize_speed"],
      exclude_types: ["buf.validate"],
      strategy: "all",
    },
  ],
});

/**
 * The schema in one file and without constraints, for the generators that would either not find `buf/validate/validate.proto`
 * or put all of it into their output.
 * @param {readonly string[]} sources
 */
function flatten(sources) {
  const bodies = sources.map((source) =>
    source.replace(/^(syntax|package|import|option) .*\n/gm, "").replace(/\s*\[\s*\(buf\.validate[\s\S]*?\](?=;)/g, ""),
  );
  return `syntax = "proto3";\npackage chappe.v1;\n${bodies.join("\n")}`;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function tool(command, args, cwd = bench) {
  const path = [join(bench, "node_modules/.bin"), join(root, "node_modules/.bin"), process.env["PATH"]].join(delimiter);
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, PATH: path },
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}:\n${stderr}${stdout}`);
  return stdout;
}
