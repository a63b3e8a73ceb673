import { describe, expect, it } from "vitest";
import {
  closeCode,
  type ErrorCodeName,
  errorCodeName,
  errorOfCloseCode,
  ProtocolError,
  retryOfCloseCode,
  UsageError,
  verdicts,
} from "../src/errors.ts";
import { ErrorCode, Processed, Retry, Scope } from "../src/wire/codec.ts";

const names = Object.keys(verdicts) as ErrorCodeName[];

describe("errors", () => {
  it("has a verdict for each ErrorCode of the schema, and for nothing else", () => {
    const schema = Object.entries(ErrorCode).filter(([name]) => Number.isNaN(Number(name)));
    expect(Object.fromEntries(names.map((name) => [name, verdicts[name][0]]))).toEqual(Object.fromEntries(schema));
  });

  it("gives verdicts that the schema has", () => {
    for (const [, retry, scope, processed] of Object.values(verdicts)) {
      expect(Object.keys(Retry)).toContain(retry.toUpperCase());
      expect(Object.keys(Scope)).toContain(scope.toUpperCase());
      expect(Object.keys(Processed)).toContain(processed.toUpperCase());
    }
  });

  it("says in the close code what the verdict says", () => {
    for (const name of names) {
      const code = closeCode(name);
      expect(code).toBe(4000 + 100 * Retry[verdicts[name][1].toUpperCase() as keyof typeof Retry] + ErrorCode[name]);
      expect(retryOfCloseCode(code)).toBe(verdicts[name][1]);
      expect(errorOfCloseCode(code)).toMatchObject({
        code: name,
        retry: verdicts[name][1],
        scope: "connection",
        origin: "remote",
      });
    }
    expect(closeCode("INTERNAL", "never")).toBe(4171);
    expect(new Set(names.map((name) => closeCode(name))).size).toBe(names.length);
  });

  it("reads the code and the verdict back, and takes what it does not know for the most careful", () => {
    for (const name of names) expect(errorCodeName(verdicts[name][0])).toBe(name);
    expect(errorCodeName(99)).toBe("UNSPECIFIED");
    for (const code of [1000, 1001, 1006, 1011, 4000, 4099, 4500]) {
      expect(retryOfCloseCode(code)).toBe("after");
      expect(errorOfCloseCode(code)).toBeUndefined();
    }
  });

  it("fills in the verdict of the code, unless told otherwise", () => {
    const error = new ProtocolError("RATE_LIMITED", "slow down", { retryAfterMs: 500, scope: "room" });
    expect(error).toMatchObject({
      code: "RATE_LIMITED",
      origin: "local",
      retry: "after",
      scope: "room",
      processed: "no",
      retryAfterMs: 500,
    });
    expect(error.at).toBe(undefined);
    const cause = new Error();
    expect(new ProtocolError("INTERNAL", "", { cause }).cause).toBe(cause);
    expect(new UsageError("CLOSED", "", cause)).toMatchObject({ name: "UsageError", code: "CLOSED", cause });
  });
});
