/** Files of `chappe serve` that hold secrets: what is wrong with one is said without a word of what is in it. */

import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { isApiKey, leastKey } from "../api/listener.ts";
import { flag, type Given, refused } from "./command.ts";
import { CliError, type Io, systemReason } from "./io.ts";
import { readSource, sourceOf } from "./source.ts";

/** A certificate chain and its key, in PEM. */
interface Pem {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Reads certificate and key, now and whenever they may be others. @throws CliError where they are missing, wrong, or of no pair. */
export type ReadPem = () => Pem;

/** @returns undefined: without TLS. @throws CliError */
export function tlsOf(given: Given): ReadPem | undefined {
  const [cert, key] = [given.text("tls-cert"), given.text("tls-key")];
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new CliError(`--tls-${cert === undefined ? "cert" : "key"} is missing: give both --tls-cert and --tls-key`);
  }
  const read = (): Pem => {
    const pem = { cert: bytesOf("tls-cert", cert), key: bytesOf("tls-key", key) };
    for (const [name, file, part] of [
      ["tls-cert", cert, { cert: pem.cert }],
      ["tls-key", key, pem],
    ] as const) {
      try {
        createSecureContext(part);
      } catch {
        throw refused(
          name,
          file,
          name === "tls-cert" ? "is no certificate in PEM" : "is no private key in PEM of this certificate",
        );
      }
    }
    return pem;
  };
  read();
  return read;
}

function bytesOf(name: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw refused(name, file, systemReason(error as Error));
  }
}

/** @returns undefined: there is no API. @throws CliError */
export async function apiKeysOf(given: Given, io: Io): Promise<readonly string[] | undefined> {
  if (!given.has("api-port")) {
    if (given.has("api-keys")) throw new CliError("--api-keys has a meaning with --api-port alone");
    return undefined;
  }
  if (!given.has("api-keys")) throw new CliError("--api-keys is missing: who may use the HTTP API?");
  const source = sourceOf(given, "api-keys", io.stdin);
  const lines = Buffer.from(await readSource(source))
    .toString()
    .split(/\r?\n/);
  const keys = lines.filter((line) => line !== "");
  const wrong = lines.findIndex((line) => line !== "" && !isApiKey(line));
  if (wrong >= 0) {
    throw new CliError(`${source.name}: line ${wrong + 1} must be ${leastKey} to 1024 printable characters without a space`);
  }
  if (keys.length === 0) throw new CliError(`${flag("api-keys", given.text("api-keys") ?? "")}: holds no key`);
  return keys;
}
