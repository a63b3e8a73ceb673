/** What the connection's state means to a person, and what can be done about it. */

import type { ClientState, ProtocolError } from "chappe/client";

/** What the banner shows; undefined: nothing, all is well. */
export interface LinkReport {
  readonly tone: "plain" | "warning" | "failure";
  readonly text: string;
  /** When the next attempt is made, in ms since 1970; undefined: it is under way, or none will be. */
  readonly retryAtMs: number | undefined;
  readonly action: "reconnect" | "signOut" | undefined;
}

export interface LinkState {
  readonly state: ClientState;
  readonly wasReady: boolean;
  readonly retryAtMs: number | undefined;
  readonly error: ProtocolError | undefined;
  /** Publishes that are not settled. */
  readonly waiting: number;
}

const kept = (waiting: number): string => {
  if (waiting === 0) return "What you write is kept and sent when it is back.";
  return waiting === 1 ? "1 message waits to be sent." : `${waiting} messages wait to be sent.`;
};

/** The report for a state. */
export function reportOf({ state, wasReady, retryAtMs, error, waiting }: LinkState): LinkReport | undefined {
  const none = { retryAtMs: undefined, action: undefined };
  const reason = error === undefined ? "" : ` (${error.code}: ${error.message})`;
  switch (state) {
    case "ready":
      return undefined;
    case "idle":
    case "preparing":
    case "connecting":
    case "authenticating":
      if (!wasReady) return { ...none, tone: "plain", text: "Connecting to the relay…" };
      return { ...none, tone: "warning", text: `No connection to the relay. Reconnecting now. ${kept(waiting)}` };
    case "draining":
      return { ...none, tone: "warning", text: `The relay is going down and says goodbye. ${kept(waiting)}` };
    case "waiting":
      return { tone: "warning", text: `No connection to the relay. ${kept(waiting)}`, retryAtMs, action: "reconnect" };
    case "paused":
      return { ...none, tone: "warning", text: `This device is offline. ${kept(waiting)}`, action: "reconnect" };
    case "locked":
      return { ...none, tone: "failure", text: `The relay does not accept this name${reason}.`, action: "signOut" };
    case "closed":
      return { ...none, tone: "failure", text: `The connection is closed${reason}.`, action: "reconnect" };
  }
}

/** The state in a word or two. */
export const stateNames: Readonly<Record<ClientState, string>> = {
  idle: "Not connected",
  preparing: "Connecting",
  connecting: "Connecting",
  authenticating: "Signing in",
  ready: "Connected",
  draining: "Relay going down",
  waiting: "Reconnecting",
  paused: "Offline",
  locked: "Not accepted",
  closed: "Closed",
};
