/**
 * Frames to bytes and back (FRM-1, ENC-1 to ENC-8). What {@link encodeFrame} returns, {@link decodeFrame} accepts, and gives the same frame;
 * any other bytes end in a frame or in a coded error.
 *
 * The one module that knows the generated types and what encodes them: everything else imports them from here.
 */

import type { Message, MessageInitShape } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import { encodeContent, encodePublish } from "../../gen/chappe/v1/chat_codec.ts";
import type { Content, Publish } from "../../gen/chappe/v1/chat_pb.ts";
import { createFrame as create, decodeFrame as decode, encodeFrame as encode } from "../../gen/chappe/v1/frame_codec.ts";
import type { Frame } from "../../gen/chappe/v1/frame_pb.ts";
import { CodecError } from "../codec/error.ts";
import type { DecodeOptions } from "../codec/reader.ts";
import { type ErrorCodeName, ProtocolError, UsageError } from "../errors.ts";
import { findViolation, findViolationWithin, type Violation } from "./constraints.ts";
import { type DecodeLimits, defaultDecodeLimits } from "./limits.ts";
import { verbatimSize } from "./verbatim.ts";

export {
  type Ack,
  type Chat,
  ChatKind,
  type Content,
  type Profile,
  type Publish,
  type Receipt,
  type ReceiptCount,
  type ReceiptMark,
} from "../../gen/chappe/v1/chat_pb.ts";
export { ErrorCode, type ErrorInfo, Processed, Retry, Scope } from "../../gen/chappe/v1/error_pb.ts";
export { type Batch, type Frame, FrameSchema } from "../../gen/chappe/v1/frame_pb.ts";
export type { Ping, Pong } from "../../gen/chappe/v1/liveness_pb.ts";
export { type Presence, type PresenceMark, PresenceState, type Unwatch, type Watch } from "../../gen/chappe/v1/presence_pb.ts";
export {
  Detail,
  Durability,
  type Gap,
  GapReason,
  type History,
  type Join,
  type Joined,
  type Leave,
  type Left,
  type Member,
  type Members,
  type Page,
  type Position,
  Right,
  Verdict,
} from "../../gen/chappe/v1/room_pb.ts";
export type { Credit, Goodbye, Hello, Limits, Refresh, Refreshed, Welcome } from "../../gen/chappe/v1/session_pb.ts";
export type { Signal } from "../../gen/chappe/v1/signal_pb.ts";
export type { Typing, TypingMark } from "../../gen/chappe/v1/typing_pb.ts";
export { copyVerbatim } from "./verbatim.ts";

/** What a frame says: `{ case, value }`; `case` is undefined where it says nothing that this version knows. */
export type Body = Frame["body"];

/** The name of a body, as `"publish"`. */
export type BodyCase = NonNullable<Body["case"]>;

/** The message that a body of this name holds. */
export type BodyValue<C extends BodyCase> = Extract<Body, { case: C }>["value"];

/** A frame with a body of this name. */
export type FrameOf<C extends BodyCase> = Frame & { body: Extract<Body, { case: C }> };

/** What may be given to make a message: the message, or some of its fields. */
export type Init<M extends Message> = MessageInitShape<GenMessage<M>>;

/** Bounds of one frame, each by default as in {@link defaultDecodeLimits}, and what a decoder does with fields that this version does not know. */
export interface CodecOptions extends Partial<DecodeLimits> {
  /** `keep` (the default) holds them in `$unknown` of their message, from where they are written again; `drop` forgets them. */
  readonly unknownFields?: "keep" | "drop";
  /** `keep`: each content that is decoded carries the bytes it came as, and is encoded as those (PUB-3), until it is changed by making another. */
  readonly verbatim?: "keep";
}

/**
 * A frame with this body; fields that are not given have their zero value. Nothing in it is checked: see {@link checkFrame}.
 *
 * ```ts
 * createFrame("join", { name: "lobby", tail: 50 }, { ref: 1 });
 * ```
 *
 * @throws UsageError OPTION_INVALID where there is no such body.
 */
export function createFrame<C extends BodyCase>(
  bodyCase: C,
  init: Init<BodyValue<C>>,
  options: { readonly ref?: number; readonly mustUnderstand?: boolean } = {},
): FrameOf<C> {
  // The compiler cannot follow one name through both the union of bodies and the table of their schemas.
  const body = { case: bodyCase, value: init } as unknown as Body;
  const frame = create({ body, ref: options.ref ?? 0, mustUnderstand: options.mustUnderstand ?? false });
  if (frame.body.case === undefined) throw new UsageError("OPTION_INVALID", `body: there is no "${String(bodyCase)}"`);
  return frame as FrameOf<C>;
}

/**
 * The bytes of a frame.
 * @throws ProtocolError (local) where {@link decodeFrame} with the same limits would refuse them: FIELD_INVALID with `field` for a value
 * that its type or the schema does not allow, or text with half of a surrogate pair (ENC-8), and for what is no frame at all; BATCH_NESTED
 * (BAT-2), FRAME_TOO_LARGE (LIM-1), ELEMENTS_EXCEEDED (LIM-2). UsageError OPTION_INVALID for a limit that is none.
 */
export function encodeFrame(frame: Frame, options: CodecOptions = {}): Uint8Array {
  const limits = limitsOf(options);
  try {
    const violation = findViolationWithin(frame);
    if (violation !== undefined) throw invalid(violation, "local");
    const bytes = encode(frame);
    if (bytes.length > limits.frameBytes) {
      throw new ProtocolError("FRAME_TOO_LARGE", `frame of ${bytes.length} bytes, at most ${limits.frameBytes} are accepted`);
    }
    // Every element takes a byte at least, and the schema alone nests less than the default: few frames have to be read again.
    if (bytes.length > limits.elements || limits.depth < defaultDecodeLimits.depth) decode(bytes, decodeOptions(limits, options));
    return bytes;
  } catch (error) {
    throw ofFrame(error, "local");
  }
}

/**
 * The frame that the bytes hold; its structure alone is judged (ENC-1 to ENC-7, LIM-1, LIM-2). For who answers a broken constraint by
 * itself: call {@link checkFrame} before using anything in it, on each frame of a batch too (BAT-3).
 *
 * `bytes` fields are views into `bytes`: leave them unchanged. Zero bytes are a frame without a body, to be ignored (FRM-6).
 * A field whose wire type is not its own counts as unknown (ENC-1).
 * @throws ProtocolError (remote) with the code, `at` (index of the byte) and `field` of what is malformed. UsageError OPTION_INVALID for a
 * limit that is none.
 */
export function parseFrame(bytes: Uint8Array, options: CodecOptions = {}): Frame {
  try {
    return decode(bytes, decodeOptions(limitsOf(options), options));
  } catch (error) {
    throw protocolError(error, "remote");
  }
}

/**
 * What the schema does not allow in this frame, apart from the frames inside a batch, each of which is judged by itself (BAT-3).
 * @returns an error (remote) FIELD_INVALID with the path of the first such field, as `page.entries[2].id` (ENC-8), without one for what is no
 * frame at all; undefined where all is allowed.
 */
export function checkFrame(frame: Frame): ProtocolError | undefined {
  try {
    const violation = findViolation(frame);
    return violation === undefined ? undefined : invalid(violation, "remote");
  } catch (error) {
    return ofFrame(error, "remote");
  }
}

/**
 * The frame that the bytes hold, with everything in it allowed, also inside a batch: {@link parseFrame} and {@link checkFrame}.
 * @throws ProtocolError (remote) as {@link parseFrame}; FIELD_INVALID (ENC-8); BATCH_NESTED (BAT-2).
 */
export function decodeFrame(bytes: Uint8Array, options: CodecOptions = {}): Frame {
  return checked(parseFrame(bytes, options));
}

/** The frame, if it and all frames in it are allowed; as {@link decodeFrame}. */
export function checked(frame: Frame): Frame {
  const violation = findViolationWithin(frame);
  if (violation !== undefined) throw invalid(violation, "remote");
  return frame;
}

/**
 * Bytes of a frame in binary form, or of a `Content` or `Publish` by itself (LIM-1, PUB-10), whether or not what it holds is allowed.
 * @throws ProtocolError (local) FIELD_INVALID for what has no binary form.
 */
export function encodedSize(message: Frame | Content | Publish): number {
  try {
    switch (message.$typeName) {
      case "chappe.v1.Content":
        return verbatimSize(message) ?? encodeContent(message).length;
      case "chappe.v1.Publish":
        return encodePublish(message).length;
      default:
        return encode(message).length;
    }
  } catch (error) {
    throw ofFrame(error, "local");
  }
}

function invalid({ code, field, message }: Violation, origin: "local" | "remote"): ProtocolError {
  return new ProtocolError(code, `${field}: ${message}`, { origin, field });
}

function limitsOf(options: CodecOptions): DecodeLimits {
  if (options === null) throw new UsageError("OPTION_INVALID", "options: must be an object");
  return { frameBytes: limit("frameBytes", options), depth: limit("depth", options), elements: limit("elements", options) };
}

function limit(name: keyof DecodeLimits, { [name]: value = defaultDecodeLimits[name] }: CodecOptions): number {
  if (typeof value !== "number" || !(value >= 0)) throw new UsageError("OPTION_INVALID", `${name}: must be a number from 0 up`);
  return value;
}

function decodeOptions(limits: DecodeLimits, options: CodecOptions): DecodeOptions {
  return {
    maxBytes: limits.frameBytes,
    maxDepth: limits.depth,
    maxElements: limits.elements,
    maxUnknownFields: limits.elements,
    // LIM-2 has no such bound: the elements are the measure.
    maxMemory: Number.POSITIVE_INFINITY,
    unknownFields: options.unknownFields ?? "keep",
    ...(options.verbatim !== undefined && { encoded: options.verbatim }),
  };
}

/** What each code of the codec is here, and what it means, for people. */
const codes = {
  TRUNCATED: ["FRAME_TRUNCATED", "the bytes end inside a field, or a length runs past the end"],
  VARINT_OVERLONG: ["VARINT_OVERLONG", "varint of more than 10 bytes or 64 bits"],
  TAG_INVALID: ["TAG_INVALID", "field number 0, wire type 6 or 7, or more than 32 bits"],
  GROUP_UNBALANCED: ["GROUP_UNBALANCED", "a group without its start or its end"],
  UTF8_INVALID: ["UTF8_INVALID", "not UTF-8"],
  INTEGER_RANGE: ["INTEGER_RANGE", "integer above 2^53-1"],
  SIZE_EXCEEDED: ["FRAME_TOO_LARGE", "more bytes than are accepted"],
  DEPTH_EXCEEDED: ["DEPTH_EXCEEDED", "nested too deep"],
  ELEMENTS_EXCEEDED: ["ELEMENTS_EXCEEDED", "too many fields and elements"],
  UNKNOWN_EXCEEDED: ["ELEMENTS_EXCEEDED", "too many unknown fields"],
  MEMORY_EXCEEDED: ["ELEMENTS_EXCEEDED", "too many small values"],
  VALUE_INVALID: ["FIELD_INVALID", "a value is not of its field's type"],
  SPACE_EXCEEDED: ["FRAME_TOO_LARGE", "no room"],
} as const satisfies Record<CodecError["code"], readonly [ErrorCodeName, string]>;

/** What the codec says, in the words of the protocol. Positions in bytes that nobody gets would say nothing. */
function protocolError(error: unknown, origin: "local" | "remote"): unknown {
  if (!(error instanceof CodecError)) return error;
  const field = error.path.join(".");
  const [code, message] = codes[error.code];
  return new ProtocolError(code, message, {
    origin,
    ...(origin === "remote" && error.at !== undefined && { at: error.at }),
    ...(field !== "" && { field }),
    ...(error.cause !== undefined && { cause: error.cause }),
  });
}

/** What looking at a frame has thrown, which may be none: then it has no such fields. */
function ofFrame(error: unknown, origin: "local" | "remote"): ProtocolError {
  const known = protocolError(error, origin);
  return known instanceof ProtocolError
    ? known
    : new ProtocolError("FIELD_INVALID", "this is no frame", { origin, cause: error });
}
