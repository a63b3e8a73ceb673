/** The simulator itself: that it sees, that it repeats itself, and that nothing that was mended comes back. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { caseFiles, readCase, writeCase } from "./case.ts";
import { mutants } from "./mutants.js";
import { offsetPlans } from "./offsets.ts";
import { parseOptions } from "./options.ts";
import { makePlan } from "./plan.ts";
import { run } from "./run.ts";
import { shrink } from "./shrink.ts";

const root = join(fileURLToPath(import.meta.url), "../../..");

describe("a run", () => {
  it("is the same each time, and another for another seed", async () => {
    const [first, again, other] = [await run(makePlan(3)), await run(makePlan(3)), await run(makePlan(4))];
    expect(again.hash).toBe(first.hash);
    expect(again.steps).toBe(first.steps);
    expect(other.hash).not.toBe(first.hash);
  });

  it("has as much to do, and as much that goes wrong, as was promised", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const { acts } = makePlan(seed);
      expect(acts.filter(({ what }) => what === "publish").length).toBeGreaterThanOrEqual(200);
      expect(acts.filter(({ what }) => !["publish", "burst"].includes(what)).length).toBeGreaterThanOrEqual(20);
    }
  });
});

describe("a planted bug", () => {
  it.each(mutants)("can be planted: $name", ({ file, was }) => {
    const source = readFileSync(join(root, file), "utf8");
    expect(source.split(was)).toHaveLength(2);
  });
});

describe("a cut of the reference session", () => {
  it("can be made at each byte, both ways", async () => {
    const plans = await offsetPlans();
    const at = (direction: string) => plans.flatMap(({ cutAt }) => (cutAt?.direction === direction ? [cutAt.byte] : []));
    for (const direction of ["up", "down"]) expect(at(direction)).toEqual(at(direction).map((_, i) => i));
    expect(plans.length).toBeGreaterThan(1000);
    for (const plan of [plans[100], plans.at(-100)]) expect(plan && (await run(plan)).violation).toBeUndefined();
  });
});

describe("shrinking", () => {
  it("keeps what matters alone", async () => {
    const plan = makePlan(5);
    const [one, two] = [plan.acts[40], plan.acts[170]];
    const smallest = await shrink(plan, 1000, async ({ acts }) => acts.includes(one as never) && acts.includes(two as never));
    expect(smallest.acts).toEqual([one, two]);
    expect(smallest).toMatchObject({ relays: 1, rooms: 1, clients: 1, durationMs: (two?.at ?? 0) + 1 });
  });

  it("stops when its budget is spent", async () => {
    let runs = 0;
    const plan = makePlan(5);
    await shrink(plan, 7, async () => ++runs < 0);
    expect(runs).toBe(7);
  });
});

describe("a case", () => {
  const dir = mkdtempSync(join(tmpdir(), "chappe-sim-"));
  afterAll(() => rmSync(dir, { recursive: true }));

  it("is read as it was written", () => {
    const written = { commit: "abc", invariant: "order", message: "order: it is not", plan: makePlan(7) };
    expect(readCase(writeCase(dir, written))).toEqual(written);
  });

  it.each(["", "[]", "{}", '{"commit": "a", "invariant": "none", "plan": {"seed": 1, "acts": []}}'])(
    "is refused where it is %j",
    (text) => {
      const path = join(dir, "wrong.json");
      writeFileSync(path, text);
      expect(() => readCase(path)).toThrow();
    },
  );
});

describe("cases that were mended", () => {
  it.each(caseFiles(fileURLToPath(new URL("cases", import.meta.url))))("%s", async (path) => {
    expect((await run(readCase(path).plan)).violation).toBeUndefined();
  });
});

describe("flags", () => {
  it.each([
    [["--seed", "x"], "--seed"],
    [["--seed", "-1"], "--seed"],
    [["--count", "0"], "--count"],
    [["--count", "1.5"], "--count"],
    [["--jobs", "0"], "--jobs"],
    [["--lines", ""], "--lines"],
    [["--until", "0"], "--until"],
    [["--what"], "--what"],
    [["word"], "word"],
  ])("%j is refused by name", (args, name) => {
    expect(() => parseOptions(args)).toThrow(name);
  });

  it("have defaults", () => {
    expect(parseOptions([])).toMatchObject({ seed: 1, count: 1, save: true, offsets: false, replay: undefined });
    expect(parseOptions(["--no-save", "--count=300"])).toMatchObject({ save: false, count: 300 });
  });
});
