/** One field's value for people: names instead of numbers, times as dates, ids as UUIDs; text of a peer made safe for a terminal. */

import { type DescEnum, type DescField, ScalarType } from "@bufbuild/protobuf";
import { formatMessageId, isMessageId, messageIdTime } from "../../delivery/message-id.ts";
import { readVarint64 } from "../../wire/varint.ts";
import { printable } from "./io.ts";
import { meaningOf } from "./meanings.ts";

/** What a value is, and what the schema says about it beyond its field. */
export interface Shown {
  readonly value: string;
  readonly meaning?: string;
}

const longestText = 160;
const longestBytes = 32;
const longestList = 32;

/** A number, as its field reads it. `number` may be rounded above 2^53. */
export function showNumber(field: DescField, number: number): Shown {
  const low = number % 2 ** 32;
  if (field.enum !== undefined) return showEnum(field.enum, low | 0);
  switch (scalarOf(field)) {
    case ScalarType.BOOL:
      return { value: String(number !== 0) };
    case ScalarType.INT32:
      return { value: String(low | 0) };
    case ScalarType.UINT32:
      return { value: String(low) };
    default:
      return { value: isWallClock(field, number) ? `${number} (${new Date(number).toISOString()})` : String(number) };
  }
}

/** A string or bytes. */
export function showBytes(field: DescField, bytes: Uint8Array): Shown {
  // What is shown here is pasted into tickets and logs (AUT-2).
  if (field.name === "token") return { value: `(${sizeOf(bytes)}, not shown)` };
  if (scalarOf(field) === ScalarType.STRING) return { value: showText(bytes) };
  if (isId(field) && bytes.length === 16) {
    const made = isMessageId(bytes) ? new Date(messageIdTime(bytes)).toISOString() : "not a UUIDv7";
    return { value: `${formatMessageId(bytes)} (${made})` };
  }
  return { value: hexOf(bytes) };
}

/** UTF-8 in quotes, cut where it is long. */
export function showText(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  const cut = text.length > longestText;
  return `"${printable(cut ? text.slice(0, longestText) : text).replaceAll('"', '\\"')}"${cut ? ` … (${sizeOf(bytes)})` : ""}`;
}

/** Bytes in hex, cut where there are many, and how many they are. */
export function hexOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, longestBytes)).toString("hex");
  return bytes.length === 0 ? "(0 bytes)" : `${hex}${bytes.length > longestBytes ? " …" : ""} (${sizeOf(bytes)})`;
}

/** As `1 byte`. */
export function sizeOf(bytes: Uint8Array): string {
  return bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
}

/** A packed list of numbers. Ends where the bytes do, also inside a number. */
export function showPacked(field: DescField, bytes: Uint8Array): Shown {
  const cursor = { pos: 0 };
  const values: string[] = [];
  let rest = 0;
  try {
    while (cursor.pos < bytes.length) {
      const number = readVarint64(bytes, cursor, bytes.length);
      if (values.length < longestList) values.push(showNumber(field, number).value);
      else rest++;
    }
  } catch {
    values.push("…");
  }
  return { value: `[${values.join(", ")}${rest > 0 ? `, and ${rest} more` : ""}]` };
}

function showEnum(type: DescEnum, number: number): Shown {
  const value = type.value[number];
  if (value === undefined) return { value: String(number), meaning: "A value that this version does not know (EVO-4)." };
  return { value: `${value.name} (${number})`, meaning: meaningOf(`${type.typeName}.${value.name}`) };
}

function scalarOf(field: DescField): ScalarType | undefined {
  return field.fieldKind === "message" ? undefined : field.scalar;
}

function isId(field: DescField): boolean {
  return field.name === "id" || field.name === "target";
}

/** Whether a time is since 1970, and one that a Date can hold. Ping and pong carry clocks of any origin. */
function isWallClock(field: DescField, number: number): boolean {
  const told = meaningOf(`${field.parent.typeName}.${field.name}`);
  return field.name.endsWith("_ms") && told.includes("1970") && number > 0 && number <= 8.64e15;
}
