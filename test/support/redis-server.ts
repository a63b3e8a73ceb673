/**
 * A Redis of Debian's package, on a free port of this machine, with its files in a folder of its own. Where it is absent a test is skipped, in
 * CI it fails.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why tests with Redis cannot run here; undefined: they can. */
export const redisMissing: string | undefined =
  spawnSync("redis-server", ["--version"]).status === 0
    ? undefined
    : "redis-server is missing: install Debian's package of this name";

if (redisMissing !== undefined && process.env["CI"]) throw new Error(redisMissing);

export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #args: readonly string[];
  #child: ChildProcess;

  private constructor(port: number, folder: string, args: readonly string[], child: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#args = args;
    this.#child = child;
  }

  /** @param args - besides those that say where it is. By default it writes nothing to the disk. */
  static async start(args: readonly string[] = ["--save", "", "--appendonly", "no"]): Promise<RedisServer> {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as { port: number };
    probe.close();
    await once(probe, "close");
    const folder = await mkdtemp(join(tmpdir(), "chappe-redis-"));
    const all = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, ...args];
    return new RedisServer(port, folder, all, await run(all));
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }

  /** Starts it again on the same port, after {@link kill}. */
  async restart(): Promise<void> {
    this.#child = await run(this.#args);
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true });
  }
}

async function run(args: readonly string[]): Promise<ChildProcess> {
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
  let log = "";
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      log += chunk;
      if (log.includes("Ready to accept connections")) resolve();
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`redis-server has ended: ${log}`)));
  });
  await ready;
  return child;
}
