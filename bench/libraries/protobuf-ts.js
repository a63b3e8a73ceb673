// @ts-check
/** protobuf-ts: `@protobuf-ts/plugin` with `optimize_speed`. */

import { Frame } from "../generated/protobuf-ts.js";

/** @type {import("./library.js").Library} */
export const protobufTs = {
  name: "protobuf-ts",
  note: "`@protobuf-ts/plugin`, `optimize_speed`; 64-bit values are bigints (its default)",
  form: {
    integer: BigInt,
    content: ({ text, contentType, headers }) => ({ body: { oneofKind: "text", text }, contentType, headers }),
    wrap: (kind, value) => Frame.create({ body: { oneofKind: kind, [kind]: value } }),
    number: Number,
    readContent: ({ body, contentType, headers }) => ({ text: body.text, contentType, headers: { ...headers } }),
    unwrap: ({ body }) => [body.oneofKind, body[body.oneofKind]],
  },
  encode: (native) => Frame.toBinary(native),
  decode: (bytes) => Frame.fromBinary(bytes),
};
