/**
 * Compares on mutated inputs whether the codec and protoc accept them; every difference must be of a class that
 * test/support/codec/differences.ts lists with its reason.
 *
 *   npm run proof:codec -- [--count 100000] [--seed 1]
 */

import { parseArgs } from "node:util";
import { messageType } from "../../test/support/codec/adapter.ts";
import type { Difference } from "../../test/support/codec/differences.ts";
import { classOf, differenceClasses } from "../../test/support/codec/differences.ts";
import { Judge } from "../../test/support/codec/judge.ts";
import { compare, verdict } from "../../test/support/codec/mutants.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "100000" }, seed: { type: "string", default: "1" } },
});
const [count, seed] = [Number(values.count), Number(values.seed)];
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed))
  throw new Error("--count and --seed are integers, --count at least 1");

/** How many of the unlisted differences are shown, each as small as it gets. */
const shown = 20;

/** The shortest input found by leaving bytes out (at most 200 tries), on which the two still differ in the same way. */
async function shrink(judge: Judge, difference: Difference): Promise<Difference> {
  const type = messageType(difference.desc.typeName);
  let best = difference;
  const last = judge.calls + 200;
  for (let size = best.bytes.length >> 1; size >= 1; size >>= 1)
    for (let at = 0; at + size <= best.bytes.length && judge.calls < last; ) {
      const bytes = Uint8Array.from([...best.bytes.subarray(0, at), ...best.bytes.subarray(at + size)]);
      const now = { ...verdict(type, bytes), retry: best.retry };
      if (now.code === best.code && classOf(now) === undefined && (await judge.accepts(type.desc, bytes)) !== now.accepted)
        best = now;
      else at += size;
    }
  return best;
}

using judge = new Judge();
const started = performance.now();
const { inputs, accepted, listed, unlisted } = await compare(judge, count, seed);
const seconds = ((performance.now() - started) / 1000).toFixed(0);
console.log(
  `seed ${seed}: ${inputs} inputs, ${accepted} accepted, ${inputs - accepted} refused; ${judge.calls} calls of protoc, ${seconds} s`,
);
for (const { name, reason } of differenceClasses) console.log(`${String(listed.get(name) ?? 0).padStart(7)}  ${name}: ${reason}`);
console.log(`${String(unlisted.length).padStart(7)}  differences of no listed class`);
const seen = new Set<string>();
for (const difference of [...unlisted].sort((a, b) => a.bytes.length - b.bytes.length)) {
  const kind = `${difference.accepted} ${difference.code}`;
  if (seen.has(kind) && seen.size > shown) continue;
  if (seen.size >= shown) break;
  seen.add(kind);
  const { desc, bytes, accepted, code } = await shrink(judge, difference);
  console.log(
    `${desc.typeName} ${Buffer.from(bytes).toString("hex")}: ${accepted ? "accepted, protoc refuses" : `refused, protoc accepts: ${code}`}`,
  );
}
process.exitCode = unlisted.length === 0 ? 0 : 1;
