// @ts-check
/** msgpackr: one Packr that is used again, without and with records whose structures both ends share. */

import { Packr } from "msgpackr";
import { plainForm } from "./forms.js";

const plain = new Packr({ useRecords: false, int64AsType: "number" });
// Headers have keys of their own in each message: they are Maps, so that they do not become structures.
const records = new Packr({ structures: [], int64AsType: "number" });

/** @type {import("./library.js").Library} */
export const msgpackr = {
  name: "msgpackr",
  note: "one `Packr` without records, with its native part in Node; 64-bit values are numbers",
  form: plainForm(),
  encode: (native) => plain.pack(native),
  decode: (bytes) => plain.unpack(bytes),
};

/** @type {import("./library.js").Library} */
export const msgpackrRecords = {
  name: "msgpackr-records",
  note: "one `Packr` with `structures` that both ends share; headers are Maps; 64-bit values are numbers",
  form: plainForm({ maps: true }),
  encode: (native) => records.pack(native),
  decode: (bytes) => records.unpack(bytes),
  isStateful: true,
};
