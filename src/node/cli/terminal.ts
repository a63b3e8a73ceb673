/** Lines in and lines out at once: at a terminal, what happens is printed above the line that is being written. */

import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";
import type { Io } from "./io.ts";

/** A person, or a program at the other end of a pipe. */
export interface Terminal {
  /** Whether a person types, who can put right what is refused. */
  readonly isPerson: boolean;
  print(line: string): void;
  /** Shown before the line that is being written; nothing without a terminal. */
  prompt(text: string): void;
  /** A line was entered. It is taken off the screen, so that it can be shown as others are. */
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

/**
 * The row of the cursor within its line, by which Node finds the start of the line when it draws it again. Node does not keep it while text
 * is pasted: so it is set before each drawing. It is not documented; without it nothing but the screen would be wrong.
 */
interface Drawn {
  prevRows?: number;
}

interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
}

function isEnter(name: string | undefined): boolean {
  return name === "return" || name === "enter";
}

export function terminalOf({ stdin, stdout }: Io): Terminal {
  const isTerminal = stdin.isTTY === true && stdout.isTTY === true;
  const output = stdout as NodeJS.WriteStream;
  const lines: Interface & Drawn = createInterface({
    input: stdin,
    ...(isTerminal && { output }),
    terminal: isTerminal,
    prompt: "> ",
  });
  let isClosed = false;
  lines.once("close", () => {
    isClosed = true;
  });
  /** How many rows of the screen the line that was entered takes, beyond its first. */
  let rowsEntered = 0;
  /** Where the cursor is in the line, for Node. */
  const locate = (): void => {
    lines.prevRows = lines.getCursorPos().rows;
  };
  if (isTerminal) {
    // Terminals break what is on the screen anew, before Node draws it again.
    output.prependListener("resize", locate);
    stdin.prependListener("keypress", (_text: unknown, { name }: Key = {}) => {
      locate();
      if (!isEnter(name)) return;
      lines.write(null, { ctrl: true, name: "e" });
      rowsEntered = lines.getCursorPos().rows;
    });
  }
  /** The cursor goes to the start of what it is in, so many rows up, and all from there on is gone. */
  const clearFrom = (rows: number): void => {
    moveCursor(output, 0, -rows);
    cursorTo(output, 0);
    clearScreenDown(output);
  };
  return {
    isPerson: isTerminal,
    pause: () => {
      if (!isClosed) lines.pause();
    },
    resume: () => {
      if (!isClosed) lines.resume();
    },
    print: (line) => {
      if (!isTerminal || isClosed) {
        stdout.write(`${line}\n`);
        return;
      }
      clearFrom(lines.getCursorPos().rows);
      stdout.write(`${line}\n`);
      lines.prevRows = 0;
      lines.prompt(true);
    },
    prompt: (text) => {
      if (!isTerminal || isClosed) return;
      locate();
      lines.setPrompt(text);
      lines.prompt(true);
    },
    onLine: (listener) => {
      lines.on("line", (line) => {
        if (isTerminal) clearFrom(rowsEntered + 1);
        listener(line);
      });
    },
    onKey: (listener) => {
      if (isTerminal)
        stdin.on("keypress", (_text: unknown, { name, ctrl }: Key = {}) => {
          if (!isEnter(name) && ctrl !== true) listener();
        });
    },
    onEnd: (listener) => {
      // What was begun is not sent: the shell begins on a line of its own.
      lines.once("close", () => {
        if (isTerminal) clearFrom(lines.getCursorPos().rows);
        listener();
      });
      lines.once("SIGINT", () => lines.close());
    },
    close: () => lines.close(),
  };
}
