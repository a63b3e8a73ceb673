/** Commands as data: what they are called, which options they take, and what they do. Help and parsing come from the same table. */

import { parseArgs } from "node:util";
import { CliError, type Io } from "./io.ts";

/** An option, as `--host ADDRESS`. */
interface Option {
  /** The name of its value in help; undefined: it takes none. */
  readonly value?: string;
  readonly short?: string;
  /** May be given more than once. */
  readonly multiple?: boolean;
  /** Shown in help; the command itself applies it. */
  readonly default?: string;
  readonly help: string;
}

/** The options that were given. */
export interface Given {
  readonly positionals: readonly string[];
  /** Whether the option is there. */
  has(name: string): boolean;
  /** Its value, or its default of the table. */
  text(name: string): string | undefined;
  /** All its values. */
  texts(name: string): readonly string[];
  /** Its value as a whole number. @throws CliError where it is none from `min` to `max`. */
  number(name: string, min: number, max: number): number;
}

/** One command. */
export interface Command {
  readonly name: string;
  /** One line, in the list of commands. */
  readonly summary: string;
  /** What may follow the options, as `[BYTES]`. */
  readonly args: string;
  /** At most so many of them. */
  readonly maxArgs: number;
  /** Paragraphs. */
  readonly about: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  readonly examples: readonly string[];
  /** @returns the exit code. @throws CliError for what the user can put right. */
  run(given: Given, io: Io): Promise<number>;
}

/** The command line, by the table. @throws CliError that names what is wrong. */
export function parse(command: Command, args: readonly string[]): Given {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { value, short, multiple }]) => [
      name,
      {
        type: value === undefined ? ("boolean" as const) : ("string" as const),
        multiple: multiple ?? false,
        ...(short && { short }),
      },
    ]),
  );
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    // Node's message goes on to explain positional arguments, after the first sentence.
    throw new CliError((error as Error).message.split(/\. |\n/, 1)[0]?.replace(/\.$/, ""));
  }
  const { values, positionals } = parsed;
  const extra = positionals[command.maxArgs];
  if (extra !== undefined) throw new CliError(`unexpected argument '${extra}'`);
  const text = (name: string): string | undefined => {
    const value = values[name] ?? command.options[name]?.default;
    return typeof value === "string" ? value : undefined;
  };
  return {
    positionals,
    has: (name) => values[name] !== undefined,
    text,
    texts: (name) => [values[name] ?? []].flat().filter((value) => typeof value === "string"),
    number: (name, min, max) => {
      const value = text(name) ?? "";
      const number = Number(value);
      if (!/^\d+$/.test(value) || number < min || number > max)
        throw new CliError(`--${name} is '${value}': a whole number from ${min} to ${max} is expected`);
      return number;
    },
  };
}
