#!/usr/bin/env node
/** The `chappe` command. */

import { constants } from "node:os";
import { systemReason } from "./io.ts";
import { run } from "./run.ts";

// Who reads may stop reading, as `head` does: quietly, with what shells say of a program that SIGPIPE ends, which Node does not let it do.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(128 + constants.signals.SIGPIPE);
  process.stderr.write(`chappe: cannot write: ${systemReason(error)}\n`);
  process.exit(2);
});

// A log that nobody reads any more, or that a full disk cannot take, is no reason for a relay to end. What cannot be said here can be
// said nowhere.
process.stderr.on("error", () => undefined);

process.exitCode = await run(process.argv.slice(2), process);
