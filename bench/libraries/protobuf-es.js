// @ts-check
/** protobuf-es: `toBinary` and `fromBinary`; it has no other mode. */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FrameSchema } from "../../dist/gen/chappe/v1/frame_pb.js";

/** @type {import("./forms.js").Form} */
export const form = {
  integer: BigInt,
  content: ({ text, contentType, headers }) => ({ body: { case: "text", value: text }, contentType, headers }),
  wrap: (kind, value) => create(FrameSchema, { body: /** @type {any} */ ({ case: kind, value }) }),
  number: Number,
  readContent: ({ body, contentType, headers }) => ({ text: body.value, contentType, headers: { ...headers } }),
  unwrap: ({ body }) => [body.case, body.value],
};

/** @type {import("./library.js").Library} */
export const protobufEs = {
  name: "protobuf-es",
  note: "`toBinary`, `fromBinary`; 64-bit values are bigints",
  form,
  encode: (native) => toBinary(FrameSchema, /** @type {any} */ (native)),
  decode: (bytes) => fromBinary(FrameSchema, bytes),
};
