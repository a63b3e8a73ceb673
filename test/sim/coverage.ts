/** What a run of many seeds must have seen: what never happened was not tested. */

import { tables } from "../../src/session/transitions.ts";
import type { Counts } from "./counts.ts";
import { faultNames } from "./faults.ts";
import { workNames } from "./plan.ts";
import { invariants } from "./violation.ts";

/** From so many seeds on, each name must have a count. */
export const demandFrom = 300;

/** Rows of tables that are not demanded, each with its reason. */
const undemanded: Readonly<Record<string, string>> = {
  "row room joined refused":
    "this relay says left where it takes a room away; error with scope ROOM is another relay's way (ROM-4)",
  "row entry sent voided":
    "a void is stored before it is sent (PUB-5): only a copy of an outbox is told of one that it has not sent, one run in hundreds",
  "row room left joined":
    "this relay enters no room for a client (ROM-6): only a joined that crosses another end of the room comes so late",
};

/** Every name that is counted, in the order in which people read them. */
export function demanded(): string[] {
  const rows = Object.entries(tables).flatMap(([table, { states }]) =>
    Object.entries(states).flatMap(([state, inputs]) => Object.keys(inputs).map((input) => `row ${table} ${state} ${input}`)),
  );
  return [
    ...rows.filter((row) => undemanded[row] === undefined),
    ...faultNames.map((name) => `fault ${name}`),
    ...workNames.map((name) => `work ${name}`),
    "told gaveUp",
    "told failed for now",
    ...["fresh", "resumed", "gap", "reset"].map((verdict) => `verdict ${verdict}`),
    ...invariants.map((name) => `checked ${name}`),
  ];
}

/** What was demanded and never happened. */
export function missing(counts: Counts): string[] {
  return demanded().filter((name) => counts.of(name) === 0);
}
