/**
 * Frames to bytes and back (FRM-1, ENC-1 to ENC-8). What {@link encodeFrame} returns, {@link decodeFrame} accepts, and gives the same frame;
 * any other bytes end in a frame or in a coded error.
 *
 * The one module that knows the generated types and what encodes them: everything else imports them from here.
 */

import { create, fromBinary, type Message, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import { type Content, ContentSchema, type Publish, PublishSchema } from "../../gen/chappe/v1/chat_pb.ts";
import { type Frame, FrameSchema } from "../../gen/chappe/v1/frame_pb.ts";
import { ProtocolError } from "../errors.ts";
import { findViolation, findViolationWithin, type Violation } from "./constraints.ts";
import { type DecodeLimits, defaultDecodeLimits } from "./limits.ts";
import { scan, strip } from "./scan.ts";
import { keepVerbatim, publishWithVerbatim, verbatimSize, withVerbatim } from "./verbatim.ts";

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

/** Bounds of one frame, each by default as in {@link defaultDecodeLimits}, and what is done with fields that this version does not know. */
export interface CodecOptions extends Partial<DecodeLimits> {
  /** `keep` (the default) holds them in `$unknown` of their message and writes them back; `drop` forgets them. */
  readonly unknownFields?: "keep" | "drop";
}

/**
 * A frame with this body; fields that are not given have their zero value. Nothing is checked: see {@link checkFrame}.
 *
 * ```ts
 * createFrame("join", { name: "lobby", tail: 50 }, { ref: 1 });
 * ```
 */
export function createFrame<C extends BodyCase>(
  bodyCase: C,
  init: Init<BodyValue<C>>,
  options: { readonly ref?: number; readonly mustUnderstand?: boolean } = {},
): FrameOf<C> {
  // The compiler cannot follow one name through both the union of bodies and the table of their schemas.
  const body = { case: bodyCase, value: init } as unknown as Body;
  return create(FrameSchema, { body, ref: options.ref ?? 0, mustUnderstand: options.mustUnderstand ?? false }) as FrameOf<C>;
}

/**
 * The bytes of a frame.
 * @throws ProtocolError (local) where {@link decodeFrame} with the same limits would refuse them: FIELD_INVALID with `field` for a value
 * that its type or the schema does not allow, or text with half of a surrogate pair (ENC-8), BATCH_NESTED (BAT-2), FRAME_TOO_LARGE (LIM-1), ELEMENTS_EXCEEDED (LIM-2).
 */
export function encodeFrame(frame: Frame, options: CodecOptions = {}): Uint8Array {
  const violation = findViolationWithin(frame);
  if (violation !== undefined) throw invalid(violation, "local");
  return encodeUnchecked(frame, options);
}

/** {@link encodeFrame} for a frame that {@link findViolationWithin} has passed, or whose constraints do not matter yet. */
export function encodeUnchecked(frame: Frame, options: CodecOptions): Uint8Array {
  let bytes: Uint8Array;
  try {
    const isWhole = options.unknownFields !== "drop";
    bytes = toBinary(FrameSchema, isWhole ? withVerbatim(frame) : frame, { writeUnknownFields: isWhole });
  } catch (cause) {
    throw new ProtocolError("FIELD_INVALID", "a value is not of its field's type", { origin: "local", cause });
  }
  try {
    scan(FrameSchema, bytes, limitsOf(options));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    // Its index in bytes that nobody gets would say nothing.
    throw new ProtocolError(error.code, error.message, {
      origin: "local",
      ...(error.field !== undefined && { field: error.field }),
    });
  }
  return bytes;
}

/**
 * The frame that the bytes hold; its structure alone is judged (ENC-1 to ENC-7, LIM-1, LIM-2). For who answers a broken constraint by
 * itself: call {@link checkFrame} before using anything in it, on each frame of a batch too (BAT-3).
 *
 * `bytes` fields are views into `bytes`: leave them unchanged. Zero bytes are a frame without a body, to be ignored (FRM-6).
 * A field whose wire type is not its own counts as unknown, and is dropped also where unknown fields are kept.
 * @throws ProtocolError (remote) with the code, `at` (index of the byte) and `field` of what is malformed.
 */
export function parseFrame(bytes: Uint8Array, options: CodecOptions = {}): Frame {
  const limits = limitsOf(options);
  const regular = scan(FrameSchema, bytes, limits);
  // protobuf-es takes a known field whatever its wire type.
  const own = regular ? plain(bytes) : strip(FrameSchema, bytes);
  const frame = fromBinary(FrameSchema, own, {
    readUnknownFields: options.unknownFields !== "drop",
    recursionLimit: limits.depth + 1,
  });
  if (options.unknownFields !== "drop") keepVerbatim(frame, bytes);
  return frame;
}

/**
 * What the schema does not allow in this frame, apart from the frames inside a batch, each of which is judged by itself (BAT-3).
 * @returns an error (remote) FIELD_INVALID with the path of the first such field, as `page.entries[2].id` (ENC-8); undefined where all is allowed.
 */
export function checkFrame(frame: Frame): ProtocolError | undefined {
  const violation = findViolation(frame);
  return violation === undefined ? undefined : invalid(violation, "remote");
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
 * Content that was received counts with the bytes it came in (PUB-3).
 */
export function encodedSize(message: Frame | Content | Publish): number {
  if (message.$typeName === "chappe.v1.Content") return verbatimSize(message) ?? toBinary(ContentSchema, message).length;
  if (message.$typeName === "chappe.v1.Publish") return toBinary(PublishSchema, publishWithVerbatim(message)).length;
  return toBinary(FrameSchema, withVerbatim(message)).length;
}

function invalid({ code, field, rule }: Violation, origin: "local" | "remote"): ProtocolError {
  return new ProtocolError(code, `${field}: ${rule}`, { origin, field });
}

function limitsOf(options: CodecOptions): DecodeLimits {
  return {
    frameBytes: options.frameBytes ?? defaultDecodeLimits.frameBytes,
    depth: options.depth ?? defaultDecodeLimits.depth,
    elements: options.elements ?? defaultDecodeLimits.elements,
  };
}

/** Node's Buffer is a Uint8Array of another kind, which would pass on to all `bytes` fields. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
