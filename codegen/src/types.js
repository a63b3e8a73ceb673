// @ts-check
/** What generated code does with values of each scalar type. */

import { ScalarType } from "@bufbuild/protobuf";

/**
 * @typedef {object} Scalar
 * @property {string} name suffix of its functions in the runtime: `read${name}`, `write${name}`
 * @property {0 | 1 | 2 | 5} wire its wire type
 * @property {string} zero its zero value as an expression
 * @property {"number" | "bigint" | "boolean" | "string" | "Uint8Array"} type
 */

/** @type {Readonly<Record<ScalarType, Scalar>>} */
export const scalars = {
  [ScalarType.DOUBLE]: { name: "Double", wire: 1, zero: "0", type: "number" },
  [ScalarType.FLOAT]: { name: "Float", wire: 5, zero: "0", type: "number" },
  [ScalarType.INT64]: { name: "Int64", wire: 0, zero: "0n", type: "bigint" },
  [ScalarType.UINT64]: { name: "Uint64", wire: 0, zero: "0n", type: "bigint" },
  [ScalarType.INT32]: { name: "Int32", wire: 0, zero: "0", type: "number" },
  [ScalarType.FIXED64]: { name: "Fixed64", wire: 1, zero: "0n", type: "bigint" },
  [ScalarType.FIXED32]: { name: "Fixed32", wire: 5, zero: "0", type: "number" },
  [ScalarType.BOOL]: { name: "Bool", wire: 0, zero: "false", type: "boolean" },
  [ScalarType.STRING]: { name: "Text", wire: 2, zero: '""', type: "string" },
  [ScalarType.BYTES]: { name: "Bytes", wire: 2, zero: "noBytes", type: "Uint8Array" },
  [ScalarType.UINT32]: { name: "Uint32", wire: 0, zero: "0", type: "number" },
  [ScalarType.SFIXED32]: { name: "Sfixed32", wire: 5, zero: "0", type: "number" },
  [ScalarType.SFIXED64]: { name: "Sfixed64", wire: 1, zero: "0n", type: "bigint" },
  [ScalarType.SINT32]: { name: "Sint32", wire: 0, zero: "0", type: "number" },
  [ScalarType.SINT64]: { name: "Sint64", wire: 0, zero: "0n", type: "bigint" },
};
