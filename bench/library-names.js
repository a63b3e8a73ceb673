// @ts-check
/** The names of all libraries, which can be said before any of them is installed. In the order of the tables. */

export const libraryNames = [
  "chappe",
  "protobuf-es",
  "protobufjs",
  "pbf",
  "ts-proto",
  "protobuf-ts",
  "msgpackr",
  "msgpackr-records",
  "msgpack",
  "cbor-x",
  "cbor-x-records",
  "avsc",
  "json",
  "socket.io",
  "socket.io-msgpack",
];

/** Both ends of these share state that grew from earlier frames. */
export const stateful = ["msgpackr-records", "cbor-x-records"];
