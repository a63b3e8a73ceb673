/** The seeded fuzzer of decoding: one input after the other, the same ones for the same seed. */

import { isRefusal, type MessageType, messageType, messageTypes, typesOf, unlimited } from "./adapter.ts";
import { floods, repeat } from "./floods.ts";
import { corpusOf, roots } from "./mutants.ts";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";

/** An input of a type's decoder. */
export interface FuzzInput {
  readonly type: MessageType;
  readonly bytes: Uint8Array;
}

/** Of how many inputs one is repeated up to `large` bytes: what is slow or large shows there. */
const oneLargeIn = 50;
const large = 65_536;

const compactTypes = typesOf("compact");

/** Inputs without end: mutants of valid messages, sometimes of the floods, now and then repeated until they are large. For either form. */
export function* fuzzInputs(seed: number): Generator<FuzzInput, never> {
  const random = new Random(seed);
  const flooded = messageType("protobuf_test_messages.proto3.TestAllTypesProto3");
  const small = floods.map(({ make }) => make(256));
  const corpora = roots.map((type) => ({ type, corpus: [...corpusOf(type, random.word()), new Uint8Array()] }));
  for (;;) {
    const { type, corpus } = random.oneIn(10) ? { type: flooded, corpus: small } : random.pick(corpora);
    let bytes = mutate(random.pick(corpus), random, corpus);
    if (bytes.length > 0 && random.oneIn(oneLargeIn)) bytes = repeat(bytes, large);
    yield { type: random.oneIn(2) ? (compactTypes[messageTypes.indexOf(type)] as MessageType) : type, bytes };
  }
}

/** Decodes, and encodes what was decoded, which must be decoded again. What is thrown but for a refusal is given back. */
export function crashOf({ type, bytes }: FuzzInput): unknown {
  let message: ReturnType<MessageType["subject"]["decode"]>;
  try {
    message = type.subject.decode(bytes);
  } catch (error) {
    return isRefusal(error) ? undefined : error;
  }
  return reencodingFault(type, message);
}

function reencodingFault(type: MessageType, message: ReturnType<MessageType["subject"]["decode"]>): unknown {
  let again: Uint8Array;
  try {
    again = type.subject.encode(message);
  } catch (error) {
    // Decoding does not ask for the fields that a message requires: encoding does, and so does protobuf-es.
    return isRefusal(error) && refuses(() => type.reference.encode(message)) ? undefined : error;
  }
  try {
    // Without limits: these go by the length of the input, and the same message may come of fewer bytes.
    type.subject.decode(again, unlimited);
    return undefined;
  } catch (error) {
    return error;
  }
}

function refuses(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch {
    return true;
  }
}
