/**
 * Frames on a byte stream: each is preceded by its length as a varint (TRN-5).
 * However a stream is cut into chunks, the same frames come out, or the same error; memory is bounded by one frame and the chunks given.
 */

import { ProtocolError, UsageError } from "../errors.ts";
import { clientFrameBytes } from "./limits.ts";
import { varintSize, writeVarint } from "./varint.ts";

/** `frame`, preceded by its length. The result is a copy. @throws UsageError OPTION_INVALID for what is no Uint8Array. */
export function encodeDelimited(frame: Uint8Array): Uint8Array {
  requireBytes("frame", frame);
  const prefix = varintSize(frame.length);
  const record = new Uint8Array(prefix + frame.length);
  writeVarint(frame.length, record, 0);
  record.set(frame, prefix);
  return record;
}

/** Room made for a frame that does not come in one chunk, before any more of it has arrived. It then doubles as bytes come. */
const firstBytes = 4096;

/**
 * Takes a stream apart, chunk by chunk.
 *
 * ```ts
 * const decoder = new DelimitedDecoder(1024 * 1024);
 * decoder.push(chunk);
 * for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) handle(frame);
 * // at the end of the stream
 * decoder.end();
 * ```
 *
 * After an error, each further call throws that same error: where the next frame starts is no longer known.
 */
export class DelimitedDecoder {
  readonly #maxFrameBytes: number;
  /** Chunks; those before `#index` are used up, and the one there before `#from`. */
  #chunks: Uint8Array[] = [];
  #index = 0;
  #from = 0;
  /** The length prefix as far as it has been read, and how many bytes of it. */
  #length = 0;
  #lengthBytes = 0;
  /** The frame being gathered, once its length is known; undefined while the length is read. */
  #frame: Uint8Array | undefined;
  #filled = 0;
  /** Index in the stream of the record being read, and bytes taken in all. */
  #recordAt = 0;
  #taken = 0;
  #error: ProtocolError | undefined;

  /**
   * @param maxFrameBytes the longest frame accepted, in bytes from 0 up; by default what every client accepts, 256 KiB (LIM-1).
   * @throws UsageError OPTION_INVALID
   */
  constructor(maxFrameBytes: number = clientFrameBytes) {
    if (typeof maxFrameBytes !== "number" || !(maxFrameBytes >= 0))
      throw new UsageError("OPTION_INVALID", "maxFrameBytes: must be a number from 0 up");
    this.#maxFrameBytes = maxFrameBytes;
  }

  /**
   * Adds bytes. They are kept, not copied: leave them unchanged until {@link next} has returned undefined.
   * @throws UsageError OPTION_INVALID for what is no Uint8Array.
   */
  push(chunk: Uint8Array): void {
    if (this.#error !== undefined) throw this.#error;
    requireBytes("chunk", chunk);
    // Used-up chunks go when they are half of all, so that each is moved at most once on average.
    if (this.#index * 2 >= this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#index);
      this.#index = 0;
    }
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /**
   * The next whole frame, a copy that belongs to the caller; undefined where more bytes are needed.
   * @throws ProtocolError (remote) FRAME_TOO_LARGE for a declared length above the bound, before anything is allocated for it (LIM-1),
   * VARINT_OVERLONG for a length of more than 10 bytes or 64 bits (ENC-3); `at` is the index of its record in the stream.
   */
  next(): Uint8Array | undefined {
    if (this.#error !== undefined) throw this.#error;
    while (this.#index < this.#chunks.length) {
      const chunk = this.#chunks[this.#index] as Uint8Array;
      const frame = this.#take(chunk);
      if (this.#from === chunk.length) {
        this.#index++;
        this.#from = 0;
      }
      if (frame !== undefined) return frame;
    }
    this.#chunks = [];
    this.#index = 0;
    return undefined;
  }

  /**
   * Says that the stream has ended. Take all frames with {@link next} before.
   * @throws ProtocolError (remote) FRAME_TRUNCATED where bytes are left over (ENC-2).
   */
  end(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#index < this.#chunks.length || this.#lengthBytes > 0)
      throw this.#fail("FRAME_TRUNCATED", "the stream ends inside a frame");
  }

  /** Reads on in `chunk` from `#from` to the end of a frame, which it returns, or of the chunk. */
  #take(chunk: Uint8Array): Uint8Array | undefined {
    const start = this.#from;
    if (this.#frame === undefined && !this.#takeLength(chunk)) {
      this.#taken += chunk.length - start;
      return undefined;
    }
    const missing = this.#length - this.#filled;
    const end = Math.min(chunk.length, this.#from + missing);
    this.#append(chunk, this.#from, end);
    this.#from = end;
    this.#taken += end - start;
    if (this.#filled < this.#length) return undefined;
    const frame = this.#frame;
    this.#frame = undefined;
    this.#filled = this.#length = this.#lengthBytes = 0;
    this.#recordAt = this.#taken;
    return frame;
  }

  /** Reads the length prefix; false where the chunk ends inside it. */
  #takeLength(chunk: Uint8Array): boolean {
    while (this.#from < chunk.length) {
      const byte = chunk[this.#from++] as number;
      // Above 2^53 the sum is rounded, yet stays above any bound.
      this.#length += (byte & 0x7f) * 2 ** (7 * this.#lengthBytes++);
      if (this.#lengthBytes === 10 && byte > 1) throw this.#fail("VARINT_OVERLONG", "length of more than 10 bytes or 64 bits");
      if (byte >= 0x80) continue;
      if (this.#length > this.#maxFrameBytes) {
        throw this.#fail("FRAME_TOO_LARGE", `frame of ${this.#length} bytes, at most ${this.#maxFrameBytes} are accepted`);
      }
      return true;
    }
    return false;
  }

  /**
   * Adds bytes to the frame. Its room grows with what has come, not with what was declared: a peer must send the bytes that it
   * makes this side hold. Doubling keeps the copying linear in the length of the frame.
   */
  #append(chunk: Uint8Array, from: number, to: number): void {
    const filled = this.#filled + (to - from);
    if (this.#frame === undefined || this.#frame.length < filled) {
      const room =
        filled === this.#length ? filled : Math.min(this.#length, Math.max(firstBytes, filled, 2 * (this.#frame?.length ?? 0)));
      const grown = new Uint8Array(room);
      if (this.#frame !== undefined) grown.set(this.#frame.subarray(0, this.#filled));
      this.#frame = grown;
    }
    this.#frame.set(chunk.subarray(from, to), this.#filled);
    this.#filled = filled;
  }

  #fail(code: "FRAME_TOO_LARGE" | "FRAME_TRUNCATED" | "VARINT_OVERLONG", message: string): ProtocolError {
    this.#error = new ProtocolError(code, message, { origin: "remote", at: this.#recordAt });
    this.#chunks = [];
    this.#frame = undefined;
    return this.#error;
  }
}

function requireBytes(name: string, value: unknown): void {
  if (!(value instanceof Uint8Array)) throw new UsageError("OPTION_INVALID", `${name}: must be a Uint8Array`);
}
