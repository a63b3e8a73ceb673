/** The command line as a function: arguments and a world in, an exit code out. It throws for faults of this program alone. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ProtocolError, UsageError } from "../../errors.ts";
import { parse } from "./command.ts";
import { commands } from "./commands.ts";
import { helpOf, overview } from "./help.ts";
import { CliError, type Io, printable, writeTo } from "./io.ts";

/** @returns 0, or 2 after one line on standard error for what the user can put right. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const [first, ...rest] = argv;
  const command = commands.find(({ name }) => name === first);
  try {
    if (command !== undefined) {
      const words = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest;
      if (!words.includes("--help") && !words.includes("-h")) return await command.run(parse(command, rest), io);
      await writeTo(io.stdout, helpOf(command, io.stdout.columns));
      return 0;
    }
    await writeTo(io.stdout, withoutCommand(first, rest, io.stdout.columns));
    return 0;
  } catch (error) {
    if (!(error instanceof CliError || error instanceof ProtocolError || error instanceof UsageError)) throw error;
    const code = error instanceof CliError ? "" : `${error.code}: `;
    const others = error instanceof CliError ? error.others : [];
    for (const line of [code + error.message, ...others]) {
      io.stderr.write(`chappe${command ? ` ${command.name}` : ""}: ${printable(line)}\n`);
    }
    return 2;
  }
}

function withoutCommand(first = "help", rest: readonly string[], columns: number | undefined): string {
  const isVersion = first === "--version" || first === "-V";
  if (!isVersion && first !== "help" && first !== "--help" && first !== "-h") {
    if (first.startsWith("-")) throw new CliError(`unknown option '${first}': options follow the command, see chappe help`);
    throw new CliError(`unknown command '${first}': see chappe help`);
  }
  const [name, ...more] = isVersion ? [undefined, ...rest] : rest;
  if (more[0] !== undefined) throw new CliError(`unexpected argument '${more[0]}': see chappe help`);
  if (isVersion) return `${version()}\n`;
  const command = commands.find((each) => each.name === name);
  if (name !== undefined && command === undefined) throw new CliError(`unknown command '${name}': see chappe help`);
  return command === undefined ? overview(commands, columns) : helpOf(command, columns);
}

/** The version of the package that this file belongs to, wherever in it this file lies. */
function version(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    const path = join(dir, "package.json");
    if (!existsSync(path)) continue;
    const { name, version } = JSON.parse(readFileSync(path, "utf8")) as { name?: string; version?: string };
    if (name === "chappe") return version ?? "unknown";
  }
  return "unknown";
}
