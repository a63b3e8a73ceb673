/** Where a command's bytes come from: its arguments, a file, or standard input; written as hex, as base64, or as they are. */

import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Given } from "./command.ts";
import { fromHex, looksHex } from "./hex.ts";
import { CliError } from "./io.ts";
import { readSource, type Source, sourceOf } from "./source.ts";

/** How bytes may be written. */
export const encodings = ["auto", "hex", "base64", "raw"] as const;
export type Encoding = (typeof encodings)[number];

/** Where a command's bytes are: in its arguments, as one text, or in a file or standard input. */
export type Input = { readonly text: string } | { readonly source: Source };

/** @throws CliError where there is none, or more than one. An argument that is empty is one: the empty frame. */
export function inputOf(given: Given, stdin: Readable & { readonly isTTY?: boolean }): Input {
  const file = given.text("file");
  if (given.positionals.length > 0 && file !== undefined) throw new CliError("give either arguments or --file, not both");
  const text = given.positionals.join(" ");
  if (given.positionals.length > 0 && text !== "-") return { text };
  if (file === undefined && text === "" && stdin.isTTY)
    throw new CliError("nothing to read: give an argument, --file FILE, or something on standard input");
  return { source: sourceOf(given, "file", stdin) };
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

/** The bytes that are meant. Arguments that are hex are that, even where a file has such a name. @throws CliError */
export async function readBytes(given: Given, input: Input, encoding: Encoding): Promise<Uint8Array> {
  if (!("text" in input)) return toBytes(await readSource(input.source), encoding);
  if (encoding === "raw" || encoding === "base64" || !looksHex(input.text)) await refusePaths(given.positionals);
  return toBytes(input.text, encoding);
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
  // Padding ends one encoded part; another may follow, as each line of a stream is one.
  const parts = text.replace(/\s/g, "").split(/=+/);
  const isBase64 = parts.every((digits) => digits.length % 4 !== 1 && /^[A-Za-z0-9+/_-]*$/.test(digits));
  return isBase64 ? new Uint8Array(Buffer.concat(parts.map((digits) => Buffer.from(digits, "base64")))) : undefined;
}

function firstWrong(text: string): string {
  const at = text.search(/[^A-Za-z0-9+/=_\-\s:,]/);
  return at < 0 ? ": digits are missing" : `: character ${at + 1} is '${text[at]}'`;
}
