// @ts-check
/** Chappe's codec, with its default limits. */

import { decode, encode } from "./chappe-codec.js";
import { form } from "./protobuf-es.js";

/** @type {import("./library.js").Library} */
export const chappe = {
  name: "chappe",
  note: "protobuf-es's own message types: 64-bit values are bigints; unknown fields kept, limits on; `bytes` are views",
  form,
  encode,
  decode,
};
