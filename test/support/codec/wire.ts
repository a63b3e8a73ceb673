/** Records of the wire format, taken apart and put together without a schema: what the proof's inputs are made of. */

/** One record. `content` is a varint's bytes, the 4 or 8 bytes, what a length counts, or what is within a group. */
export interface WireRecord {
  no: number;
  wireType: number;
  content: Uint8Array;
}

/** A varint, in more bytes than needed where `width` says so. */
export function varint(value: number | bigint, width = 1): Uint8Array {
  const out: number[] = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); rest > 0n || out.length < width; rest >>= 7n)
    out.push(Number(rest & 127n) | 128);
  if (out.length === 0) out.push(128);
  out[out.length - 1] = (out.at(-1) as number) & 127;
  return Uint8Array.from(out);
}

export function tag(no: number, wireType: number, width = 1): Uint8Array {
  return varint(BigInt(no) * 8n + BigInt(wireType), width);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** The bytes of a record; `width` makes tags, lengths and varints longer than needed. */
export function writeRecord({ no, wireType, content }: WireRecord, width: () => number = () => 1): Uint8Array {
  const head = tag(no, wireType, width());
  if (wireType === 2) return concat(head, varint(content.length, width()), content);
  if (wireType === 3) return concat(head, content, tag(no, 4, width()));
  return concat(head, content);
}

/** A record that holds a message, or any other bytes. */
export function delimited(no: number, content: Uint8Array): Uint8Array {
  return writeRecord({ no, wireType: 2, content });
}

/** The records of a message; undefined where the bytes are none. */
export function readRecords(bytes: Uint8Array): WireRecord[] | undefined {
  const cursor = { at: 0, end: 0 };
  const records = readUntil(bytes, cursor, 0);
  return cursor.at === bytes.length ? records : undefined;
}

/** Where a reader is, and where the tag begins that ended the last group. `at` is infinite after what cannot be read. */
interface Cursor {
  at: number;
  end: number;
}

/** Reads up to the end of the bytes, or the tag that ends group `group`. */
function readUntil(bytes: Uint8Array, cursor: Cursor, group: number): WireRecord[] {
  const records: WireRecord[] = [];
  while (cursor.at < bytes.length) {
    const start = cursor.at;
    const head = readVarint(bytes, cursor);
    const no = Number(head >> 3n);
    const wireType = Number(head & 7n);
    if (wireType === 4 && no === group) {
      cursor.end = start;
      return records;
    }
    const from = cursor.at;
    let content: Uint8Array | undefined;
    if (no === 0 || no > 2 ** 29 - 1) break;
    if (wireType === 0) readVarint(bytes, cursor);
    else if (wireType === 1 || wireType === 5) cursor.at += wireType === 1 ? 8 : 4;
    else if (wireType === 2) {
      const length = Number(readVarint(bytes, cursor));
      content = bytes.subarray(cursor.at, cursor.at + length);
      cursor.at += length;
    } else if (wireType === 3) {
      records.push({ no, wireType, content: groupContent(bytes, cursor, no) });
      continue;
    } else break;
    if (cursor.at > bytes.length) break;
    records.push({ no, wireType, content: content ?? bytes.subarray(from, cursor.at) });
  }
  if (group !== 0 || cursor.at !== bytes.length) cursor.at = Number.POSITIVE_INFINITY;
  return records;
}

function groupContent(bytes: Uint8Array, cursor: Cursor, no: number): Uint8Array {
  const from = cursor.at;
  readUntil(bytes, cursor, no);
  return Number.isFinite(cursor.at) ? bytes.subarray(from, cursor.end) : new Uint8Array();
}

function readVarint(bytes: Uint8Array, cursor: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) break;
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return value;
  }
  cursor.at = Number.POSITIVE_INFINITY;
  return 0n;
}
