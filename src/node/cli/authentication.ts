/** Who may connect to `chappe serve`, by exactly one of: a file of tokens, JSON Web Tokens, or, for development, anyone of this machine. */

import { isLoopback } from "../../client/loopback.ts";
import { UsageError } from "../../errors.ts";
import type { RelayOptions } from "../../relay/options.ts";
import { isObject } from "../../session/option-rules.ts";
import { isKeyAddress, type JwtOptions, jwtHooks } from "../jwt.ts";
import { type Command, type Given, refused, wholeFrom } from "./command.ts";
import { CliError, type Io } from "./io.ts";
import { readSource, sourceOf } from "./source.ts";
import { developmentTokens, tokensOf } from "./tokens.ts";

/** Hooks of a relay. */
export type Admitted = Pick<RelayOptions, "authenticate" | "authorize">;

const names = "NAME";

export const authenticationOptions: Command["options"] = {
  tokens: { value: "FILE", help: "Who may connect: tokens and their users." },
  jwks: {
    value: "FILE|URL",
    help: "Who may connect: users with a JSON Web Token that a key of this set has signed (RS256, ES256, EdDSA). Needs the package jose.",
  },
  "jwt-secret": {
    value: "FILE",
    help: "Who may connect: users with a JSON Web Token that is signed with this secret (HS256), of at least 32 bytes. Needs the package jose.",
  },
  "jwt-issuer": {
    value: names,

    multiple: true,
    help: "Who must have issued the token; any: anybody who has the key.",
  },
  "jwt-audience": { value: names, multiple: true, help: "For whom the token must be; any: for anybody." },
  "jwt-skew": { value: "S", default: "5", rule: wholeFrom(0, 300), help: "By how much the clocks may differ." },
  dev: { help: "For development: anyone may connect from this machine, and the token is the user's name." },
};

export const aboutAuthentication: readonly string[] = [
  "One of --tokens, --jwks, --jwt-secret and --dev says who may connect. The file of --tokens is a JSON object from tokens to users: a " +
    'user id, or {"user": …, "displayName": …, "avatarUri": …}, of at most 256, 256 and 2048 bytes. A JSON Web Token names the user by its claim ' +
    "sub, and the time that it holds by exp; its claim rooms may say what the user may do in which rooms, as " +
    '{"lobby": ["read", "publish", "signal"], "team/*": ["read"]}.',
];

const ways = ["tokens", "jwks", "jwt-secret", "dev"] as const;

/** @throws CliError, with the option that is wrong. */
export async function authenticationOf(given: Given, host: string, io: Io): Promise<Admitted> {
  const chosen = ways.filter((way) => given.has(way));
  const [way, another] = chosen;
  if (way === undefined) throw new CliError(`who may connect? give ${among(ways)}; --dev lets anyone of this machine in`);
  if (another !== undefined) throw new CliError(`give either --${way} or --${another}, not both`);
  const isJwt = way === "jwks" || way === "jwt-secret";
  for (const name of ["jwt-issuer", "jwt-audience", "jwt-skew"])
    if (given.has(name) !== isJwt && (given.has(name) || name !== "jwt-skew"))
      throw new CliError(
        isJwt
          ? `--${name} is missing: give it with --${way}, or any`
          : `--${name} has a meaning with --jwks and --jwt-secret alone`,
      );
  switch (way) {
    case "dev":
      if (!isLoopback(host)) throw refused("host", host, "--dev lets anyone in: it must be this machine, as 127.0.0.1");
      return { authenticate: developmentTokens };
    case "tokens": {
      const { name, text } = await fileOf(given, "tokens", io);
      return { authenticate: tokensOf(name, text) };
    }
    case "jwks":
      return jwt(given, way, { jwks: await keysOf(given, io) });
    case "jwt-secret": {
      const { text } = await fileOf(given, way, io);
      // An editor ends the last line.
      return jwt(given, way, { secret: text.replace(/\r?\n$/, "") });
    }
  }
}

function among(names: readonly string[]): string {
  const flags = names.map((name) => `--${name}`);
  return `${flags.slice(0, -1).join(", ")} or ${flags.at(-1)}`;
}

async function fileOf(given: Given, option: string, io: Io): Promise<{ readonly name: string; readonly text: string }> {
  const source = sourceOf(given, option, io.stdin);
  return { name: source.name, text: Buffer.from(await readSource(source)).toString() };
}

async function keysOf(given: Given, io: Io): Promise<NonNullable<JwtOptions["jwks"]>> {
  const place = given.text("jwks") ?? "";
  if (/^[a-z]+:\/\//i.test(place)) {
    if (!isKeyAddress(place)) throw refused("jwks", place, "must begin with https:, or with http: on this machine");
    return place;
  }
  const { name, text } = await fileOf(given, "jwks", io);
  try {
    const set: unknown = JSON.parse(text);
    if (isObject(set)) return set as NonNullable<JwtOptions["jwks"]>;
  } catch {
    // The parser's message quotes the text.
  }
  throw new CliError(`${name}: is no JSON Web Key Set`);
}

async function jwt(given: Given, way: string, key: Pick<JwtOptions, "secret" | "jwks">): Promise<Admitted> {
  const demanded = (name: string): readonly string[] | false => {
    const all = given.texts(name);
    return all.includes("any") ? false : all;
  };
  try {
    return await jwtHooks({
      ...key,
      issuer: demanded("jwt-issuer"),
      audience: demanded("jwt-audience"),
      clockToleranceS: given.number("jwt-skew"),
    });
  } catch (error) {
    if (!(error instanceof UsageError) || error.code !== "OPTION_INVALID") throw error;
    // Never what is in the file.
    throw refused(way, given.text(way) ?? "", error.message.replace(/^\w+: /, ""));
  }
}
