/** Frames as ProtoJSON text under `chappe.v1.json`, for debugging (TRN-4). A module of its own, so that who does not use it does not carry it. */

import { ProtocolError } from "../errors.ts";
import { encodeFrameJson, parseFrameJson } from "../wire/json.ts";
import type { FrameCodec } from "./transmit.ts";

/** ProtoJSON in text messages. */
export const jsonCodec: FrameCodec = {
  subprotocol: "chappe.v1.json",
  encode: (frame) => encodeFrameJson(frame),
  parse: (data, options) => {
    if (typeof data !== "string") throw new ProtocolError("UNEXPECTED_FRAME", "a binary message (TRN-6)", { origin: "remote" });
    return parseFrameJson(data, options);
  },
};
