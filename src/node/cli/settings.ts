/**
 * Options of a command from the command line, the environment and a file, by the one table of options: what is said first holds, in this
 * order. Law: all that is wrong with the environment and the file is named at once, each with its path.
 */

import { isObject } from "../../session/option-rules.ts";
import { type Command, type Given, givenOf, notEmpty, type Option, short } from "./command.ts";
import { CliError, type Io } from "./io.ts";
import { readSource, sourceOf } from "./source.ts";

/** Options that say where settings come from, or what is done with them. */
export const settingOptions: Command["options"] = {
  config: { value: "FILE", help: "Settings as a JSON object: names of options, without --, and their values." },
  "print-config": { help: "Print all settings as --config takes them, and end." },
};

const aboutThemselves: ReadonlySet<string> = new Set(Object.keys(settingOptions));

/** The name of an option in the environment. */
function variableOf(name: string): string {
  return `CHAPPE_${name.replaceAll("-", "_").toUpperCase()}`;
}

/** What holds, of what is on the command line, in the environment, and in the file of --config. @throws CliError */
export async function settingsOf(command: Command, given: Given, io: Io): Promise<Given> {
  const problems: string[] = [];
  const values = new Map<string, readonly string[]>();
  // From the weakest on.
  if (given.has("config")) {
    const source = sourceOf(given, "config", io.stdin);
    const where = given.text("config") ?? "";
    const file = objectOf(source.name, Buffer.from(await readSource(source)).toString());
    for (const [name, value] of Object.entries(file)) {
      const path = `${where}: ${JSON.stringify(short(name))}`;
      const option = aboutThemselves.has(name) || !Object.hasOwn(command.options, name) ? undefined : command.options[name];
      if (option === undefined) problems.push(`${path}: there is no such setting`);
      else set(name, option, textsOf(option, value), path);
    }
  }
  for (const [name, option] of Object.entries(command.options)) {
    const variable = variableOf(name);
    const value = io.env[variable];
    if (value === undefined || aboutThemselves.has(name)) continue;
    const texts = option.multiple ? value.split(",").map((each) => each.trim()) : [value];
    set(name, option, option.value === undefined ? switchOf(value) : texts, variable);
  }
  const [first, ...others] = problems;
  if (first !== undefined) throw new CliError(first, others);
  for (const name of Object.keys(command.options)) {
    if (given.has(name)) values.set(name, command.options[name]?.value === undefined ? [""] : given.texts(name));
  }
  return givenOf(command, given.positionals, values);

  function set(name: string, option: Option, texts: readonly string[] | "off" | string, path: string): void {
    if (texts === "off") values.delete(name);
    else if (typeof texts === "string") problems.push(`${path}: ${texts}`);
    else {
      const wrong =
        option.value === undefined ? undefined : texts.map(option.rule ?? notEmpty).find((each) => each !== undefined);
      if (wrong === undefined) values.set(name, texts);
      else problems.push(`${path}: ${wrong}`);
    }
  }
}

function objectOf(name: string, text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CliError(`${name}: is no JSON: ${error instanceof Error ? error.message : ""}`);
  }
  if (!isObject(value) || Array.isArray(value)) throw new CliError(`${name}: must be a JSON object`);
  return value;
}

/** The texts that the command line would have; "off" for a switch that is not set; or what is wrong. */
function textsOf({ value: takes, multiple }: Option, value: unknown): readonly string[] | "off" | string {
  if (takes === undefined) return typeof value === "boolean" ? (value ? [""] : "off") : "must be true or false";
  const all: readonly unknown[] = multiple && Array.isArray(value) ? value : [value];
  if (!all.every((each) => typeof each === "string" || typeof each === "number")) {
    return multiple ? "must be text, or a list of texts" : "must be text or a number";
  }
  return all.map(String);
}

function switchOf(value: string): readonly string[] | "off" | string {
  if (value === "true" || value === "1") return [""];
  return value === "false" || value === "0" ? "off" : "must be true or false";
}

/** All settings that hold, as the file of --config has them; passwords are left out. */
export function printedSettings(command: Command, given: Given): string {
  const settings = new Map<string, unknown>();
  for (const [name, { value: takes, multiple, default: preset }] of Object.entries(command.options)) {
    if (aboutThemselves.has(name) || (preset === undefined && !given.has(name))) continue;
    const texts = (multiple ? given.texts(name) : [given.text(name) ?? ""]).map(withoutPassword);
    const values = texts.map((text) => (/^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : text));
    settings.set(name, takes === undefined ? true : multiple ? values : values[0]);
  }
  return `${JSON.stringify(Object.fromEntries(settings), undefined, 2)}\n`;
}

/** An address may be seen by others than who has written it. */
export function withoutPassword(address: string): string {
  if (!/^[a-z]+:\/\//i.test(address) || !URL.canParse(address)) return address;
  const url = new URL(address);
  if (url.password === "") return address;
  url.password = "...";
  return url.href;
}
