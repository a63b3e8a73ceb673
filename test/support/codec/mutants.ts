/** The mutation differential: damaged inputs of every type that matters, what the codec says of them, and where protoc says otherwise. */

import type { Message } from "@bufbuild/protobuf";
import fc from "fast-check";
import { CodecError, type DecodeOptions } from "../../../src/codec/index.ts";
import { type MessageType, messageTypes } from "./adapter.ts";
import { arbitraryMessage } from "./arbitrary.ts";
import { classOf, type Difference, type Verdict } from "./differences.ts";
import type { Judge } from "./judge.ts";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";

/** Messages that a corpus starts from. */
const seeds = 150;

/** What a run came to. */
export interface Comparison {
  readonly inputs: number;
  readonly accepted: number;
  /** How many differences there were of each class. */
  readonly listed: ReadonlyMap<string, number>;
  readonly unlisted: readonly Difference[];
}

/** Types that hold others of all kinds: each input is of one of these, and opens those within. */
export const roots: readonly MessageType[] = messageTypes.filter(({ desc }) =>
  /^chappe\.v1\.(Frame|Batch|Content|Hello)$|\.TestAll\w+Types\w*$|\.TestAllTypes\w+$/.test(desc.typeName),
);

/** Valid encodings of a type's messages, none twice. */
export function corpusOf({ desc, reference }: MessageType, seed: number): Uint8Array[] {
  const corpus = new Map<string, Uint8Array>();
  for (const message of fc.sample(arbitraryMessage(desc), { numRuns: seeds, seed }) as Message[]) {
    try {
      const bytes = reference.encode(message);
      corpus.set(Buffer.from(bytes).toString("latin1"), bytes);
    } catch (error) {
      // It lacks a required field somewhere.
      if (!(error instanceof Error)) throw error;
    }
  }
  return [...corpus.values()];
}

/** Compares on so many mutated inputs, spread over all types. The same seed gives the same inputs. */
export async function compare(judge: Judge, count: number, seed: number): Promise<Comparison> {
  const listed = new Map<string, number>();
  const unlisted: Difference[] = [];
  let [inputs, accepted] = [0, 0];
  for (const [i, type] of roots.entries()) {
    const random = new Random(seed + i);
    const share = Math.ceil((count - inputs) / (roots.length - i));
    const found = await compareType(judge, type, share, random);
    inputs += share;
    accepted += found.accepted;
    for (const difference of found.differences) {
      const name = classOf(difference);
      if (name === undefined) unlisted.push(difference);
      else listed.set(name, (listed.get(name) ?? 0) + 1);
    }
  }
  return { inputs, accepted, listed, unlisted };
}

async function compareType(
  judge: Judge,
  type: MessageType,
  count: number,
  random: Random,
): Promise<{ accepted: number; differences: Difference[] }> {
  // A type that requires itself has no messages of its own: those of its like have the same fields.
  const own = corpusOf(type, random.word());
  const like = type.desc.typeName.replace("TestAllRequiredTypes", "TestAllTypes");
  const corpus =
    own.length > 1 ? own : messageTypes.flatMap((each) => (each.desc.typeName === like ? corpusOf(each, random.word()) : []));
  const cases = Array.from({ length: count }, () => verdict(type, mutate(random.pick(corpus), random, corpus)));
  const judged = await judge.verdicts(type.desc, cases);
  return {
    accepted: cases.filter((each) => each.accepted).length,
    differences: cases
      .filter((each, i) => each.accepted !== judged[i])
      .map((each) => ({ ...each, retry: (bytes, options) => verdict(type, bytes, options) })),
  };
}

/** What the codec says of an input. What is thrown but is no refusal goes through. */
export function verdict({ desc, subject }: MessageType, bytes: Uint8Array, options?: DecodeOptions): Verdict {
  try {
    subject.decode(bytes, options);
    return { desc, bytes, accepted: true };
  } catch (error) {
    if (error instanceof CodecError) return { desc, bytes, accepted: false, code: error.code, at: error.at ?? -1 };
    throw error;
  }
}
