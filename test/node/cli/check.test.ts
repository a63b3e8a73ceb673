/** `chappe check`: logs in files, exit codes, and what is said of a log that is none. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli } from "../../support/cli.ts";

const dir = mkdtempSync(join(tmpdir(), "chappe-check-"));
let files = 0;
const file = (...lines: string[]): string => {
  const path = join(dir, `${files++}.jsonl`);
  writeFileSync(path, lines.join("\n"));
  return path;
};
const start = '{"client":"a","event":"start"}';
const joined = '{"client":"a","event":"joined","room":"r","verdict":"fresh","epoch":7,"start":1}';
const message = (offset: number, id = `m${offset}`): string =>
  JSON.stringify({ client: "a", event: "message", room: "r", epoch: 7, offset, id });

describe("check", () => {
  test("of logs in which all is well", async () => {
    const [first, second] = [file(start, joined, message(1), ""), file(message(2), "", message(3))];
    expect(await cli(["check", first, second])).toMatchObject({
      code: 0,
      stdout: "clients 1, records 5, publishes 0, open 0, messages 3; violations 0\n",
      stderr: "",
    });
  });

  test("of one on standard input, with a hole", async () => {
    const { code, stdout } = await cli(["check", "-"], [start, joined, message(1), message(3)].join("\n"));
    expect(code).toBe(1);
    expect(stdout).toBe(
      "standard input:4: no-loss: a goes on in r at 7/3, without 2\nclients 1, records 4, publishes 0, open 0, messages 2; violations 1\n",
    );
  });

  test("as JSON, not more than are wanted", async () => {
    const { code, stdout } = await cli(["check", "--json", "--most", "1", file(joined, message(2), message(2))]);
    expect(code).toBe(1);
    const [violation, totals, ...rest] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(violation).toMatchObject({ invariant: "order", place: expect.stringMatching(/\.jsonl:3$/) });
    expect(totals).toMatchObject({ clients: 1, messages: 2, violations: 3 });
    expect(rest).toEqual([]);
  });

  test("of a line that the end of a process has cut off", async () => {
    expect(await cli(["check", file(start, joined, '{"client":"a","eve', "", start, joined, '{"cli')])).toMatchObject({
      code: 0,
    });
  });

  test.each([
    ["a line that is none", [start, "{", joined], /:2: it is not JSON/],
    ["a record that is none", [start, '{"client":"a","event":"left"}'], /:2: 'room' of left/],
    ["no record at all", ["", ""], /there is no record in it/],
    ["nothing", [], /is empty/],
  ])("of %s", async (_, lines, why) => {
    const { code, stderr, stdout } = await cli(["check", file(...lines)]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(why);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("of bytes that are no text, and of no file", async () => {
    const path = join(dir, "bytes");
    writeFileSync(path, Uint8Array.of(0xff, 0x0a));
    expect(await cli(["check", path])).toMatchObject({ code: 2, stderr: expect.stringContaining("not UTF-8") });
    expect(await cli(["check", join(dir, "nowhere")])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no such file"),
    });
  });
});
