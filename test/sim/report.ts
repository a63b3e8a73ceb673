/** What a run of many seeds came to, for people. */

import type { Counts } from "./counts.ts";
import { demanded } from "./coverage.ts";

/** Counts in columns, grouped by their first word; a zero is marked. */
export function table(counts: Counts, width = 120): string {
  const names = new Set([...demanded(), ...counts.entries().map(([name]) => name)]);
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const [group = ""] = name.split(" ", 1);
    const cells = groups.get(group) ?? [];
    groups.set(group, cells);
    const times = counts.of(name);
    cells.push(`${name.slice(group.length + 1) || group} ${times === 0 ? "ZERO" : times}`);
  }
  return [...groups].map(([group, cells]) => `${group}\n${columns(cells, width)}`).join("\n");
}

function columns(cells: readonly string[], width: number): string {
  const cell = Math.max(...cells.map(({ length }) => length)) + 3;
  const perLine = Math.max(1, Math.floor((width - 2) / cell));
  const lines: string[] = [];
  for (let i = 0; i < cells.length; i += perLine)
    lines.push(
      `  ${cells
        .slice(i, i + perLine)
        .map((text) => text.padEnd(cell))
        .join("")}`.trimEnd(),
    );
  return lines.join("\n");
}
