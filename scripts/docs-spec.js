#!/usr/bin/env node
// @ts-check
/**
 * Fills the generated regions of docs/spec, and checks its clauses.
 *
 *   node scripts/docs-spec.js           brings the regions up to date
 *   node scripts/docs-spec.js --check   changes nothing; exits 1 with a list of what is stale or wrong
 *
 * A region stands between `<!-- generated: KIND ARGUMENTS -->` and `<!-- end -->`:
 *
 *   clauses                     the index of clauses
 *   errors                      codes and verdicts: src/errors.ts, comments of error.proto
 *   limits decode|relay|other|times   src/wire/limits.ts, comments of session.proto
 *   diagram NAME                a table of src/session/transitions.ts, as Mermaid
 *   vector FILE ID …            tests of test/vectors/FILE: a frame byte by byte, or a stream frame by frame
 */

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const specDir = join(root, "docs/spec");

/** @param {string} path */
const read = (path) => readFileSync(join(root, path), "utf8");

/**
 * What a TypeScript file exports. It is bundled on the fly, so that the documents need no build.
 * @param {string} path
 * @returns {Promise<any>}
 */
async function load(path) {
  const result = await build({
    entryPoints: [join(root, path)],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    logLevel: "silent",
  });
  const code = result.outputFiles[0]?.text ?? "";
  return import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`);
}

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
function table(head, rows) {
  /** @param {readonly string[]} cells */
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** @param {number} n */
const grouped = (n) => n.toLocaleString("en-US");

// ---- clauses

const families = "TRN ENC FRM BAT LIM SES AUT ROM LOG MID PUB ACK RES CRD HIS RCP TYP PRS MBR SIG LIV GBY ERR EVO".split(" ");
const citation = new RegExp(`\\b(?:${families.join("|")})-[0-9]+\\b`, "g");
const definition = new RegExp(`^\\*\\*((?:${families.join("|")})-[0-9]+)\\*\\* `, "gm");

/** @returns {string[]} the pages, README first */
function pages() {
  const names = readdirSync(specDir).filter((name) => name.endsWith(".md"));
  return names.sort((a, b) => Number(b === "README.md") - Number(a === "README.md") || a.localeCompare(b));
}

/** @returns {Map<string, string[]>} clause → pages that define it */
export function definitions() {
  const found = new Map();
  for (const page of pages()) {
    for (const [, id] of read(`docs/spec/${page}`).matchAll(definition)) found.set(id, [...(found.get(id) ?? []), page]);
  }
  return found;
}

/**
 * Files that may cite clauses, by their paths from the root.
 * @param {string} dir
 * @returns {string[]}
 */
function filesBelow(dir) {
  return readdirSync(join(root, dir), { withFileTypes: true }).flatMap((entry) => {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory()) return ["node_modules", "dist", "api"].includes(entry.name) ? [] : filesBelow(path);
    return /\.(proto|[jt]sx?|json|md|py|html|pml)$/.test(entry.name) ? [path] : [];
  });
}

/** Clauses that are cited, with the files that cite them. */
export function citations() {
  const found = new Map();
  const files = ["proto", "src", "test", "scripts", "codegen", "examples", "interop", "bench", "docs"].flatMap((top) =>
    existsSync(join(root, top)) ? filesBelow(top) : [],
  );
  for (const file of files) {
    for (const [id] of read(file).matchAll(citation)) found.set(id, [...(found.get(id) ?? []), file]);
  }
  return found;
}

/** @returns {string[]} what is wrong with the clauses and links of the specification */
export function clauseProblems() {
  const defined = definitions();
  const problems = [];
  for (const [id, where] of defined)
    if (where.length > 1) problems.push(`${id} is defined ${where.length} times: ${where.join(", ")}`);
  for (const [id, where] of citations()) {
    if (!defined.has(id)) problems.push(`${id} is not defined, but cited in ${[...new Set(where)].join(", ")}`);
  }
  for (const page of pages()) {
    for (const [, target] of read(`docs/spec/${page}`).matchAll(/\]\(([^)#:]+)\)/g)) {
      if (!existsSync(join(specDir, target ?? ""))) problems.push(`${page} links to ${target}, which does not exist`);
    }
  }
  return [...problems, ...modelProblems(defined)];
}

/** The model's page tells where each clause is that the model cites, and names no variant that is not run. @param {Map<string, string[]>} defined */
function modelProblems(defined) {
  const dir = "docs/spec/model";
  const page = read(`${dir}/README.md`);
  const told = new Set(Array.from(page.matchAll(citation), ([id]) => id));
  const source = readdirSync(join(root, dir))
    .filter((name) => name.endsWith(".pml"))
    .map((name) => read(`${dir}/${name}`))
    .join("\n");
  const cited = new Set(Array.from(source.matchAll(citation), ([id]) => id));
  /** @type {{ fails: { with: string[], property: string }[] }} */
  const runs = JSON.parse(read(`${dir}/runs.json`));
  const run = new Map(runs.fails.map((each) => [each.with[0]?.replace("BROKEN_", "") ?? "", each.property]));
  const problems = [];
  for (const id of cited) if (!told.has(id)) problems.push(`${id} is in the model, but not on its page`);
  for (const id of told)
    if (!cited.has(id) && defined.has(id)) problems.push(`${id} is on the model's page, but not in the model`);
  for (const [, names = "", property] of page.matchAll(/([A-Z_]+(?:, [A-Z_]+)*): ([A-Z_]+)(?= [·|])/g)) {
    for (const name of names.split(", ")) {
      if (run.get(name) !== property)
        problems.push(`the model's page says that ${name} fails for ${property}; runs.json does not`);
    }
  }
  for (const name of run.keys()) {
    if (!page.includes(name)) problems.push(`the variant ${name} is not on the model's page`);
    if (!source.includes(`BROKEN_${name}`)) problems.push(`the variant ${name} is not in the model`);
  }
  return problems;
}

function renderClauses() {
  const byFamily = new Map(families.map((family) => [family, /** @type {{ n: number, page: string }[]} */ ([])]));
  for (const [id, [page = ""]] of definitions()) {
    const [family = "", n] = id.split("-");
    byFamily.get(family)?.push({ n: Number(n), page });
  }
  const rows = [...byFamily].map(([family, list]) => {
    const numbers = list.sort((a, b) => a.n - b.n).map(({ n }) => n);
    return [family, `[${list[0]?.page}](${list[0]?.page})`, numbers.join(" ")];
  });
  return table(["family", "page", "clauses"], rows);
}

// ---- errors, limits

/**
 * The comments of the fields or values in one block of a .proto file.
 * @param {string} path
 * @param {string} block as `enum ErrorCode`
 * @returns {Map<string, string>}
 */
function protoComments(path, block) {
  const text = read(path);
  const from = text.indexOf(`${block} {`);
  const body = text.slice(from, text.indexOf("\n}", from));
  const found = new Map();
  let comment = "";
  for (const line of body.split("\n").slice(1)) {
    const note = /^\s*\/\/ ?(.*)$/.exec(line);
    const name = /^\s*(?:[\w.<>, ]+ )?(\w+) = \d+/.exec(line);
    if (note) comment += `${comment ? " " : ""}${note[1]}`;
    else {
      if (name) found.set(name[1], comment);
      comment = "";
    }
  }
  return found;
}

async function renderErrors() {
  const { verdicts, closeCode } = await load("src/errors.ts");
  const comments = protoComments("proto/chappe/v1/error.proto", "enum ErrorCode");
  const rows = Object.entries(verdicts).map(([name, [number, retry, scope, processed]]) => {
    const comment = comments.get(`ERROR_CODE_${name}`);
    if (comment === undefined) throw new Error(`error.proto has no ${name}`);
    const upper = [retry, scope, processed].map((word) => word.toUpperCase());
    return [String(number), name, ...upper, number === 0 ? "–" : String(closeCode(name)), comment.replaceAll("`", "")];
  });
  return table(["no.", "code", "retry", "scope", "processed", "close", "meaning (clause)"], rows);
}

/** What each default time is. One that is not listed here ends the run. */
const times = {
  connectTimeout: ["client: from opening a transport to welcome", "SES-8"],
  authTimeout: ["relay: to hello; and from hello to the end of authentication", "AUT-3"],
  answerTimeout: ["relay: how long a request may wait for the application or the broker", "FRM-7"],
  pingAfter: ["`Welcome.ping_ms`", "LIV-1"],
  deadAfter: ["`Welcome.dead_ms`", "LIV-4"],
  reconnectBase: ["client: base of the backoff", "LIV-6"],
  reconnectCap: ["client: cap of the backoff", "LIV-6"],
  requestTimeout: ["client: how long a request may stay without an answer", "FRM-7"],
  probeTimeout: ["client: from a change of network, or the return from the background, to life from the relay", "LIV-9"],
  backgroundFlush: ["client: how long it goes on sending in the background", "LIV-9"],
  typingThrottle: ["`Welcome.limits.typing_interval_ms`", "TYP-3"],
  typingStop: ["client: pause after which typing has stopped", "TYP-3"],
  typingTtl: ["`TypingMark.ttl_ms`", "TYP-2"],
  presenceRefresh: ["client: how often presence is told again", "PRS-5"],
  presenceDebounce: ["relay: before a lost connection counts; between two marks of a user", "PRS-4, PRS-9, MBR-3"],
  rosterInterval: ["relay: between two members, receipt or typing frames of a room", "MBR-1, RCP-6, TYP-4"],
  drain: ["`Goodbye.drain_ms`", "GBY-2"],
};

/** @param {string | undefined} which */
async function renderLimits(which) {
  const path = "src/wire/limits.ts";
  const limits = await load(path);
  const source = read(path);
  switch (which) {
    case "decode": {
      const rows = Object.entries(limits.defaultDecodeLimits).map(([name, value]) => {
        const comment = new RegExp(`/\\*\\* (.*) \\*/\\n\\s*readonly ${name}:`).exec(source)?.[1] ?? "";
        return [name, grouped(Number(value)), comment];
      });
      return table(["bound", "default", "what it bounds"], rows);
    }
    case "relay": {
      const values = limits.defaultRelayLimits;
      const rows = [...protoComments("proto/chappe/v1/session.proto", "message Limits")].map(([name, comment]) => {
        const value = values[name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())];
        if (value === undefined) throw new Error(`${path} has no default for ${name}`);
        return [`\`${name}\``, grouped(value), comment];
      });
      return table(["field", "default", "meaning"], rows);
    }
    case "other": {
      const rows = [...source.matchAll(/\/\*\* (.*) \*\/\nexport const (\w+): number/g)].map(([, comment = "", name = ""]) => [
        name,
        grouped(limits[name]),
        comment,
      ]);
      return table(["name", "value", "meaning"], rows);
    }
    case "times": {
      const rows = Object.entries(limits.defaultTimes).map(([name, value]) => {
        const [meaning, clause] = times[/** @type {keyof typeof times} */ (name)] ?? [];
        if (meaning === undefined || clause === undefined) throw new Error(`scripts/docs-spec.js does not know the time ${name}`);
        return [name, grouped(Number(value)), meaning, clause];
      });
      return table(["name", "ms", "what it is", "clause"], rows);
    }
    default:
      throw new Error(`unknown table of limits: ${which}`);
  }
}

// ---- diagrams

/** @param {string | undefined} name */
async function renderDiagram(name) {
  const path = "src/session/transitions.ts";
  const machine = (await load(path)).tables?.[name ?? ""];
  if (machine === undefined) throw new Error(`${path} exports no table ${name}`);
  return mermaid(machine);
}

/**
 * A state machine as a Mermaid diagram: one arrow for each pair of states, with all inputs that lead from one to the other.
 * @param {{ initial: string, states: Record<string, Record<string, string>> }} machine
 */
export function mermaid({ initial, states }) {
  const lines = [`  [*] --> ${initial}`];
  for (const [state, inputs] of Object.entries(states)) {
    /** @type {Map<string, string[]>} */
    const arrows = new Map();
    for (const [input, next] of Object.entries(inputs)) arrows.set(next, [...(arrows.get(next) ?? []), input]);
    for (const [next, labels] of arrows) lines.push(`  ${state} --> ${next}: ${labels.join(", ")}`);
    if ([...arrows.keys()].every((next) => next === state)) lines.push(`  ${state} --> [*]`);
  }
  return ["```mermaid", "stateDiagram-v2", ...lines, "```"].join("\n");
}

// ---- byte examples

/** @typedef {{ id: string, comment?: string, hex?: string, stream?: string }} Test */

/** @param {Uint8Array} bytes */
const hexOf = (bytes) => Buffer.from(bytes).toString("hex");

/**
 * @param {string} file
 * @param {string} id
 * @returns {Test}
 */
function testOf(file, id) {
  const { groups } = JSON.parse(read(`test/vectors/${file}`));
  for (const { tests } of groups) for (const test of tests) if (test.id === id) return test;
  throw new Error(`test/vectors/${file} has no test ${id}`);
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 * @returns {[value: bigint, next: number]}
 */
function varint(bytes, at) {
  let value = 0n;
  for (let i = at, shift = 0n; i < bytes.length; i++, shift += 7n) {
    value |= BigInt((bytes[i] ?? 0) & 0x7f) << shift;
    if ((bytes[i] ?? 0) < 0x80) return [value, i + 1];
  }
  throw new Error("the bytes end inside a varint");
}

/** @param {Uint8Array} bytes */
function hexLines(bytes) {
  const pairs = hexOf(bytes).match(/../g) ?? [];
  const lines = [];
  for (let i = 0; i < pairs.length; i += 32) lines.push(pairs.slice(i, i + 32).join(" "));
  return lines.length > 0 ? lines : ["(no bytes)"];
}

/** Width of the column of bytes. */
const column = 34;

/**
 * @param {number} depth
 * @param {Uint8Array} tag
 * @param {Uint8Array} value
 * @param {string} text
 */
function entry(depth, tag, value, text) {
  const pairs = [...(hexOf(tag).match(/../g) ?? []), ...(hexOf(value).match(/../g) ?? [])];
  const room = Math.floor((column - 2 * depth - 1) / 3);
  const shown = pairs.length > room ? `${pairs.slice(0, room - 1).join(" ")} …` : pairs.join(" ");
  return `${`${"  ".repeat(depth)}${shown}`.padEnd(column)}${"  ".repeat(depth)}${text}`;
}

const wireTypes = ["varint", "8 bytes", "bytes", "group start", "group end", "4 bytes"];

/**
 * One line for each field of a message, by its descriptor.
 * @param {any} message
 * @param {Uint8Array} bytes
 * @param {number} depth
 * @returns {string[]}
 */
function walk(message, bytes, depth) {
  const lines = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag, afterTag] = varint(bytes, at);
    const wire = Number(tag & 7n);
    const field = message.fields.find((/** @type {any} */ each) => each.number === Number(tag >> 3n));
    const head = bytes.subarray(at, afterTag);
    const name = field === undefined ? `(unknown field ${tag >> 3n}, ${wireTypes[wire]})` : field.name;
    if (wire === 0) {
      const [value, next] = varint(bytes, afterTag);
      lines.push(entry(depth, head, bytes.subarray(afterTag, next), `${name}: ${field ? scalar(field, value) : value}`));
      at = next;
    } else if (wire === 2) {
      const [length, start] = varint(bytes, afterTag);
      const end = start + Number(length);
      const value = bytes.subarray(start, end);
      lines.push(...delimited(field, name, bytes.subarray(at, start), value, depth));
      at = end;
    } else {
      // Groups and fixed-size values occur as unknown fields only: their bytes are shown, not explained.
      lines.push(entry(depth, head, bytes.subarray(afterTag), `${name} …`));
      break;
    }
  }
  return lines;
}

/**
 * @param {any} field
 * @param {bigint} value
 */
function scalar(field, value) {
  const type = field.enum ?? (field.fieldKind === "list" && field.listKind === "enum" ? field.enum : undefined);
  if (type !== undefined) return type.values.find((/** @type {any} */ each) => each.number === Number(value))?.name ?? `${value}`;
  return field.scalar === 8 ? String(value !== 0n) : String(value);
}

/**
 * @param {any} field
 * @param {string} name
 * @param {Uint8Array} head tag and length
 * @param {Uint8Array} value
 * @param {number} depth
 * @returns {string[]}
 */
function delimited(field, name, head, value, depth) {
  const none = new Uint8Array();
  if (field === undefined) return [entry(depth, head, value, `${name}, ${value.length} bytes`)];
  if (field.fieldKind === "map") {
    const pair = {
      fields: [
        { number: 1, name: "key", fieldKind: "scalar", scalar: 9 },
        { number: 2, name: "value", fieldKind: "scalar", scalar: 9 },
      ],
    };
    return [entry(depth, head, none, `${name}, an entry`), ...walk(pair, value, depth + 1)];
  }
  if (field.message !== undefined) return [entry(depth, head, none, name), ...walk(field.message, value, depth + 1)];
  if (field.scalar === 9) return [entry(depth, head, value, `${name}: ${JSON.stringify(Buffer.from(value).toString("utf8"))}`)];
  if (field.scalar === 12) return [entry(depth, head, value, `${name}: ${value.length} bytes`)];
  const values = [];
  for (let at = 0; at < value.length; ) {
    const [each, next] = varint(value, at);
    values.push(scalar(field, each));
    at = next;
  }
  return [entry(depth, head, value, `${name}: [${values.join(", ")}]`)];
}

/**
 * @param {string | undefined} file
 * @param {readonly string[]} ids
 */
async function renderVectors(file, ids) {
  if (file === undefined || ids.length === 0) throw new Error("which vector?");
  const { FrameSchema } = await load("gen/chappe/v1/frame_pb.ts");
  const blocks = ids.map((id) => {
    const test = testOf(file, id);
    const stream = test.stream !== undefined;
    const bytes = Buffer.from(test.stream ?? test.hex ?? "", "hex");
    const title = `Vector \`${id}\`, ${bytes.length} bytes: ${test.comment ?? "an example"}.`;
    return [
      title,
      "",
      "```text",
      ...(stream ? records(bytes) : [...hexLines(bytes), "", ...walk(FrameSchema, bytes, 0)]),
      "```",
    ].join("\n");
  });
  return blocks.join("\n\n");
}

/**
 * One line for each frame of a byte stream.
 * @param {Uint8Array} bytes
 */
function records(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; ) {
    const [length, start] = varint(bytes, at);
    const end = start + Number(length);
    lines.push(entry(0, bytes.subarray(at, start), bytes.subarray(start, end), `length ${length}, and the frame`));
    at = end;
  }
  return lines;
}

// ---- regions

/** @param {string} instruction */
async function render(instruction) {
  const [kind, ...args] = instruction.trim().split(/\s+/);
  switch (kind) {
    case "clauses":
      return renderClauses();
    case "errors":
      return renderErrors();
    case "limits":
      return renderLimits(args[0]);
    case "diagram":
      return renderDiagram(args[0]);
    case "vector":
      return renderVectors(args[0], args.slice(1));
    default:
      throw new Error(`unknown kind of region: ${kind}`);
  }
}

/**
 * The text of a page with its regions brought up to date.
 * @param {string} text
 */
export async function fill(text) {
  const region = /(<!-- generated: (.+?) -->\n)[\s\S]*?(<!-- end -->)/g;
  let filled = "";
  let last = 0;
  for (const match of text.matchAll(region)) {
    const [whole, open, instruction = "", close] = match;
    filled += `${text.slice(last, match.index)}${open}\n${await render(instruction)}\n\n${close}`;
    last = match.index + whole.length;
  }
  return filled + text.slice(last);
}

/** @returns {Promise<{ page: string, text: string }[]>} the pages that are stale, as they should be */
export async function stalePages() {
  const stale = [];
  for (const page of pages()) {
    const text = read(`docs/spec/${page}`);
    const filled = await fill(text);
    if (filled !== text) stale.push({ page, text: filled });
  }
  return stale;
}

async function main() {
  const check = process.argv.includes("--check");
  const stale = await stalePages();
  const problems = clauseProblems();
  if (check) problems.push(...stale.map(({ page }) => `docs/spec/${page} is stale: run node scripts/docs-spec.js`));
  else for (const { page, text } of stale) writeFileSync(join(specDir, page), text);
  for (const problem of problems) console.error(problem);
  if (!check) console.log(stale.length === 0 ? "docs/spec is up to date" : `updated ${stale.map(({ page }) => page).join(", ")}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
