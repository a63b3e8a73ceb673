/** The tables of connections and rooms, counted: they take the place of the real ones in the simulation. */

import * as real from "../../../src/session/transitions.ts";
import { counted } from "./count.ts";

export * from "../../../src/session/transitions.ts";
export const nextCircuitState = counted("circuit", real.nextCircuitState);
export const nextClientState = counted("client", real.nextClientState);
export const nextServerState = counted("server", real.nextServerState);
export const nextRoomState = counted("room", real.nextRoomState);
