/** The table of the outbox's entries, counted: it takes the place of the real one in the simulation. */

import * as real from "../../../src/delivery/entry-states.ts";
import { counted } from "./count.ts";

export * from "../../../src/delivery/entry-states.ts";
export const nextEntryState = counted("entry", real.nextEntryState);
