#!/usr/bin/env node
// @ts-check
/**
 * What a newcomer does, by codegen/README.md: installs the packages as they would be published into an empty folder, generates for a schema of
 * their own with buf and with protoc, compiles, and sends a message there and back. npm's registry has to be within reach.
 *
 *   node scripts/newcomer.js TARBALL…
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(fileURLToPath(import.meta.url), "../..");
const schema = `syntax = "proto3";
package acme.v1;
message Order {
  uint64 id = 1;
  repeated Item items = 2;
  map<int32, string> notes = 3;
  oneof customer { string name = 4; bytes key = 5; }
}
message Item { string name = 1; optional double price = 2; }
`;
/** @param {string} extension of the generated modules */
const program = (extension) => `import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createOrder, decodeOrder, encodeOrder } from "./gen/acme/v1/order_codec.${extension}";
import { type Order, OrderSchema } from "./gen/acme/v1/order_pb.${extension}";

const init = { id: 7n, items: [{ name: "tea", price: 2.5 }, { name: "é" }], notes: { 3: "ok" }, customer: { case: "name" as const, value: "Ada" } };
const order: Order = createOrder(init);
const bytes = encodeOrder(order);
const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const again = [decodeOrder(bytes), fromBinary(OrderSchema, bytes)].map((each) => hex(toBinary(OrderSchema, each)));
for (const each of again) if (each !== hex(bytes) || each !== hex(toBinary(OrderSchema, create(OrderSchema, init)))) throw new Error(each);
if (decodeOrder(bytes).items[1]?.name !== "é") throw new Error("the name of an item");
console.log(again.length);
`;
const compiler = {
  compilerOptions: {
    module: "nodenext",
    target: "es2022",
    lib: ["es2022", "dom"],
    strict: true,
    skipLibCheck: false,
    rewriteRelativeImportExtensions: true,
    types: [],
    outDir: "out",
  },
  include: ["*.ts", "gen"],
};

/** What is fenced in codegen/README.md: the first block of this language that holds the word. @param {string} language @param {string} word */
function block(language, word) {
  const text = readFileSync(join(root, "codegen/README.md"), "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  const found = blocks.find(([, name, body]) => name === language && body?.includes(word));
  if (found?.[2] === undefined) throw new Error(`codegen/README.md has no ${language} with ${word}`);
  return found[2];
}

const tarballs = process.argv.slice(2).map((path) => resolve(path));
const folder = mkdtempSync(join(tmpdir(), "chappe-newcomer-"));
const bins = [join(folder, "node_modules/.bin"), join(root, "node_modules/.bin")];
const env = { ...process.env, PATH: [...bins, process.env["PATH"]].join(delimiter), NODE_PATH: "" };

/** @param {string} command @param {string[]} args @param {string} [cwd] */
function run(command, args, cwd = folder) {
  return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Compiles and runs the program in this folder. @param {string} at */
function roundTrip(at) {
  // Not the one that the plugins bring along, which is an old one.
  run(join(root, "node_modules/.bin/tsc"), ["-p", "."], at);
  const said = run(process.execPath, [join(at, "out/main.js")], at).trim();
  if (said !== "2") throw new Error(`it says ${said}`);
}

try {
  /** @type {{ devDependencies: Record<string, string> }} */
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  const generator = `@bufbuild/protoc-gen-es@${devDependencies["@bufbuild/protoc-gen-es"]}`;
  run("npm", [
    "install",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    "--loglevel=error",
    ...tarballs,
    "@bufbuild/protobuf",
    generator,
  ]);
  for (const [name, extension] of /** @type {const} */ ([
    ["buf", "ts"],
    ["protoc", "js"],
  ])) {
    const at = join(folder, name);
    for (const each of ["proto/acme/v1", "gen"]) mkdirSync(join(at, each), { recursive: true });
    writeFileSync(join(at, "proto/acme/v1/order.proto"), schema);
    writeFileSync(join(at, "main.ts"), program(extension));
    writeFileSync(join(at, "tsconfig.json"), JSON.stringify(compiler));
    if (name === "buf") {
      writeFileSync(join(at, "buf.yaml"), "version: v2\nmodules: [{ path: proto }]\n");
      writeFileSync(join(at, "buf.gen.yaml"), block("yaml", "protoc-gen-es-codec"));
      run("buf", ["generate"], at);
    } else run("sh", ["-ec", block("sh", "protoc ")], at);
    if (name === "protoc") {
      // What is generated as JavaScript is where the compiler puts nothing.
      mkdirSync(join(at, "out"));
      run("cp", ["-r", "gen", "out/gen"], at);
    }
    roundTrip(at);
    console.log(`generated by ${name}, compiled, there and back`);
  }
} catch (error) {
  const { stdout = "", stderr = "" } = /** @type {{ stdout?: string, stderr?: string }} */ (error);
  console.error(`${error instanceof Error ? error.message : error}\n${stdout}${stderr}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
