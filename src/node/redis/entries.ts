/** Entries of a log as Redis holds them: what a tombstone keeps, and the content, each as an encoded frame, so that a redaction drops the latter. */

import type { Stored } from "../../relay/broker.ts";
import { type Chat, type ChatKind, type Content, createFrame, decodeFrame, encodeFrame, type Profile } from "../../wire/codec.ts";
import { bufferOf } from "./keys.ts";

/** A frame of a chat has to have an offset and an id; here they say nothing. */
const noId = new Uint8Array(16);

interface Head {
  readonly sender: string;
  readonly id: Uint8Array;
  readonly target: Uint8Array;
  readonly profile?: Profile | undefined;
}

/** All but place, kind and content. */
export function headBytes({ sender, id, target, profile }: Head): Buffer {
  return bufferOf(
    encodeFrame(createFrame("chat", { offset: 1n, sender, id, target, ...(profile !== undefined && { profile }) })),
  );
}

/** The content; nothing where there is none. */
export function bodyBytes(content: Content | undefined): Buffer {
  return content === undefined ? Buffer.alloc(0) : bufferOf(encodeFrame(createFrame("chat", { offset: 1n, id: noId, content })));
}

/** @throws ProtocolError where these are none that the functions above have made. */
export function entryOf({ offset, timeMs }: Stored, kind: ChatKind, head: Uint8Array, body: Uint8Array): Chat {
  const { sender, id, target, profile } = chatOf(head);
  // The content as it came, to be told as it came (PUB-3).
  const content = body.length === 0 ? undefined : chatOf(body).content;
  return createFrame("chat", {
    offset: BigInt(offset),
    timeMs: BigInt(timeMs),
    sender,
    id,
    kind,
    target,
    ...(content !== undefined && { content }),
    ...(profile !== undefined && { profile }),
  }).body.value;
}

function chatOf(bytes: Uint8Array): Chat {
  const { body } = decodeFrame(bytes, { verbatim: "keep" });
  if (body.case !== "chat") throw new TypeError(`an entry of the log is a ${body.case}`);
  return body.value;
}
