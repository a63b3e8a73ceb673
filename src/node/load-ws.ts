/** `ws` is an optional peer: who does not open or serve WebSockets from Node need not have it. */

import { UsageError } from "../errors.ts";

/** The module `ws`. */
export type WsModule = typeof import("ws");

/**
 * @returns the module `ws`.
 * @throws UsageError DEPENDENCY_MISSING where it is not installed.
 */
export async function loadWs(load: () => Promise<unknown> = () => import("ws")): Promise<WsModule> {
  try {
    return (await load()) as WsModule;
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw cause;
    throw new UsageError("DEPENDENCY_MISSING", "the package ws is missing: npm install ws", cause);
  }
}
