/** The command line in this process: what it prints, and its exit code. */

import { Readable } from "node:stream";
import { run } from "../../src/node/cli/run.ts";

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly raw: Uint8Array;
  readonly stderr: string;
}

/** @param stdin what standard input holds; undefined: a terminal at which nobody types. */
export async function cli(
  args: readonly string[],
  stdin?: string | Uint8Array | readonly Uint8Array[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  const chunks: Uint8Array[] = [];
  let stderr = "";
  const input = stdin === undefined ? [] : [stdin].flat().map((each) => Buffer.from(each as Uint8Array));
  const code = await run(args, {
    stdin: Object.assign(Readable.from(input), { isTTY: stdin === undefined }),
    stdout: { write: (data) => chunks.push(Buffer.from(data as Uint8Array)) },
    stderr: {
      write: (data) => {
        stderr += String(data);
      },
    },
    env,
  });
  const raw = Buffer.concat(chunks);
  return { code, stdout: raw.toString(), raw, stderr };
}
