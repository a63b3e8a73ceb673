/** `chappe decode` and `encode` over all vectors, and what they say where something is wrong. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../../src/errors.ts";
import { explain } from "../../../src/node/cli/explain.ts";
import { layOut } from "../../../src/node/cli/layout.ts";
import { FrameSchema, parseFrame } from "../../../src/wire/codec.ts";
import { cli } from "../../support/cli.ts";
import frames from "../../vectors/frames.json" with { type: "json" };
import invalid from "../../vectors/invalid.json" with { type: "json" };

interface Vector {
  readonly id: string;
  readonly hex?: string;
  readonly stream?: string;
  readonly json?: unknown;
  readonly error?: string;
  readonly at?: number;
  readonly limits?: unknown;
  readonly frames?: readonly string[];
  readonly flags?: readonly string[];
}
const all = (file: { groups: readonly { tests: readonly unknown[] }[] }): Vector[] =>
  file.groups.flatMap(({ tests }) => tests as Vector[]);
const bytesOf = (hex: string): Buffer => Buffer.from(hex, "hex");
const oneLine = /^[^\n]+\n$/;

describe("decode, over the vectors", () => {
  const valid = all(frames).filter(({ hex }) => hex !== undefined);

  test.each(valid)("$id is explained to its last byte", async ({ hex = "" }) => {
    expect(await cli(["decode", hex])).toMatchObject({ code: 0, stderr: "" });
    let next = 0;
    for (const { at, end, depth } of explain(FrameSchema, bytesOf(hex), undefined)) {
      if (depth > 0) continue;
      expect(at).toBe(next);
      next = end;
    }
    expect(next).toBe(hex.length / 2);
  });

  test.each(valid.filter(({ flags }) => !flags?.includes("UnknownField")))("$id as ProtoJSON and back", async ({ hex = "" }) => {
    const json = await cli(["decode", "--json", hex]);
    expect(json.stdout).toMatch(oneLine);
    const again = await cli(["encode"], json.stdout);
    expect(again.code).toBe(0);
    expect(parseFrame(bytesOf(again.stdout.trim()))).toEqual(parseFrame(bytesOf(hex), { unknownFields: "drop" }));
  });

  const wrong = all(invalid).filter(({ hex, limits }) => hex !== undefined && limits === undefined);
  test.each(wrong)("$id is refused, and its place is marked", async ({ hex = "", error = "", at }) => {
    const { code, stdout, stderr } = await cli(["decode", hex]);
    expect(code).toBe(2);
    expect(stderr).toMatch(oneLine);
    expect(stderr).toMatch(new RegExp(`\\b${error}: .+ \\([A-Z]{3}-\\d+\\)\n$`));
    expect(stdout).toMatch(new RegExp(`^ *!! {2}${error}: .+\\([A-Z]{3}-\\d+\\)`, "m"));
    if (at !== undefined) {
      expect(stdout).toMatch(new RegExp(`^ *!! {2}byte ${at}(, |$)`, "m"));
      const last = explain(FrameSchema, bytesOf(hex), at).at(-1);
      if (last !== undefined && at < hex.length / 2) {
        expect(last.at).toBeLessThanOrEqual(at);
        expect(last.end).toBeGreaterThan(at);
      }
    }
  });

  const streams = [...all(frames), ...all(invalid)].filter(({ stream, limits }) => stream !== undefined && limits === undefined);
  test.each(streams)("$id as a stream, byte by byte", async ({ stream = "", frames = [], error }) => {
    const { code, stdout, stderr } = await cli(
      ["decode", "--stream"],
      [...bytesOf(stream)].map((byte) => Buffer.of(byte)),
    );
    // Without a byte there is no stream either: whoever forgot to connect one must hear of it.
    expect(code).toBe(error === undefined && stream !== "" ? 0 : 2);
    if (error !== undefined) expect(stderr).toContain(error);
    expect(stdout.match(/^frame \d+: /gm) ?? []).toHaveLength(frames.length);
  });
});

describe("decode", () => {
  test("shows bytes, number, name, value and meaning", async () => {
    const hex = "12 1f 0807 1001 1a10 01931f52410074008000000000000001 2207 0a0548656c6c6f";
    const { stdout } = await cli(["decode", hex]);
    expect(stdout.replace(/ {3,}(?=[A-Z])/g, "  ").split("\n")).toEqual([
      "frame: publish, 33 bytes",
      " 0-32  2 publish  Client to relay: the request that makes such an entry (PUB-1).",
      "  2-3    1 room: 7  Handle of the room, as `Joined.room` gave it on this connection.",
      expect.stringMatching(/^ {2}4-5 {4}2 seq: 1 {2}Counts the publishes of this session in this room/),
      " 6-23    3 id: 01931f52-4100-7400-8000-000000000001 (2024-11-12T07:41:44.576Z)  The message id: 16 bytes, UUIDv7 (RFC 9562), made by the sender (MID-1).",
      "24-32    4 content  What is said. Absent in a VOID and in a REDACTION.",
      '26-32      1 text: "Hello"  Text for people, UTF-8.',
      "",
    ]);
  });

  test.each([50, 80, 120])("breaks lines to a terminal of %i columns, and loses no word", (columns) => {
    for (const { hex = "" } of all(frames)) {
      const lines = explain(FrameSchema, bytesOf(hex), undefined);
      const whole = layOut(lines, bytesOf(hex), undefined);
      const broken = layOut(lines, bytesOf(hex), undefined, columns);
      const words = (text: string): string[] => text.split(/\s+/).sort();
      expect(words(broken)).toEqual(words(whole));
      // A word that is longer than what is left to it stays whole.
      for (const line of broken.split("\n")) expect(line.length <= columns || /\S{18,}/.test(line)).toBe(true);
    }
  });

  test("names the field that breaks a constraint", async () => {
    const { stdout, stderr } = await cli(["decode", "12 07 0807 1001 1a01ff"]);
    expect(stdout).toMatch(
      /3 id: ff \(1 byte\).*\n *!! {2}byte 6, 1a 01 ff\n *!! {2}FIELD_INVALID: .*publish\.id: is not 16 bytes\.\n/,
    );
    expect(stderr).toBe("chappe decode: frame: byte 6 (publish.id): FIELD_INVALID: publish.id: is not 16 bytes (ENC-8)\n");
  });

  test("takes hex, base64 of both alphabets, raw bytes, a file and standard input", async () => {
    const bytes = bytesOf("4a0408c0c407");
    const { stdout } = await cli(["decode", "4a0408c0c407"]);
    const file = join(mkdtempSync(join(tmpdir(), "chappe-")), "frame");
    writeFileSync(file, bytes);
    for (const result of [
      await cli(["decode", "4A:04:08 c0,c4 07"]),
      await cli(["decode", "0x4a 0x04 08c0c407"]),
      await cli(["decode", "SgQIwMQH"]),
      await cli(["decode", "--encoding", "base64", "SgQI\nwMQH=="]),
      await cli(["decode"], bytes),
      await cli(["decode"], "4a04 08c0\nc407\n"),
      await cli(["decode", "--encoding=raw"], bytes),
      await cli(["decode", "--file", file]),
      await cli(["decode", "-f", file]),
    ])
      expect(result).toMatchObject({ code: 0, stdout, stderr: "" });
  });

  test("takes hex as people have it: in several arguments, with separators, and as tools dump it", async () => {
    const { stdout } = await cli(["decode", "4a0408c0c407"]);
    for (const result of [
      await cli(["decode", "4a", "04", "08", "c0", "c4", "07"]),
      await cli(["decode", "4a04", "--encoding", "hex", "08c0c407"]),
      await cli(["decode", "0x4a,", "0x04,", "0x08,", "0xc0,", "0xC4,", "0X07"]),
      await cli(["decode", "{ 0x4a, 0x04, 0x08, 0xc0, 0xc4, 0x07 };"]),
      await cli(["decode", "4a-04-08-c0-c4-07"]),
      await cli(["decode", "\\x4a\\x04\\x08\\xc0\\xc4\\x07"]),
      await cli(["decode", "SgQI", "wMQH"]),
      await cli(["decode"], "00000000: 4a04 08c0 c407                           J.....\n"),
      await cli(["decode"], "00000000: 4a 04 08 c0  J...\r\n00000004: c4 07        ..\r\n"),
      await cli(["decode"], "0000000a: 4a04 08c0  J 00\n0000000e: c407       aa\n"),
      await cli(["decode"], "00000000  4a 04 08 c0 c4 07                                 |J.....|\n00000006\n"),
      await cli(["decode"], "00000000  4a 04 08 c0  c4 07                                |J|  4a|\n"),
      await cli(["decode", "--stream", "--encoding", "hex", "06", "4a04", "08c0c407"]).then((result) => ({
        ...result,
        stdout: result.stdout.replace("frame 1:", "frame:"),
      })),
    ])
      expect(result).toMatchObject({ code: 0, stdout, stderr: "" });
  });

  test("takes an argument that is empty for the empty frame", async () => {
    expect(await cli(["decode", ""])).toMatchObject({ code: 0, stdout: "frame: no body, 0 bytes\n", stderr: "" });
  });

  test("does not guess at a dump from which bytes are missing", async () => {
    const line = (at: string): string => `${at}  4a 04 08 c0 c4 07 4a 04  08 c0 c4 07 4a 04 08 c0  |J.....J.....J...|\n`;
    const gap = "chappe decode: the dump has 00000020 where the byte at 00000010 is expected\n";
    expect(await cli(["decode"], line("00000000") + line("00000020"))).toMatchObject({ code: 2, stdout: "", stderr: gap });
    const squeezed = "chappe decode: the dump leaves bytes out, as * says: dump them all (hexdump -v)\n";
    expect(await cli(["decode"], `${line("00000000")}*\n${line("00000020")}`)).toMatchObject({ code: 2, stderr: squeezed });
  });

  test("takes no path for bytes: says how a file is given", async () => {
    const dir = mkdtempSync(join(tmpdir(), "chappe-"));
    const file = join(dir, "frame.bin");
    writeFileSync(file, bytesOf("4a0408c0c407"));
    for (const command of ["decode", "encode"]) {
      const given = `chappe ${command}: '${file}' is a file: to read it, give --file ${file}\n`;
      const directory = `chappe ${command}: '${dir}' is a directory: give a file, with --file FILE\n`;
      expect(await cli([command, file])).toMatchObject({ code: 2, stdout: "", stderr: given });
      expect(await cli([command, dir])).toMatchObject({ code: 2, stdout: "", stderr: directory });
    }
    for (const args of [["--encoding", "raw"], ["--encoding", "base64"], ["--stream"], ["4a04"]])
      expect(await cli(["decode", ...args, file])).toMatchObject({
        code: 2,
        stdout: "",
        stderr: expect.stringContaining("--file"),
      });
  });

  test.each([
    [["decode"], "", "standard input is empty"],
    [["decode", "--json"], "", "standard input is empty"],
    [["decode", "--stream"], "", "standard input is empty"],
    [["decode", "--stream", "--encoding", "hex"], "", "standard input is empty"],
    [["decode"], "\n", "there is nothing but white space"],
    [["decode", " "], undefined, "there is nothing but white space"],
    [["decode", "--file", "/dev/null"], undefined, "--file '/dev/null' is empty"],
    [["decode", "--stream", "--file", "/dev/null"], undefined, "--file '/dev/null' is empty"],
    [["encode"], "", "standard input is empty"],
    [["encode", "--stream"], "", "standard input is empty"],
  ])("%j of nothing: no input", async (args, stdin, what) => {
    const stderr = `chappe ${args[0]}: no input: ${what}\n`;
    expect(await cli(args, stdin)).toMatchObject({ code: 2, stdout: "", stderr });
  });

  test("keeps tokens back, and control characters of peers out of the terminal", async () => {
    const token = await cli(["encode", '{"refresh":{"token":"canary"},"ref":1}']);
    expect((await cli(["decode", token.stdout])).stdout).not.toContain("canary");
    const text = await cli(["encode", '{"signal":{"name":"a\\u001b[2J\\u202e\\u0085"}}']);
    expect((await cli(["decode", text.stdout])).stdout).toContain('"a\\u{1b}[2J\\u{202e}\\u{85}"');
  });

  test("any bytes are explained, or shown to be malformed, without a throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let at: number | undefined;
        try {
          parseFrame(bytes);
        } catch (error) {
          at = (error as ProtocolError).at;
          expect(error).toBeInstanceOf(ProtocolError);
        }
        for (const line of explain(FrameSchema, bytes, at)) expect(line.end).toBeGreaterThan(line.at);
      }),
    );
  });
});

describe("encode", () => {
  test("writes hex, base64 and bytes, alone and as a stream", async () => {
    const json = '{"ping":{"timeMs":"123456"}}';
    expect((await cli(["encode", json])).stdout).toBe("4a0408c0c407\n");
    expect((await cli(["encode", json, "--to", "base64"])).stdout).toBe("SgQIwMQH\n");
    expect((await cli(["encode", "--to", "raw"], json)).raw).toEqual(bytesOf("4a0408c0c407"));
    expect((await cli(["encode", "--stream"], `${json}\n\n{"ref":1}\n`)).stdout).toBe("064a0408c0c407\n027001\n");
  });

  test.each([
    ["[1", "JSON_INVALID"],
    ['{"publish":{}}', "FIELD_INVALID: publish.room: is not at least 1"],
    ['{"ping":{"timeMs":"9007199254740992"}}', "INTEGER_RANGE"],
  ])("refuses %s", async (json, problem) => {
    const { code, stdout, stderr } = await cli(["encode", json]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(oneLine);
    expect(stderr).toContain(problem);
  });

  test("says which line of a stream is wrong", async () => {
    expect((await cli(["encode", "--stream"], '{"ref":1}\n{"ref":-1}\n')).stderr).toContain("line 2: JSON_INVALID");
  });
});
