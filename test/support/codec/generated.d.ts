/** What scripts/proof/generate.js writes: it is there when a test runs, but not when types are checked. */
declare module "proof:generated" {
  type Exports = Readonly<Record<string, unknown>>;
  /** The exports of the modules made from each schema file: those of proto/, then those of the conformance suite. */
  export const files: readonly {
    readonly types: Exports;
    readonly codecs: Readonly<Record<"straight" | "compact" | "mixed", Exports>>;
  }[];
}
