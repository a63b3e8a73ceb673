/** The grammar of a relay's address: what it takes, every platform's WebSocket takes, and to the same machine. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { parseRelayUrl } from "../../src/client/url.ts";

const label63 = "a".repeat(63);

describe("an address of a relay", () => {
  it.each([
    ["ws://relay", "relay"],
    ["WS://relay/", "relay"],
    ["wSs://Chat.Example.org:8080/path/to?room=a%20b&x=1", "Chat.Example.org"],
    ["ws://127.0.0.1:1/", "127.0.0.1"],
    ["ws://[::1]:7900", "[::1]"],
    ["ws://[2001:db8::8a2e:370:7334]/", "[2001:db8::8a2e:370:7334]"],
    ["ws://[1:2:3:4:5:6:7:8]/", "[1:2:3:4:5:6:7:8]"],
    ["ws://[::ffff:192.0.2.1]/", "[::ffff:192.0.2.1]"],
    ["ws://relay.:65535?x", "relay."],
    ["ws://a_b.c-d/", "a_b.c-d"],
    [`ws://${label63}/`, label63],
  ])("%s is taken", (url, host) => {
    const parsed = parseRelayUrl(url);
    expect(parsed).toMatchObject({ host, scheme: url.slice(0, url.indexOf(":")).toLowerCase() });
    expect(new URL((parsed as { href: string }).href).protocol).toBe(`${url.slice(0, url.indexOf(":")).toLowerCase()}:`);
  });

  it.each([
    "",
    "relay",
    "ws:/relay",
    "ws:relay",
    "ws://",
    "ws:///path",
    "ws://:80/",
    "http://relay/",
    "ftp://relay",
    "wsx://relay",
    " ws://relay/",
    "ws://relay/ ",
    "ws://re lay/",
    "ws://relay/a b",
    "ws://relay/\n",
    "ws://relay/\u0000",
    "ws://relay/#",
    "ws://relay/#part",
    "ws://relay:/",
    "ws://relay:0/",
    "ws://relay:080/",
    "ws://relay:65536/",
    "ws://relay:99999/",
    "ws://relay:8a/",
    "ws://user@relay/",
    "ws://user:pw@relay/",
    "ws://relay\\path",
    "ws://-relay/",
    "ws://relay-/",
    "ws://re..lay/",
    "ws://.relay/",
    "ws://..",
    `ws://${label63}a/`,
    `ws://${Array(5).fill(label63).join(".")}/`,
    "ws://256.1.1.1/",
    "ws://1.2.3/",
    "ws://1.2.3.4.5/",
    "ws://01.2.3.4/",
    "ws://0x7f.1/",
    "ws://relay.1/",
    "ws://2130706433/",
    "ws://1.2.3.4./",
    "ws://[::1/",
    "ws://::1/",
    "ws://[]/",
    "ws://[:::]/",
    "ws://[1::2::3]/",
    "ws://[1:2:3:4:5:6:7]/",
    "ws://[1:2:3:4:5:6:7:8:9]/",
    "ws://[::1:2:3:4:5:6:7:8]/",
    "ws://[12345::]/",
    "ws://[g::]/",
    "ws://[fe80::1%25eth0]/",
    "ws://[::1.2.3]/",
    "ws://[::1.2.3.256]/",
    "ws://[1.2.3.4::]/",
    "ws://rélay/",
    "ws://relay/%zz",
    "ws://relay/é",
    'ws://relay/"',
    "ws://relay/<>",
    "ws://relay?a=[1]",
  ])("%j is refused", (url) => {
    expect(parseRelayUrl(url)).toEqual(expect.any(String));
  });

  it("that is taken is taken by the platform too, with the same host and port", () => {
    const piece = fc.constantFrom(
      "ws://",
      "WSS://",
      "a",
      "relay",
      ".",
      "-",
      "_",
      "1",
      "255",
      "0",
      "x",
      ":",
      "::",
      "[",
      "]",
      "/",
      "?",
      "%20",
      "%",
      "@",
      "#",
      "&=",
      " ",
    );
    const hosts = fc.oneof(
      fc.domain(),
      fc.ipV4(),
      fc.ipV6().map((address) => `[${address}]`),
      fc.array(piece, { maxLength: 6 }).map((all) => all.join("")),
    );
    const urls = fc
      .tuple(fc.constantFrom("ws://", "wss://", "Ws://"), hosts, fc.option(fc.nat(70_000)), fc.webPath(), fc.webQueryParameters())
      .map(
        ([scheme, host, port, path, query]) =>
          `${scheme}${host}${port === null ? "" : `:${port}`}${path}${query === "" ? "" : `?${query}`}`,
      );
    let taken = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          urls,
          fc.array(piece, { maxLength: 12 }).map((all) => all.join("")),
        ),
        (url) => {
          const parsed = parseRelayUrl(url);
          if (typeof parsed === "string" || /xn--/i.test(url)) return;
          taken++;
          const platform = new URL(parsed.href);
          expect(platform.protocol).toBe(`${parsed.scheme}:`);
          if (!parsed.host.startsWith("[")) expect(platform.hostname).toBe(parsed.host.toLowerCase());
          expect([platform.username, platform.hash]).toEqual(["", ""]);
          const socket = new WebSocket(parsed.href);
          socket.on("error", () => undefined);
          socket.terminate();
        },
      ),
      { numRuns: 2000 },
    );
    expect(taken).toBeGreaterThan(200);
  });
});
