/** Lines in and lines out at once: at a terminal, what happens is printed above the line that is being written. */

import { clearLine, createInterface, cursorTo, moveCursor } from "node:readline";
import type { Io } from "./io.ts";

/** A person, or a program at the other end of a pipe. */
export interface Terminal {
  /** Whether a person types, who can put right what is refused. */
  readonly isPerson: boolean;
  print(line: string): void;
  /** Shown before the line that is being written; nothing without a terminal. */
  prompt(text: string): void;
  /** Takes away the line that was just entered, so that it can be shown as others are. */
  forgetEntered(): void;
  onLine(listener: (line: string) => void): void;
  /** A key was pressed; never without a terminal. */
  onKey(listener: () => void): void;
  /** End of input, or Ctrl-C. */
  onEnd(listener: () => void): void;
  /** No more lines are read until {@link resume}; those that were read already may still come. Only without a person. */
  pause(): void;
  resume(): void;
  close(): void;
}

export function terminalOf({ stdin, stdout }: Io): Terminal {
  const isTerminal = stdin.isTTY === true && stdout.isTTY === true;
  const output = stdout as NodeJS.WriteStream;
  const lines = createInterface({ input: stdin, ...(isTerminal && { output }), terminal: isTerminal, prompt: "> " });
  let isClosed = false;
  lines.once("close", () => {
    isClosed = true;
  });
  return {
    isPerson: isTerminal,
    pause: () => {
      if (!isClosed) lines.pause();
    },
    resume: () => {
      if (!isClosed) lines.resume();
    },
    print: (line) => {
      if (isTerminal && !isClosed) {
        cursorTo(output, 0);
        clearLine(output, 0);
      }
      stdout.write(`${line}\n`);
      if (isTerminal && !isClosed) lines.prompt(true);
    },
    prompt: (text) => {
      if (!isTerminal || isClosed) return;
      lines.setPrompt(text);
      lines.prompt(true);
    },
    forgetEntered: () => {
      if (!isTerminal) return;
      moveCursor(output, 0, -1);
      clearLine(output, 0);
    },
    onLine: (listener) => void lines.on("line", listener),
    onKey: (listener) => {
      if (isTerminal)
        stdin.on("keypress", (_text: unknown, key?: { name?: string; ctrl?: boolean }) => {
          if (key?.name !== "return" && key?.ctrl !== true) listener();
        });
    },
    onEnd: (listener) => {
      lines.once("close", listener);
      lines.once("SIGINT", () => lines.close());
    },
    close: () => lines.close(),
  };
}
