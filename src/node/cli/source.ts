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
  return { ...sourceAt(file, stdin), ...(file !== "-" && { name: flag(option, file) }) };
}

/** A file; `-`: standard input. */
export function sourceAt(file: string, stdin: Readable): Source {
  if (file === "-") return { name: "standard input", open: () => stdin };
  return { name: file, open: () => createReadStream(file) };
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
  const all = new Gathered(source.name);
  for await (const chunk of chunksOf(source)) all.add(chunk);
  return all.take();
}

/** Lines without their ends, counted from 1. @throws CliError for a line of more than 16 MiB. */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<{ readonly number: number; readonly line: Uint8Array }, void> {
  let number = 1;
  let line = new Gathered(`line ${number}`);
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      line.add(chunk.subarray(from, end));
      yield { number, line: line.take() };
      line = new Gathered(`line ${++number}`);
      from = end + 1;
    }
    line.add(chunk.subarray(from));
  }
  if (line.length > 0) yield { number, line: line.take() };
}

/** Bytes in one piece: chunks of a slow writer may be of one byte each, and to keep them would take far more than what is in them. */
class Gathered {
  readonly #name: string;
  #bytes = new Uint8Array(0);
  length = 0;

  constructor(name: string) {
    this.#name = name;
  }

  add(chunk: Uint8Array): void {
    const length = this.length + chunk.length;
    if (length > maxInputBytes) throw new CliError(`${this.#name}: has more than ${maxInputBytes} bytes`);
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(maxInputBytes, length * 2));
      larger.set(this.take());
      this.#bytes = larger;
    }
    this.#bytes.set(chunk, this.length);
    this.length = length;
  }

  take(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}
