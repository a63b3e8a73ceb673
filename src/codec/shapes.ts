/** How the interpreter of {@link "./compact.ts"} treats the fields of a message, by how many values they hold, and where. */

import { entryNames, mapEntries, setEntry } from "./entry.ts";
import { fail, within } from "./error.ts";
import { type Kind, optional } from "./kinds.ts";
import { beginPacked, endPacked, payElement } from "./read.ts";
import { enter, leave, type Reader, readLength, readTag } from "./reader.ts";
import { close } from "./text.ts";
import { keep, skip } from "./unknown.ts";
import { writeUint32 } from "./write.ts";

/** A message, by the names of its properties. */
export interface Fields {
  [key: string]: unknown;
}

/** What can be done with a field of a message. `key`: its property, or its case in a oneof. */
export interface Shape {
  /** Of each wire type that it takes the bit of this number. */
  readonly wires: number;
  /** Gives an empty message what the field holds that is not set. */
  begin(message: Fields, key: string): void;
  put(message: Fields, key: string, no: number, bytes: Uint8Array, at: number): number;
  take(r: Reader, tag: number, message: Fields, key: string): void;
  /** Sets it to what `init` has for it. */
  make(message: Fields, key: string, init: Fields): void;
  /** The property, where the name of the field is not one. */
  readonly key?: string;
}

/** A field of one value. */
export function single(kind: Kind): Shape {
  const { zero } = kind;
  return {
    wires: 1 << kind.wire,
    begin(message, key) {
      if (zero !== undefined) message[key] = zero;
    },
    put(message, key, no, bytes, at) {
      const value = message[key] as never;
      return (kind.isSet?.(value) ?? value !== zero) ? putValue(kind, no, value, bytes, at) : at;
    },
    take(r, tag, message, key) {
      const value = takeValue(kind, r, tag, message, message[key]);
      if (value !== undefined) message[key] = value;
    },
    make(message, key, init) {
      const value = init[key];
      if (value != null) message[key] = made(kind, value);
    },
  };
}

/** A field of a message whose prototype has its default value: it is set where the message itself has it. */
export function own(kind: Kind): Shape {
  const shape = single(optional(kind));
  return {
    ...shape,
    put: (message, key, no, bytes, at) => (Object.hasOwn(message, key) ? shape.put(message, key, no, bytes, at) : at),
  };
}

/** A field without which a message is not encoded. */
export function required(shape: Shape): Shape {
  return {
    ...shape,
    put(message, key, no, bytes, at) {
      const end = shape.put(message, key, no, bytes, at);
      return end === at ? fail("VALUE_INVALID") : end;
    },
  };
}

/** A field whose property is not what becomes of its name. */
export function named(key: string, shape: Shape): Shape {
  return { ...shape, key };
}

/** A member of a oneof. */
export function member(oneof: string, kind: Kind): Shape {
  return {
    wires: 1 << kind.wire,
    begin(message) {
      message[oneof] = { case: undefined };
    },
    put(message, key, no, bytes, at) {
      const held = message[oneof] as Fields;
      return held["case"] === key ? putValue(kind, no, held["value"], bytes, at) : at;
    },
    take(r, tag, message, key) {
      const held = message[oneof] as Fields | undefined;
      const value = takeValue(kind, r, tag, message, held?.["case"] === key ? held["value"] : undefined);
      if (value !== undefined) message[oneof] = { case: key, value };
    },
    make(message, key, init) {
      const given = init[oneof] as Fields | undefined;
      if (given?.["case"] === key) message[oneof] = { case: key, value: made(kind, given["value"]) };
    },
  };
}

/** A list; each element has a tag of its own. */
export function list(kind: Kind): Shape {
  const { wire, memory = 0 } = kind;
  const size = { 0: 0, 1: 8, 5: 4 }[wire];
  return {
    wires: (1 << wire) | (size === undefined ? 0 : 1 << 2),
    begin(message, key) {
      message[key] = [];
    },
    put(message, key, no, bytes, at) {
      let to = at;
      for (const item of message[key] as unknown[]) to = putValue(kind, no, item, bytes, to);
      return to;
    },
    take(r, tag, message, key) {
      const items = message[key] as unknown[];
      if ((tag & 7) === wire || size === undefined) {
        payElement(r, memory);
        items.push(kind.read(r, undefined as never, tag));
        return;
      }
      const outer = beginPacked(r, size, memory);
      while (r.pos < r.end) items.push(kind.read(r, undefined as never, tag));
      endPacked(r, outer);
    },
    make(message, key, init) {
      const items = init[key] as unknown[] | undefined;
      if (items != null) message[key] = kind.make === undefined ? items : items.map((item) => made(kind, item));
    },
  };
}

/** A list; one tag for all elements. */
export function packed(kind: Kind): Shape {
  return {
    ...list(kind),
    put(message, key, no, bytes, at) {
      const items = message[key] as never[];
      if (!(items.length > 0)) return at;
      const start = writeUint32(((no << 3) | 2) >>> 0, bytes, at);
      let to = start + 1;
      for (const item of items) to = kind.write(item, bytes, to);
      return close(bytes, start, to);
    },
  };
}

/** A map. `toKey`: a key, which is text in an object, as a value of its type. */
export function map(keyKind: Kind, toKey: (key: string) => unknown, kind: Kind): Shape {
  return {
    wires: 1 << 2,
    begin(message, key) {
      message[key] = {};
    },
    put(message, key, no, bytes, at) {
      let to = at;
      const entries = message[key] as Fields;
      for (const name of Object.keys(entries)) {
        const start = writeUint32(((no << 3) | 2) >>> 0, bytes, to);
        to = close(bytes, start, putValue(kind, 2, entries[name], bytes, putValue(keyKind, 1, toKey(name), bytes, start + 1)));
      }
      return to;
    },
    take: (r, _, message, key) => takeEntry(r, keyKind, kind, message[key] as Fields),
    make(message, key, init) {
      const entries = init[key] as Fields | undefined;
      if (entries != null) message[key] = kind.make === undefined ? entries : mapEntries(entries, (value) => made(kind, value));
    },
  };
}

function takeEntry(r: Reader, keyKind: Kind, kind: Kind, into: Fields): void {
  let key = keyKind.zero;
  let value: unknown;
  const end = readLength(r);
  const outer = enter(r, end, 64);
  let tag = 0;
  try {
    while (r.pos < end) {
      tag = 0;
      tag = readTag(r);
      if (tag === (8 | keyKind.wire)) key = keyKind.read(r, undefined as never, tag);
      else if (tag === (16 | kind.wire)) value = kind.read(r, value as never, tag);
      else skip(r, tag);
    }
    leave(r, outer);
  } catch (error) {
    throw within(error, tag, entryNames);
  }
  setEntry(into, String(key), value ?? made(kind, kind.zero));
}

function putValue({ wire, write }: Kind, no: number, value: unknown, bytes: Uint8Array, at: number): number {
  const tag = ((no << 3) | wire) >>> 0;
  const end = write(value as never, bytes, writeUint32(tag, bytes, at));
  return wire === 3 ? writeUint32(tag + 1, bytes, end) : end;
}

/** @returns the value; undefined where it is one that a closed enum does not have, which has become an unknown field. */
function takeValue(kind: Kind, r: Reader, tag: number, message: Fields, earlier: unknown): unknown {
  const start = r.pos;
  const value = kind.read(r, earlier as never, tag);
  if (kind.values?.includes(value as number) !== false) return value;
  keep(r, tag, start, message);
  return undefined;
}

function made(kind: Kind, value: unknown): unknown {
  return kind.make === undefined ? value : kind.make(value as never);
}
