// @ts-check
/** A process that measures: the plan is its argument, as JSON; what it found goes to standard output, as JSON. */

import { processClock } from "./clock.js";
import { measure } from "./measure.js";

const found = measure(JSON.parse(process.argv[2]), processClock());
process.stdout.write(JSON.stringify({ ...found, version: `Node ${process.version.slice(1)}`, omitted: [] }));
