/** The codec where the platform lacks what Node and browsers have: no Buffer, and, as in some versions of React Native, no TextDecoder. */

import { readFileSync } from "node:fs";
import { afterEach, expect, it, vi } from "vitest";
import { type Codec, runVectors, type VectorFile } from "../support/run-vectors.ts";

const load = (name: string) =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8")) as VectorFile;
const [valid, invalid] = [load("frames"), load("invalid")];

afterEach(() => vi.unstubAllGlobals());

class OldEncoder {
  encode(): never {
    throw new Error("not used");
  }
}

it.each<[string, Readonly<Record<string, unknown>>]>([
  ["all that Node has", {}],
  ["without Buffer, as in browsers", { Buffer: undefined }],
  ["without Buffer and TextDecoder", { Buffer: undefined, TextDecoder: undefined }],
  ["without Buffer, TextDecoder and TextEncoder", { Buffer: undefined, TextDecoder: undefined, TextEncoder: undefined }],
  ["with a TextEncoder that knows no encodeInto", { Buffer: undefined, TextEncoder: OldEncoder }],
])("every vector, and texts in many scripts, %s", async (_, globals) => {
  vi.resetModules();
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
  const codec: Codec = await import("../../src/wire/codec.ts");
  const { wrong, count } = runVectors(codec, valid, invalid);
  vi.unstubAllGlobals();
  expect(wrong).toEqual([]);
  expect(count).toBeGreaterThan(500);
});
