// @ts-check
/** @msgpack/msgpack: one Encoder and one Decoder that are used again, as it recommends for speed. */

import { Decoder, Encoder } from "@msgpack/msgpack";
import { plainForm } from "./forms.js";

const encoder = new Encoder();
const decoder = new Decoder();

/** @type {import("./library.js").Library} */
export const msgpack = {
  name: "msgpack",
  note: "`@msgpack/msgpack`, one `Encoder` and one `Decoder`; 64-bit values are numbers",
  form: plainForm(),
  encode: (native) => encoder.encode(native),
  decode: (bytes) => /** @type {any} */ (decoder.decode(bytes)),
};
