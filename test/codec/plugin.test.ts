/** The generator as a program: names that meet, and what it refuses. */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { build } from "esbuild";
import { afterEach, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
let folder = "";

/** Generates from these files. @returns what the run says; undefined: nothing. */
function generate(files: Readonly<Record<string, string>>, option = ""): string | undefined {
  folder = mkdtempSync(join(tmpdir(), "chappe-codegen-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const runtime = `./${relative(join(folder, "gen"), join(root, "src/codec/index.js"))}`;
  const options = ["target=ts", "import_extension=ts"];
  const template = {
    version: "v2",
    plugins: [
      { local: join(root, "node_modules/.bin/protoc-gen-es"), out: "gen", opt: options },
      {
        local: ["node", join(root, "codegen/src/main.js")],
        out: "gen",
        opt: [...options, `runtime=${runtime}`, ...(option === "" ? [] : [option])],
      },
    ],
  };
  writeFileSync(join(folder, "buf.yaml"), "version: v2\n");
  const buf = join(root, "node_modules/.bin/buf");
  const { status, stderr } = spawnSync(buf, ["generate", "--template", JSON.stringify(template)], {
    cwd: folder,
    encoding: "utf8",
  });
  return status === 0 ? undefined : stderr;
}

/** What a generated file exports. */
async function load(name: string): Promise<Record<string, (value: unknown) => unknown>> {
  const outfile = join(folder, "out.mjs");
  const nodePaths = [join(root, "node_modules")];
  await build({ entryPoints: [join(folder, "gen", name)], outfile, nodePaths, bundle: true, format: "esm", platform: "node" });
  return import(outfile);
}

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("protoc-gen-es-codec", () => {
  it("keeps apart what has one name: in another package, in the well-known types, in the runtime, in the language", async () => {
    const failed = generate({
      "a/a.proto": `syntax = "proto3";
        package a;
        import "b/b.proto";
        import "google/protobuf/timestamp.proto";
        message Foo { b.Foo other = 1; google.protobuf.Timestamp at = 2; Timestamp own = 3; Reader r = 4; }
        message Timestamp { string x = 1; }
        message Reader {
          message Key { string class = 1; }
          int32 end = 1; string class = 2; bytes tag = 3; map<string, Foo> key = 4; Key own = 7;
          oneof value { string start = 5; Foo error = 6; }
        }
        message Text { string text = 1; }`,
      "b/b.proto": `syntax = "proto3"; package b; message Foo { string name = 1; }`,
    });
    expect(failed).toBeUndefined();
    const { createFoo, encodeFoo, decodeFoo } = await load("a/a_codec.ts");
    const foo = createFoo?.({
      other: { name: "b" },
      at: { seconds: 5n, nanos: 6 },
      own: { x: "own" },
      r: {
        end: -1,
        class: "c",
        tag: Uint8Array.of(1),
        key: { __proto__: null, k: { own: { x: "k" } } },
        value: { case: "start", value: "s" },
      },
    });
    expect(decodeFoo?.(encodeFoo?.(foo))).toStrictEqual(foo);
  });

  it.each([
    ["two messages whose functions would have one name", "message Foo {} message FooInto {}", "", "FooInto"],
    ["a nested message that is named as another one", "message A { message B {} } message A_B {}", "", "A_B"],
    ["an option that is none", "message Foo {}", "speed=high", "speed=high"],
  ])("refuses %s, and says where", (_name, text, option, where) => {
    const said = generate({ "p.proto": `syntax = "proto3"; package p; ${text}` }, option);
    expect(said).toContain(where);
    if (option === "") expect(said).toContain("p.proto");
  });
});
