// @ts-check
/** JSON.stringify and JSON.parse, from and to UTF-8 bytes. */

import { plainForm } from "./forms.js";
import { buffer, fromUtf8, idsFromText, idsToText, toUtf8 } from "./text.js";

/** @type {import("./library.js").Library} */
export const json = {
  name: "json",
  note: "`JSON.stringify`, `JSON.parse`, to UTF-8 bytes and back; ids as base64, made within the measured time; 64-bit values are numbers",
  form: plainForm({ bytes: buffer }),
  encode: (native) => toUtf8(JSON.stringify(idsToText(native))),
  decode: (bytes) => idsFromText(JSON.parse(fromUtf8(bytes))),
  receive: buffer,
};
