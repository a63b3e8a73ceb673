#!/usr/bin/env node
/** The `chappe` command. */

import { systemReason } from "./io.ts";
import { run } from "./run.ts";

// Who reads may stop reading, as `head` does: that is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(`chappe: cannot write: ${systemReason(error)}\n`);
  process.exit(2);
});

// A log that nobody reads any more, or that a full disk cannot take, is no reason for a relay to end. What cannot be said here can be
// said nowhere.
process.stderr.on("error", () => undefined);

process.exitCode = await run(process.argv.slice(2), process);
