/** The frame with which a client begins a connection. */

import { createFrame, type Frame } from "../wire/codec.ts";
import { maxSafeInteger } from "../wire/limits.ts";
import type { ClientSessionOptions } from "./client-options.ts";

/** @param creditBytes - that are granted with it (CRD-1). */
export function helloOf(
  { byteStream, features, agent }: ClientSessionOptions,
  creditBytes: number,
  session: Uint8Array,
  attempt: number,
  token: string,
): Frame {
  return createFrame("hello", {
    major: byteStream === true ? 1 : 0,
    session,
    attempt: BigInt(attempt),
    token,
    features: [...(features ?? [])],
    creditBytes: BigInt(Math.min(creditBytes, maxSafeInteger)),
    agent: agent ?? "chappe-ts",
  });
}
