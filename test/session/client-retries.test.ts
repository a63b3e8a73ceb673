/** How often a message that is rejected for now is sent again, and what becomes of it then (PUB-24). */

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closeCode, type ErrorCodeName, verdicts } from "../../src/errors.ts";
import type { ClientSessionOptions } from "../../src/session/client-options.ts";
import { linearRetry } from "../../src/session/client-retries.ts";
import { ChatKind } from "../../src/wire/codec.ts";
import { ackInit, type ClientHarness, joinedClient } from "../support/client-harness.ts";

const quick: ClientSessionOptions["batch"] = { maxItems: 1, maxBytes: 65_536, maxDelayMs: 0 };
const client = (retry: ClientSessionOptions["retry"] = linearRetry) => joinedClient({ batch: quick, ...(retry && { retry }) });

/** The relay rejects seq for now. */
const reject = (of: ClientHarness, seq: number, code: ErrorCodeName = "UNAVAILABLE", more = {}) =>
  of.receive("error", { code: verdicts[code][0], retry: 3, scope: 1, processed: 1, room: 1, seq: BigInt(seq), ...more });

const lastOf = (of: ClientHarness, id: string) =>
  of
    .eventsOf("entry")
    .filter((change) => change.id === id)
    .at(-1);

/** What was sent in the lobby, as [seq, text]; of a void, "VOID". */
const sent = (of: ClientHarness) =>
  of
    .framesOf("publish")
    .map(({ value }) => [Number(value.seq), value.kind === ChatKind.VOID ? "VOID" : String(value.content?.body.value)]);

describe("a message that is rejected for now", () => {
  it("is sent again three times, 2 s apart, then a void takes its place, and it has failed with the last verdict", () => {
    const ada = client();
    const [first, second] = [ada.publish("lobby", "first"), ada.publish("lobby", "second")];
    for (let i = 1; i <= 3; i++) {
      reject(ada, 1);
      const before = sent(ada).length;
      expect(sent(ada.advance(1999))).toHaveLength(before);
      expect(sent(ada.advance(1)).slice(before)).toEqual([
        [1, "first"],
        [2, "second"],
      ]);
    }
    reject(ada, 1, "RATE_LIMITED");
    expect(ada.states(first).at(-1)).toBe("voiding");
    const before = sent(ada).length;
    ada.advance(2000);
    expect(sent(ada).slice(before)).toEqual([
      [1, "VOID"],
      [2, "second"],
    ]);
    expect(ada.framesOf("publish").at(before)?.value.id).toEqual(ada.framesOf("publish")[0]?.value.id);
    ada.receive("ack", ackInit(1, 0, 7));
    expect(lastOf(ada, first)).toMatchObject({
      state: "failed",
      error: { code: "RATE_LIMITED", processed: "no" },
      unpublished: { content: { text: "first" } },
    });
    expect(ada.states(second).at(-1)).toBe("stored");
    expect(ada.session.outboxSize).toBe(0);
  });

  it("waits for as long as the verdict says, where it does", () => {
    const ada = client();
    ada.publish("lobby", "one");
    reject(ada, 1, "RATE_LIMITED", { retryAfterMs: 9000 });
    expect(sent(ada.advance(8999))).toHaveLength(1);
    expect(sent(ada.advance(1))).toHaveLength(2);
  });

  it("has its rejections counted over connections, and others do not count against it", () => {
    const ada = client({ attempts: 1, delayMs: 10 });
    const id = ada.publish("lobby", "one");
    reject(ada, 1);
    ada.advance(10);
    for (const code of ["GOING_AWAY", "ROOM_UNKNOWN", "OUT_OF_ORDER"] as const) {
      reject(ada, 1, code);
      ada.advance(31_000);
      if (code === "ROOM_UNKNOWN") ada.admit("lobby", { verdict: 2 }).advance(31_000);
      expect(ada.states(id).at(-1)).toBe("sent");
    }
    ada.lose(closeCode("UNAVAILABLE")).reconnect().admit("lobby", { verdict: 2 });
    reject(ada, 1);
    expect(ada.states(id).at(-1)).toBe("voiding");
  });

  it("is stored where a copy of it was: the answer to the void says so, and nobody has cancelled", () => {
    const ada = client({ attempts: 0 });
    const id = ada.publish("lobby", "one");
    reject(ada, 1);
    ada.advance(31_000).receive("ack", ackInit(1, 5));
    const last = lastOf(ada, id);
    expect(last).toMatchObject({ state: "stored", offset: 5 });
    expect(last).not.toHaveProperty("cancelFailed");
  });

  it("is cancelled where the application says so while it is given up", () => {
    const ada = client({ attempts: 0 });
    const id = ada.publish("lobby", "one");
    reject(ada, 1);
    expect(ada.session.rooms.cancel(id)).toBe(true);
    ada.pump().advance(31_000).receive("ack", ackInit(1, 0));
    expect(ada.states(id).at(-1)).toBe("cancelled");
  });

  it("is sent again without end where no bound is given, and a void always is", () => {
    const ada = joinedClient({ batch: quick });
    const id = ada.publish("lobby", "one");
    const again = (times: number) => {
      for (let i = 0; i < times; i++) reject(ada, 1).advance(31_000);
    };
    again(50);
    expect(ada.states(id).at(-1)).toBe("sent");
    const bounded = client({ attempts: 0 });
    bounded.publish("lobby", "one");
    for (let i = 0; i < 50; i++) reject(bounded, 1).advance(31_000);
    expect(sent(bounded)).toEqual([[1, "one"], ...Array.from({ length: 50 }, () => [1, "VOID"])]);
  });

  it("leaves no hole and no disorder, whatever is rejected: every seq is used once, by its own message or its void", () => {
    const verdict = fc.constantFrom<"accept" | "reject">("accept", "reject");
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 2 }),
        fc.array(verdict, { maxLength: 40 }),
        (count, attempts, plan) => {
          const ada = client({ attempts, delayMs: 10 });
          const ids = Array.from({ length: count }, (_, i) => ada.publish("lobby", `${i + 1}`));
          let [next, offset, looked] = [1, 0, 0];
          const rejections = new Map<number, number>();
          // A relay that takes only the next seq, and passes over what stands behind a rejection.
          for (let turn = 0; turn < 200 && ada.session.outboxSize > 0; turn++) {
            const frame = ada.framesOf("publish")[looked];
            if (frame === undefined) {
              ada.advance(10);
              continue;
            }
            looked++;
            const { seq, kind } = frame.value;
            if (Number(seq) !== next) continue;
            if (kind !== ChatKind.VOID && plan.shift() === "reject") {
              rejections.set(next, (rejections.get(next) ?? 0) + 1);
              reject(ada, next);
            } else ada.receive("ack", ackInit(next++, kind === ChatKind.VOID ? 0 : ++offset));
          }
          expect([ada.session.outboxSize, next]).toEqual([0, count + 1]);
          expect(ids.map((id) => ada.states(id).at(-1))).toEqual(
            ids.map((_, i) => ((rejections.get(i + 1) ?? 0) > attempts ? "failed" : "stored")),
          );
        },
      ),
    );
  });
});
