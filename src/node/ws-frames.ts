/**
 * WebSocket frames as they stand on the wire (RFC 6455, 5.2): whole messages, not masked, not compressed. Law: what goes to many is framed once,
 * and what goes to many in one turn is joined once; each receiver costs one write.
 */

import type { Data } from "../session/transmit.ts";

const text = 0x81;
const binary = 0x82;

/** The last message that was framed, and the last run of frames that was joined: those that follow one another are mostly the same. */
export class Framing {
  #data: Data | undefined;
  #frame: Buffer = Buffer.alloc(0);
  #run: readonly Buffer[] = [];
  #joined: Buffer = Buffer.alloc(0);

  /** The frame of a message. The message MUST NOT be changed any more. */
  frame(data: Data): Buffer {
    if (data !== this.#data) {
      this.#data = data;
      this.#frame = framed(data);
    }
    return this.#frame;
  }

  /** Frames one after the other. */
  join(frames: readonly Buffer[]): Buffer {
    const [only] = frames;
    if (only !== undefined && frames.length === 1) return only;
    if (!isSame(frames, this.#run)) {
      this.#run = frames;
      this.#joined = Buffer.concat(frames);
    }
    return this.#joined;
  }
}

function isSame(frames: readonly Buffer[], others: readonly Buffer[]): boolean {
  if (frames.length !== others.length) return false;
  for (let i = 0; i < frames.length; i++) if (frames[i] !== others[i]) return false;
  return true;
}

function framed(data: Data): Buffer {
  const length = typeof data === "string" ? Buffer.byteLength(data) : data.length;
  const head = length < 126 ? 2 : length < 0x10000 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = typeof data === "string" ? text : binary;
  if (head === 2) frame[1] = length;
  else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  if (typeof data === "string") frame.write(data, head);
  else frame.set(data, head);
  return frame;
}
