/** Node's clock and randomness, as the ends take them. */

import { randomFillSync } from "node:crypto";
import type { Clock, Random } from "../session/host.ts";
import { checkedBy, yesOrNo } from "../session/option-rules.ts";

/** Longest delay that Node's timers take, 2^31−1 ms; a longer one would be taken as 1 ms. */
const longestDelay = 0x7fffffff;

/**
 * A clock that does not step, the wall clock, and timers. Timers do not keep the process alive unless `keepAlive` is set.
 * @throws UsageError OPTION_INVALID, with the name of the option.
 */
export function nodeClock(options: { readonly keepAlive?: boolean } = {}): Clock {
  checkedBy({ keepAlive: yesOrNo }, options, "options", "");
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    setTimer: (delayMs, callback) => {
      // Rounded up: a timer MUST NOT call before its time.
      const timer = setTimeout(callback, Math.min(Math.max(0, Math.ceil(delayMs)), longestDelay));
      if (options.keepAlive !== true) timer.unref();
      return timer;
    },
    clearTimer: (handle) => clearTimeout(handle as NodeJS.Timeout),
  };
}

/** Strong random bytes of the operating system. */
export const nodeRandom: Random = (into) => {
  randomFillSync(into);
};
