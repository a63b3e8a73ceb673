import { describe, expect, test } from "vitest";
import {
  nextCircuitState,
  nextClientState,
  nextEntryState,
  nextRoomState,
  nextServerState,
  tables,
} from "../../src/session/transitions.ts";

type Look = (state: string, input: string) => string | undefined;
const looks: Readonly<Record<keyof typeof tables, Look>> = {
  client: nextClientState as Look,
  circuit: nextCircuitState as Look,
  server: nextServerState as Look,
  room: nextRoomState as Look,
  entry: nextEntryState as Look,
};
/** States that may be the last. */
const final: Readonly<Record<keyof typeof tables, readonly string[]>> = {
  client: ["closed"],
  circuit: ["closed"],
  server: ["closed"],
  room: ["left"],
  entry: ["stored", "failed", "maybe", "cancelled"],
};

for (const [name, table] of Object.entries(tables) as [
  keyof typeof tables,
  { initial: string; states: Record<string, Record<string, string>> },
][]) {
  const states = Object.keys(table.states);
  const inputs = [...new Set(Object.values(table.states).flatMap((row) => Object.keys(row)))];

  describe(name, () => {
    test("each input in each state has the next state of the table, or none", () => {
      for (const state of states) {
        for (const input of inputs) expect(looks[name](state, input)).toBe(table.states[state]?.[input]);
      }
      expect(looks[name](states[0] ?? "", "no such input")).toBeUndefined();
    });

    test("names of objects' own members are no inputs", () => {
      for (const input of ["constructor", "toString", "__proto__"]) {
        const next = looks[name](states[0] ?? "", input);
        expect(next === undefined || !states.includes(next)).toBe(true);
      }
    });

    test("every next state is a state", () => {
      for (const row of Object.values(table.states)) for (const next of Object.values(row)) expect(states).toContain(next);
    });

    test("every state is reached", () => {
      const reached = new Set([table.initial]);
      for (const state of reached) for (const next of Object.values(table.states[state] ?? {})) reached.add(next);
      expect([...reached].sort()).toEqual([...states].sort());
    });

    test("from every state a last one can be reached, and only last ones have no way out", () => {
      for (const state of states) {
        const reached = new Set([state]);
        for (const each of reached) for (const next of Object.values(table.states[each] ?? {})) reached.add(next);
        expect([state, final[name].some((last) => reached.has(last))]).toEqual([state, true]);
        const ways = Object.values(table.states[state] ?? {}).filter((next) => next !== state);
        if (!final[name].includes(state)) expect([state, ways.length > 0]).toEqual([state, true]);
      }
    });
  });
}
