/** What the application gives a relay is checked where it is received: a fault of a hook is found here, not in a frame to a client. */

import { ProtocolError } from "../errors.ts";
import { type ContentInput, fromContent } from "../session/client-convert.ts";
import type { RightName } from "../session/client-events.ts";
import { type Content, checkFrame, createFrame, encodedSize, type Frame, type Profile, Right } from "../wire/codec.ts";
import { isLater } from "./later.ts";
import type { Principal } from "./options.ts";
import { checkContent, checkedProfile } from "./rules.ts";

const rightNumbers: ReadonlyMap<RightName, Right> = new Map([
  ["read", Right.READ],
  ["publish", Right.PUBLISH],
  ["redact", Right.REDACT],
  ["signal", Right.SIGNAL],
]);

/** @throws ProtocolError FIELD_INVALID where one is no right. */
export function rightsOf(names: readonly RightName[] | undefined): Right[] {
  return [...new Set(names)].map((name) => {
    const right = rightNumbers.get(name);
    if (right === undefined) throw new ProtocolError("FIELD_INVALID", "there is no such right", { field: "rights" });
    return right;
  });
}

/**
 * What a hook has given that must answer at once.
 * @throws ProtocolError INTERNAL (local) where it is a promise: nobody waits for it, and it would pass for a yes.
 */
export function atOnce<T>(name: string, value: T): T {
  if (!isLater(value)) return value;
  // It is refused here and now; that it may come to nothing as well must not end the process.
  void Promise.resolve(value).catch(() => undefined);
  throw new ProtocolError("INTERNAL", `${name} has given a promise; it must answer at once`);
}

/**
 * Content that fits.
 * @param maxBytes - `limits.contentBytes`.
 * @throws UsageError OPTION_INVALID; ProtocolError FIELD_INVALID, LIMIT_EXCEEDED
 */
export function checkedContent(given: ContentInput, maxBytes: number): Content {
  checkContent(given);
  const frame = createFrame("signal", { name: "content", content: fromContent(given) });
  refuseInvalid(frame);
  const content = frame.body.value.content as Content;
  if (encodedSize(content) > maxBytes) throw new ProtocolError("LIMIT_EXCEEDED", "the content is too long", { field: "content" });
  return content;
}

/** Who a client is, with the profile complete (AUT-9). */
export interface CheckedPrincipal {
  /** As the application has given it, for its other hooks. */
  readonly principal: Principal;
  /** What it said then. */
  readonly user: string;
  readonly profile: Profile | undefined;
  /** In ms; 0: it does not expire. */
  readonly expiresInMs: number;
}

/** @throws UsageError OPTION_INVALID, ProtocolError FIELD_INVALID; TOKEN_EXPIRED where it has expired (AUT-4). */
export function checkedPrincipal(principal: Principal): CheckedPrincipal {
  const { user, profile, expiresInMs = 0 } = Object(principal) as Principal;
  const frame = createFrame("members", {
    room: 1,
    entered: [profile === undefined ? { user } : { user, profile: checkedProfile(profile) }],
  });
  refuseInvalid(frame);
  if (typeof expiresInMs !== "number" || Number.isNaN(expiresInMs)) {
    throw new ProtocolError("FIELD_INVALID", "expiresInMs is no number", { field: "expiresInMs" });
  }
  if (expiresInMs < 0) throw new ProtocolError("TOKEN_EXPIRED", "the token has expired");
  return { principal, user, profile: frame.body.value.entered[0]?.profile, expiresInMs };
}

/** What an application gives for a frame. @throws ProtocolError FIELD_INVALID (local): the fault is its own. */
export function refuseInvalid(frame: Frame): void {
  const violation = checkFrame(frame);
  if (violation === undefined) return;
  const { code, message, field } = violation;
  throw new ProtocolError(code, message, field === undefined ? {} : { field });
}

/** The name of a room. @throws ProtocolError FIELD_INVALID (ROM-1). */
export function checkRoom(name: string): void {
  refuseInvalid(createFrame("join", { name }));
}

/** The id of a user. @throws ProtocolError FIELD_INVALID. */
export function checkUser(user: string): void {
  refuseInvalid(createFrame("members", { room: 1, entered: [{ user }] }));
}
