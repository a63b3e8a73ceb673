/** The generator as a program, on schemas of a test's own, in a scratch folder. */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { build } from "esbuild";

const root = resolve(import.meta.dirname, "../../..");
const bin = join(root, "node_modules/.bin");

/** A schema, with the annotations of buf.validate at hand, and what is generated from it. */
export class Generated {
  readonly folder: string = mkdtempSync(join(tmpdir(), "chappe-codegen-"));
  /** What the run says where it fails; undefined: it did not. */
  readonly failure: string | undefined;

  /** @param files texts by their paths @param options more options of the plugin */
  constructor(files: Readonly<Record<string, string>>, options: readonly string[] = []) {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.folder, "proto", name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    cpSync(join(root, "vendor/protovalidate"), join(this.folder, "validate"), { recursive: true });
    writeFileSync(join(this.folder, "buf.yaml"), "version: v2\nmodules: [{ path: proto }, { path: validate }]\n");
    const runtime = `./${relative(join(this.folder, "gen"), join(root, "src/codec/index.js"))}`;
    const opt = ["target=ts", "import_extension=ts"];
    // buf refuses to leave out what is not there.
    const isAnnotated = Object.values(files).some((text) => text.includes("buf/validate/validate.proto"));
    const template = {
      version: "v2",
      inputs: [{ directory: "proto" }],
      plugins: [
        { local: join(bin, "protoc-gen-es"), out: "gen", opt, exclude_types: isAnnotated ? ["buf.validate"] : [] },
        {
          local: ["node", join(root, "codegen/src/main.js")],
          out: "gen",
          opt: [...opt, `runtime=${runtime}`, ...options],
          strategy: "all",
        },
      ],
    };
    const args = ["generate", "--template", JSON.stringify(template)];
    const { status, stderr } = spawnSync(join(bin, "buf"), args, { cwd: this.folder, encoding: "utf8" });
    if (status !== 0) this.failure = stderr;
  }

  /** What a generated file exports. */
  async load(name: string): Promise<Record<string, (value: unknown) => unknown>> {
    const outfile = join(this.folder, `${name}.mjs`);
    const nodePaths = [join(root, "node_modules")];
    await build({
      entryPoints: [join(this.folder, "gen", name)],
      outfile,
      nodePaths,
      bundle: true,
      format: "esm",
      platform: "node",
    });
    return import(outfile);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
