/**
 * The same fields in other bytes: every form that a decoder must take although no encoder writes it. Fields in any order, singular ones that
 * come twice, packed and unpacked elements mixed, entries of maps turned around, varints longer than needed, unknown fields in between.
 */

import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { Random } from "./random.ts";
import { concat, readRecords, type WireRecord, writeRecord } from "./wire.ts";

/** Other bytes for (mostly) the same message: what they mean is for the decoders to say. */
export function otherForm(desc: DescMessage, bytes: Uint8Array, random: Random): Uint8Array {
  const records = readRecords(bytes);
  if (records === undefined) throw new Error(`not a message: ${Buffer.from(bytes).toString("hex")}`);
  const fields = new Map(desc.fields.map((field) => [field.number, field]));
  return assemble(
    records.flatMap((record) => formsOf(record, fields.get(record.no), random)),
    random,
  );
}

/** Unknown fields of every wire type, by a number that no type of the proof has. */
const unknown: readonly WireRecord[] = [
  { no: 18_000, wireType: 0, content: Uint8Array.of(0x85, 0x00) },
  { no: 18_000, wireType: 1, content: new Uint8Array(8).fill(0xff) },
  { no: 18_000, wireType: 2, content: Uint8Array.of(0xff, 0x80) },
  { no: 18_000, wireType: 3, content: Uint8Array.of(0x0b, 0x10, 0x01, 0x0c) },
  { no: 18_000, wireType: 5, content: new Uint8Array(4).fill(0xff) },
];

/** Puts records together: some twice, shuffled now and then, with unknown ones in between, and some varints too long. */
function assemble(records: readonly WireRecord[], random: Random): Uint8Array {
  const all = records.flatMap((record) => (random.oneIn(6) ? [record, record] : [record]));
  if (random.oneIn(4)) all.splice(random.below(all.length + 1), 0, random.pick(unknown));
  if (random.oneIn(2)) shuffle(all, random);
  const width = random.oneIn(3) ? (): number => random.pick([1, 1, 2, 5]) : (): number => 1;
  return concat(...all.map((record) => writeRecord(record, width)));
}

function shuffle<T>(values: T[], random: Random): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [values[i], values[j]] = [values[j] as T, values[i] as T];
  }
}

function formsOf(record: WireRecord, field: DescField | undefined, random: Random): WireRecord[] {
  if (field === undefined) return [record];
  if (record.wireType === 0) return [{ ...record, content: longer(record.content, random) }];
  if (field.fieldKind === "map") return [{ ...record, content: entryForm(field, record.content, random) }];
  if (field.message !== undefined) return messageForms(record, field.message, random);
  if (field.fieldKind === "list" && record.wireType === 2) return packedForms(record, field, random);
  return [record];
}

/** A message within another; split in two, which are merged again where the field is singular. */
function messageForms(record: WireRecord, desc: DescMessage, random: Random): WireRecord[] {
  const form = { ...record, content: otherForm(desc, record.content, random) };
  const inner = readRecords(form.content);
  if (inner === undefined || !random.oneIn(4)) return [form];
  const cut = random.below(inner.length + 1);
  const part = (records: WireRecord[]): WireRecord => ({
    ...record,
    content: concat(...records.map((each) => writeRecord(each))),
  });
  return [part(inner.slice(0, cut)), part(inner.slice(cut))];
}

function entryForm(field: DescField & { fieldKind: "map" }, content: Uint8Array, random: Random): Uint8Array {
  const records = readRecords(content) ?? [];
  const value = field.message;
  const forms = records.flatMap((record): WireRecord[] => {
    if (random.oneIn(12)) return [];
    if (record.no === 2 && value !== undefined && record.wireType === 2)
      return [{ ...record, content: otherForm(value, record.content, random) }];
    return [record.wireType === 0 ? { ...record, content: longer(record.content, random) } : record];
  });
  return assemble(forms, random);
}

/** Elements packed into one record, as several records, packed or not. */
function packedForms(record: WireRecord, field: DescField & { fieldKind: "list" }, random: Random): WireRecord[] {
  const wireType = elementType(field);
  if (wireType === undefined) return [record];
  const elements = split(record.content, wireType);
  const forms: WireRecord[] = [];
  for (let i = 0; i < elements.length; ) {
    const count = 1 + random.below(elements.length - i);
    const some = elements.slice(i, i + count);
    i += count;
    if (random.oneIn(2)) forms.push(...some.map((content) => ({ no: record.no, wireType, content })));
    else forms.push({ ...record, content: concat(...some) });
  }
  if (random.oneIn(8)) forms.push({ ...record, content: new Uint8Array() });
  return forms;
}

/** The wire type of an element that stands alone; undefined where elements cannot be packed. */
function elementType(field: DescField & { fieldKind: "list" }): number | undefined {
  switch (field.scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return undefined;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return 1;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return 5;
    default:
      return 0;
  }
}

function split(content: Uint8Array, wireType: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0; at < content.length; ) {
    let end = at + (wireType === 1 ? 8 : wireType === 5 ? 4 : 1);
    if (wireType === 0) while ((content[end - 1] as number) > 127) end++;
    out.push(content.subarray(at, end));
    at = end;
  }
  return out;
}

/** A varint in more bytes than it needs, up to the ten that every decoder takes. */
function longer(content: Uint8Array, random: Random): Uint8Array {
  const room = 10 - content.length;
  if (room === 0 || !random.oneIn(3)) return content;
  const filler = new Uint8Array(1 + random.below(room)).fill(0x80);
  filler[filler.length - 1] = 0;
  const head = content.slice();
  head[head.length - 1] = (head.at(-1) as number) | 0x80;
  return concat(head, filler);
}
