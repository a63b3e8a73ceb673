/**
 * What Jazzer.js calls with each of its inputs: the first byte chooses a type and its form, the rest is decoded. Coverage guides it to inputs
 * that take other ways through the codecs.
 */

import { type MessageType, messageType } from "../../test/support/codec/adapter.ts";
import { crashOf } from "../../test/support/codec/fuzz.ts";
import { roots } from "../../test/support/codec/mutants.ts";

const types: readonly MessageType[] = roots.flatMap((type) => [type, messageType(type.desc.typeName, "compact")]);

/** @throws what is no refusal. */
export function fuzz(data: Uint8Array): void {
  const type = types[(data[0] ?? 0) % types.length] as MessageType;
  const crash = crashOf({ type, bytes: data.subarray(1) });
  if (crash !== undefined) throw crash;
}
