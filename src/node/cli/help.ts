/** Help, from the table of commands. */

import { type Command, demandOf } from "./command.ts";
import { wrap } from "./layout.ts";

/** Longer lines are hard to read. */
const widest = 80;
/** Where less is left beside the names, what is said of them stands below. */
const narrowest = 30;

/** What `chappe` says without arguments. */
export function overview(commands: readonly Command[], width: number = widest): string {
  const rows = [...commands.map(({ name, args, summary }): [string, string] => [`${name} ${args}`.trim(), summary])];
  rows.push(["help COMMAND", "what a command does, and its options"]);
  return [
    "chappe: a real-time messaging protocol, and its tools.",
    "",
    "Usage: chappe COMMAND [OPTIONS]",
    "",
    ...columns(rows, width),
    "",
    "chappe --version prints the version.",
    "",
  ].join("\n");
}

/** What `chappe help COMMAND` says. */
export function helpOf({ name, args, summary, about, options, examples }: Command, width: number = widest): string {
  const rows = Object.entries(options).map(
    ([option, { value, short, multiple, default: preset, rule, help }]): [string, string] => [
      `${short ? `-${short}, ` : ""}--${option}${value === undefined ? "" : ` ${value}`}`,
      [
        help,
        rule && `${demandOf(rule).replace(/^must be ./, (start) => start.slice("must be ".length).toUpperCase())}.`,
        multiple && "May be repeated.",
        preset !== undefined && `Default: ${preset}.`,
      ]
        .filter(Boolean)
        .join(" "),
    ],
  );
  return [
    `chappe ${name}: ${summary}`,
    "",
    `Usage: chappe ${name} [OPTIONS] ${args}`.trimEnd(),
    "",
    ...about.flatMap((paragraph) => [...wrap(paragraph, Math.min(width, widest)), ""]),
    "Options:",
    ...columns([...rows, ["-h, --help", "Show this."]], width),
    "",
    ...(examples.length > 0 ? ["Examples:", ...examples.map((example) => `  ${example}`), ""] : []),
  ].join("\n");
}

function columns(rows: readonly (readonly [left: string, right: string])[], width: number): string[] {
  const left = Math.max(...rows.map(([text]) => text.length)) + 4;
  const right = Math.min(width, widest) - left;
  if (right < narrowest)
    return rows.flatMap(([name, text]) => [`  ${name}`, ...wrap(text, width - 6).map((line) => `      ${line}`)]);
  return rows.flatMap(([name, text]) =>
    wrap(text, right).map((line, index) => `${`  ${index === 0 ? name : ""}`.padEnd(left)}${line}`),
  );
}
