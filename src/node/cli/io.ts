/** What a command reads from and writes to, and how it fails: one line on standard error, and exit code 2. */

import type { Readable } from "node:stream";
import { getSystemErrorMap } from "node:util";

/** The world of a command; a test gives its own. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A stream of text or bytes. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** False: the reader is slow, and `drain` tells when it has taken what there was. */
  write(data: string | Uint8Array): unknown;
  once?(event: "drain", listener: () => void): unknown;
}

/** Writes, and waits while the reader is slow: of a stream without end no more than one write is held. */
export async function writeTo(output: Output, data: string | Uint8Array): Promise<void> {
  if (output.write(data) === false) await new Promise<void>((resolve) => output.once?.("drain", resolve));
}

/** What the user can put right: an invalid flag, an unreadable file, bad input. Its message is shown as it is, on one line. */
export class CliError extends Error {
  override readonly name = "CliError";
  /** What else is wrong, each on a line of its own. */
  readonly others: readonly string[];

  constructor(message: string, others: readonly string[] = []) {
    super(message);
    this.others = others;
  }
}

/** One line for people about what the system said, as `no such file`. */
export function systemReason(error: unknown): string {
  const { code, errno, message } = error as { code?: unknown; errno?: unknown; message?: unknown };
  const known: Readonly<Record<string, string>> = {
    ENOENT: "no such file",
    EACCES: "permission denied",
    EISDIR: "is a directory",
    EADDRINUSE: "the port is in use",
    EADDRNOTAVAIL: "this machine has no such address",
    ECONNREFUSED: "connection refused",
    ENOTFOUND: "no such host",
    EAI_AGAIN: "the name of the host cannot be resolved now",
  };
  const system = typeof errno === "number" ? getSystemErrorMap().get(errno)?.[1] : undefined;
  return known[String(code)] ?? system ?? String(message || code);
}

/**
 * Text of somebody else, made safe for a terminal: control characters (also those of C1) and those that turn the direction of
 * writing are shown as escapes, so that nobody's message can move the cursor or forge a line.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) =>
    // Joiners belong to emoji and to the writing of some languages, and move nothing.
    char === "\u200d" || char === "\u200c" ? char : `\\u{${char.codePointAt(0)?.toString(16)}}`,
  );
}
