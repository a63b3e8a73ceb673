/** The clock, the randomness and the WebSocket of the platform: browsers, Node, React Native. The only place that reaches for globals. */

import { UsageError } from "../errors.ts";
import type { Clock, Random } from "../session/host.ts";
import type { WebSocketConstructor } from "./transport.ts";

interface Platform {
  readonly performance?: { now(): number };
  readonly crypto?: { getRandomValues(into: Uint8Array): unknown };
  readonly WebSocket?: WebSocketConstructor;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

const platform = globalThis as unknown as Platform;

/** Longest delay that timers of all platforms take, 2^31−1 ms. */
const longestDelay = 0x7fffffff;

/** The platform's clock. Where there is no `performance`, time stands rather than steps back. */
export function platformClock(): Clock {
  let last = 0;
  return {
    now: () => {
      last = Math.max(last, platform.performance?.now() ?? Date.now());
      return last;
    },
    wall: () => Date.now(),
    setTimer: (delayMs, callback) => platform.setTimeout(callback, Math.min(Math.max(0, Math.ceil(delayMs)), longestDelay)),
    clearTimer: (handle) => platform.clearTimeout(handle),
  };
}

/** The platform's strong randomness. @throws UsageError DEPENDENCY_MISSING where there is none, as in React Native without a polyfill. */
export const platformRandom: Random = (into) => {
  if (platform.crypto === undefined) {
    throw new UsageError(
      "DEPENDENCY_MISSING",
      "crypto.getRandomValues is missing: install react-native-get-random-values, or pass `random`",
    );
  }
  platform.crypto.getRandomValues(into);
};

/** The platform's WebSocket. @throws UsageError DEPENDENCY_MISSING where there is none, as in Node 20. */
export function platformWebSocket(): WebSocketConstructor {
  if (platform.WebSocket === undefined) {
    throw new UsageError(
      "DEPENDENCY_MISSING",
      "there is no WebSocket here: pass `webSocket`, for instance the one of the package ws",
    );
  }
  return platform.WebSocket;
}

/**
 * Tells the platform about an error that nobody handles, without disturbing what is under way: it is thrown from a timer. In browsers this
 * has the effect of their own `reportError`, the window's `error` event. Node has no such function: there it is an `uncaughtException`.
 */
export function reportError(error: unknown): void {
  platform.setTimeout(() => {
    throw error;
  }, 0);
}
