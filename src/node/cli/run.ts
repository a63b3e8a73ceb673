/** The command line as a function: arguments and a world in, an exit code out. It throws for faults of this program alone. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ProtocolError, UsageError } from "../../errors.ts";
import { chat } from "./chat.ts";
import { type Command, parse } from "./command.ts";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import { helpOf, overview } from "./help.ts";
import { CliError, type Io, printable } from "./io.ts";
import { serve } from "./serve.ts";

const commands: readonly Command[] = [serve, chat, decode, encode];

/** @returns 0, or 2 after one line on standard error for what the user can put right. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const [first, ...rest] = argv;
  const command = commands.find(({ name }) => name === first);
  try {
    if (command !== undefined) {
      if (rest.includes("--help") || rest.includes("-h")) {
        io.stdout.write(helpOf(command));
        return 0;
      }
      return await command.run(parse(command, rest), io);
    }
    io.stdout.write(await withoutCommand(first, rest));
    return 0;
  } catch (error) {
    if (!(error instanceof CliError || error instanceof ProtocolError || error instanceof UsageError)) throw error;
    const code = error instanceof CliError ? "" : `${error.code}: `;
    io.stderr.write(`chappe${command ? ` ${command.name}` : ""}: ${printable(code + error.message)}\n`);
    return 2;
  }
}

function withoutCommand(first: string | undefined, rest: readonly string[]): string {
  if (first === undefined || first === "--help" || first === "-h") return overview(commands);
  if (first === "--version" || first === "-V") return `${version()}\n`;
  if (first !== "help") {
    const kind = first.startsWith("-") ? "option" : "command";
    throw new CliError(`unknown ${kind} '${first}': see chappe help`);
  }
  const [name] = rest;
  const command = commands.find((each) => each.name === name);
  if (name !== undefined && command === undefined) throw new CliError(`unknown command '${name}': see chappe help`);
  return command === undefined ? overview(commands) : helpOf(command);
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
