/** What a caller gives to the toolkit and may not: each is refused at once, by a typed error. */

import { describe, expect, it } from "vitest";
import { clientRecords, historyPages, writeClientLog } from "../src/client/index.ts";
import {
  AckTracker,
  Backoff,
  Batcher,
  binaryCodec,
  ClientSession,
  checkFrame,
  closeCode,
  compareMessageIds,
  createFrame,
  DelimitedDecoder,
  decodeFrame,
  decodeFrameJson,
  defaultBackoff,
  defaultRelayLimits,
  encodeDelimited,
  encodedSize,
  encodeFrame,
  encodeFrameJson,
  expandAck,
  formatMessageId,
  IdWindow,
  isMessageId,
  MessageIdGenerator,
  messageIdKey,
  messageIdOfKey,
  messageIdTime,
  nextEntryState,
  Outbox,
  ProducerWindow,
  ProtocolError,
  parseFrame,
  parseMessageId,
  RoomCursor,
  ServerSession,
  UsageError,
} from "../src/index.ts";
import { codeOf, usageCodeOf } from "./support/errors.ts";

const wrong = (value: unknown) => value as never;
/** No counts, sizes or times. */
const numbers = [Number.NaN, -1, "5", null, {}, 5n, true];
const things = [undefined, null, 5, Number.NaN, "text", {}, [], true, Symbol("x"), 5n, () => undefined];

/** Of either of the two errors that there are. */
function typedCode(call: () => unknown): string {
  try {
    return `nothing but ${call()}`;
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof UsageError) return error.code;
    throw error;
  }
}

describe("what is none at all", () => {
  const calls: readonly [string, (value: never, other: never) => unknown][] = [
    ["compareMessageIds", (a, b) => compareMessageIds(a, b)],
    ["messageIdOfKey", (key) => messageIdOfKey(key)],
    ["expandAck", (run) => expandAck(run)],
    ["IdWindow", (options) => new IdWindow(options)],
    ["decodeFrame", (bytes, options) => decodeFrame(bytes, options)],
    ["parseFrame", (bytes, options) => parseFrame(bytes, options)],
    ["historyPages", (room, options) => historyPages(room, options)],
    ["clientRecords", (client, put) => clientRecords(client, wrong("name"), put)],
    ["writeClientLog", (client, write) => writeClientLog(client, wrong("name"), write)],
  ];
  it.each(calls)("%s refuses it by a typed error", (_, call) => {
    for (const value of things)
      for (const other of [null, -1, "text", 5n]) expect(typedCode(() => call(wrong(value), wrong(other)))).toMatch(/^[A-Z_]+$/);
  });

  it("is no state of an entry, and no input to one", () => {
    for (const value of [...things, "constructor", "__proto__"]) {
      expect(nextEntryState(wrong(value), "send")).toBeUndefined();
      expect(nextEntryState("queued", wrong(value))).toBeUndefined();
    }
  });
});

describe("options", () => {
  const base = {
    backoff: defaultBackoff,
    batcher: { maxItems: 5, maxBytes: 5, maxDelayMs: 5 },
    outbox: { maxEntries: 5, maxBytes: 5 },
    window: { maxIds: 5, maxAgeMs: 5 },
    position: { epoch: 5, offset: 5 },
    client: { random: () => undefined, wall: () => 0 },
    server: {
      codec: binaryCodec,
      limits: defaultRelayLimits,
      times: { authTimeout: 1, pingAfter: 1, deadAfter: 2, rosterInterval: 1 },
      wall: () => 0,
    },
  };
  const ping = createFrame("ping", { timeMs: 5n });
  const makers: [name: string, base: object, make: (options: never) => unknown, wrong: Readonly<Record<string, unknown[]>>][] = [
    [
      "Backoff",
      base.backoff,
      (options) => new Backoff(options, () => 0),
      {
        base: [...numbers, 0],
        cap: [...numbers, 0],
        breakAfter: [...numbers, 0, 1.5],
        breakFor: numbers,
        maxAttempts: [...numbers, 0, 1.5],
        more: [1],
      },
    ],
    [
      "Batcher",
      base.batcher,
      (options) => new Batcher(options),
      { maxItems: [0], maxBytes: [...numbers, 0], maxDelayMs: numbers },
    ],
    ["Outbox", base.outbox, (options) => new Outbox(options), { maxEntries: [...numbers, 0], maxBytes: [undefined, 1.5, 0] }],
    ["IdWindow", base.window, (options) => new IdWindow(options), { maxIds: [...numbers, 0], maxAgeMs: [...numbers, 0] }],
    [
      "RoomCursor",
      base.position,
      (position) => new RoomCursor(position),
      { epoch: [...numbers, 0, 1.5], offset: [...numbers, 1.5] },
    ],
    ["encodeFrame", {}, (options) => encodeFrame(ping, options), { frameBytes: numbers, depth: numbers, elements: numbers }],
    [
      "decodeFrame",
      {},
      (options) => decodeFrame(encodeFrame(ping), options),
      { frameBytes: numbers, depth: numbers, elements: numbers },
    ],
    [
      "ClientSession",
      base.client,
      (options) => new ClientSession(options),
      {
        random: [undefined, 5],
        wall: [undefined, 5],
        codec: [5, {}, null],
        agent: [5],
        features: [5, "x", [5]],
        creditBytes: [...numbers, 1024],
        outbox: [5, { maxEntries: 0 }, { more: 1 }],
        batch: [5, { maxItems: 0 }, { maxDelayMs: Number.NaN }],
        backoff: [5, { cap: -1 }],
        times: [5, { connectTimeout: Number.NaN }, { storeRetry: 0 }, { typingTtl: 60_001 }],
        byteStream: ["yes"],
        observe: [5],
        more: [1],
      },
    ],
    [
      "ServerSession",
      base.server,
      (options) => new ServerSession(options),
      {
        codec: [undefined, 5, {}],
        limits: [undefined, {}, { ...defaultRelayLimits, rooms: Number.NaN }],
        times: [undefined, {}, { ...base.server.times, deadAfter: -1 }],
        wall: [undefined, 5],
        requireMajor: numbers,
        controlQueueBytes: [...numbers, 0],
        chatQueueBytes: [...numbers, 0],
        more: [1],
      },
    ],
  ];

  it.each(makers)("of %s", (_name, right, make, cases) => {
    expect(() => make(wrong(right))).not.toThrow();
    for (const [name, values] of Object.entries(cases))
      for (const value of values)
        expect([name, value, usageCodeOf(() => make(wrong({ ...right, [name]: value })))]).toEqual([
          name,
          value,
          "OPTION_INVALID",
        ]);
  });

  it("that are single values", () => {
    for (const value of numbers) {
      expect(usageCodeOf(() => new DelimitedDecoder(wrong(value)))).toBe("OPTION_INVALID");
      expect(usageCodeOf(() => new ProducerWindow(wrong(value)))).toBe("OPTION_INVALID");
    }
    for (const value of [undefined, null, 5, {}]) {
      expect(usageCodeOf(() => new MessageIdGenerator(wrong(value)))).toBe("OPTION_INVALID");
      expect(usageCodeOf(() => new Backoff(defaultBackoff, wrong(value)))).toBe("OPTION_INVALID");
    }
  });
});

describe("arguments", () => {
  const frame = { $typeName: "chappe.v1.Frame", ref: 0, mustUnderstand: false };
  const batch = (frames: unknown) => ({ ...frame, body: { case: "batch", value: { $typeName: "chappe.v1.Batch", frames } } });
  const noFrames = [
    ...things,
    ...[undefined, null, { case: "ping" }, { case: "ping", value: null }].map((body) => ({ ...frame, body })),
  ];

  it("that are no frame", () => {
    for (const frames of [5, [null], ["text"]]) expect(codeOf(() => encodeFrame(wrong(batch(frames))))).toBe("FIELD_INVALID");
    for (const value of noFrames) {
      expect([value, codeOf(() => encodeFrame(wrong(value)))]).toEqual([value, "FIELD_INVALID"]);
      expect([value, codeOf(() => encodeFrameJson(wrong(value)))]).toEqual([value, "FIELD_INVALID"]);
      expect([value, codeOf(() => encodedSize(wrong(value)))]).toEqual([value, "FIELD_INVALID"]);
      expect(checkFrame(wrong(value))?.code).toBe("FIELD_INVALID");
    }
  });

  it("that name no body", () => {
    for (const name of [...things, "nope", "__proto__", "constructor"])
      expect(usageCodeOf(() => createFrame(wrong(name), wrong({})))).toBe("OPTION_INVALID");
  });

  it("that are no bytes, and no text", () => {
    for (const value of [...things, new ArrayBuffer(4), new Uint16Array(2)]) {
      expect([value, codeOf(() => decodeFrame(wrong(value)))]).toEqual([value, "FIELD_INVALID"]);
      expect([value, codeOf(() => parseFrame(wrong(value)))]).toEqual([value, "FIELD_INVALID"]);
      expect(usageCodeOf(() => encodeDelimited(wrong(value)))).toBe("OPTION_INVALID");
      expect(usageCodeOf(() => new DelimitedDecoder().push(wrong(value)))).toBe("OPTION_INVALID");
      if (typeof value !== "string")
        expect([value, codeOf(() => decodeFrameJson(wrong(value)))]).toEqual([value, "JSON_INVALID"]);
    }
  });

  it("that are no message id", () => {
    for (const value of [...things, new Uint8Array(15)]) {
      for (const call of [formatMessageId, messageIdKey, messageIdTime, parseMessageId])
        expect([value, codeOf(() => call(wrong(value)))]).toEqual([value, "FIELD_INVALID"]);
      expect(isMessageId(wrong(value))).toBe(false);
    }
  });

  it("that are no code", () => {
    for (const code of [...things, "NOPE", "constructor", "__proto__"]) {
      expect(usageCodeOf(() => new ProtocolError(wrong(code), "text"))).toBe("OPTION_INVALID");
      expect(usageCodeOf(() => closeCode(wrong(code)))).toBe("OPTION_INVALID");
    }
  });

  it("that are no seq", () => {
    const tracker = new AckTracker();
    tracker.sent(1, 1);
    for (const value of [Number.NaN, 1.5, "1", null, 2 ** 53]) {
      expect(usageCodeOf(() => tracker.settle(wrong(value), 1))).toBe("OPTION_INVALID");
      expect(usageCodeOf(() => tracker.settle(1, wrong(value)))).toBe("OPTION_INVALID");
      expect(usageCodeOf(() => tracker.sent(wrong(value), 1))).toBe("STATE_INVALID");
    }
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1, "1", null])
      expect(usageCodeOf(() => tracker.sent(2, wrong(value)))).toBe("STATE_INVALID");
    expect([tracker.inFlight, tracker.bytesInFlight]).toEqual([1, 1]);
  });
});
