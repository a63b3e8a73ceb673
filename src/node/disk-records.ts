/**
 * How logs lie in the databases of a disk broker: their keys and values. Law: what a log has in a database lies together, in order, behind
 * the number of the log; a new log of a room has a new number, so that nothing of the old one is taken for its own.
 *
 * | database | key | value |
 * | --- | --- | --- |
 * | rooms | name of the room | {@link LogRecord} |
 * | entries | log, offset | the chat as an encoded frame |
 * | producers | log, name | {@link ProducerRecord} |
 * | results | log, length of the name, name, block modulo 17 | {@link BlockRecord} |
 * | receipts | log, user | {@link ReceiptRecord} |
 */

import type { SettledResult } from "../relay/shelf.ts";
import { type Chat, createFrame, decodeFrame, encodeFrame } from "../wire/codec.ts";
import { producerRing } from "../wire/limits.ts";

/** Number of the log, epoch, maker, first retained offset, head, time of the latest entry in ms. */
export type LogRecord = readonly [log: number, epoch: number, maker: string, first: number, head: number, timeMs: number];

/** What is kept of a producer; in bytes, as it is written with each publish: {@link producerBytes}. */
export interface ProducerRecord {
  readonly user: string;
  /** Of the last publish, in ms since 1970. */
  readonly usedAtMs: number;
  readonly nextSeq: number;
  /** The {@link resultBytes} of the seqs after the last whole block. */
  readonly recent: readonly Uint8Array[];
}

/**
 * The {@link resultBytes} of 16 seqs, of which the first is one after a multiple of 16. A publish changes its producer's record, which lies
 * beside others that change; one in 16 changes a page that is its producer's own.
 */
export type BlockRecord = readonly [firstSeq: number, results: readonly Uint8Array[]];

/** Seqs of a block, and the blocks that are kept of a producer: what a relay remembers, and the one that it falls out of. */
export const blockSeqs = 16;
const keptBlocks: number = producerRing / blockSeqs + 1;

/** The watermarks, and when they moved in ms since 1970. */
export type ReceiptRecord = readonly [delivered: number, read: number, movedAtMs: number];

/** Bytes of the number of a log, and of an offset. */
const numberBytes = 6;

/** All keys of a log in a database, and of those that begin with `name`: from the first one, to before the second. */
export function rangeOf(log: number, name?: string): { readonly start: Buffer; readonly end: Buffer } {
  const start = name === undefined ? keyOf(log) : resultPrefix(log, name);
  const end = Buffer.from(start);
  // The next one of the same length; there is one, as no log has the number 2^48−1.
  for (let at = end.length - 1; at >= 0; at--) {
    end[at] = ((end[at] ?? 0) + 1) & 0xff;
    if (end[at] !== 0) break;
  }
  return { start, end };
}

export function entryKey(log: number, offset: number): Buffer {
  const key = Buffer.allocUnsafe(2 * numberBytes);
  key.writeUIntBE(log, 0, numberBytes);
  key.writeUIntBE(offset, numberBytes, numberBytes);
  return key;
}

/** Of a producer, or of a user's watermarks. */
export function nameKey(log: number, name: string): Buffer {
  return Buffer.concat([keyOf(log), Buffer.from(name)]);
}

/** The name in a {@link nameKey}. */
export function nameIn(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("utf8", numberBytes);
}

/** The blocks of a producer are a ring: each takes the place of the one that is needed no more. @param seq - any of the block. */
export function blockKey(log: number, producer: string, seq: number): Buffer {
  return Buffer.concat([resultPrefix(log, producer), Buffer.of(Math.floor((seq - 1) / blockSeqs) % keptBlocks)]);
}

/** All that a producer has. */
export function* blockKeys(log: number, producer: string): Iterable<Buffer> {
  for (let block = 0; block < keptBlocks; block++) yield blockKey(log, producer, block * blockSeqs + 1);
}

export function entryValue(chat: Chat): Uint8Array {
  return encodeFrame(createFrame("chat", chat));
}

/** @throws ProtocolError where the value is none that {@link entryValue} has made. */
export function entryOf(value: Uint8Array): Chat {
  // The content as it came, to be told as it came (PUB-3).
  const { body } = decodeFrame(value, { verbatim: "keep" });
  if (body.case !== "chat") throw new TypeError(`an entry of the log is a ${body.case}`);
  return body.value;
}

const producerHead = 20;
const lengthBytes = 4;

/** Time and seq as doubles, which hold them exactly; the length of the user; the user; each recent result behind its length. */
export function producerBytes({ user, usedAtMs, nextSeq, recent }: ProducerRecord): Buffer {
  const userLength = Buffer.byteLength(user);
  let size = producerHead + userLength;
  for (const result of recent) size += lengthBytes + result.length;
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeDoubleBE(usedAtMs, 0);
  bytes.writeDoubleBE(nextSeq, 8);
  bytes.writeUInt32BE(userLength, 16);
  bytes.write(user, producerHead);
  let at = producerHead + userLength;
  for (const result of recent) {
    bytes.writeUInt32BE(result.length, at);
    bytes.set(result, at + lengthBytes);
    at += lengthBytes + result.length;
  }
  return bytes;
}

/** See {@link producerBytes}. */
export function producerOf(bytes: Buffer): ProducerRecord {
  const userEnd = producerHead + bytes.readUInt32BE(16);
  const recent: Uint8Array[] = [];
  for (let at = userEnd; at < bytes.length; ) {
    const end = at + lengthBytes + bytes.readUInt32BE(at);
    recent.push(bytes.subarray(at + lengthBytes, end));
    at = end;
  }
  return {
    user: bytes.toString("utf8", producerHead, userEnd),
    usedAtMs: bytes.readDoubleBE(0),
    nextSeq: bytes.readDoubleBE(8),
    recent,
  };
}

const idBytes = 16;
const types = ["stored", "voided", "rejected"] as const satisfies readonly SettledResult["type"][];

/** Type, message id; of what is stored its offset and time, of a rejection its code and message as JSON. */
export function resultBytes(id: Uint8Array, result: SettledResult): Uint8Array {
  const head = Buffer.concat([Buffer.of(types.indexOf(result.type)), id]);
  switch (result.type) {
    case "stored":
      return Buffer.concat([head, entryKey(result.offset, result.timeMs)]);
    case "voided":
      return head;
    case "rejected":
      return Buffer.concat([head, Buffer.from(JSON.stringify([result.code, result.message]))]);
  }
}

export function resultOf(bytes: Uint8Array): { readonly id: Uint8Array; readonly result: SettledResult } {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const id = Uint8Array.from(view.subarray(1, 1 + idBytes));
  const at = 1 + idBytes;
  switch (types[view[0] ?? types.length]) {
    case "stored": {
      const [offset, timeMs] = [view.readUIntBE(at, numberBytes), view.readUIntBE(at + numberBytes, numberBytes)];
      return { id, result: { type: "stored", offset, timeMs } };
    }
    case "voided":
      return { id, result: { type: "voided" } };
    case "rejected": {
      const [code, message] = JSON.parse(view.toString("utf8", at));
      return { id, result: { type: "rejected", code, message } };
    }
    default:
      throw new TypeError("a result in the store has a type that nobody knows");
  }
}

function keyOf(log: number): Buffer {
  const key = Buffer.allocUnsafe(numberBytes);
  key.writeUIntBE(log, 0, numberBytes);
  return key;
}

/** The length before the name: no producer's results lie among those of another whose name begins as its own. */
function resultPrefix(log: number, producer: string): Buffer {
  const name = Buffer.from(producer);
  const length = Buffer.allocUnsafe(2);
  length.writeUInt16BE(name.length);
  return Buffer.concat([keyOf(log), length, name]);
}
