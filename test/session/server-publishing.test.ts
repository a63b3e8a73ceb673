/** Publishes, acks and delivery at a relay's engine: PUB-10, PUB-11, PUB-15, PUB-17 to PUB-19; RES-7, RES-8, CRD. */

import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/errors.ts";
import type { PublishEvent, PublishOutcome } from "../../src/session/server-events.ts";
import { ChatKind, encodedSize, Scope, Verdict } from "../../src/wire/codec.ts";
import { defaultRelayLimits } from "../../src/wire/limits.ts";
import { chat, Engine, room } from "./server-engine.ts";

const stored = (offset: number): PublishOutcome => ({ type: "stored", offset, timeMs: 1000 + offset });
const unavailable: PublishOutcome = { type: "retry", error: new ProtocolError("UNAVAILABLE", "later") };

function settle(engine: Engine, event: PublishEvent | undefined, outcome: PublishOutcome): void {
  if (event === undefined) throw new Error("nothing was published");
  engine.session.settle(event.ticket, outcome);
}

/** [code, seq, next_seq] of the errors that went out. */
function rejections(engine: Engine): [number, number, number][] {
  return engine.out("error").map((error) => [error.code, Number(error.seq), Number(error.nextSeq)]);
}

describe("publishes", () => {
  test("acks of one turn are one frame; voids have delta 0 (ACK-1, ACK-3)", () => {
    const engine = Engine.ready();
    const events = [1, 2, 3, 4].map((seq) => engine.publish(seq));
    settle(engine, events[0], stored(40));
    settle(engine, events[1], { type: "voided" });
    settle(engine, events[2], stored(43));
    expect(engine.out("ack")).toMatchObject([{ room, firstSeq: 1n, offsetDeltas: [40n, 0n, 3n], timeDeltas: [1040n, 0n, 3n] }]);
    settle(engine, events[3], stored(44));
    expect(engine.out("ack")).toMatchObject([{ firstSeq: 4n, offsetDeltas: [44n] }]);
  });

  test("the window counts content with the bytes it came in, not with those an encoder here would write (PUB-10, PUB-3)", () => {
    const engine = Engine.ready({ limits: { ...defaultRelayLimits, windowBytes: 5000 } });
    const field = (no: number, value: Uint8Array): Uint8Array =>
      Buffer.concat([Buffer.from([(no << 3) | 2, (value.length & 0x7f) | 0x80, value.length >> 7]), value]);
    const content = Buffer.concat([field(1, new Uint8Array(2000).fill(0x78)), field(1, Buffer.from("y"))]);
    const publish = (seq: number): Engine =>
      engine.bytes(
        field(2, Buffer.concat([Buffer.from([0x08, room, 0x10, seq]), field(3, new Uint8Array(16)), field(4, content)])),
      );
    publish(1);
    expect(engine.take("publish").map(({ ticket }) => ticket.bytes > content.length)).toEqual([true]);
    publish(2);
    expect(engine.session.state).toBe("ready");
    publish(3);
    expect(engine.errors()).toEqual(["WINDOW_EXCEEDED"]);
  });

  test("answers keep the order of the decisions (PUB-19)", () => {
    const engine = Engine.ready();
    const events = [1, 2, 3].map((seq) => engine.publish(seq));
    settle(engine, events[0], stored(1));
    settle(engine, events[1], { type: "rejected", code: "REJECTED", message: "no" });
    settle(engine, events[2], stored(2));
    engine.pump();
    expect(engine.sent.map((frame) => frame.body.case)).toEqual(["ack", "error", "ack"]);
  });

  test("final rejections are final whatever their code says elsewhere; doubt is maybe (PUB-11)", () => {
    const engine = Engine.ready();
    settle(engine, engine.publish(1), { type: "rejected", code: "UNAVAILABLE", message: "no" });
    settle(engine, engine.publish(2), { type: "forgotten" });
    expect(engine.out("error")).toMatchObject([
      { seq: 1n, room, retry: 1, scope: Scope.FRAME, processed: 1 },
      { seq: 2n, room, code: 52, processed: 2 },
    ]);
  });

  test("what cannot be recorded is answered with seq 0; what can is recorded (PUB-15)", () => {
    const engine = Engine.ready({ limits: { ...defaultRelayLimits, contentBytes: 10 } });
    expect([engine.publish(0), engine.publish(1, { id: new Uint8Array(3) })]).toEqual([undefined, undefined]);
    expect(rejections(engine)).toEqual([
      [10, 0, 0],
      [10, 0, 0],
    ]);
    expect(engine.publish(1, { kind: ChatKind.TOMBSTONE })?.reject?.code).toBe("FIELD_INVALID");
    expect(engine.publish(2, { content: { contentType: "x".repeat(128) } })?.reject?.code).toBe("FIELD_INVALID");
    expect(engine.publish(3, { content: { body: { case: "text", value: "x".repeat(20) } } })?.reject?.code).toBe(
      "LIMIT_EXCEEDED",
    );
    expect(engine.publish(4)?.reject).toBeUndefined();
    expect(engine.publish(5, { room: 99 })).toBeUndefined();
    expect(engine.out("error")).toMatchObject([{ code: 25, room: 99, seq: 5n, retry: 2, processed: 1 }]);
  });

  test("the window counts each seq once, and what is settled not at all (PUB-10)", () => {
    const engine = Engine.ready({ limits: { ...defaultRelayLimits, windowMessages: 2 } });
    const first = engine.publish(1);
    engine.publish(2);
    engine.publish(2);
    expect(engine.closed).toBeUndefined();
    settle(engine, first, stored(1));
    engine.publish(3);
    expect(engine.closed).toBeUndefined();
    engine.publish(4);
    expect(engine.closed).toEqual({ code: 4126, reason: "WINDOW_EXCEEDED" });

    const bytes = engine.take("closed") && Engine.ready();
    const size = bytes.publish(1)?.ticket.bytes ?? 0;
    const narrow = Engine.ready({ limits: { ...defaultRelayLimits, windowBytes: 2 * size } });
    for (const seq of [1, 2]) narrow.publish(seq);
    expect(narrow.closed).toBeUndefined();
    narrow.publish(3);
    expect(narrow.closed?.reason).toBe("WINDOW_EXCEEDED");
  });

  test("the bytes of a ticket are those of the encoded publish", () => {
    const event = Engine.ready().publish(300);
    expect(event?.ticket.bytes).toBeGreaterThan(encodedSize({ ...chat(1).frame }) - 40);
  });

  test("OUT_OF_ORDER is told once for each hole, and ends with the seq that is wanted (PUB-6)", () => {
    const engine = Engine.ready();
    const [third, fourth] = [engine.publish(3), engine.publish(4)];
    settle(engine, third, { type: "outOfOrder", nextSeq: 1 });
    settle(engine, fourth, { type: "outOfOrder", nextSeq: 1 });
    expect(rejections(engine)).toEqual([[51, 3, 1]]);
    expect([engine.publish(2), engine.publish(5)]).toEqual([undefined, undefined]);
    settle(engine, engine.publish(1), stored(1));
    settle(engine, engine.publish(2), stored(2));
    expect(engine.out("ack").map((ack) => ack.firstSeq)).toEqual([1n, 2n]);
    expect(rejections(engine)).toEqual([]);
  });

  test("after a retryable rejection later ones are dropped until it comes, and free the window (PUB-11, 2)", () => {
    const engine = Engine.ready({ limits: { ...defaultRelayLimits, windowMessages: 3 } });
    const events = [1, 2, 3].map((seq) => engine.publish(seq));
    settle(engine, events[0], unavailable);
    settle(engine, events[1], { type: "outOfOrder", nextSeq: 1 });
    settle(engine, events[2], unavailable);
    expect(rejections(engine)).toEqual([[70, 1, 0]]);
    expect(engine.publish(4)).toBeUndefined();
    const again = [1, 2, 3].map((seq) => engine.publish(seq));
    expect(again.every((event) => event !== undefined)).toBe(true);
    expect(engine.closed).toBeUndefined();
  });

  test("an answer to what was given back is not told as one of what came again", () => {
    const engine = Engine.ready();
    const [first, second] = [engine.publish(1), engine.publish(2)];
    settle(engine, first, unavailable);
    const again = [engine.publish(1), engine.publish(2)];
    settle(engine, second, { type: "outOfOrder", nextSeq: 1 });
    settle(engine, again[0], stored(1));
    settle(engine, again[1], stored(2));
    expect(rejections(engine)).toEqual([[70, 1, 0]]);
    expect(engine.out("ack")).toMatchObject([{ firstSeq: 1n, offsetDeltas: [1n, 1n] }]);
  });

  test("SEQ_CONFLICT ends publishing in the room until it is joined again (PUB-18)", () => {
    const engine = Engine.ready();
    const [first, second] = [engine.publish(1), engine.publish(2)];
    settle(engine, first, { type: "conflict", nextSeq: 9 });
    settle(engine, second, { type: "conflict", nextSeq: 9 });
    expect(engine.out("error")).toMatchObject([{ code: 50, room, seq: 1n, nextSeq: 9n, scope: Scope.ROOM, retry: 2 }]);
    expect([engine.publish(1), engine.publish(9)]).toEqual([undefined, undefined]);
    engine.deliver(1);
    expect(engine.delivered()).toEqual([1]);
    engine.send("join", { name: `room ${room}` }, 5);
    expect(engine.publish(9)).toBeUndefined();
    engine.open({ ref: 5, nextSeq: 9 });
    expect(engine.publish(9)).toBeDefined();
  });

  test("what counts no longer is not answered, whatever became of it (PUB-17, 6)", () => {
    const engine = Engine.ready({ limits: { ...defaultRelayLimits, windowMessages: 2 } });
    const [first, second] = [engine.publish(1), engine.publish(2)];
    settle(engine, first, unavailable);
    engine.out("error");
    const [again, later] = [engine.publish(1), engine.publish(2)];
    // Another connection's copy of the first had filled the hole before this was decided.
    settle(engine, second, stored(2));
    expect(engine.out("ack")).toEqual([]);
    settle(engine, again, stored(1));
    settle(engine, later, stored(2));
    expect(engine.out("ack")).toMatchObject([{ firstSeq: 1n, offsetDeltas: [1n, 1n] }]);
    expect([engine.publish(3), engine.publish(4)]).not.toContain(undefined);
    expect(engine.session.state).toBe("ready");
  });

  test("a joined is a border: what came before it is answered before it or never (PUB-19)", () => {
    const engine = Engine.ready();
    const [before, other] = [engine.publish(1), engine.publish(2)];
    engine.send("join", { name: `room ${room}` }, 5);
    const between = engine.publish(3);
    settle(engine, other, stored(2));
    engine.open({ ref: 5 });
    settle(engine, before, stored(1));
    settle(engine, between, stored(3));
    engine.pump();
    expect(engine.sent.map((frame) => frame.body.case)).toEqual(["ack", "joined", "ack"]);
    expect(engine.out("ack").map((ack) => ack.firstSeq)).toEqual([2n, 3n]);

    const crossing = engine.publish(4);
    engine.open({ verdict: Verdict.RESET, log: { epoch: 6, head: 0, firstRetained: 1 } });
    settle(engine, crossing, stored(4));
    expect(engine.out("ack")).toEqual([]);
  });

  test("while the log is becoming another one nothing is answered or taken, and a leave that waits goes on (PUB-19)", () => {
    const engine = Engine.ready();
    const early = engine.publish(1);
    engine.session.suspend(room);
    settle(engine, early, stored(1));
    engine.send("publish", { room, seq: 2n, id: new Uint8Array(16).fill(2), content: { body: { case: "text", value: "x" } } });
    expect(engine.take("publish")).toEqual([]);
    engine.open({ verdict: Verdict.RESET, log: { epoch: 6, head: 0, firstRetained: 1 } });
    engine.pump();
    expect(engine.sent.map((frame) => frame.body.case)).toEqual(["joined"]);
    // What still crosses was meant for the old log, if it is not of a connection that is dead (PUB-20).
    expect(engine.publish(1)).toBeUndefined();
    engine.send("join", { name: `room ${room}` }, 5);
    engine.open({ ref: 5 });
    engine.pump();
    settle(engine, engine.publish(1), stored(3));
    expect(engine.out("ack")).toMatchObject([{ firstSeq: 1n, offsetDeltas: [3n] }]);

    engine.publish(2);
    engine.send("leave", { room }, 9);
    expect(engine.take("leave")).toEqual([]);
    engine.session.suspend(room);
    engine.pump();
    expect(engine.take("leave")).toMatchObject([{ ref: 9 }]);
  });

  test("one that only tells new rights is no border", () => {
    const engine = Engine.ready();
    const event = engine.publish(1);
    engine.open({ verdict: Verdict.RESUMED, start: undefined });
    settle(engine, event, stored(1));
    expect(engine.out("ack")).toHaveLength(1);
  });

  test("a leave waits for what was published before it (ROM-7)", () => {
    const engine = Engine.ready();
    const event = engine.publish(1);
    engine.send("leave", { room }, 3);
    expect([engine.take("leave"), engine.publish(2)]).toEqual([[], undefined]);
    settle(engine, event, stored(1));
    engine.pump();
    expect(engine.take("leave")).toHaveLength(1);
    engine.session.left(3, room);
    engine.pump();
    expect(engine.sent.map((frame) => frame.body.case)).toEqual(["error", "ack", "left"]);
  });

  test("what is published does not hold the message in which it came", () => {
    const engine = Engine.ready();
    const event = engine.publish(1, {
      content: { body: { case: "data", value: new Uint8Array([1, 2]) } },
      target: new Uint8Array(16),
    });
    if (event?.content?.body.case !== "data") throw new Error("no data");
    for (const bytes of [event.id, event.target, event.content.body.value]) expect(bytes.buffer.byteLength).toBe(bytes.length);
  });
});

describe("delivery", () => {
  test("a live entry goes out only if it is the next; others are read (RES-8)", () => {
    const engine = Engine.ready();
    for (const offset of [1, 2]) engine.deliver(offset);
    expect(engine.delivered()).toEqual([1, 2]);
    engine.deliver(5);
    engine.pump();
    const [read] = engine.take("read");
    expect(read).toMatchObject({ room, after: 2 });
    engine.deliver(6);
    expect([engine.take("read"), engine.delivered()]).toEqual([[], []]);
    engine.session.fill(room, read?.token ?? 0, [3, 4, 5].map(entry), { firstRetained: 1, head: 5 });
    expect(engine.delivered()).toEqual([3, 4, 5]);
    const [more] = engine.take("read");
    expect(more).toMatchObject({ after: 5 });
    engine.session.fill(room, more?.token ?? 0, [entry(6)], { firstRetained: 1, head: 6 });
    engine.deliver(7);
    engine.deliver(7);
    expect(engine.delivered()).toEqual([6, 7]);
    expect(engine.take("read")).toEqual([]);
  });

  test("what a joined replays is read from the log, then live entries follow", () => {
    const engine = Engine.ready();
    engine.open({ start: 3, log: { epoch: 5, head: 4, firstRetained: 1 }, verdict: Verdict.RESUMED, announced: 5 });
    engine.pump();
    const [read] = engine.take("read");
    engine.session.fill(room, read?.token ?? 0, [3, 4].map(entry), { firstRetained: 1, head: 4 });
    engine.pump();
    const [more] = engine.take("read");
    engine.session.fill(room, more?.token ?? 0, [entry(5)], { firstRetained: 1, head: 5 });
    expect(engine.delivered()).toEqual([3, 4, 5]);
  });

  test("what retention has removed meanwhile becomes a gap, in its place (RES-7)", () => {
    const engine = Engine.ready();
    engine.deliver(1);
    engine.deliver(9);
    engine.session.pollTransmit(engine.now);
    engine.pump();
    const [read] = engine.take("read");
    engine.session.fill(room, read?.token ?? 0, [8, 9].map(entry), { firstRetained: 8, head: 9 });
    engine.deliver(10);
    expect(engine.delivered()).toEqual([[2, 7], 8, 9, 10]);

    engine.deliver(20);
    engine.pump();
    const [again] = engine.take("read");
    engine.session.fill(room, again?.token ?? 0, [], { firstRetained: 21, head: 20 });
    engine.deliver(21);
    expect(engine.delivered()).toEqual([[11, 20], 21]);
  });

  test("credit stops delivery to the byte, and starts it again (CRD-1, CRD-4)", () => {
    const size = chat(1).bytes;
    const engine = Engine.ready({}, 2 * size);
    for (const offset of [1, 2, 3, 4]) engine.deliver(offset);
    expect([engine.delivered(), engine.take("read")]).toEqual([[1, 2], []]);
    engine.send("credit", { totalBytes: BigInt(3 * size - 1) });
    engine.send("credit", { totalBytes: 0n });
    expect(engine.take("read")).toEqual([]);
    engine.send("credit", { totalBytes: BigInt(3 * size) });
    const [read] = engine.take("read");
    expect(read).toMatchObject({ after: 2 });
    engine.session.fill(room, read?.token ?? 0, [3, 4].map(entry), { firstRetained: 1, head: 4 });
    expect([engine.delivered(), engine.take("read")]).toEqual([[3], []]);
    engine.send("ping", {});
    expect(engine.out("pong")).toHaveLength(1);
  });

  test("chats of other rooms that fit pass (CRD-4)", () => {
    const engine = Engine.ready({}, 100);
    engine.open({ room: 8 });
    engine.deliver(1, "x".repeat(200));
    engine.deliver(1, "y", 8);
    engine.pump();
    expect(engine.out("chat").map((each) => each.room)).toEqual([8]);
  });

  test("with credit 0 no chat comes before the first credit (CRD-5)", () => {
    const engine = Engine.ready({}, 0);
    engine.deliver(1);
    expect([engine.delivered(), engine.take("read")]).toEqual([[], []]);
    engine.send("credit", { totalBytes: 1_000_000n });
    expect(engine.take("read")).toHaveLength(1);
  });

  test("chats that wait for the transport are bounded; the rest stays in the log", () => {
    const size = chat(1).bytes;
    const engine = Engine.ready({ chatQueueBytes: 2 * size });
    for (let offset = 1; offset <= 1000; offset++) engine.deliver(offset);
    engine.transmit();
    expect(engine.delivered()).toEqual([1, 2]);
    expect(engine.take("read")).toMatchObject([{ after: 2 }]);
  });

  test("one chat may always wait, however large", () => {
    const engine = Engine.ready({ chatQueueBytes: 1 });
    engine.deliver(1, "x".repeat(1000));
    expect(engine.delivered()).toEqual([1]);
  });

  test("after joined and left nothing of an earlier joined is sent, nor counted (RES-8)", () => {
    const size = chat(1).bytes;
    const engine = Engine.ready({}, 2 * size);
    engine.deliver(1);
    engine.deliver(2);
    engine.open({ verdict: Verdict.RESET, log: { epoch: 6, head: 0, firstRetained: 1 } });
    engine.deliver(1);
    engine.deliver(2);
    engine.pump();
    expect(engine.sent.map((frame) => frame.body.case)).toEqual(["joined", "chat", "chat"]);
    engine.sent.length = 0;
    engine.send("credit", { totalBytes: BigInt(9 * size) });
    engine.deliver(3);
    engine.session.left(0, room, "ACCESS_REVOKED");
    engine.deliver(4);
    engine.pump();
    expect(engine.sent.map((frame) => frame.body.case)).toEqual(["left"]);
  });

  test("new rights are told with where delivery stands (ROM-6)", () => {
    const engine = Engine.ready();
    engine.deliver(1);
    engine.pump();
    engine.sent.length = 0;
    engine.deliver(2);
    engine.open({ verdict: Verdict.RESUMED, start: undefined, log: { epoch: 5, head: 2, firstRetained: 1 }, announced: 2 });
    engine.pump();
    expect(engine.out("joined")).toMatchObject([{ start: 2n }]);
    expect(engine.take("read")).toMatchObject([{ after: 1 }]);
  });

  test("an answer to a read of an earlier joined is passed over", () => {
    const engine = Engine.ready();
    engine.deliver(2);
    engine.pump();
    const [read] = engine.take("read");
    engine.open({ verdict: Verdict.RESET, log: { epoch: 6, head: 0, firstRetained: 1 } });
    engine.session.fill(room, read?.token ?? 0, [entry(1)], { firstRetained: 1, head: 2 });
    expect(engine.delivered()).toEqual([]);
  });

  test("publish-only rooms get no chats (ROM-5)", () => {
    const engine = Engine.ready();
    engine.open({ publishOnly: true, start: undefined });
    engine.deliver(1);
    expect([engine.delivered(), engine.take("read")]).toEqual([[], []]);
    expect(engine.publish(1)).toBeDefined();
  });

  test("histories are read one at a time", () => {
    const engine = Engine.ready();
    engine.send("history", { room, anchor: { case: "before", value: 9n } }, 1).send("history", { room, limit: 5 }, 2);
    const [first] = engine.take("history");
    expect([first, engine.take("history")]).toMatchObject([{ ref: 1, anchor: { before: 9 }, limit: 1000 }, []]);
    if (first) engine.session.page(first, { epoch: 5, entries: [], firstRetained: 1, head: 0 });
    expect(engine.frames("page")).toMatchObject([{ ref: 1 }]);
    expect(engine.take("history")).toMatchObject([{ ref: 2, limit: 5 }]);
  });
});

function entry(offset: number): { offset: number; frame: ReturnType<typeof chat> } {
  return { offset, frame: chat(offset) };
}
