/**
 * The bytes of a message, field by field. Whether they are allowed is judged elsewhere; where they are not, what is shown here ends with
 * the field that is at fault.
 */

import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { readVarint64 } from "../../wire/varint.ts";
import { type RawField, readField } from "./fields.ts";
import { meaningOf } from "./meanings.ts";
import { hexOf, type Shown, showBytes, showNumber, showPacked, showText } from "./values.ts";

/** One field. */
export interface Line {
  /** Index of its first byte, and of the one behind its last. */
  readonly at: number;
  readonly end: number;
  /** 0: a field of the frame itself. */
  readonly depth: number;
  /** Names from the frame down, as `batch.frames[1].publish.id`. */
  readonly path: string;
  /** As `3 id`; `? 77` for a field that this version does not know. */
  readonly label: string;
  /** Empty for a message, whose fields follow. */
  readonly value: string;
  readonly meaning: string;
}

/**
 * One line for each field, in the order of the bytes.
 * @param wrongAt index of the byte that is malformed; the line that holds it is the last.
 */
export function explain(message: DescMessage, bytes: Uint8Array, wrongAt: number | undefined): Line[] {
  const lines: Line[] = [];
  walk(message, 0, bytes.length, 0, "");
  return lines;

  /** @returns false where the end has come. */
  function walk(within: DescMessage, from: number, to: number, depth: number, path: string): boolean {
    const seen = new Map<number, number>();
    for (let at = from; at < to; ) {
      const raw = readField(bytes, at, to);
      const field = within.fields.find((each) => each.number === raw.number);
      const index = seen.get(raw.number) ?? 0;
      seen.set(raw.number, index + 1);
      const name = field?.name ?? `(${raw.number})`;
      const element = field?.fieldKind === "list" && !(isNumber(field) && raw.wire === 2) ? `[${index}]` : "";
      const own = `${path}${path && "."}${name}${element}`;
      const inner = field !== undefined && raw.whole && raw.wire === 2 && field.fieldKind !== "map" ? field.message : undefined;
      const shown = field !== undefined && inner !== undefined ? { value: "" } : show(field, raw, bytes, depth);
      lines.push({
        at,
        end: raw.end,
        depth,
        path: own,
        label: raw.number === 0 ? "?" : field === undefined ? `${raw.number} ?` : `${raw.number} ${field.name}`,
        value: shown.value,
        meaning: shown.meaning ?? (field === undefined ? "" : meaningOf(`${within.typeName}.${field.name}`)),
      });
      const isLast = wrongAt !== undefined && wrongAt < (inner === undefined ? raw.end : raw.valueAt);
      if (isLast || !raw.whole) return false;
      if (inner !== undefined && !walk(inner, raw.valueAt, raw.end, depth + 1, own)) return false;
      at = raw.end;
    }
    return true;
  }
}

const wireTypes = ["varint", "8 bytes", "length-delimited", "group", "end of a group", "4 bytes"];

function show(field: DescField | undefined, raw: RawField, bytes: Uint8Array, depth: number): Shown {
  const { wire, at, valueAt, end } = raw;
  if (!raw.whole) return { value: hexOf(bytes.subarray(at, end)) };
  const value = bytes.subarray(valueAt, end);
  if (field === undefined) {
    const meaning =
      raw.number >= 1000 && depth === 0
        ? "Private to an application (EVO-5)."
        : "Not known to this version, and passed over (ENC-1).";
    return { value: `${wireTypes[wire]}, ${hexOf(value)}`, meaning };
  }
  if (isNumber(field)) {
    if (wire === 0) return showNumber(field, readVarint64(bytes, { pos: valueAt }, end));
    if (wire === 2 && field.fieldKind === "list") return showPacked(field, value);
  } else if (wire === 2) return field.fieldKind === "map" ? { value: entry(value) } : showBytes(field, value);
  return { value: `${wireTypes[wire]}, ${hexOf(value)}`, meaning: "Not the wire type of this field: passed over (ENC-1)." };
}

/** An entry of a map from text to text, as all maps of the schema are. */
function entry(bytes: Uint8Array): string {
  const texts = ["", ""];
  for (let at = 0; at < bytes.length; ) {
    const { number, wire, valueAt, end } = readField(bytes, at, bytes.length);
    if (wire === 2 && (number === 1 || number === 2)) texts[number - 1] = showText(bytes.subarray(valueAt, end));
    at = end;
  }
  const [key = "", value = ""] = texts;
  return `${key || '""'} = ${value || '""'}`;
}

/** Whether it holds varints: all types of the schema that are not length-delimited do. */
function isNumber(field: DescField): boolean {
  if (field.enum !== undefined) return true;
  if (field.message !== undefined || field.fieldKind === "map") return false;
  return field.scalar !== ScalarType.STRING && field.scalar !== ScalarType.BYTES;
}
