/** Which rows of the tables of states were used since it was last asked: `table state input`. */

let used = new Map<string, number>();

/** The same function, counted. */
export function counted<S extends string, I extends string>(
  table: string,
  next: (state: S, input: I) => S | undefined,
): (state: S, input: I) => S | undefined {
  return (state, input) => {
    const found = next(state, input);
    if (found !== undefined) {
      const row = `row ${table} ${state} ${input}`;
      used.set(row, (used.get(row) ?? 0) + 1);
    }
    return found;
  };
}

export function takeUsedRows(): Map<string, number> {
  const taken = used;
  used = new Map();
  return taken;
}
