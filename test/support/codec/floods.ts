/** Inputs that are small on the wire and large in memory, or slow: what a decoder's limits are for. */

import { concat, delimited, tag, varint } from "./wire.ts";

/** A flood of the conformance suite's TestAllTypesProto3, of about so many bytes. */
export interface Flood {
  readonly name: string;
  readonly make: (size: number) => Uint8Array;
}

/** In bytes. */
export const floodSizes: readonly number[] = [4_096, 16_384, 65_536, 262_144, 1_048_576];

const longest = varint(2n ** 64n - 1n);

export const floods: readonly Flood[] = [
  { name: "empty messages", make: (size) => repeat(delimited(48, new Uint8Array()), size) },
  { name: "empty messages in a oneof", make: (size) => repeat(delimited(112, new Uint8Array()), size) },
  { name: "messages of one field", make: (size) => repeat(delimited(48, Uint8Array.of(8, 1)), size) },
  { name: "unknown fields of three bytes", make: (size) => repeat(concat(tag(1000, 0), varint(1)), size) },
  { name: "unknown fields with nothing in them", make: (size) => repeat(delimited(1000, new Uint8Array()), size) },
  { name: "unknown groups", make: (size) => repeat(concat(tag(1000, 3), tag(1000, 4)), size) },
  { name: "a packed list of small 64-bit varints", make: (size) => packed(32, varint(1), size) },
  { name: "a packed list of long 64-bit varints", make: (size) => packed(32, longest, size) },
  { name: "a packed list of small 32-bit varints", make: (size) => packed(31, varint(1), size) },
  { name: "a packed list of bools", make: (size) => packed(43, varint(1), size) },
  { name: "a packed list of doubles", make: (size) => packed(42, new Uint8Array(8).fill(0x3f), size) },
  { name: "64-bit varints one by one", make: (size) => repeat(concat(tag(32, 0), varint(1)), size) },
  { name: "empty strings", make: (size) => repeat(delimited(44, new Uint8Array()), size) },
  {
    name: "strings of one character beyond Latin-1",
    make: (size) => repeat(delimited(44, Uint8Array.of(0xe6, 0x96, 0x87)), size),
  },
  { name: "one long text", make: (size) => delimited(14, new Uint8Array(size).fill(0x61)) },
  { name: "one long text beyond Latin-1", make: (size) => delimited(14, repeat(Uint8Array.of(0xe6, 0x96, 0x87), size)) },
  { name: "empty bytes", make: (size) => repeat(delimited(45, new Uint8Array()), size) },
  { name: "entries with nothing in them", make: (size) => repeat(delimited(69, new Uint8Array()), size) },
  { name: "entries of different numbers", make: (size) => numbered(size, (i) => delimited(56, concat(tag(1, 0), varint(i)))) },
  {
    name: "entries of different names",
    make: (size) => numbered(size, (i) => delimited(69, delimited(1, Buffer.from(i.toString(36))))),
  },
  {
    name: "entries with empty messages",
    make: (size) => numbered(size, (i) => delimited(71, delimited(1, Buffer.from(i.toString(36))))),
  },
  { name: "one field again and again", make: (size) => repeat(concat(tag(1, 0), varint(1)), size) },
  { name: "one text again and again", make: (size) => repeat(delimited(14, Uint8Array.of(0x61)), size) },
  { name: "one message merged again and again", make: (size) => repeat(delimited(18, Uint8Array.of(8, 1)), size) },
  { name: "deep unknown groups", make: (size) => deepGroups(size) },
  { name: "deep messages", make: (size) => deepMessages(size) },
];

/** A part as often as it fits into so many bytes, and at least once. */
export function repeat(part: Uint8Array, size: number): Uint8Array {
  const count = Math.max(1, Math.floor(size / part.length));
  const out = new Uint8Array(count * part.length);
  for (let i = 0; i < count; i++) out.set(part, i * part.length);
  return out;
}

function packed(no: number, element: Uint8Array, size: number): Uint8Array {
  return delimited(no, repeat(element, size));
}

function numbered(size: number, make: (i: number) => Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let [i, length] = [0, 0]; length < size; i++) length += parts[parts.push(make(i)) - 1]?.length ?? 0;
  return join(parts);
}

/** As concat, of more parts than a call can have arguments. */
function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function deepGroups(size: number): Uint8Array {
  const [open, close] = [tag(1000, 3), tag(1000, 4)];
  return concat(repeat(open, size / 2), repeat(close, size / 2));
}

/** The recursive message within itself, from the inside out. */
function deepMessages(size: number): Uint8Array {
  const heads: Uint8Array[] = [];
  for (let length = 0; length < size; ) {
    const head = concat(tag(27, 2), varint(length));
    heads.push(head);
    length += head.length;
  }
  return join(heads.reverse());
}
