/**
 * Frames as ProtoJSON text, for debugging (TRN-4, ENC-9). The limits count the binary form, and all that the binary form must satisfy
 * holds here too; unknown fields are ignored, and not written.
 */

import { fromJsonString, toBinary, toJsonString } from "@bufbuild/protobuf";
import { ProtocolError } from "../errors.ts";
import { type CodecOptions, checked, encodeFrame, type Frame, FrameSchema, parseFrame } from "./codec.ts";

/**
 * The text of a frame, on one line.
 * @throws ProtocolError (local) as {@link encodeFrame}.
 */
export function encodeFrameJson(frame: Frame, options: CodecOptions = {}): string {
  encodeFrame(frame, options);
  return toJsonString(FrameSchema, frame);
}

/**
 * The frame that the text holds, structure alone; see {@link parseFrame}.
 * @throws ProtocolError (remote) JSON_INVALID where the text is not ProtoJSON of a frame, nests more than 100 messages, or holds half
 * of a surrogate pair (ENC-9);
 * INTEGER_RANGE, FRAME_TOO_LARGE, DEPTH_EXCEEDED, ELEMENTS_EXCEEDED as its binary form; `field` where known, never `at`.
 */
export function parseFrameJson(text: string, options: CodecOptions = {}): Frame {
  let frame: Frame;
  try {
    frame = fromJsonString(FrameSchema, text, { ignoreUnknownFields: true });
  } catch (cause) {
    throw new ProtocolError("JSON_INVALID", "not the ProtoJSON form of a frame", { origin: "remote", cause });
  }
  try {
    parseFrame(toBinary(FrameSchema, frame), options);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    // Its index in bytes that nobody has sent would say nothing.
    throw new ProtocolError(error.code, error.message, {
      origin: "remote",
      ...(error.field !== undefined && { field: error.field }),
    });
  }
  return frame;
}

/**
 * The frame that the text holds, with everything in it allowed; see {@link decodeFrame}.
 * @throws ProtocolError (remote) as {@link parseFrameJson}; FIELD_INVALID (ENC-8); BATCH_NESTED (BAT-2).
 */
export function decodeFrameJson(text: string, options: CodecOptions = {}): Frame {
  return checked(parseFrameJson(text, options));
}
