/** Optional peers: who does not use what needs them need not have them. */

import { UsageError } from "../errors.ts";

/** The module `ws`: for WebSockets of Node. */
export type WsModule = typeof import("ws");

/** The module `lmdb`: for logs on disk. */
export type LmdbModule = typeof import("lmdb");

/** The module `redis`: for logs that several nodes share. */
export type RedisModule = typeof import("redis");

/** The module `jose`: for JSON Web Tokens. */
export type JoseModule = typeof import("jose");

/** The module `prom-client`: for metrics of Prometheus. */
export type PromClientModule = typeof import("prom-client");

/** The module `fastify`: for the HTTP API. */
export type FastifyModule = Pick<typeof import("fastify"), "fastify">;

/** The module `pino`: for the log of `chappe serve`. */
export type PinoModule = Pick<typeof import("pino"), "pino">;

/** @throws UsageError DEPENDENCY_MISSING where it is not installed. */
export async function loadPromClient(): Promise<PromClientModule> {
  const loaded = await loadOptional("prom-client", () => import("prom-client"));
  // A CommonJS module: its names are those of its default export, whatever Node has seen of them.
  return (loaded as { default?: PromClientModule }).default ?? loaded;
}

/** @throws UsageError DEPENDENCY_MISSING where it is not installed. */
export function loadFastify(): Promise<FastifyModule> {
  return loadOptional("fastify", () => import("fastify"));
}

/** @throws UsageError DEPENDENCY_MISSING where it is not installed. */
export function loadPino(): Promise<PinoModule> {
  return loadOptional("pino", () => import("pino"));
}

/** @throws UsageError DEPENDENCY_MISSING where it is not installed. */
export function loadJose(): Promise<JoseModule> {
  return loadOptional("jose", () => import("jose"));
}

/** @throws UsageError DEPENDENCY_MISSING where it is not installed. */
export function loadWs(): Promise<WsModule> {
  return loadOptional("ws", () => import("ws"));
}

/** @throws UsageError DEPENDENCY_MISSING where it is not installed. */
export function loadLmdb(): Promise<LmdbModule> {
  return loadOptional("lmdb", () => import("lmdb"));
}

/** @throws UsageError DEPENDENCY_MISSING where it is not installed. */
export function loadRedis(): Promise<RedisModule> {
  return loadOptional("redis", () => import("redis"));
}

/** @throws UsageError DEPENDENCY_MISSING, with the name of the package, where it is not installed. */
export async function loadOptional<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw cause;
    throw new UsageError("DEPENDENCY_MISSING", `the package ${name} is missing: npm install ${name}`, cause);
  }
}
