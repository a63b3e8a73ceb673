/** The command line as a process of its own, bundled from the sources, so that no build is needed. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

let bundle: Promise<string> | undefined;

/** Within node_modules, so that the dependencies are found from there. One file for each test process: no two write the same. */
function bundled(): Promise<string> {
  const outfile = join(root, `node_modules/.cache/chappe-test/cli-${process.pid}.mjs`);
  bundle ??= build({
    entryPoints: [join(root, "src/node/cli/main.ts")],
    outfile,
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
    logLevel: "silent",
  }).then(() => outfile);
  return bundle;
}

/** A running command. */
export class Spawned {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout = "";
  stderr = "";

  private constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on("data", (chunk) => {
      this.stdout += chunk;
    });
    child.stderr?.on("data", (chunk) => {
      this.stderr += chunk;
    });
    this.ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
  }

  static async start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Spawned> {
    const path = await bundled();
    return new Spawned(spawn(process.execPath, [path, ...args], { env: { ...process.env, ...env }, stdio: "pipe" }));
  }

  type(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** End of input, as Ctrl-D. */
  endInput(): void {
    this.child.stdin?.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
