/** The vectors, and texts of many kinds, through a codec, by nothing but the language: so that it runs wherever the codec does. */

import type { Frame } from "../../src/wire/codec.ts";

export interface VectorFile {
  readonly groups: readonly { readonly tests: readonly Vector[] }[];
}

interface Vector {
  readonly id: string;
  readonly flags: readonly string[];
  readonly limits?: object;
  readonly hex?: string;
  readonly error?: string;
  readonly at?: number;
}

/** What is under test. */
export interface Codec {
  decodeFrame(bytes: Uint8Array, limits?: object): Frame;
  encodeFrame(frame: Frame, limits?: object): Uint8Array;
  createFrame(body: "publish", init: ReturnType<typeof publishOf>): Frame;
}

const scripts = [
  "plain",
  "Ünïcödé",
  "русский",
  "日本語",
  "العربية",
  "e\u0301",
  "👩‍🚀🇪🇺",
  "\u0000\u007f\u0080\u07ff\u0800\uffff",
  "�",
];

/** @returns what went wrong, one text for each; and how many were run. */
export function runVectors(codec: Codec, valid: VectorFile, invalid: VectorFile): { wrong: string[]; count: number } {
  const wrong: string[] = [];
  let count = 0;
  const attempt = (id: string, run: () => string | undefined): void => {
    count++;
    let found: string | undefined;
    try {
      found = run();
    } catch (error) {
      found = String(error);
    }
    if (found !== undefined) wrong.push(`${id}: ${found}`);
  };
  for (const { id, hex, flags, limits } of testsOf(valid)) {
    attempt(id, () => {
      const bytes = codec.encodeFrame(codec.decodeFrame(fromHex(hex), limits), limits);
      // Where the vector is not in the encoder's own form, that form leads to itself.
      const form = flags.length === 0 ? hex : toHex(codec.encodeFrame(codec.decodeFrame(bytes, limits), limits));
      return toHex(bytes) === form ? undefined : `it has become ${toHex(bytes)}`;
    });
  }
  for (const { id, hex, limits, error, at } of testsOf(invalid)) {
    attempt(id, () => {
      try {
        codec.decodeFrame(fromHex(hex), limits);
      } catch (thrown) {
        const { code, at: where } = thrown as { code?: string; at?: number };
        return code === error && (at === undefined || where === at) ? undefined : `${code} at ${where}`;
      }
      return "it was accepted";
    });
  }
  for (const script of scripts) {
    // From texts that a loop reads to those that go to the platform, or are longer than its buffer.
    for (const times of [1, 2, 3, 5, 8, 13, 60, 500, 3000]) {
      const text = script.repeat(times);
      attempt(`${times} times ${script}`, () => {
        const { body } = codec.decodeFrame(codec.encodeFrame(codec.createFrame("publish", publishOf(text))));
        const found = body.case === "publish" ? body.value.content?.body.value : undefined;
        return found === text ? undefined : "it has become another";
      });
    }
  }
  return { wrong, count };
}

function publishOf(text: string) {
  return { room: 1, seq: 1n, id: new Uint8Array(16), content: { body: { case: "text" as const, value: text } } };
}

function testsOf({ groups }: VectorFile): (Vector & { readonly hex: string })[] {
  return groups.flatMap(({ tests }) => tests).filter((test): test is Vector & { hex: string } => test.hex !== undefined);
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
