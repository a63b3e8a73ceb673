/** What generated codecs are made of. Applications want {@link CodecError} and {@link DecodeOptions} of it; the rest is for generated code. */

export {
  below,
  bigintIn,
  broken,
  type Check,
  listIn,
  mapIn,
  numberIn,
  present,
  type Range,
  unique,
  unless,
  type Violation,
} from "./check.ts";
export {
  bytesIn,
  bytesOf,
  charactersIn,
  charactersOf,
  hasBytesAt,
  includesBytes,
  isAmong,
  matches,
  sized,
  textIn,
  textOf,
} from "./check-text.ts";
export { createMember, createMessage, message, putFields, putMessage, type Type, takeField, takeMessage } from "./compact.ts";
export { encoded, encodedOf, keepEncoded, withEncoded } from "./encoded.ts";
export { intoBytes, slabBytes, toBytes, type Write } from "./encoder.ts";
export { entryNames, fromStruct, mapEntries, setEntry, toStruct } from "./entry.ts";
export { CodecError, type CodecErrorCode, fail, within } from "./error.ts";
export {
  asString,
  bool,
  bytes,
  closed,
  coded,
  double,
  fixed32,
  fixed64,
  float,
  group,
  int32,
  int64,
  type Kind,
  lenientText,
  local,
  optional,
  safeUint64,
  sfixed32,
  sfixed64,
  sint32,
  sint64,
  text,
  uint32,
  uint64,
  wrapper,
} from "./kinds.ts";
export type { Pattern } from "./pattern.ts";
export {
  beginPacked,
  endPacked,
  noBytes,
  payElement,
  readBool,
  readBytes,
  readDouble,
  readFixed32,
  readFixed64,
  readFloat,
  readInt32,
  readInt64,
  readLenientText,
  readSafeUint64,
  readSfixed32,
  readSfixed64,
  readSint32,
  readSint64,
  readText,
  readUint32,
  readUint64,
} from "./read.ts";
export { type DecodeOptions, enter, fromBytes, leave, type Read, Reader, readLength, readTag } from "./reader.ts";
export { list, map, member, named, own, packed, required, type Shape, single } from "./shapes.ts";
export { close, writeText } from "./text.ts";
export { findGroupEnd, keep, readUnknown, skip, type UnknownField, writeUnknown } from "./unknown.ts";
export {
  toBool,
  writeBool,
  writeBytes,
  writeDouble,
  writeFixed32,
  writeFixed64,
  writeFloat,
  writeInt32,
  writeInt64,
  writeRaw,
  writeSafeUint64,
  writeSfixed32,
  writeSfixed64,
  writeSint32,
  writeSint64,
  writeUint32,
  writeUint64,
} from "./write.ts";
