import { generate } from "../../../scripts/proof/generate.js";

/** Before all tests: the code of the conformance suite's messages, where it is not there yet. */
export default function setup(): void {
  generate();
}
