/** `ws` is an optional peer: where it is missing, the error says so. */

import { expect, test } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { loadWs } from "../../src/node/load-ws.ts";

test("is loaded where it is installed", async () => {
  expect(await loadWs()).toHaveProperty("WebSocketServer");
});

test("DEPENDENCY_MISSING where it is not", async () => {
  const error = await loadWs(() => import("no-such-package" as string)).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(UsageError);
  expect(error).toMatchObject({ code: "DEPENDENCY_MISSING", message: "the package ws is missing: npm install ws" });
});

test("another fault of the package is told as it is", async () => {
  const fault = new SyntaxError("broken");
  await expect(loadWs(() => Promise.reject(fault))).rejects.toBe(fault);
});
