/** Help, from the table of commands. */

import type { Command } from "./command.ts";

const width = 100;

/** What `chappe` says without arguments. */
export function overview(commands: readonly Command[]): string {
  const rows = [...commands.map(({ name, args, summary }): [string, string] => [`${name} ${args}`.trim(), summary])];
  rows.push(["help COMMAND", "what a command does, and its options"]);
  return [
    "chappe: a real-time messaging protocol, and its tools.",
    "",
    "Usage: chappe COMMAND [OPTIONS]",
    "",
    ...columns(rows),
    "",
    "chappe --version prints the version.",
    "",
  ].join("\n");
}

/** What `chappe help COMMAND` says. */
export function helpOf({ name, args, summary, about, options, examples }: Command): string {
  const rows = Object.entries(options).map(([option, { value, short, multiple, default: preset, help }]): [string, string] => [
    `${short ? `-${short}, ` : ""}--${option}${value === undefined ? "" : ` ${value}`}`,
    [help, multiple && "May be repeated.", preset !== undefined && `Default: ${preset}.`].filter(Boolean).join(" "),
  ]);
  return [
    `chappe ${name}: ${summary}`,
    "",
    `Usage: chappe ${name} [OPTIONS] ${args}`.trimEnd(),
    "",
    ...about.flatMap((paragraph) => [...wrap(paragraph, width), ""]),
    "Options:",
    ...columns([...rows, ["-h, --help", "Show this."]]),
    "",
    ...(examples.length > 0 ? ["Examples:", ...examples.map((example) => `  ${example}`), ""] : []),
  ].join("\n");
}

function columns(rows: readonly (readonly [left: string, right: string])[]): string[] {
  const left = Math.max(...rows.map(([text]) => text.length)) + 4;
  return rows.flatMap(([name, text]) =>
    wrap(text, width - left).map((line, index) => `${`  ${index === 0 ? name : ""}`.padEnd(left)}${line}`),
  );
}

/** Lines of at most `columns` characters, broken between words. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
