import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { closeCode, type ErrorCodeName, errorCodeName, verdicts } from "../../src/errors.ts";
import {
  type CodecOptions,
  decodeFrame,
  type ErrorInfo,
  encodeFrame,
  Processed,
  parseFrame,
  Retry,
  Scope,
} from "../../src/wire/codec.ts";
import { DelimitedDecoder } from "../../src/wire/framing.ts";
import { decodeFrameJson, encodeFrameJson } from "../../src/wire/json.ts";
import { defaultDecodeLimits } from "../../src/wire/limits.ts";
import { errorOf } from "../support/errors.ts";
import { bodyCases } from "../support/frames.ts";
import { protocAccepts, protocReadings } from "../support/protoc.ts";

// The vectors of this project itself, written by scripts/vectors.js, in the manner of Wycheproof (github.com/C2SP/wycheproof).

interface Test {
  id: string;
  flags: string[];
  limits?: CodecOptions;
  hex?: string;
  text?: string;
  json?: unknown;
  stream?: string;
  frames?: string[];
  error?: ErrorCodeName;
  field?: string;
  at?: number;
  closeCode?: number;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

function load(name: string): { count: number; tests: Test[] } {
  const { count, groups } = JSON.parse(readFileSync(`${root}/test/vectors/${name}`, "utf8")) as {
    count: number;
    groups: { tests: Test[] }[];
  };
  return { count, tests: groups.flatMap((group) => group.tests) };
}

const valid = load("frames.json");
const invalid = load("invalid.json");
const validFrames = valid.tests.filter((test) => test.hex !== undefined);

function bytes(hex = ""): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** Runs `check` on each test; a failure names the test. */
function each(tests: readonly Test[], check: (test: Test) => void): void {
  for (const test of tests) {
    try {
      check(test);
    } catch (error) {
      throw new Error(`vector ${test.id}`, { cause: error });
    }
  }
}

describe("vectors", () => {
  it("are up to date", () => {
    execFileSync(process.execPath, ["scripts/vectors.js", "--check"], { cwd: root });
  });

  it("are many, and cover every body and every code", () => {
    const all = [...valid.tests, ...invalid.tests];
    expect([valid.count, invalid.count]).toEqual([valid.tests.length, invalid.tests.length]);
    expect(all.length).toBeGreaterThanOrEqual(150);
    expect(invalid.count / all.length).toBeGreaterThan(0.35);
    for (const { tests } of [valid, invalid]) expect(new Set(tests.map((test) => test.id)).size).toBe(tests.length);

    const bodies = validFrames.map((test) => decodeFrame(bytes(test.hex), test.limits).body);
    for (const bodyCase of bodyCases)
      expect(bodies.filter((body) => body.case === bodyCase).length, bodyCase).toBeGreaterThanOrEqual(2);
    for (const code of Object.keys(verdicts) as ErrorCodeName[]) {
      const [number] = verdicts[code];
      const told = bodies.filter((body) => body.case === "error" && body.value.code === number);
      expect(told.length, code).toBeGreaterThanOrEqual(2);
      if (number >= 1 && number <= 12)
        expect(invalid.tests.filter((test) => test.error === code).length, code).toBeGreaterThanOrEqual(2);
    }
  });

  it("that are valid say the same in both forms", () => {
    each(validFrames, ({ hex, json, limits, flags }) => {
      const frame = decodeFrame(bytes(hex), { ...limits, unknownFields: "drop" });
      expect(JSON.parse(encodeFrameJson(frame))).toEqual(json);
      expect(decodeFrameJson(JSON.stringify(json), limits)).toStrictEqual(frame);
      if (flags.length === 0) expect(Buffer.from(encodeFrame(frame)).toString("hex")).toBe(hex);
    });
  });

  it("that are errors carry the verdict and the close code of their code", () => {
    const errors = validFrames.filter((test) => test.closeCode !== undefined);
    expect(errors.length).toBe(2 * Object.keys(verdicts).length);
    each(errors, (test) => {
      const error = decodeFrame(bytes(test.hex)).body.value as ErrorInfo;
      const code = errorCodeName(error.code);
      const [, retry, scope, processed] = verdicts[code];
      expect(error.retry).toBe(Retry[retry.toUpperCase() as keyof typeof Retry]);
      expect(error.scope).toBe(Scope[scope.toUpperCase() as keyof typeof Scope]);
      expect(error.processed).toBe(Processed[processed.toUpperCase() as keyof typeof Processed]);
      expect(test.closeCode).toBe(closeCode(code));
    });
  });

  it("that are invalid are refused with their code, at their place", () => {
    each(
      invalid.tests.filter((test) => test.stream === undefined),
      ({ hex, text, limits, error, field, at }) => {
        const found = errorOf(() => (text === undefined ? decodeFrame(bytes(hex), limits) : decodeFrameJson(text, limits)));
        expect(found).toMatchObject({ origin: "remote", code: error, field, at });
      },
    );
  });

  it("that are streams give their frames, byte by byte too", () => {
    const streams = [...valid.tests, ...invalid.tests].filter((test) => test.stream !== undefined);
    each(streams, ({ stream, frames, limits, error, at }) => {
      const all = bytes(stream);
      for (const chunks of [[all], [...all].map((byte) => Uint8Array.of(byte))]) {
        const decoder = new DelimitedDecoder(limits?.frameBytes ?? defaultDecodeLimits.frameBytes);
        const found: string[] = [];
        const run = (): void => {
          for (const chunk of chunks) {
            decoder.push(chunk);
            for (let frame = decoder.next(); frame !== undefined; frame = decoder.next())
              found.push(Buffer.from(frame).toString("hex"));
          }
          decoder.end();
        };
        if (error === undefined) run();
        else expect(errorOf(run)).toMatchObject({ code: error, at });
        expect(found).toEqual(frames);
      }
    });
  });

  it("say to protoc what they say here", async () => {
    const common = validFrames.filter((test) => !test.flags.includes("NotProtoc"));
    const ours = common.map((test) => encodeFrame(parseFrame(bytes(test.hex), { ...test.limits, unknownFields: "drop" })));
    expect(protocReadings(common.map((test) => bytes(test.hex)))).toEqual(protocReadings(ours));

    const rest = validFrames.filter((test) => test.flags.includes("NotProtoc"));
    expect(await protocAccepts(rest.map((test) => bytes(test.hex)))).toEqual(rest.map(() => false));
  });

  it("are refused by protoc too, but for what only Chappe rules", async () => {
    const malformed = ["FRAME_TRUNCATED", "VARINT_OVERLONG", "TAG_INVALID", "GROUP_UNBALANCED", "UTF8_INVALID"];
    const tests = invalid.tests.filter((test) => test.hex !== undefined && malformed.includes(test.error ?? ""));
    const accepted = await protocAccepts(tests.map((test) => bytes(test.hex)));
    each(tests, (test) => expect(accepted[tests.indexOf(test)]).toBe(test.flags.includes("NotProtoc")));
  });
});
