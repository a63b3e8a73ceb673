// @ts-check
/** What may be said on the command line. */

import { parseArgs } from "node:util";
import { frameNames } from "./frames/frames.js";
import { libraryNames } from "./library-names.js";

export const usage = `npm run bench:codec -- [options]
  --frames LIST     some of ${frameNames.join(",")}
  --libraries LIST  some of ${libraryNames.join(",")}
  --processes N     processes that each measure everything; default 5
  --quick           one process and fewer rounds: for a first look, never for the documents
  --json FILE       writes the rows there; those of other runtimes to FILE's name with .node24 or .chromium before its extension
  --node24          also on Node 24
  --chromium        also in Chromium
  --docs            writes docs/benchmarks.md and docs/benchmarks.svg`;

/** @param {readonly string[]} args @throws Error with what is wrong, for people */
export function parseOptions(args) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      frames: { type: "string" },
      libraries: { type: "string" },
      processes: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      node24: { type: "boolean", default: false },
      chromium: { type: "boolean", default: false },
      docs: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const processes = Number(values.processes ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(processes) || processes < 1) throw new Error("--processes takes a number from 1 up");
  const options = {
    ...values,
    processes,
    frames: some("--frames", values.frames, frameNames),
    libraries: some("--libraries", values.libraries, libraryNames),
  };
  const isWhole =
    options.frames.length === frameNames.length && options.libraries.length === libraryNames.length && !values.quick;
  if (values.docs && !isWhole) throw new Error("--docs is of all frames and libraries, and not quick");
  return options;
}

/** @template {string} T @param {string} option @param {string | undefined} given @param {readonly T[]} all @returns {T[]} */
function some(option, given, all) {
  if (given === undefined) return [...all];
  const names = given.split(",");
  const strange = names.find((name) => !(/** @type {readonly string[]} */ (all).includes(name)));
  if (strange !== undefined) throw new Error(`${option} does not know ${strange}; it takes some of ${all.join(",")}`);
  return all.filter((name) => names.includes(name));
}
