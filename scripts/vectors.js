#!/usr/bin/env node
// @ts-check
/**
 * Writes test/vectors/frames.json and test/vectors/invalid.json: what every implementation must read, and what it must refuse.
 *
 *   node scripts/vectors.js           writes them
 *   node scripts/vectors.js --check   writes nothing; exits 1 where they are not up to date
 *
 * Each test is run against the codec before it is written: a vector that the codec does not satisfy ends the run.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { build } from "esbuild";
import { bodyGroups } from "./vectors/bodies.js";
import { bounds } from "./vectors/bounds.js";
import { formGroups, validStreams } from "./vectors/forms.js";
import { malformedGroups } from "./vectors/malformed.js";
import { invalidStreams, refusedGroups } from "./vectors/refused.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** The codec, bundled from its source: no build is needed before. */
const bundle = await build({
  stdin: {
    contents: `
      export { decodeFrame, encodeFrame, FrameSchema } from "./src/wire/codec.ts";
      export { decodeFrameJson, encodeFrameJson } from "./src/wire/json.ts";
      export { DelimitedDecoder } from "./src/wire/framing.ts";
      export { defaultDecodeLimits } from "./src/wire/limits.ts";
      export { closeCode, verdicts } from "./src/errors.ts";
      export { constraints } from "./gen/chappe/v1/constraints.ts";
      export { fromJson, toBinary } from "@bufbuild/protobuf";`,
    resolveDir: root,
  },
  bundle: true,
  write: false,
  format: "esm",
  platform: "neutral",
});
const chappe = await import(
  `data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0]?.contents ?? []).toString("base64")}`
);

/** @typedef {Record<string, unknown>} Test */

/** @param {Iterable<number>} bytes */
const hexOf = (bytes) => Buffer.from([...bytes]).toString("hex");

/** @param {unknown} actual @param {unknown} expected @param {string} id */
function same(actual, expected, id) {
  if (!isDeepStrictEqual(actual, expected))
    throw new Error(`${id}: ${JSON.stringify(actual)}, where ${JSON.stringify(expected)} is expected`);
}

/** Bytes of a frame whatever it holds. @param {Test} json @returns {Uint8Array} */
const bytesOf = (json) =>
  chappe.toBinary(chappe.FrameSchema, chappe.fromJson(chappe.FrameSchema, JSON.parse(JSON.stringify(json))));

/**
 * @param {{ id: string, comment: string, json: Test, bytes?: readonly number[], limits?: Record<string, number>, flags?: string[] }} test
 * @returns {Test}
 */
function valid({ id, comment, json, bytes, limits, flags = [] }) {
  const input = bytes === undefined ? bytesOf(json) : Uint8Array.from(bytes);
  const frame = chappe.decodeFrame(input, { ...limits, unknownFields: "drop" });
  const text = chappe.encodeFrameJson(frame);
  same(chappe.encodeFrameJson(chappe.decodeFrameJson(JSON.stringify(json))), text, id);
  const asWritten = hexOf(chappe.encodeFrame(frame)) === hexOf(input);
  if (!asWritten && flags.length === 0) throw new Error(`${id}: not the form that an encoder writes, and no flag says so`);
  return { id, comment, hex: hexOf(input), json: JSON.parse(text), ...(limits && { limits }), flags, result: "valid" };
}

/**
 * @param {import("./vectors/malformed.js").Invalid} test
 * @returns {Test}
 */
function invalid({ id, comment, bytes, text, error, field, at, limits, flags = [] }) {
  const input = bytes === undefined ? { text } : { hex: hexOf(bytes) };
  const expected = { error, ...(field !== undefined && { field }), ...(at !== undefined && { at }) };
  same(
    fault(() =>
      bytes === undefined ? chappe.decodeFrameJson(text, limits) : chappe.decodeFrame(Uint8Array.from(bytes), limits),
    ),
    expected,
    id,
  );
  return { id, comment, ...input, ...expected, ...(limits && { limits }), flags, result: "invalid" };
}

/** What a call throws. @param {() => unknown} call @returns {Test} */
function fault(call) {
  try {
    call();
  } catch (cause) {
    const error = /** @type {import("../src/errors.ts").ProtocolError} */ (cause);
    return {
      error: error.code,
      ...(error.field !== undefined && { field: error.field }),
      ...(error.at !== undefined && { at: error.at }),
    };
  }
  return {};
}

/** The at of a bound's violation is not known beforehand, where it is an integer that is too large. @param {import("./vectors/bounds.js").Bound} bound @returns {Test} */
function outside({ id, comment, json, error = "", field = "" }) {
  const bytes = bytesOf(json);
  const found = fault(() => chappe.decodeFrame(bytes));
  const at = typeof found["at"] === "number" ? { at: found["at"] } : {};
  return invalid({ id, comment, bytes: [...bytes], error, field, ...at });
}

/** Two error frames for each code, with its usual verdict; and the close code where it ends a connection. @returns {Test[]} */
function errors() {
  return Object.entries(/** @type {Record<string, [number, string, string, string]>} */ (chappe.verdicts)).flatMap(
    ([code, verdict]) => {
      const [retry = "", scope = "", processed = ""] = verdict.slice(1).map((word) => `${word}`.toUpperCase());
      const error = {
        code: `ERROR_CODE_${code}`,
        retry: `RETRY_${retry}`,
        scope: `SCOPE_${scope}`,
        processed: `PROCESSED_${processed}`,
      };
      const detail = {
        ...error,
        retryAfterMs: retry === "AFTER" ? 1500 : 0,
        message: `why: ${code}`,
        room: 7,
        seq: "12",
        nextSeq: code === "OUT_OF_ORDER" ? "11" : "0",
      };
      const id = `error/${code.toLowerCase().replaceAll("_", "-")}`;
      const closes = { closeCode: chappe.closeCode(code) };
      return [
        { ...valid({ id, comment: "the usual verdict", json: { error } }), ...closes },
        { ...valid({ id: `${id}/detail`, comment: "about a request or a publish", json: { error: detail, ref: 3 } }), ...closes },
      ];
    },
  );
}

/**
 * @param {string} kind
 * @param {Record<string, string>} notes
 * @param {{ name: string, clauses: string[], tests: Test[] }[]} groups
 */
function fileOf(kind, notes, groups) {
  const tests = groups.flatMap((group) => group.tests);
  const ids = new Set(tests.map((test) => test["id"]));
  if (ids.size < tests.length) throw new Error(`${kind}: two tests have the same id`);
  for (const flag of tests.flatMap((test) => /** @type {string[]} */ (test["flags"])))
    if (!(flag in notes)) throw new Error(`${kind}: no note for ${flag}`);
  const head = { algorithm: "chappe.v1.Frame", kind, count: tests.length, limits: chappe.defaultDecodeLimits, notes };
  // One line for each test, so that a change shows as the tests that it changes.
  const body = groups.map(({ name, clauses, tests }) => {
    const lines = tests.map((test) => `        ${JSON.stringify(test)}`).join(",\n");
    return `    {\n      "name": ${JSON.stringify(name)},\n      "clauses": ${JSON.stringify(clauses)},\n      "tests": [\n${lines}\n      ]\n    }`;
  });
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "groups": [\n${body.join(",\n")}\n  ]\n}\n`;
}

/** What comes out of a stream, under the default limits but for these. @param {readonly number[]} stream @param {Record<string, number> | undefined} limits */
function readStream(stream, limits) {
  const decoder = new chappe.DelimitedDecoder(limits?.["frameBytes"] ?? chappe.defaultDecodeLimits.frameBytes);
  /** @type {string[]} */
  const frames = [];
  const end = fault(() => {
    decoder.push(Uint8Array.from(stream));
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(hexOf(frame));
    decoder.end();
  });
  return { frames, ...end };
}

const sides = bounds(chappe.constraints, chappe.FrameSchema);

const frames = fileOf(
  "frames",
  {
    OtherForm:
      "Not the form that the recommended encoder writes (ENC-10): an encoder need not come to these bytes, a decoder must read them.",
    UnknownField: "Holds fields that version 1 does not know. They are skipped, and are absent from the ProtoJSON form.",
    WrongWireType: "Holds a known field with a wire type that is not its own, which is an unknown field (ENC-1).",
    NotProtoc: "protoc refuses these bytes.",
  },
  [
    ...bodyGroups.map((group) => ({ ...group, tests: group.tests.map(([id, comment, json]) => valid({ id, comment, json })) })),
    ...formGroups.map((group) => ({ ...group, tests: group.tests.map(valid) })),
    { name: "bounds", clauses: ["ENC-8"], tests: sides.filter((side) => side.error === undefined).map((side) => valid(side)) },
    { name: "errors", clauses: ["ERR-1", "ERR-3", "ERR-4"], tests: errors() },
    {
      name: "streams",
      clauses: ["TRN-5"],
      tests: validStreams.map(({ id, comment, stream, frames }) => {
        same(readStream(stream, undefined), { frames: frames.map(hexOf) }, id);
        return { id, comment, stream: hexOf(stream), frames: frames.map(hexOf), flags: [], result: "valid" };
      }),
    },
  ],
);

const refused = fileOf("invalid", { NotProtoc: "protoc reads these bytes: it ignores bits that are too many." }, [
  ...[...malformedGroups, ...refusedGroups].map((group) => ({ ...group, tests: group.tests.map(invalid) })),
  { name: "bounds", clauses: ["ENC-7", "ENC-8"], tests: sides.filter((side) => side.error !== undefined).map(outside) },
  {
    name: "streams",
    clauses: ["TRN-5", "TRN-14"],
    tests: invalidStreams.map(({ id, comment, stream, frames, error, at, limits }) => {
      same(readStream(stream, limits), { frames: frames.map(hexOf), error, at }, id);
      return {
        id,
        comment,
        stream: hexOf(stream),
        frames: frames.map(hexOf),
        error,
        at,
        ...(limits && { limits }),
        flags: [],
        result: "invalid",
      };
    }),
  },
]);

for (const [name, text] of [
  ["frames.json", frames],
  ["invalid.json", refused],
]) {
  const path = join(root, "test/vectors", `${name}`);
  if (!process.argv.includes("--check")) writeFileSync(path, `${text}`);
  else if (readFileSync(path, "utf8") !== text) {
    console.error(`test/vectors/${name} is not up to date: run node scripts/vectors.js`);
    process.exitCode = 1;
  }
}
