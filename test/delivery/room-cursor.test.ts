/** The cursor finds every hole and no other (LOG-2), takes what an honest relay can say of a join and nothing else (RES-2, RES-5). */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type JoinedLog, RoomCursor, type RoomPosition, type VerdictName } from "../../src/delivery/room-cursor.ts";
import { ProtocolError } from "../../src/errors.ts";

/** A relay with one room: what it says is true, but chats get lost behind it, or come twice. */
class LossyRelay {
  epoch = 1;
  head = 0;
  firstRetained = 1;
  /** The offset that is written next. */
  next = 1;

  joined(position: RoomPosition | undefined, tail: number, maxCatchup: number): JoinedLog {
    const { epoch, head, firstRetained } = this;
    const latest = (count: number) => Math.max(firstRetained, head - count + 1);
    const say = (verdict: VerdictName, start: number): JoinedLog => {
      this.next = start;
      return { verdict, epoch, start, head, firstRetained };
    };
    if (position === undefined) return say("fresh", latest(tail));
    if (position.epoch !== epoch || position.offset > head) return say("reset", latest(tail));
    const start = Math.max(latest(maxCatchup), position.offset + 1);
    return say(start === position.offset + 1 ? "resumed" : "gap", start);
  }

  restart(): void {
    this.epoch++;
    this.head = 0;
    this.firstRetained = 1;
  }
}

describe("RoomCursor", () => {
  test("of a random stream over epochs: each offset is delivered once, told as missing, or found as a hole", () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant("publish" as const), count: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 8, arbitrary: fc.record({ do: fc.constant("deliver" as const), count: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("lose" as const), count: fc.integer({ min: 1, max: 3 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("gap" as const), count: fc.integer({ min: 1, max: 3 }) }) },
      fc.record({ do: fc.constant("repeat" as const), count: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ do: fc.constant("trim" as const), count: fc.nat(6) }),
      fc.record({ do: fc.constant("reconnect" as const), count: fc.nat(6) }),
      fc.record({ do: fc.constant("restart" as const), count: fc.nat(6) }),
    );
    fc.assert(
      fc.property(fc.nat(4), fc.array(step, { maxLength: 100 }), (tail, steps) => {
        const relay = new LossyRelay();
        const cursor = new RoomCursor();
        /** What became of each offset of the epoch, by the reader's account. */
        let fate = new Map<number, "delivered" | "missing">();
        let from = 1;
        const settle = (first: number, last: number, what: "delivered" | "missing") => {
          for (let offset = first; offset <= last; offset++) {
            expect(fate.has(offset)).toBe(false);
            fate.set(offset, what);
          }
        };
        const join = (maxCatchup: number) => {
          const before = cursor.position;
          const joined = relay.joined(before, tail, maxCatchup);
          const outcome = cursor.joined(joined);
          expect(outcome.reset).toBe(joined.verdict === "reset");
          if (joined.verdict === "fresh" || joined.verdict === "reset") {
            fate = new Map();
            from = joined.start;
          }
          expect(outcome.missing !== undefined).toBe(joined.verdict === "gap");
          if (outcome.missing !== undefined) settle(outcome.missing.first, outcome.missing.last, "missing");
        };
        /** First offset that was lost since the reader was last in step. */
        let lost: number | undefined;
        const reader = (offset: number) => {
          const expected = lost === undefined ? "deliver" : "hole";
          expect(cursor.chat(offset)).toBe(expected);
          if (expected === "deliver") return settle(offset, offset, "delivered");
          expect(cursor.next).toBe(lost);
          lost = undefined;
          join(100);
        };

        join(100);
        for (const { do: action, count } of steps) {
          if (action === "publish") relay.head += count;
          else if (action === "deliver") {
            for (let i = 0; i < count && relay.next <= relay.head; i++) reader(relay.next++);
          } else if (action === "lose") {
            for (let i = 0; i < count && relay.next <= relay.head; i++) {
              lost ??= relay.next;
              relay.next++;
            }
          } else if (action === "gap") {
            const first = relay.next;
            const last = Math.min(first + count - 1, relay.head);
            if (last < first) continue;
            relay.next = last + 1;
            // A gap over what was lost before it hides nothing: it does not begin where the reader is.
            expect(cursor.gap(first, last)).toBe(lost === undefined ? "ok" : "invalid");
            if (lost === undefined) settle(first, last, "missing");
          } else if (action === "repeat") {
            const offset = cursor.next - count;
            if (offset >= 1) expect(cursor.chat(offset)).toBe("duplicate");
          } else if (action === "trim") {
            relay.firstRetained = Math.min(relay.firstRetained + count, relay.head + 1);
          } else {
            if (action === "restart") relay.restart();
            lost = undefined;
            join(count);
          }
          expect(cursor.position).toEqual({ epoch: relay.epoch, offset: cursor.next - 1 });
          // No offset before the cursor is without a fate, none behind it has one.
          expect([...fate.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: cursor.next - from }, (_, i) => from + i));
        }
      }),
      { numRuns: 500 },
    );
  });

  const verdicts: readonly VerdictName[] = ["fresh", "resumed", "gap", "reset"];
  const upTo = (from: number, to: number) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
  const positions: readonly (RoomPosition | undefined)[] = [
    undefined,
    ...[5, 6].flatMap((epoch) => upTo(0, 4).map((offset) => ({ epoch, offset }))),
  ];

  /** All that an honest relay can answer from a log of epoch 5, whatever tail and max_catchup are, to a reader who was at `position`. */
  function honest(position: RoomPosition | undefined): Set<string> {
    const answers = new Set<string>();
    for (const head of upTo(0, 3)) {
      for (const firstRetained of upTo(1, head + 1)) {
        const say = (verdict: VerdictName, start: number) => answers.add(`${verdict} ${start} ${head} ${firstRetained}`);
        const known = position?.epoch === 5;
        for (const start of upTo(firstRetained, head + 1)) {
          // To a join without a position. A log does not shrink within its epoch.
          if (!known || position.offset <= head) say("fresh", start);
          if (!known || position.offset > head) say("reset", start);
          if (known && position.offset <= head && start === position.offset + 1) say("resumed", start);
          if (known && position.offset <= head && start > position.offset + 1) say("gap", start);
        }
      }
    }
    return answers;
  }

  test.each(positions)("from %o it takes exactly what an honest relay can say (RES-5)", (position) => {
    const answers = honest(position);
    let taken = 0;
    for (const verdict of verdicts) {
      for (const [start, head, firstRetained] of upTo(0, 5).flatMap((s) =>
        upTo(0, 3).flatMap((h) => upTo(0, 5).map((f) => [s, h, f] as const)),
      )) {
        const cursor = new RoomCursor(position);
        const joined = () => cursor.joined({ verdict, epoch: 5, start, head, firstRetained });
        if (answers.has(`${verdict} ${start} ${head} ${firstRetained}`)) {
          joined();
          taken++;
          expect(cursor.position?.epoch).toBe(5);
          expect(cursor.next).toBe(verdict === "fresh" && position?.epoch === 5 ? Math.max(start, position.offset + 1) : start);
        } else {
          expect(joined).toThrow(expect.objectContaining({ code: "OFFSET_INVALID", origin: "remote" }));
          expect(joined).toThrow(ProtocolError);
          expect(cursor.position).toEqual(position);
        }
      }
    }
    expect(taken).toBe(answers.size);
  });

  const log = { epoch: 5, start: 8, head: 9, firstRetained: 1 };

  test.each<[string, RoomPosition | undefined, JoinedLog, unknown]>([
    ["fresh, nothing known", undefined, { ...log, verdict: "fresh" }, { reset: false }],
    ["resumed", { epoch: 5, offset: 7 }, { ...log, verdict: "resumed" }, { reset: false }],
    ["gap", { epoch: 5, offset: 3 }, { ...log, verdict: "gap" }, { missing: { first: 4, last: 7 }, reset: false }],
    ["gap of one", { epoch: 5, offset: 6 }, { ...log, verdict: "gap" }, { missing: { first: 7, last: 7 }, reset: false }],
    ["reset, from the beginning", { epoch: 4, offset: 3 }, { ...log, start: 1, verdict: "reset" }, { reset: true }],
    [
      "reset, another epoch",
      { epoch: 4, offset: 3 },
      { ...log, verdict: "reset" },
      { missing: { first: 1, last: 7 }, reset: true },
    ],
    [
      "reset, ahead of the log",
      { epoch: 5, offset: 10 },
      { ...log, verdict: "reset" },
      { missing: { first: 1, last: 7 }, reset: true },
    ],
    [
      "fresh by choice, behind the position",
      { epoch: 5, offset: 3 },
      { ...log, verdict: "fresh" },
      { missing: { first: 4, last: 7 }, reset: false },
    ],
    ["fresh by choice, before the position", { epoch: 5, offset: 9 }, { ...log, verdict: "fresh" }, { reset: false }],
    ["fresh by choice, another epoch", { epoch: 4, offset: 9 }, { ...log, verdict: "fresh" }, { reset: true }],
  ])("%s (RES-2)", (_, position, joined, outcome) => {
    expect(new RoomCursor(position).joined(joined)).toEqual(outcome);
  });

  test("a fresh join that begins before the position gives duplicates up to it, then goes on", () => {
    const cursor = new RoomCursor({ epoch: 5, offset: 9 });
    cursor.joined({ ...log, verdict: "fresh" });
    expect([8, 9, 10].map((offset) => cursor.chat(offset))).toEqual(["duplicate", "duplicate", "deliver"]);
  });

  test("a hole leaves the cursor where it is (LOG-2)", () => {
    const cursor = new RoomCursor({ epoch: 5, offset: 7 });
    expect(cursor.chat(10)).toBe("hole");
    expect(cursor.next).toBe(8);
    expect(cursor.position).toEqual({ epoch: 5, offset: 7 });
    expect(cursor.chat(8)).toBe("deliver");
  });

  test.each([
    [8, 8, "ok", 9],
    [8, 20, "ok", 21],
    [7, 9, "invalid", 8],
    [9, 9, "invalid", 8],
    [8, 7, "invalid", 8],
    [8, 2 ** 53, "invalid", 8],
  ])("gap %d to %d where 8 is next is %s (RES-7)", (first, last, answer, next) => {
    const cursor = new RoomCursor({ epoch: 5, offset: 7 });
    expect(cursor.gap(first, last)).toBe(answer);
    expect(cursor.next).toBe(next);
  });

  test("what is missing by a gap is a duplicate when it comes after all", () => {
    const cursor = new RoomCursor({ epoch: 5, offset: 7 });
    cursor.gap(8, 9);
    expect([9, 10].map((offset) => cursor.chat(offset))).toEqual(["duplicate", "deliver"]);
  });

  test("offsets at the edges of 32 and 53 bits", () => {
    for (const last of [2 ** 32, 2 ** 53 - 1]) {
      const cursor = new RoomCursor({ epoch: 2 ** 53 - 1, offset: last - 3 });
      cursor.joined({ verdict: "resumed", epoch: 2 ** 53 - 1, start: last - 2, head: last - 1, firstRetained: last - 2 });
      expect([cursor.chat(last - 2), cursor.gap(last - 1, last - 1), cursor.chat(last), cursor.chat(last)]).toEqual([
        "deliver",
        "ok",
        "deliver",
        "duplicate",
      ]);
      expect(cursor.position).toEqual({ epoch: 2 ** 53 - 1, offset: last });
    }
  });

  test("before the first joined there is no position, and nothing may come", () => {
    const cursor = new RoomCursor();
    expect([cursor.position, cursor.next]).toEqual([undefined, 1]);
    const invalid = expect.objectContaining({ code: "STATE_INVALID" });
    expect(() => cursor.chat(1)).toThrow(invalid);
    expect(() => cursor.gap(1, 1)).toThrow(invalid);
  });
});
