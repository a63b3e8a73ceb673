// @ts-check
/**
 * What all adapters share: from a frame of `frames/frames.js` to the objects that a library takes, and back. An adapter states its form,
 * in which libraries differ: how 64-bit integers, contents and oneofs look.
 */

/** @typedef {import("../frames/frames.js").Frame} Frame */
/** @typedef {import("../frames/frames.js").Content} Content */
/** An object of some library; only adapters know its fields. @typedef {Record<string, any>} Native */
/**
 * How one library's objects look.
 * @typedef {object} Form
 * @property {(value: number) => unknown} integer a 64-bit integer
 * @property {(content: Content) => unknown} content
 * @property {(kind: string, value: Native) => Native} wrap a frame with this body
 * @property {(bytes: Uint8Array) => unknown} [bytes] by default a Uint8Array
 * @property {(value: any) => number} number reads a 64-bit integer
 * @property {(content: Native) => Content} readContent
 * @property {(native: Native) => [kind: string, value: Native]} unwrap
 */

/** @param {Frame} frame @param {Form} form @returns {Native} */
export function toNative(frame, form) {
  return form.wrap(frame.kind, bodyOf(frame, form));
}

/** @param {Frame} frame @param {Form} form @returns {Native} */
function bodyOf(frame, form) {
  const { integer, content, bytes = (value) => value } = form;
  switch (frame.kind) {
    case "chat": {
      const { value } = frame;
      return {
        room: value.room,
        offset: integer(value.offset),
        sender: value.sender,
        timeMs: integer(value.timeMs),
        id: bytes(value.id),
        content: content(value.content),
        kind: value.kind,
        target: bytes(value.target),
        ...(value.displayName !== "" && { profile: { displayName: value.displayName, avatarUri: "", attributes: {} } }),
      };
    }
    case "ack": {
      const { room, firstSeq, offsetDeltas, timeDeltas } = frame.value;
      return { room, firstSeq: integer(firstSeq), offsetDeltas: offsetDeltas.map(integer), timeDeltas: timeDeltas.map(integer) };
    }
    case "presence":
      return {
        marks: frame.value.marks.map((mark) => ({ ...mark, lastSeenMs: integer(mark.lastSeenMs) })),
        snapshot: frame.value.snapshot,
      };
    case "typing":
      return { room: frame.value.room, marks: frame.value.marks.map((mark) => ({ ...mark })) };
    case "ping":
      return { timeMs: integer(frame.value.timeMs) };
    case "batch":
      return { frames: frame.value.map((inner) => toNative(inner, form)) };
  }
}

/** Fields that a library leaves out count as zero. @param {Native} native @param {Form} form @returns {Frame} */
export function fromNative(native, form) {
  const { number, readContent } = form;
  const [kind, value] = form.unwrap(native);
  switch (kind) {
    case "chat":
      return {
        kind,
        value: {
          room: value.room ?? 0,
          offset: number(value.offset),
          sender: value.sender,
          timeMs: number(value.timeMs),
          id: new Uint8Array(value.id),
          content: readContent(value.content),
          kind: value.kind ?? 0,
          target: new Uint8Array(value.target ?? 0),
          displayName: value.profile?.displayName ?? "",
        },
      };
    case "ack": {
      const { room, firstSeq, offsetDeltas, timeDeltas } = value;
      return {
        kind,
        value: {
          room,
          firstSeq: number(firstSeq),
          offsetDeltas: Array.from(offsetDeltas, number),
          timeDeltas: Array.from(timeDeltas, number),
        },
      };
    }
    case "presence":
      return {
        kind,
        value: {
          marks: value.marks.map((/** @type {Native} */ mark) => ({
            user: mark.user,
            state: mark.state,
            activity: mark.activity ?? "",
            statusText: mark.statusText ?? "",
            lastSeenMs: number(mark.lastSeenMs),
            devices: mark.devices ?? 0,
          })),
          snapshot: value.snapshot ?? false,
        },
      };
    case "typing":
      return {
        kind,
        value: {
          room: value.room,
          marks: value.marks.map((/** @type {Native} */ { user, ttlMs }) => ({ user, ttlMs: ttlMs ?? 0 })),
        },
      };
    case "ping":
      return { kind, value: { timeMs: number(value.timeMs) } };
    case "batch":
      return { kind, value: value.frames.map((/** @type {Native} */ inner) => fromNative(inner, form)) };
    default:
      throw new Error(`a body ${kind} that was never encoded`);
  }
}

/** Node's kind of byte array, where there is one: some libraries are made for it. @param {Uint8Array} bytes @returns {Uint8Array} */
export function buffer(bytes) {
  const { Buffer } = globalThis;
  return Buffer === undefined ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A copy with other names of its fields; the keys of maps stay. @param {any} value @param {(name: string) => string} rename @returns {any} */
export function renamed(value, rename) {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      rename(name),
      name === "headers" || name === "attributes" ? field : renamed(field, rename),
    ]),
  );
}

/** @param {unknown} value @returns {value is ArrayBuffer | ArrayBufferView} */
const isBytes = (value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

/** A copy without the fields that have their zero value, as applications write objects. @param {any} value @returns {any} */
export function sparse(value) {
  if (Array.isArray(value)) return value.map(sparse);
  if (value === null || typeof value !== "object" || isBytes(value) || value instanceof Map) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, field]) => [name, sparse(field)])
      .filter(([, field]) => !isZero(field)),
  );
}

/** @param {any} field */
function isZero(field) {
  if (field instanceof Map) return field.size === 0;
  if (isBytes(field)) return field.byteLength === 0;
  if (field !== null && typeof field === "object" && !Array.isArray(field)) return Object.keys(field).length === 0;
  return field === 0 || field === "" || field === false || field === undefined;
}

/**
 * The form of libraries without a schema: plain objects that hold what is not zero, and numbers.
 * @param {{ bytes?: (bytes: Uint8Array) => unknown, maps?: boolean }} [options] maps: headers are a Map, as libraries with records ask for
 * @returns {Form}
 */
export function plainForm({ bytes = (value) => value, maps = false } = {}) {
  return {
    integer: (value) => value,
    content: ({ text, contentType, headers }) => ({
      text,
      contentType,
      headers: maps ? new Map(Object.entries(headers)) : headers,
    }),
    bytes,
    wrap: (kind, value) => ({ [kind]: sparse(kind === "batch" ? value.frames : value) }),
    number: Number,
    readContent: ({ text, contentType = "", headers = {} }) => ({
      text,
      contentType,
      headers: headers instanceof Map ? Object.fromEntries(headers) : { ...headers },
    }),
    unwrap(native) {
      const [[kind, value]] = Object.entries(native);
      return [kind, kind === "batch" ? { frames: value } : value];
    },
  };
}
