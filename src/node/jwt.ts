/**
 * Who connects, by a JSON Web Token (RFC 7519, RFC 8725). Law: the algorithms are those of the key that the operator gave, whatever a token
 * says of itself; a token that is not accepted and a service that cannot tell are different answers (AUT-1).
 */

import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from "jose";
import { isLoopback } from "../client/loopback.ts";
import { ProtocolError } from "../errors.ts";
import type { Credentials, Principal } from "../relay/options.ts";
import type { RightName } from "../session/client-events.ts";
import type { Clock } from "../session/host.ts";
import { checkedBy, doing, invalid, isObject, must, number, type Rules, text } from "../session/option-rules.ts";
import { nodeClock } from "./host.ts";
import { type Grants, grantsOf, isUser, type JwtPrincipal, profileOf, rightsIn } from "./jwt-claims.ts";
import { loadJose } from "./optional.ts";

/** How tokens are verified: give either `secret` or `jwks`. */
export interface JwtOptions {
  /** Signed with HMAC, and this: at least 32 bytes. Tokens are HS256. */
  readonly secret?: string | Uint8Array;
  /**
   * Signed with a private key whose public one is in this JSON Web Key Set (RFC 7517): the set, or the address that it is fetched from, with
   * `https:`, or `http:` on this machine. It is fetched when it is first needed, when it is older than 10 minutes, and where a token names a
   * key that is not in it, at most every 30 s. Tokens are RS256, ES256 or EdDSA.
   */
  readonly jwks?: JSONWebKeySet | URL | string;
  /** Who must have issued the token (`iss`): one of these. `false`: anybody who has the key. */
  readonly issuer: string | readonly string[] | false;
  /** For whom the token must be (`aud`): one of these. `false`: for anybody. */
  readonly audience: string | readonly string[] | false;
  /** By how much the clocks may differ, in s: 0 to 300, 5 by default. */
  readonly clockToleranceS?: number;
  /** The claim that names the user, `sub` by default: 1 to 256 bytes of UTF-8. */
  readonly userClaim?: string;
  /** The claim that says what the user may do in which rooms, `rooms` by default. Where a token lacks it, see {@link JwtHooks.authorize}. */
  readonly roomsClaim?: string;
  /** The time; by default that of this machine. */
  readonly clock?: Pick<Clock, "wall">;
}

/** What a `Relay` is given. */
export interface JwtHooks {
  /**
   * Rejects with a ProtocolError UNAUTHENTICATED, or TOKEN_EXPIRED where all else was right; with another error where the key set cannot be
   * had: the client is told UNAVAILABLE, and tries again.
   */
  authenticate(credentials: Credentials): Promise<JwtPrincipal>;
  /**
   * By the claim of rooms: `{ "lobby": ["read", "publish", "signal"], "team/*": ["read"] }`. The whole name wins, then the longest beginning.
   * A user's inbox (ROM-2) is the user's own. Without the claim: everything but redacting others' entries, in all rooms but others' inboxes.
   */
  authorize(principal: Principal, room: string): readonly RightName[] | undefined;
}

const names = must(
  "a string, a list of strings, or false",
  (value) => value === false || isName(value) || (Array.isArray(value) && value.length > 0 && value.every(isName)),
);

const rules: Rules<JwtOptions> = {
  secret: must("at least 32 bytes", (value) => (isBytes(value) ? value.length : bytesOf(value)) >= 32),
  jwks: must(
    "a key set, or an address with https:, or with http: on this machine",
    (value) => isKeyAddress(value) || (isObject(value) && "keys" in value && Array.isArray(value.keys)),
  ),
  issuer: names,
  audience: names,
  clockToleranceS: number(0, 300),
  userClaim: text,
  roomsClaim: text,
  clock: doing("wall"),
};

/** Longer than any token that fits into the first frame (LIM-1). */
const maxTokenBytes = 16 * 1024;

/** The longest that a frame can say. */
const maxExpiryMs = 0xffff_ffff;

/** What the errors of jose mean that are no fault of the token. */
const unavailable: ReadonlySet<unknown> = new Set(["ERR_JOSE_GENERIC", "ERR_JWKS_INVALID", "ERR_JWKS_TIMEOUT"]);

/**
 * Hooks of a relay that know users by their JSON Web Tokens.
 *
 * ```ts
 * const jwt = await jwtHooks({ jwks: "https://login.example.org/keys", issuer: "https://login.example.org", audience: "chat" });
 * const relay = new Relay({ broker, clock: nodeClock(), random: nodeRandom, ...jwt });
 * ```
 *
 * What is wrong rejects the promise: UsageError OPTION_INVALID, with the name of the option; DEPENDENCY_MISSING where the package `jose` is not
 * installed.
 */
export async function jwtHooks(given: JwtOptions): Promise<JwtHooks> {
  const options = checkedBy(rules, given, "options", "", ["issuer", "audience"]) as unknown as JwtOptions;
  const { secret, jwks, issuer, audience, clockToleranceS = 5, userClaim = "sub", roomsClaim = "rooms" } = options;
  if ((secret === undefined) === (jwks === undefined)) throw invalid("secret, jwks", "give one of them");
  const jose = await loadJose();
  const clock = options.clock ?? nodeClock();
  const { key, algorithms } =
    jwks === undefined
      ? { key: typeof secret === "string" ? Buffer.from(secret) : secret, algorithms: ["HS256"] }
      : { key: keySet(jose, jwks), algorithms: ["RS256", "ES256", "EdDSA"] };
  /** By the claims, which stay the same object where an application's own hook makes another principal of them. */
  const grants = new WeakMap<object, Grants>();

  const verified = async (token: string, nowMs: number): Promise<JWTPayload> => {
    const how = {
      algorithms,
      clockTolerance: clockToleranceS,
      currentDate: new Date(nowMs),
      requiredClaims: ["exp", userClaim],
      ...(issuer !== false && { issuer: [issuer].flat() }),
      ...(audience !== false && { audience: [audience].flat() }),
    };
    try {
      // Two forms of one call: a key, or what finds it.
      const { payload } = await (typeof key === "function"
        ? jose.jwtVerify(token, key, how)
        : jose.jwtVerify(token, key as Uint8Array, how));
      return payload;
    } catch (error) {
      if (error instanceof jose.errors.JWTExpired) throw new ProtocolError("TOKEN_EXPIRED", "the token has expired");
      if (error instanceof jose.errors.JOSEError && !unavailable.has(error.code)) throw notAccepted();
      throw error;
    }
  };

  return {
    authenticate: async ({ token }) => {
      if (token === "" || bytesOf(token) > maxTokenBytes) throw notAccepted();
      const nowMs = clock.wall();
      const claims = await verified(token, nowMs);
      const { [userClaim]: user, [roomsClaim]: rooms, exp = 0 } = claims;
      if (!isUser(user)) throw notAccepted();
      const principal: JwtPrincipal = {
        user,
        profile: profileOf(user, claims),
        // AUT-4. What has just been accepted has some time left.
        expiresInMs: Math.min(Math.max(1, Math.ceil((exp + clockToleranceS) * 1000 - nowMs)), maxExpiryMs),
        claims,
      };
      grants.set(claims, grantsOf(rooms));
      return principal;
    },
    authorize: (principal, room) => {
      const { claims } = principal as Partial<JwtPrincipal>;
      // Whoever is not known by a token has no rights by one.
      return claims !== undefined && grants.has(claims) ? rightsIn(grants.get(claims), principal.user, room) : undefined;
    },
  };
}

function keySet(jose: Awaited<ReturnType<typeof loadJose>>, jwks: NonNullable<JwtOptions["jwks"]>): JWTVerifyGetKey {
  if (typeof jwks === "string" || jwks instanceof URL) return jose.createRemoteJWKSet(new URL(jwks));
  try {
    return jose.createLocalJWKSet(jwks);
  } catch {
    // What it says may quote the keys.
    throw invalid("jwks", "is no JSON Web Key Set");
  }
}

function notAccepted(): ProtocolError {
  return new ProtocolError("UNAUTHENTICATED", "the token is not accepted");
}

/** Whether a key set may be fetched from there: nobody on the way may put another in its place. */
export function isKeyAddress(value: unknown): boolean {
  if (typeof value !== "string" && !(value instanceof URL)) return false;
  if (!URL.canParse(String(value))) return false;
  const url = new URL(value);
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function bytesOf(value: unknown): number {
  return typeof value === "string" ? Buffer.byteLength(value) : -1;
}
