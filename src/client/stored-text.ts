/**
 * Entries of an outbox as texts, for storages that hold nothing else.
 *
 * Law: what was written is read back equal. A text that is none is given back as it is: whoever judges what storage holds finds that it is no
 * entry, and has it set aside (PUB-22).
 */

import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import type { StoredEntry } from "../delivery/outbox.ts";
import { ChatKind, type Content, createFrame, encodeFrame, parseFrame } from "../wire/codec.ts";

/** The entry as JSON, its bytes in base64. */
export function entryToText({ id, target, content, ...rest }: StoredEntry): string {
  const texts = { id: base64Encode(id), target: base64Encode(target) };
  return JSON.stringify({ ...rest, ...texts, ...(content !== undefined && { content: base64Encode(contentBytes(content)) }) });
}

/** The entry of such a text, which is not looked at further; where there is none, the text itself. */
export function entryFromText(text: string): StoredEntry | string {
  try {
    const { id, target, content, ...rest } = JSON.parse(text) as Record<string, unknown>;
    const parsed = content === undefined ? undefined : contentFrom(base64Decode(content as string));
    const bytes = { id: base64Decode(id as string), target: base64Decode(target as string) };
    return { ...rest, ...bytes, content: parsed } as StoredEntry;
  } catch {
    return text;
  }
}

/** A content has no bytes of its own: it is what a frame carries. */
function contentBytes(content: Content): Uint8Array {
  const id = new Uint8Array(16);
  return encodeFrame(createFrame("publish", { room: 1, seq: 1n, id, kind: ChatKind.UNSPECIFIED, content }));
}

function contentFrom(bytes: Uint8Array): Content {
  const { body } = parseFrame(bytes);
  if (body.case !== "publish" || body.value.content === undefined) throw new TypeError("no content");
  return body.value.content;
}
