// @ts-check
/**
 * protoc-gen-es-codec: beside the `_pb.ts` of protoc-gen-es, a `_codec.ts` with straight-line code that encodes and decodes each message.
 */

import { createEcmaScriptPlugin } from "@bufbuild/protoplugin";
import packageJson from "../package.json" with { type: "json" };
import { generateChecks } from "./check.js";
import { generateFile } from "./file.js";

/**
 * @typedef {object} Options
 * @property {string} runtime where generated code imports its runtime from
 * @property {"all" | "safe"} integers `safe`: uint64 above 2^53−1 is refused, by encoders and decoders
 * @property {"none" | "rules" | "strict"} checks whether the rules of buf.validate become checks; `strict`: and every string must be well formed
 * @property {Set<string>} encoded full names of messages that may carry their encoding
 * @property {Set<string>} compact full names of messages, paths of files, or `all`: these messages have a description in place of code
 * @property {Set<string>} straight full names of messages that have code all the same
 */

/** Where generated code imports its runtime from, unless the option `runtime` says otherwise. */
const defaultRuntime = "chappe/codec";

const known =
  "runtime=<module>, integers=all|safe, checks=true|strict, encoded=<message>, compact=<message>|<file>|all, straight=<message>";

export const plugin = createEcmaScriptPlugin({
  name: packageJson.name,
  version: `v${packageJson.version}`,
  parseOptions(options) {
    /** @type {Options} */
    const parsed = {
      runtime: defaultRuntime,
      integers: "all",
      checks: "none",
      encoded: new Set(),
      compact: new Set(),
      straight: new Set(),
    };
    for (const { key, value } of options) {
      if (key === "runtime" && value !== "") parsed.runtime = value;
      else if (key === "integers" && (value === "all" || value === "safe")) parsed.integers = value;
      else if (key === "checks" && (value === "true" || value === "strict"))
        parsed.checks = value === "true" ? "rules" : "strict";
      else if ((key === "encoded" || key === "compact" || key === "straight") && value !== "") parsed[key].add(value);
      else throw new Error(`${key}=${value}: not one of ${known}`);
    }
    for (const name of parsed.encoded) {
      if (parsed.compact.has(name)) throw new Error(`compact=${name}: a message that may carry its encoding is never compact`);
    }
    return parsed;
  },
  generateTs(schema) {
    for (const file of schema.files) generateFile(schema, file);
    if (schema.options.checks !== "none") generateChecks(schema);
  },
});
