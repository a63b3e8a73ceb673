/** Where the program of the npm package `protoc` is. The package's own script starts a second Node for each call, and takes ten times as long. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const home = dirname(createRequire(import.meta.url).resolve("protoc/package.json"));
const assets = JSON.parse(readFileSync(join(home, "assets.json"), "utf8")) as {
  platform: string;
  arch: string;
  executable: string;
}[];
const executable = assets.find((each) => each.platform === process.platform && each.arch === process.arch)?.executable;
if (executable === undefined) throw new Error(`protoc has no program for ${process.platform} ${process.arch}`);

export const protocProgram: string = join(home, "bin", executable);
