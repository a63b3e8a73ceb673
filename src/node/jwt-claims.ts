/**
 * What the claims of a token say, beyond who signed it: the user, its profile, and what it may do in which room. Law: names that somebody has
 * chosen are looked for in lists, never used as keys of an object; claims of another shape make the token void, not a part of them.
 */

import { ProtocolError } from "../errors.ts";
import type { Principal } from "../relay/options.ts";
import type { RightName } from "../session/client-events.ts";
import { checkFrame, createFrame, type Init, type Member } from "../wire/codec.ts";

/** Patterns that a token may hold. */
const maxPatterns = 1000;

const rightNames: readonly unknown[] = ["read", "publish", "redact", "signal"] satisfies RightName[];
const usualRights: readonly RightName[] = ["read", "publish", "signal"];

/** Rights in the rooms whose names are this, or begin with it. */
interface Grant {
  readonly name: string;
  readonly matches: "all of it" | "its beginning";
  readonly rights: readonly RightName[];
}

/** A principal that a token names. */
export interface JwtPrincipal extends Principal {
  /** All that the token claims, as it was signed. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** What a token grants; undefined: it says nothing of rooms. */
export type Grants = readonly Grant[] | undefined;

/**
 * A claim as `{ "lobby": ["read", "publish"], "team/*": ["read"] }`: rooms by their names, or, with `*` at the end, by how their names begin.
 * @throws ProtocolError UNAUTHENTICATED where it is of another shape.
 */
export function grantsOf(claim: unknown): Grants {
  if (claim === undefined) return undefined;
  if (typeof claim !== "object" || claim === null || Array.isArray(claim)) throw malformed();
  const entries = Object.entries(claim);
  if (entries.length > maxPatterns) throw malformed();
  return entries
    .map(([pattern, rights]): Grant => {
      if (!Array.isArray(rights) || !rights.every((right) => rightNames.includes(right))) throw malformed();
      return pattern.endsWith("*")
        ? { name: pattern.slice(0, -1), matches: "its beginning", rights }
        : { name: pattern, matches: "all of it", rights };
    })
    .sort((a, b) => rank(b) - rank(a));
}

/** The whole name wins over any beginning, a longer beginning over a shorter one. */
function rank({ name, matches }: Grant): number {
  return matches === "all of it" ? Number.POSITIVE_INFINITY : name.length;
}

/**
 * What the user may do in a room; undefined: nothing. Names that begin with `@` are inboxes: no pattern reaches another's (ROM-2).
 * Where the token says nothing of rooms, everything but redacting others' entries.
 */
export function rightsIn(grants: Grants, user: string, room: string): readonly RightName[] | undefined {
  const exact = grants?.find(({ name, matches }) => matches === "all of it" && name === room);
  if (exact !== undefined) return exact.rights;
  if (room.startsWith("@")) return room === `@${user}` ? usualRights : undefined;
  if (grants === undefined) return usualRights;
  return grants.find(({ name, matches }) => matches === "its beginning" && room.startsWith(name))?.rights;
}

/** How the user is shown: what the claims `name` and `picture` say, as far as frames can say it (AUT-9). */
export function profileOf(user: string, { name, picture }: Readonly<Record<string, unknown>>): NonNullable<Principal["profile"]> {
  return {
    ...(typeof name === "string" && isSayable({ user, profile: { displayName: name } }) && { displayName: name }),
    ...(typeof picture === "string" && isSayable({ user, profile: { avatarUri: picture } }) && { avatarUri: picture }),
  };
}

/** Whether a user may have this name. */
export function isUser(value: unknown): value is string {
  return typeof value === "string" && isSayable({ user: value });
}

function isSayable(member: Init<Member>): boolean {
  return checkFrame(createFrame("members", { room: 1, entered: [member] })) === undefined;
}

function malformed(): ProtocolError {
  return new ProtocolError("UNAUTHENTICATED", "the token says of rooms what is not understood here");
}
