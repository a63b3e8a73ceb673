/** Where a command's bytes come from: its argument, a file, or standard input; written as hex, as base64, or as they are. */

import { readFile, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Given } from "./command.ts";
import { CliError, systemReason } from "./io.ts";

/** Bytes that a command reads at most, unless it reads a stream: text of the largest frame is far below. */
const maxInputBytes = 16 * 1024 * 1024;

/** How bytes may be written. */
export const encodings = ["auto", "hex", "base64", "raw"] as const;
export type Encoding = (typeof encodings)[number];

/** One of `names`, as the option gives it. @throws CliError */
export function choice<T extends string>(given: Given, option: string, names: readonly T[]): T {
  const value = given.text(option);
  const found = names.find((name) => name === value);
  if (found === undefined) throw new CliError(`--${option} is '${value}': one of ${names.join(", ")} is expected`);
  return found;
}

/** The argument, if there is one; else the bytes of `--file`, or of standard input. @throws CliError */
export async function readInput(given: Given, stdin: Readable & { isTTY?: boolean }): Promise<string | Uint8Array> {
  const [argument] = given.positionals;
  const file = given.text("file");
  if (argument !== undefined) {
    if (file !== undefined) throw new CliError("give either an argument or --file, not both");
    return argument;
  }
  if (file === undefined) {
    if (stdin.isTTY) throw new CliError("nothing to read: give an argument, --file FILE, or something on standard input");
    return readAll(stdin, "standard input");
  }
  try {
    const { size } = await stat(file);
    if (size > maxInputBytes) throw new CliError(`${file} has ${size} bytes; at most ${maxInputBytes} are read, or --stream`);
    return await readFile(file);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`cannot read ${file}: ${systemReason(error)}`);
  }
}

async function readAll(stdin: Readable, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdin as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxInputBytes) throw new CliError(`${name} has more than ${maxInputBytes} bytes`);
  }
  return Buffer.concat(chunks);
}

/**
 * The bytes that are meant. With `auto`, text that is hex (digits in pairs; spaces, colons and commas between them are passed over) is
 * hex, other text that is base64 (either alphabet) is base64, and what is not text is taken as it is.
 * @throws CliError
 */
export function toBytes(input: string | Uint8Array, encoding: Encoding): Uint8Array {
  if (encoding === "raw") return typeof input === "string" ? new TextEncoder().encode(input) : input;
  const text = typeof input === "string" ? input : asText(input);
  if (text === undefined) {
    if (encoding === "auto") return input as Uint8Array;
    throw new CliError(`the input is not ${encoding}: it is not text`);
  }
  const hex = encoding === "base64" ? undefined : fromHex(text);
  // Base64 of nothing but hex digits is far less likely than hex with a digit lost.
  if (encoding === "auto" && hex === undefined && /^[0-9a-f\s:,]+$/i.test(text))
    throw new CliError("the input has an odd number of hex digits");
  const bytes = hex ?? (encoding === "hex" ? undefined : fromBase64(text));
  if (bytes === undefined)
    throw new CliError(`the input is not ${encoding === "auto" ? "hex or base64" : encoding}${firstWrong(text)}`);
  return bytes;
}

/** Text, where all of it is printable ASCII and white space: frames of more than a few bytes never are. */
function asText(bytes: Uint8Array): string | undefined {
  const isText = bytes.length > 0 && bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d));
  return isText ? Buffer.from(bytes).toString("latin1") : undefined;
}

function fromHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/\b0x|[\s:,]/gi, "");
  return digits.length % 2 === 0 && /^[0-9a-f]*$/i.test(digits) ? new Uint8Array(Buffer.from(digits, "hex")) : undefined;
}

function fromBase64(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s/g, "").replace(/=+$/, "");
  const isBase64 = digits.length % 4 !== 1 && /^[A-Za-z0-9+/_-]*$/.test(digits);
  return isBase64 ? new Uint8Array(Buffer.from(digits, "base64")) : undefined;
}

function firstWrong(text: string): string {
  const at = text.search(/[^A-Za-z0-9+/=_\-\s:,]/);
  return at < 0 ? ": digits are missing" : `: character ${at + 1} is '${text[at]}'`;
}
