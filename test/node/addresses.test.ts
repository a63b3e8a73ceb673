/** From which address a connection comes, and how often one may come. */

import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { addressOf, hostOf, isNetwork, Networks } from "../../src/node/addresses.ts";
import { startRelay, upgrade } from "../support/relay-server.ts";

const from = (remoteAddress: string, forwarded?: string): Parameters<typeof addressOf>[0] => ({
  socket: { remoteAddress } as Socket,
  headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded },
});

test("networks are told from what is none", () => {
  for (const good of ["10.0.0.0/8", "10.1.2.3", "::1", "fd00::/8", "0.0.0.0/0", "::/128"])
    expect([good, isNetwork(good)]).toEqual([good, true]);
  for (const bad of [
    "",
    "10.0.0/8",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "::/129",
    "x",
    "10.0.0.0/-1",
    "10.0.0.0/0x8",
    7,
    null,
  ])
    expect([bad, isNetwork(bad)]).toEqual([bad, false]);
});

test("what a request says of its way is believed as far as trusted proxies have written it", () => {
  const proxies = new Networks(["10.0.0.0/8", "fd00::/8"]);
  const table: readonly (readonly [socket: string, header: string | undefined, address: string])[] = [
    ["1.2.3.4", undefined, "1.2.3.4"],
    // Nobody trusted has written it.
    ["1.2.3.4", "9.9.9.9", "1.2.3.4"],
    ["10.0.0.1", undefined, "10.0.0.1"],
    ["10.0.0.1", "9.9.9.9", "9.9.9.9"],
    ["::ffff:10.0.0.1", "9.9.9.9", "9.9.9.9"],
    // What stands before the first that is not trusted was written by that one.
    ["10.0.0.1", "8.8.8.8, 9.9.9.9, 10.0.0.2", "9.9.9.9"],
    ["fd00::1", "2001:db8::7", "2001:db8::7"],
    ["10.0.0.1", "10.0.0.2,10.0.0.3", "10.0.0.2"],
    ["10.0.0.1", "unknown, 10.0.0.2", "10.0.0.2"],
    ["10.0.0.1", "", "10.0.0.1"],
    ["10.0.0.1", "__proto__", "10.0.0.1"],
    ["", "9.9.9.9", ""],
  ];
  for (const [socket, header, address] of table)
    expect([socket, header, addressOf(from(socket, header), proxies)]).toEqual([socket, header, address]);
});

test("the addresses of one IPv6 network of 64 bits are one host", () => {
  expect(hostOf("2001:db8:0:1::7")).toBe("2001:db8:0:1::/64");
  expect(hostOf("2001:0DB8::1:a:b:c:d")).toBe("2001:db8:0:1::/64");
  expect([hostOf("::1"), hostOf("1.2.3.4"), hostOf("")]).toEqual(["0:0:0:0::/64", "1.2.3.4", ""]);
  expect(hostOf("2001:db8:0:2::7")).not.toBe(hostOf("2001:db8:0:1::7"));
});

test("an address that asks too often gets 429, and others are taken; before that nothing is judged (TRN-7)", async () => {
  const relay = await startRelay({}, { attempts: { perSecond: 0.01, burst: 2 }, trustedProxies: ["127.0.0.0/8"] });
  const status = async (address: string, headers = {}): Promise<number | undefined> =>
    (await upgrade(relay.port, { "X-Forwarded-For": address, ...headers })).status;
  expect([await status("9.9.9.9"), await status("9.9.9.9", { Origin: "https://evil.example" })]).toEqual([101, 403]);
  const refused = await upgrade(relay.port, { "X-Forwarded-For": "9.9.9.9" });
  expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "100"]);
  // What it says itself, before the proxy's own entry, makes it no other.
  expect(await status("7.7.7.7, 9.9.9.9")).toBe(429);
  expect(await status("8.8.8.8")).toBe(101);
  relay.close();
});

test("without a limit, and without trusted proxies, nothing is asked", async () => {
  const relay = await startRelay();
  const answers = await Promise.all(Array.from({ length: 200 }, () => upgrade(relay.port)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([101]));
  relay.close();
});
