/** What is wrong with bytes that are to be decoded, or with a message that is to be encoded: a stable code, and where. */

/**
 * - `TRUNCATED`: the bytes end inside a tag or a value, or a length runs past the end of its message.
 * - `VARINT_OVERLONG`: a varint of more than 10 bytes or 64 bits.
 * - `TAG_INVALID`: a tag with field number 0, wire type 6 or 7, or more than 32 bits.
 * - `GROUP_UNBALANCED`: a group that ends without having started, or does not end.
 * - `UTF8_INVALID`: a string that is not UTF-8 (RFC 3629).
 * - `INTEGER_RANGE`: a 64-bit integer above 2^53−1, where codecs were generated with `integers=safe`.
 * - `SIZE_EXCEEDED`, `DEPTH_EXCEEDED`, `ELEMENTS_EXCEEDED`, `UNKNOWN_EXCEEDED`, `MEMORY_EXCEEDED`: a limit of the decoder.
 * - `VALUE_INVALID`: a message that is to be encoded holds a value that is not of its field's type.
 * - `SPACE_EXCEEDED`: the target of an encoder is too small.
 */
export type CodecErrorCode =
  | "TRUNCATED"
  | "VARINT_OVERLONG"
  | "TAG_INVALID"
  | "GROUP_UNBALANCED"
  | "UTF8_INVALID"
  | "INTEGER_RANGE"
  | "SIZE_EXCEEDED"
  | "DEPTH_EXCEEDED"
  | "ELEMENTS_EXCEEDED"
  | "UNKNOWN_EXCEEDED"
  | "MEMORY_EXCEEDED"
  | "VALUE_INVALID"
  | "SPACE_EXCEEDED";

/** Thrown by every codec; nothing else is. */
export class CodecError extends Error {
  override readonly name = "CodecError";
  readonly code: CodecErrorCode;
  /** Of bytes: index of the tag, varint or byte that is wrong. */
  readonly at: number | undefined;
  /** Names of the fields on the way to what is wrong, as the schema spells them, from the outermost message on; empty where unknown. */
  path: readonly string[] = [];

  constructor(code: CodecErrorCode, at?: number, cause?: unknown) {
    super(code, cause === undefined ? undefined : { cause });
    this.code = code;
    this.at = at;
  }
}

/** @throws CodecError always. */
export function fail(code: CodecErrorCode, at?: number): never {
  throw new CodecError(code, at);
}

/**
 * The error, seen from one message further out.
 * @param names - names of that message's fields, as {@link fieldNames} takes them.
 */
export function within(error: unknown, tag: number, names: string): unknown {
  const name = fieldNames(names)[tag >>> 3];
  if (error instanceof CodecError && name !== undefined) error.path = [name, ...error.path];
  return error;
}

/**
 * Names of fields by number. In the text each is that of the number after the one before it, unless a number stands before it.
 * Numbers are as large as 2^29−1: an object, for an array may be filled up to there.
 */
export function fieldNames(text: string): { [no: number]: string } {
  const names: { [no: number]: string } = {};
  let no = 1;
  for (const word of text.split(" ")) {
    if (word > "9") names[no++] = word;
    else no = Number(word);
  }
  return names;
}
