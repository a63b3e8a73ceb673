/** Who may connect to `chappe serve`: whom a file of tokens names, or, for development, anyone under any name. */

import { createHash } from "node:crypto";
import { ProtocolError } from "../../errors.ts";
import type { Credentials, Principal } from "../../relay/options.ts";
import { createFrame, encodeFrame } from "../../wire/codec.ts";
import { CliError } from "./io.ts";

export type Authenticate = (credentials: Credentials) => Principal;

const maxUserBytes = 256;

/** The token is the user's name. */
export const developmentTokens: Authenticate = ({ token }) => {
  const user = token.trim();
  if (user === "" || Buffer.byteLength(user) > maxUserBytes)
    throw new ProtocolError("UNAUTHENTICATED", `the token must be a user name of 1 to ${maxUserBytes} bytes`);
  return { user, profile: { displayName: user } };
};

/**
 * A JSON object from tokens to users: a user id, or `{ "user": …, "displayName": …, "avatarUri": … }`.
 * @param name of the file, for messages. @throws CliError where the text is not such an object; without any token in its message.
 */
export function tokensOf(name: string, text: string): Authenticate {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new CliError(`${name}: is not JSON`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new CliError(`${name}: must be an object from tokens to users`);
  // Looked up by their hashes: no comparison stops at the first character that differs, and none is kept in memory.
  const users = new Map<string, Principal>();
  for (const [index, [token, entry]] of Object.entries(parsed).entries()) {
    const principal = principalOf(entry);
    if (token === "" || principal === undefined)
      throw new CliError(`${name}: entry ${index + 1} names no user: see chappe help serve`);
    users.set(hash(token), principal);
  }
  if (users.size === 0) throw new CliError(`${name}: names no user`);
  return ({ token }) => {
    const principal = users.get(hash(token));
    if (principal === undefined) throw new ProtocolError("UNAUTHENTICATED", "the token is not accepted");
    return principal;
  };
}

function principalOf(entry: unknown): Principal | undefined {
  const { user, displayName, avatarUri, ...more }: Record<string, unknown> =
    typeof entry === "string" ? { user: entry } : { ...(entry as object | null) };
  if (typeof user !== "string" || user === "" || Buffer.byteLength(user) > maxUserBytes || Object.keys(more).length > 0)
    return undefined;
  if (displayName !== undefined && typeof displayName !== "string") return undefined;
  if (avatarUri !== undefined && typeof avatarUri !== "string") return undefined;
  const profile = { displayName: displayName ?? user, ...(avatarUri !== undefined && { avatarUri }) };
  return isSayable(user, profile) ? { user, profile } : undefined;
}

/** Whether frames can say it: told when the file is read, not to the user whose connections would fail for it. */
function isSayable(sender: string, profile: NonNullable<Principal["profile"]>): boolean {
  try {
    encodeFrame(createFrame("chat", { room: 1, offset: 1n, sender, profile, id: new Uint8Array(16).fill(1) }));
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

function hash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
