// @ts-check
/** What encoding and decoding a frame adds to a browser's bundle. */

import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { bench } from "./paths.js";

/** What an application would write. @type {Record<string, string>} */
const entries = {
  chappe: `export { decode, encode } from "./libraries/chappe-codec.js";`,
  "protobuf-es": `
    import { fromBinary, toBinary } from "@bufbuild/protobuf";
    import { FrameSchema } from "../dist/gen/chappe/v1/frame_pb.js";
    export const encode = (frame) => toBinary(FrameSchema, frame);
    export const decode = (bytes) => fromBinary(FrameSchema, bytes);`,
  protobufjs: `
    import root from "./generated/protobufjs.js";
    const { Frame } = root.chappe.v1;
    export const encode = (frame) => Frame.encode(frame).finish();
    export const decode = (bytes) => Frame.decode(bytes);`,
  pbf: `
    import { PbfReader, PbfWriter } from "pbf";
    import { readFrame, writeFrame } from "./generated/pbf.js";
    export function encode(frame) {
      const writer = new PbfWriter();
      writeFrame(frame, writer);
      return writer.finish();
    }
    export const decode = (bytes) => readFrame(new PbfReader(bytes));`,
  "ts-proto": `
    import { Frame } from "./generated/ts-proto.js";
    export const encode = (frame) => Frame.encode(frame).finish();
    export const decode = (bytes) => Frame.decode(bytes);`,
  "protobuf-ts": `
    import { Frame } from "./generated/protobuf-ts.js";
    export const encode = (frame) => Frame.toBinary(frame);
    export const decode = (bytes) => Frame.fromBinary(bytes);`,
};

/** @returns {Promise<import("./processes.js").Size[]>} */
export function bundleSizes() {
  return Promise.all(
    Object.entries(entries).map(async ([library, contents]) => {
      const { outputFiles } = await build({
        stdin: { contents, resolveDir: bench },
        bundle: true,
        minify: true,
        write: false,
        format: "esm",
        platform: "browser",
        target: "es2022",
        logLevel: "error",
      });
      const { contents: code } = outputFiles[0];
      return { library, minified: code.length, gzip: gzipSync(code, { level: 9 }).length };
    }),
  );
}
