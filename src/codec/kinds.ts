/** How the interpreter of {@link "./compact.ts"} reads and writes values of each type. What a schema does not use is not bundled. */

import {
  noBytes,
  readBool,
  readBytes,
  readDouble,
  readFixed32,
  readFixed64,
  readFloat,
  readInt32,
  readInt64,
  readLenientText,
  readSafeUint64,
  readSfixed32,
  readSfixed64,
  readSint32,
  readSint64,
  readText,
  readUint32,
  readUint64,
} from "./read.ts";
import { type Reader, readLength, readTag } from "./reader.ts";
import { close, writeText } from "./text.ts";
import { findGroupEnd } from "./unknown.ts";
import {
  writeBool,
  writeBytes,
  writeDouble,
  writeFixed32,
  writeFixed64,
  writeFloat,
  writeInt32,
  writeInt64,
  writeSafeUint64,
  writeSfixed32,
  writeSfixed64,
  writeSint32,
  writeSint64,
  writeUint32,
  writeUint64,
} from "./write.ts";

/** A type of values. */
export interface Kind {
  readonly wire: number;
  /** @param earlier - what the field has held before: a message is merged with it. */
  read(r: Reader, earlier: never, tag: number): unknown;
  write(value: never, bytes: Uint8Array, at: number): number;
  /** What a field holds that is not set; undefined: it has presence. */
  readonly zero?: unknown;
  /** Whether a value is other than zero, where that is not what `!==` says. */
  readonly isSet?: ((value: never) => boolean) | undefined;
  /** What an element of a list takes of the heap beside its slot, in bytes. */
  readonly memory?: number;
  /** Of messages: makes one of what is given for it. */
  readonly make?: ((init: never) => unknown) | undefined;
  /** Of a closed enum: its values. Others are unknown fields. */
  readonly values?: readonly number[];
}

const bigintMemory = 24;
const isNotZero = (value: number): boolean => !Object.is(value, 0);

export const bool: Kind = { wire: 0, zero: false, read: readBool, write: writeBool };
export const uint32: Kind = { wire: 0, zero: 0, read: readUint32, write: writeUint32 };
/** Enums too. */
export const int32: Kind = { wire: 0, zero: 0, read: readInt32, write: writeInt32 };
export const sint32: Kind = { wire: 0, zero: 0, read: readSint32, write: writeSint32 };
export const uint64: Kind = { wire: 0, zero: 0n, read: readUint64, write: writeUint64, memory: bigintMemory };
export const safeUint64: Kind = { wire: 0, zero: 0n, read: readSafeUint64, write: writeSafeUint64, memory: bigintMemory };
export const int64: Kind = { wire: 0, zero: 0n, read: readInt64, write: writeInt64, memory: bigintMemory };
export const sint64: Kind = { wire: 0, zero: 0n, read: readSint64, write: writeSint64, memory: bigintMemory };
export const fixed32: Kind = { wire: 5, zero: 0, read: readFixed32, write: writeFixed32 };
export const sfixed32: Kind = { wire: 5, zero: 0, read: readSfixed32, write: writeSfixed32 };
export const fixed64: Kind = { wire: 1, zero: 0n, read: readFixed64, write: writeFixed64, memory: bigintMemory };
export const sfixed64: Kind = { wire: 1, zero: 0n, read: readSfixed64, write: writeSfixed64, memory: bigintMemory };
export const float: Kind = { wire: 5, zero: 0, read: readFloat, write: writeFloat, isSet: isNotZero };
export const double: Kind = { wire: 1, zero: 0, read: readDouble, write: writeDouble, isSet: isNotZero };
export const text: Kind = { wire: 2, zero: "", read: readText, write: writeText };
export const lenientText: Kind = { wire: 2, zero: "", read: readLenientText, write: writeText };
export const bytes: Kind = {
  wire: 2,
  zero: noBytes,
  read: readBytes,
  write: writeBytes,
  // What is no Uint8Array is left to the writer to refuse.
  isSet: (value: Uint8Array | undefined) => value?.length !== 0,
};

/** A 64-bit integer that messages hold as text. */
export function asString(kind: Kind): Kind {
  return {
    ...kind,
    zero: "0",
    read: (r, earlier, tag) => String(kind.read(r, earlier, tag)),
    write: (value, to, at) => kind.write(BigInt(value) as never, to, at),
    isSet: (value) => BigInt(value) !== 0n,
  };
}

/** An enum of these values and no others; the first one is its zero. */
export function closed(...values: readonly number[]): Kind {
  return { ...int32, zero: values[0], values };
}

/** The same values, in a field that has presence. */
export function optional(kind: Kind): Kind {
  return { ...kind, zero: undefined, isSet: undefined };
}

/** The writer, the reader and the maker of a message. */
type Codec = readonly [
  put: (message: never, bytes: Uint8Array, at: number) => number,
  take: (r: Reader, end: number, earlier?: never) => unknown,
  make?: (init?: never) => unknown,
];

/** Messages that other code encodes and decodes. */
export function coded(...[put, take, make]: Codec): Kind {
  return {
    wire: 2,
    read: (r, earlier) => take(r, readLength(r), earlier),
    write: (message, to, at) => close(to, at, put(message, to, at + 1)),
    make,
  };
}

/** The same, delimited by tags. */
export function group(...[put, take, make]: Codec): Kind {
  return {
    wire: 3,
    read(r, earlier, tag) {
      const message = take(r, findGroupEnd(r, tag), earlier);
      readTag(r);
      return message;
    },
    write: put,
    make,
  };
}

/** Messages that a field holds as something else. */
export function local<M, L>(kind: Kind, fromLocal: (value: L) => M, toLocal: (message: M) => L): Kind {
  return {
    ...kind,
    read: (r, earlier, tag) => toLocal(kind.read(r, (earlier === undefined ? undefined : fromLocal(earlier)) as never, tag) as M),
    write: (value, to, at) => kind.write(fromLocal(value) as never, to, at),
    make: (value = {} as never) => value,
  };
}

/** `google.protobuf.Int32Value` and its like: fields hold the value alone. */
export function wrapper(typeName: string, kind: Kind): Kind {
  return local(
    kind,
    (value: unknown) => ({ $typeName: typeName, value }),
    ({ value }) => value,
  );
}
