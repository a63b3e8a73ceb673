/** Which web pages may connect (TRN-8): wrong, `null` and look-alike origins may not. */

import { describe, expect, test } from "vitest";
import { isOriginAllowed } from "../../src/node/origin.ts";

describe("with a list", () => {
  const list = ["https://chat.example.org", "http://localhost:3000"];
  test.each(list)("%s is in it", (origin) => {
    expect(isOriginAllowed(origin, "anything", list)).toBe(true);
  });
  test.each([
    "null",
    "",
    "http://chat.example.org",
    "https://chat.example.org:443",
    "https://chat.example.org/",
    "https://CHAT.example.org",
    "https://chat.example.org.evil.example",
    "https://evil-chat.example.org",
    "https://chat.example.org@evil.example",
    "https://chat.example.org, https://chat.example.org",
    "http://localhost",
  ])("%s is not", (origin) => {
    expect(isOriginAllowed(origin, "chat.example.org", list)).toBe(false);
  });
  test("null may be listed", () => {
    expect(isOriginAllowed("null", "x", ["null"])).toBe(true);
  });
});

describe("without a list: host and port are those of the request", () => {
  test.each([
    ["http://127.0.0.1:7900", "127.0.0.1:7900"],
    ["https://chat.example.org", "chat.example.org"],
    ["https://chat.example.org", "chat.example.org:443"],
    ["http://[::1]:7900", "[::1]:7900"],
    ["http://chat.example.org", "CHAT.example.org:80"],
  ])("%s to %s", (origin, host) => {
    expect(isOriginAllowed(origin, host, undefined)).toBe(true);
  });
  test.each([
    ["http://127.0.0.1:7901", "127.0.0.1:7900"],
    ["http://localhost:7900", "127.0.0.1:7900"],
    ["https://chat.example.org", "chat.example.org:80"],
    ["https://chat.example.org/path", "chat.example.org"],
    ["https://user@chat.example.org", "chat.example.org"],
    ["https://chat.example.org.evil.example", "chat.example.org"],
    ["null", "chat.example.org"],
    ["null", "null"],
    ["", ""],
    ["https://", ""],
    ["chat.example.org", "chat.example.org"],
    ["https://chat.example.org", undefined],
  ])("not %s to %s", (origin, host) => {
    expect(isOriginAllowed(origin, host, undefined)).toBe(false);
  });
});

test("who sends no Origin is no web page", () => {
  expect(isOriginAllowed(undefined, undefined, [])).toBe(true);
});
