// @ts-check
/** What an adapter is. */

/** @typedef {import("./forms.js").Native} Native */
/**
 * One way to put a frame into bytes and back.
 * @typedef {object} Library
 * @property {string} name as in the rows of `--json`
 * @property {string} note how it is used, and what it does with values that it has no form for
 * @property {import("./forms.js").Form} form what its objects look like
 * @property {(native: Native) => Uint8Array} encode the bytes MUST stay what they are when the next frame is encoded
 * @property {(bytes: any) => Native} decode
 * @property {(bytes: Uint8Array) => any} [receive] the kind of byte array that it decodes fastest; by default a Uint8Array
 * @property {true} [isStateful] both ends must share state that grew from earlier frames
 */

export {};
