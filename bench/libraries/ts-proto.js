// @ts-check
/** ts-proto: its generated code, with tagged unions as it recommends. */

import { Frame } from "../generated/ts-proto.js";

/** @type {import("./library.js").Library} */
export const tsProto = {
  name: "ts-proto",
  note: "`oneof=unions-value`; `forceLong=bigint`, which is faster than its default",
  form: {
    integer: BigInt,
    content: ({ text, contentType, headers }) => ({ body: { $case: "text", value: text }, contentType, headers }),
    wrap: (kind, value) => ({ body: { $case: kind, value }, ref: 0, mustUnderstand: false }),
    number: Number,
    readContent: ({ body, contentType, headers }) => ({ text: body.value, contentType, headers: { ...headers } }),
    unwrap: ({ body }) => [body.$case, body.value],
  },
  encode: (native) => Frame.encode(native).finish(),
  decode: (bytes) => Frame.decode(bytes),
};
