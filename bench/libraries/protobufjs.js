// @ts-check
/** protobufjs: the code of `pbjs -t static-module`. */

import protobuf from "protobufjs/minimal.js";
import generated from "../generated/protobufjs.js";
import { buffer } from "./forms.js";

// Numbers instead of Long, which is what it does where the package long is absent; Chappe's values fit.
protobuf.util.Long = /** @type {any} */ (undefined);
protobuf.configure();

const { Frame, Chat, Content, Ack, Batch, Presence, Ping, Typing } = /** @type {any} */ (generated).chappe.v1;
const messages = { chat: Chat, ack: Ack, batch: Batch, presence: Presence, ping: Ping, typing: Typing };

/** @type {import("./library.js").Library} */
export const protobufjs = {
  name: "protobufjs",
  note: "static code of `pbjs`; 64-bit values are numbers (without the package long); decodes Node's Buffer",
  form: {
    integer: (value) => value,
    content: (content) => Content.create(content),
    wrap: (kind, value) => Frame.create({ [kind]: messages[/** @type {keyof typeof messages} */ (kind)].create(value) }),
    number: Number,
    readContent: ({ text, contentType, headers }) => ({ text, contentType, headers: { ...headers } }),
    unwrap: (native) => [native["body"], native[native["body"]]],
  },
  encode: (native) => Frame.encode(native).finish(),
  decode: (bytes) => Frame.decode(bytes),
  receive: buffer,
};
