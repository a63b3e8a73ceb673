// @ts-check
/** Strings to UTF-8 and bytes to base64, by the fastest means of the platform. */

import { buffer } from "./forms.js";

const { Buffer } = globalThis;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @type {(text: string) => Uint8Array} */
export const toUtf8 = Buffer === undefined ? (text) => encoder.encode(text) : (text) => Buffer.from(text);

/** Where there is Node's Buffer, `bytes` is one. @type {(bytes: Uint8Array) => string} */
export const fromUtf8 = Buffer === undefined ? (bytes) => decoder.decode(bytes) : (bytes) => bytes.toString();

/** @type {(bytes: any) => string} */
const toBase64 =
  Buffer === undefined
    ? (bytes) => bytes.toBase64?.() ?? btoa(String.fromCharCode(...bytes))
    : (bytes) => bytes.toString("base64");

const native = /** @type {{ fromBase64?: (text: string) => Uint8Array }} */ (Uint8Array);

/** @type {(text: string) => Uint8Array} */
const fromBase64 =
  Buffer !== undefined
    ? (text) => Buffer.from(text, "base64")
    : native.fromBase64 !== undefined
      ? (text) => /** @type {any} */ (native).fromBase64(text)
      : (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** JSON has no bytes: ids as base64, as ProtoJSON has it. @param {any} frame @returns {any} */
export function idsToText(frame) {
  if (frame.chat !== undefined) {
    const chat = { ...frame.chat, id: toBase64(frame.chat.id) };
    if (chat.target !== undefined) chat.target = toBase64(chat.target);
    return { chat };
  }
  return frame.batch === undefined ? frame : { batch: frame.batch.map(idsToText) };
}

/** In place. @param {any} frame @returns {any} */
export function idsFromText(frame) {
  const { chat, batch } = frame;
  if (chat !== undefined) {
    chat.id = fromBase64(chat.id);
    if (chat.target !== undefined) chat.target = fromBase64(chat.target);
  } else if (batch !== undefined) for (const inner of batch) idsFromText(inner);
  return frame;
}

export { buffer };
