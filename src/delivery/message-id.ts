/**
 * Message ids: 16 bytes, made by the sender: here UUIDv7 (RFC 9562), from others whatever they are (MID-1).
 *
 * Law: the ids of one generator ascend strictly, byte by byte, whatever the clock does. An id identifies and sorts; nothing is
 * ever decided on the time inside it.
 */

import { ProtocolError, UsageError } from "../errors.ts";

/** Latest time that the 48 bits of an id can hold, in ms since 1970. */
const maxTime = 2 ** 48 - 1;
const maxCounter = 2 ** 32 - 1;

/**
 * Makes the ids of one process.
 *
 * The 32 bits after the time are a counter (RFC 9562, 6.2, method 1): rand_a and the first 20 bits of rand_b. It starts at a
 * random value in each ms and goes up by one within it. The 42 bits after it are random in each id.
 *
 * @example
 * ```ts
 * const ids = new MessageIdGenerator((into) => crypto.getRandomValues(into));
 * const id = ids.next(Date.now());
 * formatMessageId(id); // "0197c1f2-79b0-7cc3-98c4-dc0c0c07398f"
 * ```
 */
export class MessageIdGenerator {
  readonly #random: (into: Uint8Array) => void;
  #time = -1;
  #counter = 0;

  /**
   * @param random - fills the array with random bytes; a cryptographic source keeps ids of different processes apart.
   * @throws UsageError OPTION_INVALID
   */
  constructor(random: (into: Uint8Array) => void) {
    if (typeof random !== "function") throw new UsageError("OPTION_INVALID", "random: must be a function");
    this.#random = random;
  }

  /**
   * The next id, greater than all before it.
   *
   * @param nowMs - ms since 1970. The generator stays at its latest time while the clock stands, is behind it, or says what an
   * id cannot hold (negative, not finite, above 2^48−1).
   * @throws UsageError COUNTER_EXHAUSTED when both time and counter are at their end.
   */
  next(nowMs: number): Uint8Array {
    const id = new Uint8Array(16);
    this.#random(id.subarray(6));

    const reading = nowMs >= 0 && nowMs <= maxTime ? Math.floor(nowMs) : 0;
    if (reading > this.#time) {
      this.#time = reading;
      this.#counter = readCounter(id);
    } else if (this.#counter < maxCounter) {
      this.#counter++;
    } else if (this.#time < maxTime) {
      // Borrowing from the future keeps the order; the clock catches up.
      this.#time++;
      this.#counter = readCounter(id);
    } else {
      throw new UsageError("COUNTER_EXHAUSTED", "no message id is left: time and counter are at their end");
    }

    writeTime(id, this.#time);
    writeCounter(id, this.#counter);
    return id;
  }
}

function readCounter(id: Uint8Array): number {
  const [b6 = 0, b7 = 0, b8 = 0, b9 = 0, b10 = 0] = id.subarray(6, 11);
  return (((b6 & 0x0f) << 28) | (b7 << 20) | ((b8 & 0x3f) << 14) | (b9 << 6) | (b10 >>> 2)) >>> 0;
}

/** Writes the counter around the version (0111) and the variant (10), and leaves the 42 random bits after it. */
function writeCounter(id: Uint8Array, counter: number): void {
  id[6] = 0x70 | (counter >>> 28);
  id[7] = counter >>> 20;
  id[8] = 0x80 | ((counter >>> 14) & 0x3f);
  id[9] = counter >>> 6;
  id[10] = ((counter & 0x3f) << 2) | ((id[10] ?? 0) & 0x03);
}

function writeTime(id: Uint8Array, time: number): void {
  const high = Math.floor(time / 2 ** 32);
  id[0] = high >>> 8;
  id[1] = high;
  id[2] = time >>> 24;
  id[3] = time >>> 16;
  id[4] = time >>> 8;
  id[5] = time;
}

/**
 * Whether these bytes are an id as MID-1 has it made, a UUIDv7: 16 bytes, version 7, variant 10. Ids of others, which pass as well, may
 * not be; what {@link messageIdTime} takes is.
 *
 * @example
 * ```ts
 * isMessageId(new Uint8Array(16)); // false: version 0
 * ```
 */
export function isMessageId(bytes: Uint8Array): boolean {
  return bytes?.length === 16 && ((bytes[6] ?? 0) & 0xf0) === 0x70 && ((bytes[8] ?? 0) & 0xc0) === 0x80;
}

const hex: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/**
 * The text form of an id: lower-case hexadecimal digits, 8-4-4-4-12 (RFC 9562, 4).
 *
 * Takes any 16 bytes, so that logs and tools can show what a peer sent.
 *
 * @throws ProtocolError FIELD_INVALID unless there are 16 bytes.
 */
export function formatMessageId(id: Uint8Array): string {
  requireLength(id);
  let text = "";
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += hex[id[i] ?? 0];
  }
  return text;
}

const textForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The id that a text in the form of {@link formatMessageId} names; digits of either case, any version and variant are taken (MID-5).
 *
 * @throws ProtocolError FIELD_INVALID where the text is of another form.
 */
export function parseMessageId(text: string): Uint8Array {
  if (typeof text !== "string" || !textForm.test(text)) throw invalid("not an id in the form 8-4-4-4-12");
  const digits = text.replaceAll("-", "");
  const id = new Uint8Array(16);
  for (let i = 0; i < 16; i++) id[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return id;
}

/**
 * When the sender made the id by its own clock, in ms since 1970 (0 to 2^48−1). For display alone (MID-1).
 *
 * @throws ProtocolError FIELD_INVALID unless {@link isMessageId}.
 */
export function messageIdTime(id: Uint8Array): number {
  if (!isMessageId(id)) throw invalid("not a UUIDv7");
  const [b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0] = id;
  return (b0 * 256 + b1) * 2 ** 32 + (((b2 << 24) | (b3 << 16) | (b4 << 8) | b5) >>> 0);
}

/**
 * Negative where `a` sorts before `b`, positive where after, 0 where they are equal: byte by byte, as for `Array.sort`.
 * @throws ProtocolError FIELD_INVALID where one is no bytes.
 */
export function compareMessageIds(a: Uint8Array, b: Uint8Array): number {
  for (const id of [a, b]) if (!(id instanceof Uint8Array)) throw invalid("a message id is bytes");
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * A string that is equal for equal ids only, to be the key of a Map: 16 characters, each one byte of the id.
 * It holds no part of the frame that the id was a view of.
 *
 * @throws ProtocolError FIELD_INVALID unless there are 16 bytes.
 */
export function messageIdKey(id: Uint8Array): string {
  requireLength(id);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0, k = 0, l = 0, m = 0, n = 0, o = 0, p = 0] = id;
  return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
}

/** The id that {@link messageIdKey} made this key of. @throws ProtocolError FIELD_INVALID unless it has 16 characters. */
export function messageIdOfKey(key: string): Uint8Array {
  if (typeof key !== "string" || key.length !== 16) throw invalid("a key of a message id has 16 characters");
  const id = new Uint8Array(16);
  for (let i = 0; i < 16; i++) id[i] = key.charCodeAt(i);
  return id;
}

function requireLength(id: Uint8Array): void {
  if (id?.length !== 16) throw invalid(`a message id has 16 bytes, not ${id?.length}`);
}

function invalid(message: string): ProtocolError {
  return new ProtocolError("FIELD_INVALID", message, { field: "id" });
}
