/**
 * Which frame a relay takes from a client, and when: FRM-4 as a table. Looked up first, acted upon second.
 */

import type { ProtocolError } from "../errors.ts";
import { type BodyCase, checkFrame, type Frame, type Hello, Right } from "../wire/codec.ts";
import { remote } from "./server-frames.ts";
import type { ServerState } from "./transitions.ts";

/** When a client may send a body (FRM-4). */
type Phase =
  /** The first frame, once. */
  | "first"
  /** In every state. */
  | "always"
  /** Once hello has come. */
  | "afterHello"
  /** From welcome to the end. */
  | "ready"
  /** A relay's frame. */
  | "never";

const phases: Readonly<Record<BodyCase, Phase>> = {
  hello: "first",
  error: "always",
  goodbye: "afterHello",
  batch: "afterHello",
  ping: "afterHello",
  // One without a ping is ignored, not refused (FRM-5).
  pong: "afterHello",
  join: "afterHello",
  watch: "afterHello",
  unwatch: "afterHello",
  credit: "afterHello",
  presence: "afterHello",
  leave: "ready",
  // In draining it is rejected by itself (GBY-2).
  publish: "ready",
  history: "ready",
  receipt: "ready",
  typing: "ready",
  signal: "ready",
  refresh: "ready",
  welcome: "never",
  joined: "never",
  left: "never",
  ack: "never",
  chat: "never",
  gap: "never",
  page: "never",
  members: "never",
  refreshed: "never",
};

const states: Readonly<Record<Phase, readonly ServerState[]>> = {
  first: ["open"],
  always: ["open", "authenticating", "ready", "draining"],
  afterHello: ["authenticating", "ready", "draining"],
  ready: ["ready", "draining"],
  never: [],
};

/** Whether a client's frame with this body is allowed in this state (FRM-4); otherwise it is UNEXPECTED_FRAME (FRM-5). */
export function mayReceive(body: BodyCase, state: ServerState): boolean {
  return states[phases[body]].includes(state);
}

/** The hello that the first frame is; or why it is none that may be accepted (SES-1, TRN-3). */
export function judgeFirst(frame: Frame, requireMajor: number | undefined): Hello | ProtocolError {
  const { body } = frame;
  if (body.case !== "hello") return remote("UNEXPECTED_FRAME", "the first frame is hello (SES-1)");
  const violation = checkFrame(frame);
  if (violation !== undefined) return violation;
  if (requireMajor === undefined || body.value.major === requireMajor) return body.value;
  return remote("UNSUPPORTED_VERSION", `major version ${requireMajor} is spoken here`);
}

/** The bodies that are requests (FRM-7). */
export type RequestCase = "join" | "leave" | "history" | "watch" | "refresh";

const requests: ReadonlySet<BodyCase> = new Set<RequestCase>(["join", "leave", "history", "watch", "refresh"]);

/** Whether frames with this body are requests: have a ref, and exactly one answer (FRM-7). */
export function isRequest(body: BodyCase): body is RequestCase {
  return requests.has(body);
}

/** The right that a frame about a room needs (AUT-8). What is not named needs none. */
export const rightFor: { readonly [C in BodyCase]?: Right } = {
  publish: Right.PUBLISH,
  history: Right.READ,
  receipt: Right.SIGNAL,
  typing: Right.SIGNAL,
  signal: Right.SIGNAL,
};

/** Whether such a frame about a room that was open earlier on this connection is dropped without an error (ROM-4, 4). */
export function isEphemeral(body: BodyCase): boolean {
  return body === "receipt" || body === "typing" || body === "signal";
}
