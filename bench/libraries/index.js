// @ts-check
/** All that are measured. */

import { avsc } from "./avsc.js";
import { cborX, cborXRecords } from "./cbor-x.js";
import { chappe } from "./chappe.js";
import { json } from "./json.js";
import { msgpack } from "./msgpack.js";
import { msgpackr, msgpackrRecords } from "./msgpackr.js";
import { pbf } from "./pbf.js";
import { protobufEs } from "./protobuf-es.js";
import { protobufTs } from "./protobuf-ts.js";
import { protobufjs } from "./protobufjs.js";
import { socketIo, socketIoMsgpack } from "./socket-io.js";
import { tsProto } from "./ts-proto.js";

/** @type {readonly import("./library.js").Library[]} */
export const libraries = [
  chappe,
  protobufEs,
  protobufjs,
  pbf,
  tsProto,
  protobufTs,
  msgpackr,
  msgpackrRecords,
  msgpack,
  cborX,
  cborXRecords,
  avsc,
  json,
  socketIo,
  socketIoMsgpack,
];
