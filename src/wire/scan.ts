/**
 * The pass that judges bytes before they are decoded: every ruling of ENC-1 to ENC-7 and the limits of LIM-2 hold for what it lets
 * through. It allocates nothing that grows with the input.
 */

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { type ErrorCodeName, ProtocolError } from "../errors.ts";
import { type DecodeLimits, maxSafeInteger } from "./limits.ts";
import { utf8ErrorAt } from "./utf8.ts";
import { type Cursor, readVarint64 } from "./varint.ts";

/** How the value of a field is judged. `varint` takes the low 32 bits, hence has no range of its own. */
type Kind = "varint" | "varint64" | "bytes" | "string" | "message";

interface Field {
  readonly name: string;
  readonly kind: Kind;
  readonly wire: number;
  /** A repeated number: each element by itself, or all of them packed into one field. */
  readonly packable: boolean;
  /** The fields of a message, or of a map's entry. */
  readonly fields: FieldTable | undefined;
}

/** Fields by number. */
type FieldTable = readonly (Field | undefined)[];

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const GROUP_START = 3;
const GROUP_END = 4;
const FIXED32 = 5;

const tables = new Map<DescMessage, FieldTable>();

/** Built on first use, once for each message. */
function tableOf(message: DescMessage): FieldTable {
  let table = tables.get(message);
  if (table === undefined) {
    const fields: (Field | undefined)[] = [];
    table = fields;
    // Before the fields: a message may hold itself.
    tables.set(message, table);
    for (const field of message.fields) fields[field.number] = fieldOf(field);
  }
  return table;
}

function fieldOf(desc: DescField): Field {
  const name = desc.name;
  if (desc.fieldKind === "map") {
    const value = desc.mapKind === "message" ? messageField("value", desc.message) : scalarField("value", desc.scalar, false);
    return {
      name,
      kind: "message",
      wire: LENGTH_DELIMITED,
      packable: false,
      fields: [undefined, scalarField("key", desc.mapKey, false), value],
    };
  }
  if (desc.message !== undefined) return messageField(name, desc.message);
  return scalarField(name, desc.scalar, desc.fieldKind === "list");
}

function messageField(name: string, message: DescMessage): Field {
  return { name, kind: "message", wire: LENGTH_DELIMITED, packable: false, fields: tableOf(message) };
}

/** @param scalar undefined for an enum. */
function scalarField(name: string, scalar: ScalarType | undefined, repeated: boolean): Field {
  switch (scalar) {
    case ScalarType.STRING:
      return { name, kind: "string", wire: LENGTH_DELIMITED, packable: false, fields: undefined };
    case ScalarType.BYTES:
      return { name, kind: "bytes", wire: LENGTH_DELIMITED, packable: false, fields: undefined };
    case ScalarType.UINT64:
      return { name, kind: "varint64", wire: VARINT, packable: repeated, fields: undefined };
    case ScalarType.UINT32:
    case ScalarType.INT32:
    case ScalarType.BOOL:
    case undefined:
      return { name, kind: "varint", wire: VARINT, packable: repeated, fields: undefined };
    default:
      throw new Error(`no rule for the type of field ${name}`);
  }
}

/**
 * Judges the bytes of a message.
 * @returns whether they are regular: no known field has a wire type that is not its own. Such a field counts as an unknown one (ENC-1);
 * a decoder that does not look at the wire types of known fields must be given what {@link strip} leaves.
 * @throws ProtocolError (remote) with `at`, the index of the tag, varint or byte that is wrong, and the path of the field, without indexes.
 */
export function scan(message: DescMessage, bytes: Uint8Array, limits: DecodeLimits): boolean {
  if (bytes.length > limits.frameBytes) {
    throw new ProtocolError("FRAME_TOO_LARGE", `frame of ${bytes.length} bytes, at most ${limits.frameBytes} are accepted`, {
      origin: "remote",
    });
  }
  const scanner = new Scanner(bytes, limits);
  try {
    scanner.message(tableOf(message), bytes.length, 1);
  } catch (error) {
    throw error instanceof ProtocolError ? scanner.locate(error) : error;
  }
  return scanner.regular;
}

/**
 * A copy without the fields that have a wire type which is not their own, in all messages within. Only for bytes that {@link scan} has
 * let through. A shortened message keeps the width of its length, which so has more bytes than needed; the rest moves up.
 */
export function strip(message: DescMessage, bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  const scanner = new Scanner(copy, { frameBytes: Infinity, depth: Infinity, elements: Infinity });
  return copy.subarray(0, scanner.strip(tableOf(message), bytes.length, 0));
}

class Scanner implements Cursor {
  pos = 0;
  regular = true;
  readonly #bytes: Uint8Array;
  readonly #limits: DecodeLimits;
  #elements = 0;
  /** The messages around the present position, and the field there, for {@link locate} alone. */
  readonly #path: Field[] = [];
  #field: Field | undefined;

  constructor(bytes: Uint8Array, limits: DecodeLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
  }

  message(fields: FieldTable, end: number, depth: number): void {
    while (this.pos < end) {
      this.#field = undefined;
      const at = this.pos;
      const tag = this.#tag(end);
      const field = fields[tag >>> 3];
      this.#field = field;
      const wire = tag & 7;
      if (field !== undefined && wire === field.wire) this.#value(field, at, end, depth);
      else if (field?.packable && wire === LENGTH_DELIMITED) this.#packed(field, end);
      else {
        if (field !== undefined) this.regular = false;
        this.#skip(tag, at, end, depth);
      }
    }
  }

  #value(field: Field, at: number, end: number, depth: number): void {
    switch (field.kind) {
      case "varint":
        readVarint64(this.#bytes, this, end);
        return;
      case "varint64":
        this.#varint64(end);
        return;
      case "bytes":
        this.pos = this.#length(end);
        return;
      case "string": {
        const stop = this.#length(end);
        const wrong = utf8ErrorAt(this.#bytes, this.pos, stop);
        if (wrong >= 0) throw malformed("UTF8_INVALID", "not UTF-8", wrong);
        this.pos = stop;
        return;
      }
      case "message": {
        if (depth >= this.#limits.depth) throw malformed("DEPTH_EXCEEDED", "nested too deep", at);
        const stop = this.#length(end);
        this.#path.push(field);
        this.message(field.fields as FieldTable, stop, depth + 1);
        this.#path.pop();
        return;
      }
    }
  }

  #packed(field: Field, end: number): void {
    const stop = this.#length(end);
    while (this.pos < stop) {
      this.#count(this.pos);
      if (field.kind === "varint64") this.#varint64(stop);
      else readVarint64(this.#bytes, this, stop);
    }
  }

  #varint64(end: number): void {
    const at = this.pos;
    if (readVarint64(this.#bytes, this, end) > maxSafeInteger) throw malformed("INTEGER_RANGE", "integer above 2^53-1", at);
  }

  /** Reads a length, and returns where what it measures ends. */
  #length(end: number): number {
    const at = this.pos;
    const length = readVarint64(this.#bytes, this, end);
    if (length > end - this.pos) throw malformed("FRAME_TRUNCATED", "a length runs past the end", at);
    return this.pos + length;
  }

  #tag(end: number): number {
    const at = this.pos;
    this.#count(at);
    let tag = 0;
    let byte = 0x80;
    for (let shift = 0; byte >= 0x80; shift += 7) {
      if (this.pos >= end) throw malformed("FRAME_TRUNCATED", "the bytes end inside a tag", at);
      byte = this.#bytes[this.pos++] as number;
      if (shift === 28 && byte > 0x0f) throw malformed("TAG_INVALID", "tag of more than 32 bits", at);
      tag |= (byte & 0x7f) << shift;
    }
    if (tag >>> 3 === 0) throw malformed("TAG_INVALID", "field number 0", at);
    if ((tag & 7) > FIXED32) throw malformed("TAG_INVALID", `wire type ${tag & 7}`, at);
    return tag;
  }

  #count(at: number): void {
    if (++this.#elements > this.#limits.elements) throw malformed("ELEMENTS_EXCEEDED", "too many fields and elements", at);
  }

  /** Goes past the value of an unknown field whose tag stands at `at`. */
  #skip(tag: number, at: number, end: number, depth: number): void {
    switch (tag & 7) {
      case VARINT:
        readVarint64(this.#bytes, this, end);
        return;
      case FIXED64:
        this.#advance(8, end);
        return;
      case LENGTH_DELIMITED:
        this.pos = this.#length(end);
        return;
      case GROUP_START:
        if (depth >= this.#limits.depth) throw malformed("DEPTH_EXCEEDED", "nested too deep", at);
        this.#group(tag >>> 3, at, end, depth + 1);
        return;
      case GROUP_END:
        throw malformed("GROUP_UNBALANCED", "the end of a group that did not start", at);
      default:
        this.#advance(4, end);
    }
  }

  #group(number: number, start: number, end: number, depth: number): void {
    while (this.pos < end) {
      const at = this.pos;
      const tag = this.#tag(end);
      if ((tag & 7) !== GROUP_END) this.#skip(tag, at, end, depth);
      else if (tag >>> 3 === number) return;
      else throw malformed("GROUP_UNBALANCED", "the end of another group", at);
    }
    throw malformed("GROUP_UNBALANCED", "a group without end", start);
  }

  #advance(bytes: number, end: number): void {
    if (bytes > end - this.pos) throw malformed("FRAME_TRUNCATED", "the bytes end inside a field", this.pos);
    this.pos += bytes;
  }

  /** Moves what {@link strip} keeps of a message down to index `to`; returns the index behind it. Never above the place it reads from. */
  strip(fields: FieldTable, end: number, to: number): number {
    let kept = to;
    while (this.pos < end) {
      const at = this.pos;
      const tag = this.#tag(end);
      const field = fields[tag >>> 3];
      const wire = tag & 7;
      if (field?.kind === "message" && wire === LENGTH_DELIMITED) {
        const lengthAt = this.pos;
        const stop = this.#length(end);
        const inner = kept + this.pos - at;
        const lengthTo = kept + lengthAt - at;
        this.#bytes.copyWithin(kept, at, lengthAt);
        kept = this.strip(field.fields as FieldTable, stop, inner);
        this.#putLength(kept - inner, lengthTo, inner);
      } else {
        this.#skip(tag, at, end, 1);
        if (field !== undefined && wire !== field.wire && !(field.packable && wire === LENGTH_DELIMITED)) continue;
        this.#bytes.copyWithin(kept, at, this.pos);
        kept += this.pos - at;
      }
    }
    return kept;
  }

  /** Writes a varint that fills the bytes from `at` to `end`. */
  #putLength(length: number, at: number, end: number): void {
    let rest = length;
    for (let i = at; i < end; i++) {
      this.#bytes[i] = (rest & 0x7f) | (i < end - 1 ? 0x80 : 0);
      rest >>>= 7;
    }
  }

  /** The error with the path of the field at which the scanner stands. */
  locate(error: ProtocolError): ProtocolError {
    const path = this.#field === undefined ? this.#path : [...this.#path, this.#field];
    const details = { origin: "remote", ...(error.at !== undefined && { at: error.at }) } as const;
    if (path.length === 0) return new ProtocolError(error.code, error.message, details);
    return new ProtocolError(error.code, error.message, { ...details, field: path.map((field) => field.name).join(".") });
  }
}

function malformed(code: ErrorCodeName, message: string, at: number): ProtocolError {
  return new ProtocolError(code, message, { origin: "remote", at });
}
