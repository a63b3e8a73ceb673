// @ts-check
/**
 * The clock of a process: the time since the system started, less what the main thread has waited for a processor that other programs
 * had. Without the latter (not on Linux) it is the time alone, and the medians have to bear what other programs take.
 */

import { openSync, readSync } from "node:fs";

/** @returns {() => number} ms */
export function processClock() {
  const time = () => Number(process.hrtime.bigint()) / 1e6;
  const waited = schedulerWait();
  if (waited === undefined) return time;
  return () => {
    // Between the two readings the thread may have to wait, too.
    for (let before = waited(); ; ) {
      const now = time();
      const after = waited();
      if (after === before) return now - after;
      before = after;
    }
  };
}

/** @returns {(() => number) | undefined} ms */
function schedulerWait() {
  let file = 0;
  try {
    // Of the main thread, whose id is that of the process: ns on a processor, ns of waiting for one, slices.
    file = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
  } catch {
    return undefined;
  }
  const buffer = Buffer.alloc(128);
  return () => Number(buffer.toString("latin1", 0, readSync(file, buffer, 0, buffer.length, 0)).split(" ")[1]) / 1e6;
}
