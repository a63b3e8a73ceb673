// @ts-check
/** The page that measures: bundled for a browser, it waits to be called with a plan. */

import { measure } from "./measure.js";

Object.assign(globalThis, {
  /** @param {import("./measure.js").Plan} plan */
  measure: (plan) => measure(plan, () => performance.now()),
});
