// @ts-check
/** pbf: the code of its compiler. One writer with a buffer of its own is used again; what it wrote is copied out, so that it stays. */

import { PbfReader, PbfWriter } from "pbf";
import { readFrame, writeFrame } from "../generated/pbf.js";
import { renamed } from "./forms.js";

/** @param {string} name */
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** @param {string} name */
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

const writer = new PbfWriter(new Uint8Array(1 << 16));

/** @type {import("./library.js").Library} */
export const pbf = {
  name: "pbf",
  note: "compiled code, one pre-allocated writer; 64-bit values are numbers",
  form: {
    integer: (value) => value,
    content: (content) => content,
    // Its writer takes an absent field from an empty one by undefined alone.
    wrap: (kind, value) =>
      renamed(
        { [kind]: kind === "chat" ? { ...value, target: value["target"].length > 0 ? value["target"] : undefined } : value },
        snake,
      ),
    number: Number,
    readContent: ({ text, contentType, headers }) => ({ text, contentType, headers: { ...headers } }),
    unwrap: (native) => [native["body"], renamed(native[native["body"]], camel)],
  },
  encode(native) {
    writeFrame(native, writer);
    const bytes = writer.finish().slice();
    writer.length = writer.buf.length;
    return bytes;
  },
  decode: (bytes) => readFrame(new PbfReader(bytes)),
};
