/**
 * Where the codecs and protoc may differ on whether bytes are a message: every class, with its reason. A difference that no class holds is a
 * fault of the codecs.
 */

import type { DescMessage } from "@bufbuild/protobuf";
import type { CodecErrorCode, DecodeOptions } from "../../../src/codec/index.ts";
import { unlimited } from "./adapter.ts";

/** What the codec said of an input. */
export interface Verdict {
  readonly desc: DescMessage;
  readonly bytes: Uint8Array;
  readonly accepted: boolean;
  /** Of the codec's error, where it refused. */
  readonly code?: CodecErrorCode;
  /** Where the codec refused, as its error says. */
  readonly at?: number;
}

/** One input of which protoc says the opposite. */
export interface Difference extends Verdict {
  /** What the codec says of other bytes of this type. */
  readonly retry: (bytes: Uint8Array, options?: DecodeOptions) => Verdict;
}

interface DifferenceClass {
  readonly name: string;
  readonly reason: string;
  readonly holds: (difference: Difference) => boolean;
}

export const differenceClasses: readonly DifferenceClass[] = [
  {
    name: "a tag of five bytes with bits beyond the 32nd",
    reason: "protoc ignores these bits; the codecs refuse them, as protobuf-es does: no encoder writes them",
    holds: (difference) => difference.code === "TAG_INVALID" && repaired(difference),
  },
  {
    name: "a varint of ten bytes with bits beyond the 64th",
    reason: "protoc ignores these bits; the codecs refuse them: no encoder writes them",
    holds: (difference) => difference.code === "VARINT_OVERLONG" && repaired(difference),
  },
  {
    name: "a hundred levels below the outermost message",
    reason: "protoc does not count the outermost one; the codecs do, as protobuf-es does: their limit of 100 is protoc's of 99",
    holds: (difference) => difference.code === "DEPTH_EXCEEDED" && fits(difference, { maxDepth: 101 }),
  },
  {
    name: "more memory, elements or unknown fields than the codecs' limits allow",
    reason: "protoc has no such limits",
    holds: (difference) =>
      ["MEMORY_EXCEEDED", "ELEMENTS_EXCEEDED", "UNKNOWN_EXCEEDED"].includes(difference.code ?? "") && fits(difference, unlimited),
  },
  {
    name: "a length in more than five bytes",
    reason: "protoc refuses it; a codec may take it, as protobuf-es does: its value is in range, and only its form is long",
    holds: ({ accepted, bytes }) => accepted && longVarints(bytes, 6).some((last) => bytes[last] === 0),
  },
];

/** The class of a difference; undefined where it is a fault. */
export function classOf(difference: Difference): string | undefined {
  return differenceClasses.find(({ holds }) => holds(difference))?.name;
}

/** Forms of varints that have bits to spare: how many bytes they take, and what the last one may hold. */
const forms = [
  { length: 5, mask: 0x0f },
  { length: 10, mask: 0x01 },
];
/** Whether the codec accepts the input with other limits, or would but for bits that protoc ignores. */
function fits({ bytes, retry, ...difference }: Difference, options: DecodeOptions): boolean {
  const now = retry(bytes, options);
  return now.accepted || repaired({ ...difference, ...now, retry });
}

/** Whether the codec accepts the input once such bits are cleared, one varint after the other, each where its error says. */
function repaired({ bytes, at = -1, retry }: Difference): boolean {
  const copy = bytes.slice();
  for (let from = at; ; ) {
    const form = forms.find(({ length, mask }) => {
      const last = from + length - 1;
      return longVarints(copy, length).includes(last) && (copy[last] as number) > mask;
    });
    if (form === undefined) return false;
    const last = from + form.length - 1;
    copy[last] = (copy[last] as number) & form.mask;
    const { accepted, at: next = -1 } = retry(copy, unlimited);
    if (accepted || next <= from) return accepted;
    from = next;
  }
}

/** The places of the last bytes of all that may be a varint of so many bytes or more. */
function longVarints(bytes: Uint8Array, length: number): number[] {
  const found: number[] = [];
  let before = 0;
  for (const [at, byte] of bytes.entries()) {
    if (byte < 0x80 && before >= length - 1) found.push(at);
    before = byte < 0x80 ? 0 : before + 1;
  }
  return found;
}
