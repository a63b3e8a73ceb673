// @ts-check
/** Where things are. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** This directory. */
export const bench = join(fileURLToPath(import.meta.url), "..");

/** The repository. */
export const root = join(bench, "..");
