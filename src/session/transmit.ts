/**
 * What passes between an engine and its driver: data of a transport, and what the engine wants done with it.
 */

import { ProtocolError } from "../errors.ts";
import { type CodecOptions, encodeFrame, type Frame, parseFrame } from "../wire/codec.ts";

/** One WebSocket message: bytes (`chappe.v1`) or text (`chappe.v1.json`). */
export type Data = Uint8Array | string;

/** One form of frames on the wire, chosen by the subprotocol (TRN-1). */
export interface FrameCodec {
  /** The WebSocket subprotocol that stands for this form. */
  readonly subprotocol: string;
  /** @throws ProtocolError (local) where the frame is not allowed. */
  encode(frame: Frame): Data;
  /**
   * Judges the structure alone; constraints are judged frame by frame afterwards (BAT-3).
   * @throws ProtocolError (remote).
   */
  parse(data: Data, options: CodecOptions): Frame;
}

/** Protobuf in binary messages. */
export const binaryCodec: FrameCodec = {
  subprotocol: "chappe.v1",
  encode: (frame) => encodeFrame(frame),
  parse: (data, options) => {
    if (typeof data === "string") throw new ProtocolError("UNEXPECTED_FRAME", "a text message (TRN-6)", { origin: "remote" });
    return parseFrame(data, options);
  },
};

/** What an engine wants its driver to do, in order. */
export type Transmit =
  /** Send this message. */
  | { readonly type: "send"; readonly data: Data }
  /** Open a transport (client only). */
  | { readonly type: "open" }
  /** Close the transport, with this WebSocket close code; nothing follows until the next `open`. */
  | { readonly type: "close"; readonly code: number; readonly reason: string };

/**
 * A frame for several receivers: encoded once in each form (ROM-4).
 */
export class SharedFrame {
  /** The frame itself; unchanged once it is shared. */
  readonly frame: Frame;
  readonly #encoded: Map<FrameCodec, Data> = new Map();

  /** @param frame - not to be changed from now on. */
  constructor(frame: Frame) {
    this.frame = frame;
  }

  /** The message in this form. */
  in(codec: FrameCodec): Data {
    let data = this.#encoded.get(codec);
    if (data === undefined) {
      data = codec.encode(this.frame);
      this.#encoded.set(codec, data);
    }
    return data;
  }

  /** Bytes of the binary form: what counts for credit (CRD-2). */
  get bytes(): number {
    return this.in(binaryCodec).length;
  }
}
