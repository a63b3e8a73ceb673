/** What a caller gives is judged when it is given: what is wrong is refused by its name, and nothing has happened. */

import { describe, expect, it } from "vitest";
import { clientRules } from "../../src/client/checks.ts";
import { Client } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import { UsageError } from "../../src/errors.ts";
import { usageCodeOf } from "../support/errors.ts";
import { started, World } from "../support/world.ts";

const connect: ClientOptions["connect"] = () => ({ send() {}, close() {} });
const make = (options: object) => () => new Client({ url: "wss://relay/", connect, ...options } as ClientOptions);

/** What a refusal says, if it is one about an option. */
function refusalOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof UsageError && error.code === "OPTION_INVALID") return error.message;
    throw error;
  }
  throw new Error("it threw nothing");
}

const clock = { now: () => 0, wall: () => 0, setTimer: () => 0, clearTimer: () => undefined };
const values = {
  nothing: [null, {}, [], 7, "x", true],
  numbers: [-1, Number.NaN, Number.POSITIVE_INFINITY, "5", null],
};

describe("the options of a client", () => {
  const rows: [string, object[]][] = [
    [
      "url",
      [5, undefined, "", "relay", "http://relay/", "ws://", "ws://relay/#x", "ws://relay:99999/", "ws:/relay"].map((url) => ({
        url,
      })),
    ],
    ["token", [5, null, {}, ""].map((token) => ({ token }))],
    ["insecure", [true, "yes", null].map((insecure) => ({ insecure }))],
    ["webSocket", [7, {}, null, "ws"].map((webSocket) => ({ webSocket }))],
    ["connect", [7, {}, null].map((value) => ({ connect: value }))],
    ["storage", [...values.nothing, { load: () => undefined }].map((storage) => ({ storage }))],
    ["positions", [...values.nothing, { load: () => undefined }].map((positions) => ({ positions }))],
    ["clock", [...values.nothing, { ...clock, wall: 0 }].map((value) => ({ clock: value }))],
    ["random", values.nothing.map((random) => ({ random }))],
    ["onFrame", values.nothing.map((onFrame) => ({ onFrame }))],
    ["codec", [...values.nothing, { encode: () => "", parse: () => "" }].map((codec) => ({ codec }))],
    ["agent", [5, null, {}].map((agent) => ({ agent }))],
    ["features", ["x", [5], {}, null].map((features) => ({ features }))],
    ["creditBytes", [...values.numbers, 1, 600_000.5].map((creditBytes) => ({ creditBytes }))],
    ["sendBufferBytes", [...values.numbers, 0, 1.5].map((sendBufferBytes) => ({ sendBufferBytes }))],
    ["outbox", [null, 5, []].map((outbox) => ({ outbox }))],
    ["outbox.maxEntries", [...values.numbers, 0, 1.5].map((maxEntries) => ({ outbox: { maxEntries } }))],
    ["outbox.maxBytes", [...values.numbers, 0, 1.5].map((maxBytes) => ({ outbox: { maxBytes } }))],
    ["batch.maxItems", [...values.numbers, 0, 1.5].map((maxItems) => ({ batch: { maxItems } }))],
    ["batch.maxBytes", [...values.numbers, 0, 1.5].map((maxBytes) => ({ batch: { maxBytes } }))],
    ["batch.maxDelayMs", values.numbers.map((maxDelayMs) => ({ batch: { maxDelayMs } }))],
    ["backoff.base", [...values.numbers, 0].map((base) => ({ backoff: { base } }))],
    ["backoff.cap", [...values.numbers, 0].map((cap) => ({ backoff: { cap } }))],
    ["backoff.breakAfter", [...values.numbers, 0, 1.5].map((breakAfter) => ({ backoff: { breakAfter } }))],
    ["backoff.breakFor", values.numbers.map((breakFor) => ({ backoff: { breakFor } }))],
    ["backoff.maxAttempts", [-1, Number.NaN, "5", null, 0, 1.5].map((maxAttempts) => ({ backoff: { maxAttempts } }))],
    ["retry.attempts", [-1, Number.NaN, "5", null, 1.5].map((attempts) => ({ retry: { attempts } }))],
    ["retry.delayMs", values.numbers.map((delayMs) => ({ retry: { delayMs } }))],
    ["times.connectTimeout", [...values.numbers, 0].map((connectTimeout) => ({ times: { connectTimeout } }))],
    ["times.requestTimeout", [...values.numbers, 0].map((requestTimeout) => ({ times: { requestTimeout } }))],
    ["times.typingThrottle", values.numbers.map((typingThrottle) => ({ times: { typingThrottle } }))],
    ["times.typingStop", values.numbers.map((typingStop) => ({ times: { typingStop } }))],
    ["times.typingTtl", [...values.numbers, 0, 60_001].map((typingTtl) => ({ times: { typingTtl } }))],
    ["times.presenceRefresh", [...values.numbers, 0].map((presenceRefresh) => ({ times: { presenceRefresh } }))],
    ["times.receiptInterval", values.numbers.map((receiptInterval) => ({ times: { receiptInterval } }))],
    ["times.probeTimeout", [...values.numbers, 0].map((probeTimeout) => ({ times: { probeTimeout } }))],
    ["times.backgroundFlush", values.numbers.map((backgroundFlush) => ({ times: { backgroundFlush } }))],
    ["times.storeRetry", [...values.numbers, 0].map((storeRetry) => ({ times: { storeRetry } }))],
  ];
  it.each(rows)("are refused by name: %s", (name, wrong) => {
    for (const options of wrong) expect(refusalOf(make(options))).toMatch(new RegExp(`^${name}:`));
  });

  it("have each a row above", () => {
    const names = Object.entries(clientRules).flatMap(([name, rule]) =>
      typeof rule === "function" ? [name] : Object.keys(rule).map((inner) => `${name}.${inner}`),
    );
    expect(names.filter((name) => !rows.some(([row]) => row === name))).toEqual([]);
  });

  it.each<[string, object]>([
    ["tokn", { tokn: "x" }],
    ["byteStream", { byteStream: true }],
    ["toString", { toString: () => "x" }],
    ["times.timeout", { times: { timeout: 1 } }],
    ["one, two", { one: 1, two: undefined }],
  ])("are refused where nobody knows them: %s", (name, options) => {
    expect(refusalOf(make(options))).toContain(name);
  });

  it("are an object", () => {
    for (const options of [undefined, null, "wss://relay/", []]) {
      expect(usageCodeOf(() => new Client(options as never))).toBe("OPTION_INVALID");
    }
  });

  it("may be absent, also in the form of undefined, and are read once", async () => {
    const world = new World();
    const times = { requestTimeout: undefined, typingTtl: undefined };
    const all = { times, outbox: { maxEntries: undefined }, codec: undefined, creditBytes: undefined, onFrame: undefined };
    const ada = started(world.client("ada", all as object));
    const join = ada.room("lobby").join({ tail: undefined } as object);
    await world.pass(50);
    expect(await join).toMatchObject({ verdict: "fresh" });
    const stored = ada.room("lobby").publish({ text: "x", data: undefined } as never);
    await world.pass(50);
    expect(await stored).toMatchObject({ offset: 1 });
  });

  it("hold no token in the URL, and none that others could read on its way (AUT-2, TRN-10)", () => {
    const withToken = (url: string, insecure?: "allow") => make({ url, token: "t", insecure });
    for (const url of ["ws://localhost:pw@example.org/", "ws://127.0.0.1:x@example.org/", "wss://user@example.org/"]) {
      expect(refusalOf(withToken(url))).toMatch(/^url:/);
      expect(refusalOf(withToken(url, "allow"))).toMatch(/^url:/);
    }
    for (const url of ["ws://relay/", "ws://127.0.0.1.example.org/", "ws://localhost.example.org/"]) {
      expect(refusalOf(withToken(url))).toMatch(/^url:/);
      expect(withToken(url, "allow")).not.toThrow();
    }
    for (const url of ["ws://localhost", "ws://127.0.0.1:7900/", "ws://[::1]:7900/", "wss://relay/"])
      expect(withToken(url)).not.toThrow();
    for (const url of ["ws://relay/?token=secret", "ws://relay/?access_token=secret"])
      expect(refusalOf(make({ url }))).toMatch(/^url:/);
  });
});

describe("what a command is given", () => {
  const wrong = (value: unknown) => value as never;

  it("names an event and a function", () => {
    const ada = new World().client("ada");
    for (const name of ["nope", "answer", "toString", "", undefined, 5]) {
      expect(usageCodeOf(() => ada.on(wrong(name), () => undefined))).toBe("OPTION_INVALID");
    }
    for (const listener of [5, undefined, null, {}]) {
      expect(refusalOf(() => ada.on("message", wrong(listener)))).toContain("message");
    }
  });

  it("holds no unknown name", async () => {
    const world = new World();
    const ada = started(world.client("ada"));
    const lobby = ada.room("lobby");
    for (const call of [
      () => lobby.publish(wrong({ text: "a", txet: "b" })),
      () => lobby.edit("00000000-0000-0000-0000-000000000000", wrong({ text: "a", txet: "b" })),
      () => lobby.signal("wave", wrong({ text: "a", txet: "b" })),
      () => ada.signal("wave", wrong({ text: "a", txet: "b" })),
      () => ada.setPresence(wrong({ state: "online", txet: "b" })),
    ]) {
      expect(refusalOf(call)).toContain("txet");
    }
    expect(refusalOf(() => ada.setPresence(wrong(null)))).toContain("presence");
    expect(ada.outboxSize).toBe(0);
    for (const options of [{ tial: 5 }, 5, null, "lobby", { position: { epoch: 1, offset: 1, at: 1 } }]) {
      await expect(lobby.join(wrong(options))).rejects.toMatchObject({ code: "OPTION_INVALID" });
    }
    expect(lobby.joined).toBeUndefined();
    void lobby.join();
    await world.pass(50);
    for (const options of [{ befor: 5 }, 5, null]) {
      await expect(lobby.history(wrong(options))).rejects.toMatchObject({ code: "OPTION_INVALID" });
    }
  });

  it("reads a log from one place", async () => {
    const world = new World();
    const ada = started(world.client("ada"));
    void ada.room("lobby").join();
    await world.pass(50);
    await expect(ada.room("lobby").history({ before: 5, after: 1 })).rejects.toMatchObject({ code: "OPTION_INVALID" });
    const page = ada.room("lobby").history({ after: 0, before: undefined } as object);
    await world.pass(50);
    expect((await page).messages).toEqual([]);
  });
});
