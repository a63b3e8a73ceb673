// @ts-check
/** cbor-x: one Encoder that is used again, without and with records whose structures both ends share. */

import { Encoder } from "cbor-x";
import { plainForm } from "./forms.js";

const plain = new Encoder({ useRecords: false, tagUint8Array: false });
const records = new Encoder({ structures: [], tagUint8Array: false });

/** @type {import("./library.js").Library} */
export const cborX = {
  name: "cbor-x",
  note: "one `Encoder` without records, with its native part in Node; 64-bit values are numbers",
  form: plainForm(),
  encode: (native) => plain.encode(native),
  decode: (bytes) => plain.decode(bytes),
};

/** @type {import("./library.js").Library} */
export const cborXRecords = {
  name: "cbor-x-records",
  note: "one `Encoder` with `structures` that both ends share; headers are Maps; 64-bit values are numbers",
  form: plainForm({ maps: true }),
  encode: (native) => records.encode(native),
  decode: (bytes) => records.decode(bytes),
  isStateful: true,
};
