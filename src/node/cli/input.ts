/** Where a command's bytes come from: its arguments, a file, or standard input; written as hex, as base64, or as they are. */

import { readFile, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Given } from "./command.ts";
import { fromHex, looksHex } from "./hex.ts";
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

/**
 * The arguments, if there are any, as one text; else the bytes of `--file`, or of standard input.
 * @throws CliError where these are empty. An argument that is empty is one: the empty frame.
 */
export async function readInput(given: Given, stdin: Readable & { isTTY?: boolean }): Promise<string | Uint8Array> {
  const file = given.text("file");
  if (given.positionals.length > 0) {
    if (file !== undefined) throw new CliError("give either arguments or --file, not both");
    return given.positionals.join(" ");
  }
  if (file === undefined) {
    if (stdin.isTTY) throw new CliError("nothing to read: give an argument, --file FILE, or something on standard input");
    return readAll(stdin, "standard input");
  }
  let bytes: Uint8Array;
  try {
    const { size } = await stat(file);
    if (size > maxInputBytes) throw new CliError(`${file} has ${size} bytes; at most ${maxInputBytes} are read, or --stream`);
    bytes = await readFile(file);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`cannot read ${file}: ${systemReason(error)}`);
  }
  if (bytes.length === 0) throw noInput(file);
  return bytes;
}

/** What a command says that was given nothing: it has done nothing, and must not end as if it had. */
export function noInput(where: string): CliError {
  return new CliError(`no input: ${where} is empty`);
}

/** Refuses arguments that are paths: whoever names a file means what is in it. @throws CliError */
export async function refusePaths(args: readonly string[]): Promise<void> {
  for (const arg of args) {
    let isDirectory: boolean;
    try {
      isDirectory = (await stat(arg)).isDirectory();
    } catch {
      continue; // There is no such file, or no name of a file looks like that.
    }
    if (isDirectory) throw new CliError(`'${arg}' is a directory: give a file, with --file FILE`);
    throw new CliError(`'${arg}' is a file: to read it, give --file ${arg}`);
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
  if (length === 0) throw noInput(name);
  return Buffer.concat(chunks);
}

/** The bytes that are meant, of `readInput`. Arguments that are hex are that, even where a file has such a name. @throws CliError */
export async function readBytes(given: Given, stdin: Readable & { isTTY?: boolean }, encoding: Encoding): Promise<Uint8Array> {
  const input = await readInput(given, stdin);
  const isHex = encoding !== "raw" && encoding !== "base64" && typeof input === "string" && looksHex(input);
  if (!isHex) await refusePaths(given.positionals);
  return toBytes(input, encoding);
}

/**
 * With `auto`, text that is hex (see `fromHex`) is hex, other text that is base64 (either alphabet) is base64, and what is not text is
 * taken as it is.
 */
function toBytes(input: string | Uint8Array, encoding: Encoding): Uint8Array {
  if (encoding === "raw") return typeof input === "string" ? new TextEncoder().encode(input) : input;
  const text = typeof input === "string" ? input : asText(input);
  if (text === undefined) {
    if (encoding === "auto") return input as Uint8Array;
    throw new CliError(`the input is not ${encoding}: it is not text`);
  }
  if (text !== "" && text.trim() === "") throw new CliError("no input: there is nothing but white space");
  const hex = encoding === "base64" ? undefined : fromHex(text);
  const bytes = hex ?? (encoding === "hex" ? undefined : fromBase64(text));
  if (bytes === undefined)
    throw new CliError(`the input is not ${encoding === "auto" ? "hex or base64" : encoding}${firstWrong(text)}`);
  return bytes;
}

/** Text, where all of it is printable ASCII and white space: frames of more than a few bytes never are. */
function asText(bytes: Uint8Array): string | undefined {
  const isText = bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d));
  return isText ? Buffer.from(bytes).toString("latin1") : undefined;
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
