/**
 * What may happen when: every state machine of the protocol as a table, state → input → next state.
 *
 * An input that a state does not list is not legal in it. The engines look a transition up first and act second;
 * the diagrams of the specification and the test of totality come from these same tables.
 */

import { entryTable } from "../delivery/entry-states.ts";

export { type EntryInput, type EntryState, nextEntryState } from "../delivery/entry-states.ts";

type Table = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A client's connection (SES-8). */
const client = {
  /** Not started. */
  idle: { start: "preparing", stop: "closed" },
  /** The number of the coming attempt is being stored (SES-3). */
  preparing: { prepared: "connecting", expired: "locked", pause: "paused", stop: "closed" },
  /** A transport is being opened. */
  connecting: { open: "authenticating", lost: "waiting", refused: "closed", pause: "paused", stop: "closed" },
  /** Hello is sent, and joins behind it. */
  authenticating: {
    welcome: "ready",
    lost: "waiting",
    unauthenticated: "locked",
    refused: "closed",
    pause: "paused",
    stop: "closed",
  },
  /** Everything works. */
  ready: { goodbye: "draining", lost: "waiting", unauthenticated: "locked", refused: "closed", pause: "paused", stop: "closed" },
  /** The relay said goodbye: acks still arrive, nothing new is published. */
  draining: { goodbye: "draining", lost: "waiting", unauthenticated: "locked", refused: "closed", stop: "closed" },
  /** Waits before the next attempt. */
  waiting: { due: "preparing", start: "preparing", resume: "waiting", pause: "paused", stop: "closed" },
  /** The device has no network, or the application is in the background: no attempt is made (LIV-9). */
  paused: { resume: "waiting", start: "preparing", stop: "closed" },
  /** The token was not accepted, or its time is over: waits for a fresh one. */
  locked: { token: "preparing", start: "preparing", stop: "closed" },
  /** Ended by the caller, or by a verdict that trying again does not help. */
  closed: { start: "preparing", stop: "closed" },
} as const;

/** The circuit breaker of a client's attempts to connect (LIV-7). */
const circuit = {
  /** The backoff alone says when the next attempt is made. */
  closed: { broken: "open" },
  /** Too many attempts in a row have failed: the next one waits for longer. */
  open: { attempt: "halfOpen" },
  /** That attempt is under way, and decides. */
  halfOpen: { welcome: "closed", ended: "open" },
} as const;

/** A relay's side of a connection (SES-9). */
const server = {
  /** Waits for hello. */
  open: { hello: "authenticating", close: "closed", lost: "closed" },
  /** Looks at the token; frames that follow hello wait. */
  authenticating: { accept: "ready", drain: "draining", close: "closed", lost: "closed" },
  /** Everything works. */
  ready: { drain: "draining", close: "closed", lost: "closed" },
  /** Goodbye is sent: acks are still sent, publishes refused. */
  draining: { drain: "draining", close: "closed", lost: "closed" },
  /** Nothing is sent or heard any more. */
  closed: {},
} as const;

/** A room, as a client has it (ROM-9). */
const room = {
  /** Wanted; no connection. */
  detached: { attach: "joining", leave: "left" },
  /** The join is sent. */
  joining: { joined: "joined", refused: "left", left: "left", leave: "leaving", detach: "detached" },
  /** Open. */
  joined: { joined: "joined", attach: "joining", left: "left", refused: "left", leave: "leaving", detach: "detached" },
  /** The leave is sent. */
  leaving: { joined: "leaving", left: "left", refused: "left", detach: "left" },
  /** Not wanted, refused, or taken away. */
  left: { join: "detached", joined: "joined" },
} as const;

/** The tables by name, each with its first state. */
export const tables: {
  readonly client: { readonly initial: "idle"; readonly states: typeof client };
  readonly circuit: { readonly initial: "closed"; readonly states: typeof circuit };
  readonly server: { readonly initial: "open"; readonly states: typeof server };
  readonly room: { readonly initial: "detached"; readonly states: typeof room };
  readonly entry: { readonly initial: "queued"; readonly states: typeof entryTable };
} = {
  client: { initial: "idle", states: client },
  circuit: { initial: "closed", states: circuit },
  server: { initial: "open", states: server },
  room: { initial: "detached", states: room },
  entry: { initial: "queued", states: entryTable },
};

/** A state of a client's connection (SES-8). */
export type ClientState = keyof typeof client;
/** A state of the circuit breaker (LIV-7). */
export type CircuitState = keyof typeof circuit;
/** A state of a relay's side of a connection (SES-9). */
export type ServerState = keyof typeof server;
/** A state of a room, as a client has it (ROM-9). */
export type RoomState = keyof typeof room;
type InputOf<T extends Table> = { [S in keyof T]: keyof T[S] }[keyof T] & string;
/** What may happen to a client's connection (SES-8). */
export type ClientInput = InputOf<typeof client>;
/** What may happen to the circuit breaker (LIV-7). */
export type CircuitInput = InputOf<typeof circuit>;
/** What may happen to a relay's side of a connection (SES-9). */
export type ServerInput = InputOf<typeof server>;
/** What may happen to a room, as a client has it (ROM-9). */
export type RoomInput = InputOf<typeof room>;

function look<S extends string>(table: Table, state: S, input: string): S | undefined {
  return table[state]?.[input] as S | undefined;
}

/** The next state of a client's connection; `undefined` where the input is not legal. */
export const nextClientState = (state: ClientState, input: ClientInput): ClientState | undefined => look(client, state, input);
/** The next state of the circuit breaker; `undefined` where the input is not legal. */
export const nextCircuitState = (state: CircuitState, input: CircuitInput): CircuitState | undefined =>
  look(circuit, state, input);
/** The next state of a relay's side of a connection; `undefined` where the input is not legal. */
export const nextServerState = (state: ServerState, input: ServerInput): ServerState | undefined => look(server, state, input);
/** The next state of a room at a client; `undefined` where the input is not legal. */
export const nextRoomState = (state: RoomState, input: RoomInput): RoomState | undefined => look(room, state, input);
