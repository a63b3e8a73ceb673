#!/usr/bin/env node
// @ts-check
/** Bundles the simulator, and runs it with these arguments: `npm run sim -- --help`. */

import { spawn } from "node:child_process";
import { bundle } from "./sim/bundle.js";

const child = spawn(process.execPath, ["--enable-source-maps", await bundle(), ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
