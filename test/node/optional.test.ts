/** Optional peers: where one is missing, the error says which. */

import { expect, test } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { loadLmdb, loadOptional, loadWs } from "../../src/node/optional.ts";

test("are loaded where they are installed", async () => {
  expect(await loadWs()).toHaveProperty("WebSocketServer");
  expect(await loadLmdb()).toHaveProperty("open");
});

test("DEPENDENCY_MISSING where one is not", async () => {
  const error = await loadOptional("lmdb", () => import("no-such-package" as string)).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(UsageError);
  expect(error).toMatchObject({ code: "DEPENDENCY_MISSING", message: "the package lmdb is missing: npm install lmdb" });
});

test("another fault of the package is told as it is", async () => {
  const fault = new SyntaxError("broken");
  await expect(loadOptional("ws", () => Promise.reject(fault))).rejects.toBe(fault);
});
