#!/usr/bin/env node
/** The `chappe` command. */

import { run } from "./run.ts";

// Who reads may stop reading, as `head` does: that is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await run(process.argv.slice(2), process);
