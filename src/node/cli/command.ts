/** Commands as data: what they are called, which options they take, and what they do. Help, parsing and errors come from the same table. */

import { parseArgs } from "node:util";
import { must, type Rule } from "../../session/option-rules.ts";
import { CliError, type Io } from "./io.ts";

/** An option, as `--host ADDRESS`. It may be given once. */
export interface Option {
  /** The name of its value in help; undefined: it takes none. */
  readonly value?: string;
  readonly short?: string;
  /** May be given more than once. */
  readonly multiple?: boolean;
  /** What holds where it is not given. */
  readonly default?: string;
  /** What is wrong with its value may be a password in it: it is not repeated. */
  readonly isSecret?: boolean;
  /** What its values must be. Without: any text but the empty one. */
  readonly rule?: Rule;
  readonly help: string;
}

/** The options that were given; each value is as its rule says. */
export interface Given {
  readonly positionals: readonly string[];
  /** Whether the option is there. */
  has(name: string): boolean;
  /** Its value, or its default of the table. */
  text(name: string): string | undefined;
  /** All its values. */
  texts(name: string): readonly string[];
  /** Its value, of an option that takes numbers. */
  number(name: string): number;
}

/** One command. */
export interface Command {
  readonly name: string;
  /** One line, in the list of commands. */
  readonly summary: string;
  /** What may follow the options, as `[BYTES]`. */
  readonly args: string;
  /** At least and at most so many of them. */
  readonly count: readonly [min: number, max: number];
  /** Paragraphs. */
  readonly about: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  readonly examples: readonly string[];
  /** @returns the exit code. @throws CliError for what the user can put right. */
  run(given: Given, io: Io): Promise<number>;
}

/** Of an option whose value is a whole number, in decimal digits. */
export const wholeFrom = (min: number, max: number): Rule =>
  must(
    `a whole number from ${min} to ${max}`,
    (value) => typeof value === "string" && /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max,
  );

/** What must be, as a rule says it of what is not. */
export function demandOf(rule: Rule): string {
  return rule(undefined) ?? "";
}

/** What an option without a rule demands. */
export const notEmpty: Rule = (value) => (value === "" ? "must not be empty" : undefined);

/** The command line, by the table. @throws CliError that names what is wrong. */
export function parse(command: Command, args: readonly string[]): Given {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { value, short }]) => [
      name,
      { type: value === undefined ? ("boolean" as const) : ("string" as const), ...(short && { short }) },
    ]),
  );
  const help = `see chappe help ${command.name}`;
  // Not strict: the library takes the line apart, and what is wrong is said here, by the table.
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const positionals: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const option = Object.hasOwn(command.options, token.name) ? command.options[token.name] : undefined;
    if (option === undefined) throw new CliError(`unknown option '${short(token.rawName)}': ${help}`);
    const known = values.get(token.name) ?? [];
    if (known.length > 0 && !option.multiple) throw new CliError(`--${token.name} is given twice`);
    values.set(token.name, [...known, valueGiven(option, token)]);
  }
  const [min, max] = command.count;
  if (positionals.length < min) throw new CliError(`${command.args} is missing: ${help}`);
  const extra = positionals[max];
  if (extra !== undefined) throw new CliError(`unexpected argument '${short(extra)}': ${help}`);
  return givenOf(command, positionals, values);
}

/** @param values - of the options that are there; each as its rule says, and one empty text for an option that takes none. */
export function givenOf(command: Command, positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>): Given {
  const text = (name: string): string | undefined => values.get(name)?.[0] ?? command.options[name]?.default;
  return {
    positionals,
    has: (name) => values.has(name),
    text,
    texts: (name) => values.get(name) ?? [],
    number: (name) => Number(text(name)),
  };
}

/** What is said of an option whose value cannot be used. */
export function refused(name: string, value: string, why: string): CliError {
  return new CliError(`${flag(name, value)}: ${why}`);
}

/** An option and its value, in a message. */
export function flag(name: string, value: string): string {
  return `--${name} '${short(value)}'`;
}

/** Of what the user has typed no more than what tells it apart. */
export function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

interface OptionToken {
  readonly name: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

/** The value of an option as it was given; empty for an option that takes none. @throws CliError */
function valueGiven({ value: takes, rule, isSecret }: Option, { name, value, inlineValue }: OptionToken): string {
  if (takes === undefined) {
    if (value !== undefined) throw new CliError(`--${name} takes no value: '${short(value)}'`);
    return "";
  }
  if (value === undefined) throw new CliError(`--${name} has no value: give --${name} ${takes}`);
  // Far more often the next option than a value.
  if (rule === undefined && inlineValue === false && /^-./.test(value))
    throw new CliError(`--${name} has no value: if '${short(value)}' is meant, give --${name}=${short(value)}`);
  const wrong = (rule ?? notEmpty)(value);
  if (wrong !== undefined) throw isSecret ? new CliError(`--${name}: ${wrong}`) : refused(name, value, wrong);
  return value;
}
