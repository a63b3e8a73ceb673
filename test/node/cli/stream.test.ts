/** Input without end, and readers that are slow or go away: what is held is bounded. */

import { once } from "node:events";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import type { Io } from "../../../src/node/cli/io.ts";
import { run } from "../../../src/node/cli/run.ts";
import { Spawned } from "../../support/spawned-cli.ts";

const mebibyte = 1024 * 1024;

/** Chunks without end, and how many were taken. */
function endless(chunk: Uint8Array): { stdin: Readable; taken: () => number } {
  let taken = 0;
  const chunks = function* () {
    for (;;) {
      taken++;
      yield chunk;
    }
  };
  return { stdin: Readable.from(chunks(), { highWaterMark: 1 }), taken: () => taken };
}

/** A reader that takes `writes` writes, and then none; what the command says meanwhile. */
function world(stdin: Readable, writes: number): { io: Io; written: string[]; complaints: string[]; drain: () => void } {
  const written: string[] = [];
  const complaints: string[] = [];
  let drain = (): void => undefined;
  const io: Io = {
    stdin,
    stdout: {
      write: (data) => written.push(String(data)) < writes,
      once: (_event, listener) => {
        drain = listener;
      },
    },
    stderr: { write: (data) => complaints.push(String(data)) },
    env: {},
  };
  return { io, written, complaints, drain: () => drain() };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test.each([
  [["decode"], "standard input: has more than 16777216 bytes"],
  [["decode", "--json"], "standard input: has more than 16777216 bytes"],
  [["decode", "--encoding", "raw"], "standard input: has more than 16777216 bytes"],
  [["decode", "--stream", "--encoding", "hex"], "standard input: has more than 16777216 bytes"],
  [["encode"], "standard input: has more than 16777216 bytes"],
  [["encode", "--stream"], "line 1: has more than 16777216 bytes"],
  [["serve", "--tokens", "-"], "standard input: has more than 16777216 bytes"],
  [["chat", "lobby", "--token-file", "-"], "standard input: has more than 16777216 bytes"],
])("%j reads 16 MiB of what does not end", async (args, text) => {
  const { stdin, taken } = endless(Buffer.alloc(mebibyte, "x"));
  const { io, written, complaints } = world(stdin, 0);
  expect(await run(args, io)).toBe(2);
  expect([written, complaints]).toEqual([[], [`chappe ${args[0]}: ${text}\n`]]);
  expect(taken()).toBeLessThanOrEqual(20);
});

test.each([
  ["decode", Buffer.from("064a0408c0c407", "hex")],
  ["encode", Buffer.from('{"ping":{"timeMs":"123456"}}\n')],
])("%s --stream shows each frame as it comes, and waits for a slow reader", async (name, frame) => {
  const { stdin, taken } = endless(frame);
  const { io, written, complaints, drain } = world(stdin, 3);
  const ended = run([name, "--stream"], io);
  await settle();
  expect(written).toHaveLength(3);
  const before = taken();
  expect(before).toBeLessThan(10);
  await settle();
  expect(taken()).toBe(before);
  drain();
  await settle();
  expect(written).toHaveLength(4);
  stdin.destroy(new Error("gone"));
  drain();
  expect(await ended).toBe(2);
  expect(complaints).toEqual([`chappe ${name}: standard input: gone\n`]);
});

test.each([["--json"], ["--encoding=raw"]])(
  "a reader that goes away ends decode --stream %s quietly, as SIGPIPE would",
  async (flag) => {
    const decode = await Spawned.start(["decode", "--stream", "--file", "/dev/zero", flag]);
    await once(decode.child.stdout as Readable, "data");
    decode.child.stdout?.destroy();
    expect(await decode.ended).toEqual({ code: 141, signal: null });
    expect(decode.stderr).toBe("");
  },
);
