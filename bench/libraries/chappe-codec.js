// @ts-check
/** Where Chappe's codec is: the one place of the benchmark that knows. */

import { decodeFrame, encodeFrame } from "../../dist/gen/chappe/v1/frame_codec.js";

/** @param {any} frame */
export const encode = (frame) => encodeFrame(frame);
/** @param {Uint8Array} bytes */
export const decode = (bytes) => decodeFrame(bytes);
