/** Bytes of a file, a device, a pipe or standard input, as they come. What is gathered is bounded, whatever size a file claims to have. */

import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { flag, type Given } from "./command.ts";
import { CliError, systemReason } from "./io.ts";

/** Bytes that are gathered at most: text of the largest frame is far below. */
const maxInputBytes = 16 * 1024 * 1024;

/** A place to read from. */
export interface Source {
  /** Its name in messages. */
  readonly name: string;
  readonly open: () => Readable;
}

/** The file that an option names; standard input where it names none, or `-`. */
export function sourceOf(given: Given, option: string, stdin: Readable): Source {
  const file = given.text(option) ?? "-";
  if (file === "-") return { name: "standard input", open: () => stdin };
  return { name: flag(option, file), open: () => createReadStream(file) };
}

/**
 * All chunks of it. What reads it nothing must not end as if it had done its work.
 * @throws CliError where it cannot be read, or is empty.
 */
export async function* chunksOf({ name, open }: Source): AsyncGenerator<Uint8Array, void> {
  let isEmpty = true;
  try {
    for await (const chunk of open() as AsyncIterable<Uint8Array>) {
      isEmpty &&= chunk.length === 0;
      yield chunk;
    }
  } catch (error) {
    throw new CliError(`${name}: ${systemReason(error)}`);
  }
  if (isEmpty) throw new CliError(`no input: ${name} is empty`);
}

/** All of it. @throws CliError as {@link chunksOf}, and where there are more than 16 MiB. */
export async function readSource(source: Source): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(source)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxInputBytes) throw new CliError(`${source.name}: has more than ${maxInputBytes} bytes`);
  }
  return Buffer.concat(chunks);
}

/** Lines without their ends, counted from 1. @throws CliError for a line of more than 16 MiB. */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<{ readonly number: number; readonly line: Uint8Array }, void> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let length = 0;
  const add = (part: Uint8Array): void => {
    parts.push(part);
    length += part.length;
    if (length > maxInputBytes) throw new CliError(`line ${number} has more than ${maxInputBytes} bytes`);
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      add(chunk.subarray(from, end));
      yield { number, line: Buffer.concat(parts) };
      number++;
      parts = [];
      length = 0;
      from = end + 1;
    }
    add(chunk.subarray(from));
  }
  if (length > 0) yield { number, line: Buffer.concat(parts) };
}
