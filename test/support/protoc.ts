/**
 * protoc, as the reference for what bytes mean (the npm package `protoc` carries it). Many frames go through one process.
 */

import { type ChildProcess, execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { encodeDelimited } from "../../src/wire/framing.ts";
import { protocProgram as program } from "./protoc-program.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The schema as descriptors, because parsing its text anew would take most of each call's time. */
const directory = mkdtempSync(join(tmpdir(), "chappe-protoc-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const image = join(directory, "image.binpb");
execFileSync(
  program,
  ["-Iproto", "-Ivendor/protovalidate", "--include_imports", `--descriptor_set_out=${image}`, "chappe/v1/frame.proto"],
  { cwd: root },
);
const schema = [`--descriptor_set_in=${image}`, "chappe/v1/frame.proto"];

/** The bytes of a message as protoc writes them again, once it has read and printed them; throws where it refuses them. */
export function protocRoundTrip(typeName: string, bytes: Uint8Array): Uint8Array {
  const options = { cwd: root, stdio: ["pipe", "pipe", "ignore"] as ["pipe", "pipe", "ignore"], maxBuffer: 2 ** 28 };
  const text = execFileSync(program, [...schema, `--decode=${typeName}`], { ...options, input: bytes });
  return new Uint8Array(execFileSync(program, [...schema, `--encode=${typeName}`], { ...options, input: text }));
}

/** What protoc reads in each of these frames, without unknown fields, in a form to be compared. It must accept them all. */
export function protocReadings(frames: readonly Uint8Array[]): string[] {
  const batch = frames.flatMap((frame) => [0x0a, ...lengthOf(frame), ...frame]);
  const options = { cwd: root, stdio: ["pipe", "pipe", "ignore"] as ["pipe", "pipe", "ignore"], maxBuffer: 2 ** 28 };
  const text = execFileSync(program, [...schema, "--decode=chappe.v1.Batch"], { ...options, input: Uint8Array.from(batch) });
  const lines = text.toString("utf8").split("\n");
  return fieldsOf(lines).map(([, value]) => JSON.stringify(value));
}

type Fields = [name: string, value: string | Fields][];

/** The fields of a message in text format up to its closing brace. Names that are numbers are unknown fields. */
function fieldsOf(lines: string[]): Fields {
  const fields: Fields = [];
  for (let line = lines.shift()?.trim(); line !== undefined && line !== "}"; line = lines.shift()?.trim()) {
    const open = line.endsWith(" {");
    const name = open ? line.slice(0, -2) : line.slice(0, line.indexOf(":"));
    const value = open ? fieldsOf(lines) : line.slice(name.length + 2);
    if (line !== "" && !/^\d+$/.test(name)) fields.push([name, value]);
  }
  // protoc prints each entry of a map as it came, the entries of one key in the order in which they came; the last one counts.
  return fields.filter(([name, value], i) => {
    const isEntry = name === "headers" || name === "attributes";
    return !isEntry || !fields.slice(i + 1).some(([other, later]) => other === name && later[0]?.[1] === value[0]?.[1]);
  });
}

function lengthOf(frame: Uint8Array): Uint8Array {
  return encodeDelimited(frame).subarray(0, -frame.length || undefined);
}

/** Which of these inputs protoc takes for a frame. */
export async function protocAccepts(inputs: readonly Uint8Array[]): Promise<boolean[]> {
  const verdicts = new Array<boolean>(inputs.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < inputs.length; i = next++) verdicts[i] = await accepts(inputs[i] as Uint8Array);
  };
  await Promise.all(Array.from({ length: cpus().length }, worker));
  return verdicts;
}

function accepts(input: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const child: ChildProcess = execFile(program, [...schema, "--decode=chappe.v1.Frame"], { cwd: root }, (error) =>
      resolve(error === null),
    );
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}
