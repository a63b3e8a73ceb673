// @ts-check
/** Socket.IO's two parsers: each frame is an event, `[name, value]`; the default parser makes JSON, the other one MessagePack. */

import msgpackParser from "socket.io-msgpack-parser";
import * as jsonParser from "socket.io-parser";
import { plainForm } from "./forms.js";
import { buffer, fromUtf8, idsFromText, idsToText, toUtf8 } from "./text.js";

/** The packet that was decoded last: the parsers give it to a listener, before `add` returns. @type {any} */
let decoded;
/** @param {any} packet */
const keep = (packet) => {
  decoded = packet;
};

/** @param {any} frame */
function packet(frame) {
  const name = Object.keys(frame)[0];
  return { type: 2, nsp: "/", data: [name, frame[name]] };
}

/** @param {any} frame @returns {any} */
const framed = ({ data: [name, value] }) => ({ [name]: value });

const jsonEncoder = new jsonParser.Encoder();
const jsonDecoder = new jsonParser.Decoder();
jsonDecoder.on("decoded", keep);

/** @type {import("./library.js").Library} */
export const socketIo = {
  name: "socket.io",
  note: "`socket.io-parser`, its text as UTF-8 bytes; ids as base64, made within the measured time; 64-bit values are numbers",
  form: plainForm({ bytes: buffer }),
  encode: (native) => toUtf8(/** @type {string} */ (jsonEncoder.encode(packet(idsToText(native)))[0])),
  decode(bytes) {
    jsonDecoder.add(fromUtf8(bytes));
    return idsFromText(framed(decoded));
  },
  receive: buffer,
};

// In browsers this parser makes and takes ArrayBuffers alone, each by itself.
/** @param {Uint8Array} bytes */
const own = (bytes) => (globalThis.Buffer === undefined ? bytes.slice().buffer : buffer(bytes));
/** @type {(output: any) => Uint8Array} */
const viewed = globalThis.Buffer === undefined ? (output) => new Uint8Array(output) : (output) => output;

const msgpackEncoder = new msgpackParser.Encoder();
const msgpackDecoder = new msgpackParser.Decoder();
msgpackDecoder.on("decoded", keep);

/** @type {import("./library.js").Library} */
export const socketIoMsgpack = {
  name: "socket.io-msgpack",
  note: "`socket.io-msgpack-parser`; 64-bit values are numbers",
  form: plainForm({ bytes: own }),
  encode: (native) => viewed(/** @type {any} */ (msgpackEncoder.encode(packet(native)))[0]),
  decode(bytes) {
    msgpackDecoder.add(bytes);
    return framed(decoded);
  },
  receive: own,
};
