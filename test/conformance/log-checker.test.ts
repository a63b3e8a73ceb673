/** The log checker: silent over what the simulator's clients write, and not over anything that is wrong in it. */

import { beforeAll, describe, expect, it } from "vitest";
import { LogChecker } from "../../src/conformance/log-checker.ts";
import { type LogRecord, parseLogRecord } from "../../src/conformance/log-record.ts";
import { makePlan } from "../sim/plan.ts";
import { run } from "../sim/run.ts";

const id = (n: number): string => `01977420-0000-7000-8000-${String(n).padStart(12, "0")}`;
const joined = { event: "joined", room: "r", verdict: "fresh", epoch: 7, start: 1 } as const;
const message = (n: number, more: object = {}): object => ({
  event: "message",
  room: "r",
  epoch: 7,
  offset: n,
  id: id(n),
  ...more,
});
const entry = (n: number, state: string, more: object = {}): object => ({ event: "entry", room: "r", id: id(n), state, ...more });

/** Each client's records, in turn. */
function check(logs: Readonly<Record<string, readonly object[]>>): { found: string[]; totals: LogChecker["totals"] } {
  const checker = new LogChecker();
  for (const [client, records] of Object.entries(logs))
    for (const [i, record] of records.entries())
      checker.add(parseLogRecord(JSON.stringify({ client, ...record })), `${client}:${i}`);
  return { found: checker.finish().map(({ invariant, place }) => `${invariant} ${place}`), totals: checker.totals };
}

const reset = { ...joined, verdict: "reset", epoch: 8 } as const;

describe("what is wrong", () => {
  it.each<[string, Readonly<Record<string, readonly object[]>>, readonly string[]]>([
    ["nothing", { a: [joined, message(1), message(2)], b: [joined, message(1)] }, []],
    ["a hole", { a: [joined, message(1), message(3)] }, ["no-loss a:2"]],
    ["a hole that is told", { a: [joined, message(1), { event: "gap", room: "r", first: 2, last: 2 }, message(3)] }, []],
    ["a gap that begins too late", { a: [joined, message(1), { event: "gap", room: "r", first: 3, last: 3 }] }, ["no-loss a:2"]],
    ["a message shown twice", { a: [joined, message(1), message(1)] }, ["no-duplicate a:2", "order a:2"]],
    ["a message back in the log", { a: [joined, message(1), message(2), message(1)] }, ["no-duplicate a:3", "order a:3"]],
    ["one offset, two values", { a: [joined, message(1)], b: [joined, message(1, { id: id(9) })] }, ["order b:1"]],
    [
      "one id, two offsets",
      { a: [joined, message(1)], b: [{ ...joined, start: 2 }, message(2, { id: id(1) })] },
      ["no-duplicate b:1"],
    ],
    ["times that fall", { a: [joined, message(1, { timeMs: 5 }), message(2, { timeMs: 4 })] }, ["order a:2"]],
    ["a room that was not joined", { a: [message(1)] }, ["authority a:0"]],
    ["a room that was left", { a: [joined, { event: "left", room: "r" }, message(1)] }, ["authority a:2"]],
    ["a gap in a room that was left", { a: [{ event: "gap", room: "r", first: 1, last: 1 }] }, ["authority a:0"]],
    ["another epoch without a word", { a: [joined, message(1), message(2, { epoch: 8 })] }, ["order a:2"]],
    ["a position that is lost", { a: [joined, message(1), joined] }, ["no-loss a:2"]],
    ["a resume one too late", { a: [joined, message(1), { ...joined, verdict: "resumed", start: 3 }] }, ["no-loss a:2"]],
    [
      "a resume one too late that is told",
      { a: [joined, message(1), { ...joined, verdict: "resumed", start: 3, missing: { first: 2, last: 2 } }] },
      ["no-loss a:2"],
    ],
    ["a resume in another epoch", { a: [joined, message(1), { ...joined, verdict: "resumed", epoch: 8 }] }, ["no-loss a:2"]],
    [
      "a gap verdict that leaves something out",
      { a: [joined, message(1), { ...joined, verdict: "gap", start: 9, missing: { first: 2, last: 7 } }] },
      ["no-loss a:2"],
    ],
    ["a gap verdict", { a: [joined, message(1), { ...joined, verdict: "gap", start: 9, missing: { first: 2, last: 8 } }] }, []],
    [
      "a new epoch in which what was seen is passed over",
      {
        a: [joined, message(1), reset, message(2, { epoch: 8 })],
        b: [reset, message(1, { epoch: 8 }), message(2, { epoch: 8 })],
      },
      [],
    ],
    [
      "a new epoch in which what was not seen is passed over",
      { a: [joined, message(5, { offset: 1 }), reset, message(2, { epoch: 8 })], b: [reset, message(1, { epoch: 8 })] },
      ["no-loss a:3"],
    ],
    ["a process that begins anew", { a: [joined, message(1), { event: "start" }, joined, message(1)] }, []],
    [
      "an ack for what is not there",
      { a: [entry(1, "queued"), entry(1, "stored", { epoch: 7, offset: 4 })], b: [{ ...joined, start: 4 }, message(4)] },
      ["order b:1"],
    ],
    ["an ack for another's place", { b: [joined, message(1)], a: [entry(2, "stored", { epoch: 7, offset: 1 })] }, ["ack a:0"]],
    [
      "two places for one publish",
      { a: [entry(1, "stored", { epoch: 7, offset: 1 }), entry(1, "stored", { epoch: 7, offset: 2 })] },
      ["ack a:1", "no-duplicate a:1"],
    ],
    [
      "an end that is told again",
      { a: [entry(1, "stored", { epoch: 7, offset: 1 }), entry(1, "stored", { epoch: 7, offset: 1 })] },
      [],
    ],
    ["another end", { a: [entry(1, "cancelled"), entry(1, "failed", { processed: "no" })] }, ["ack a:1"]],
    ["a failure of which nobody can say it", { a: [entry(1, "failed", { processed: "maybe" })] }, ["ack a:0"]],
    [
      "what was cancelled, in the log",
      { a: [joined, entry(1, "queued"), entry(1, "cancelled")], b: [joined, message(1)] },
      ["no-invention a:1"],
    ],
    [
      "what was rejected, in the log",
      { a: [joined, entry(1, "queued"), entry(1, "failed", { processed: "no" })], b: [joined, message(1)] },
      ["no-invention a:1"],
    ],
    [
      "what was rejected, in an earlier log",
      { a: [reset, entry(1, "queued"), entry(1, "failed", { processed: "no" })], b: [joined, message(1)] },
      [],
    ],
    ["what was doubted, in the log", { a: [entry(1, "maybe")], b: [joined, message(1)] }, []],
    ["an outbox that is empty too soon", { a: [entry(1, "queued"), { event: "end", outbox: 0 }] }, ["no-loss a:1"]],
    ["an outbox that is kept", { a: [entry(1, "queued"), { event: "end", outbox: 1 }] }, []],
    [
      "two publishes in the wrong order",
      { a: [entry(2, "queued"), entry(1, "queued")], b: [joined, message(1), message(2)] },
      ["order a:1"],
    ],
    [
      "what a copy has cancelled, in the log",
      { a: [entry(1, "queued")], c: [entry(1, "cancelled")], b: [joined, message(1)] },
      [],
    ],
  ])("%s", (_, logs, wrong) => {
    expect(check(logs).found.sort()).toEqual([...wrong].sort());
  });

  it("counts what it has looked at", () => {
    const { totals } = check({
      a: [joined, message(1), entry(2, "queued"), entry(3, "sent"), entry(3, "maybe")],
      b: [{ event: "later" }],
    });
    expect(totals).toEqual({ clients: 1, records: 5, messages: 1, publishes: 2, open: 1 });
  });
});

describe("over the logs of a simulated run", () => {
  const logs = new Map<string, readonly LogRecord[]>();
  beforeAll(async () => {
    const { world, violation } = await run(makePlan(2));
    expect(violation).toBeUndefined();
    for (const { name, log } of world.devices) logs.set(name, log);
  });

  type Change = (record: LogRecord) => readonly LogRecord[];
  /** Messages that the next one of their room follows at once: of the last one before an end nobody could say that it was shown. */
  function followed(): LogRecord[] {
    const found: LogRecord[] = [];
    for (const log of logs.values()) {
      for (const [i, record] of log.entries()) {
        if (record.event !== "message") continue;
        const next = log
          .slice(i + 1)
          .find((other) => other.event === "start" || ("room" in other && other.room === record.room && other.event !== "entry"));
        if (next?.event === "message" && next.offset === record.offset + 1) found.push(record);
      }
    }
    return found;
  }

  /** What is found when this record is changed in its log. */
  function changed(chosen: LogRecord, change: Change): string[] {
    const checker = new LogChecker();
    for (const [name, log] of logs)
      for (const [i, record] of log.entries())
        for (const each of record === chosen ? change(record) : [record]) checker.add(each, `${name}:${i}`);
    return checker.finish().map(({ invariant }) => invariant);
  }

  it.each<[string, Change, string | undefined]>([
    ["nothing", (record) => [record], undefined],
    ["a message is lost", () => [], "no-loss"],
    ["a message comes twice", (record) => [record, record], "no-duplicate"],
    ["a message is another", (record) => [{ ...record, id: "another" } as LogRecord], "order"],
    ["a message comes later", (record) => [{ ...record, offset: 1_000_000 } as LogRecord], "no-loss"],
  ])("%s", (_, change, wrong) => {
    const messages = followed();
    expect(messages.length).toBeGreaterThan(100);
    for (const part of [0, 0.3, 0.6, 0.99]) {
      const chosen = messages[Math.floor(part * messages.length)] as LogRecord;
      const found = changed(chosen, change);
      if (wrong === undefined) expect(found).toEqual([]);
      else expect(found).toContain(wrong);
    }
  });
});

describe("a line", () => {
  it.each([
    ["", "not JSON"],
    ["{", "not JSON"],
    ["[]", "no object"],
    ["null", "no object"],
    ["{}", "'client'"],
    ['{"client":"a"}', "'event'"],
    ['{"client":"","event":"start"}', "'client'"],
    ['{"client":"a","event":"left"}', "'room' of left"],
    ['{"client":"a","event":"message","room":"r","epoch":1,"offset":0,"id":"i"}', "'offset' of message"],
    ['{"client":"a","event":"message","room":"r","epoch":1,"offset":9007199254740992,"id":"i"}', "'offset' of message"],
    ['{"client":"a","event":"joined","room":"r","epoch":1,"start":1,"verdict":"new"}', "'verdict' of joined"],
    [
      '{"client":"a","event":"joined","room":"r","epoch":1,"start":1,"verdict":"gap","missing":{"first":1}}',
      "'missing' of joined",
    ],
    ['{"client":"a","event":"entry","room":"r","id":"i","state":"lost"}', "'state' of entry"],
    ['{"client":"a","event":"entry","room":"r","id":"i","state":"stored"}', "'epoch' and 'offset'"],
  ])("%s is refused", (line, why) => {
    expect(() => parseLogRecord(line)).toThrow(
      expect.objectContaining({ code: "LOG_INVALID", message: expect.stringContaining(why) }),
    );
  });

  it("of a later version is passed over", () => {
    expect(parseLogRecord('{"client":"a","event":"__proto__"}')).toBeUndefined();
    expect(parseLogRecord('{"client":"a","event":"start","later":1}')).toMatchObject({ event: "start" });
  });
});
