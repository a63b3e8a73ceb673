// The specification is up to date with what it is generated from, and every clause that anything cites stands in it once.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { citations, clauseProblems, definitions, mermaid, stalePages } from "../../scripts/docs-spec.js";

describe("docs/spec", () => {
  it("defines each clause once, each clause that is cited, and links to pages that exist", () => {
    expect(clauseProblems()).toEqual([]);
  });

  it("has no stale region", async () => {
    expect((await stalePages()).map(({ page }) => page)).toEqual([]);
  });

  it("finds clauses and citations at all", () => {
    expect(definitions().get("FRM-1")).toEqual(["encoding.md"]);
    expect(citations().get("FRM-6")).toContain("proto/chappe/v1/frame.proto");
  });

  it("has an example of each body, byte by byte", () => {
    const dir = new URL("../../docs/spec/", import.meta.url);
    const text = readdirSync(dir)
      .filter((name) => name.endsWith(".md"))
      .map((page) => readFileSync(new URL(page, dir), "utf8"));
    const shown = new Set([...text.join("\n").matchAll(/^[0-9a-f]{2}(?: [0-9a-f]{2})* {2,}(\w+)$/gm)].map(([, body]) => body));
    const schema = readFileSync(new URL("../../proto/chappe/v1/frame.proto", import.meta.url), "utf8");
    const bodies = [
      ...schema.slice(schema.indexOf("oneof body {"), schema.indexOf("uint32 ref")).matchAll(/^ {4}\w+ (\w+) = \d+;/gm),
    ];
    expect(bodies.length).toBeGreaterThan(20);
    expect(bodies.map(([, body]) => body).filter((body) => !shown.has(body))).toEqual([]);
  });

  it("draws one arrow for each pair of states, and an end where nothing follows", () => {
    expect(mermaid({ initial: "a", states: { a: { x: "b", y: "b", z: "a" }, b: {} } })).toBe(
      ["```mermaid", "stateDiagram-v2", "  [*] --> a", "  a --> b: x, y", "  a --> a: z", "  b --> [*]", "```"].join("\n"),
    );
  });
});
