/** Rooms at a relay's engine: the order of their answers, and what is taken about which (FRM-8, ROM-4, AUT-8, SIG-4). */

import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/errors.ts";
import { type BodyValue, type Init, Right, Scope } from "../../src/wire/codec.ts";
import { defaultRelayLimits } from "../../src/wire/limits.ts";
import { Engine, room } from "./server-engine.ts";

describe("joins and leaves", () => {
  test("joins and leaves of a room come to the hub one at a time, in order (FRM-8)", () => {
    const engine = Engine.ready();
    engine.send("join", { name: "a" }, 1).send("join", { name: "a", tail: 5 }, 2).send("join", { name: "b" }, 3);
    expect(engine.take("join").map((event) => event.ref)).toEqual([1, 3]);
    engine.open({ ref: 1, room: 8, name: "a" });
    engine.pump();
    expect(engine.take("join").map((event) => event.ref)).toEqual([2]);
    engine.send("leave", { room: 8 }, 4);
    expect(engine.take("leave")).toEqual([]);
    engine.open({ ref: 2, room: 8, name: "a" });
    engine.pump();
    expect(engine.take("leave").map((event) => event.ref)).toEqual([4]);
    engine.session.left(4, 8);
    expect(engine.frames("left")).toMatchObject([{ ref: 4 }]);
  });

  test("a leave whose room was taken away meanwhile is answered", () => {
    const engine = Engine.ready();
    const publish = engine.publish(1);
    engine.send("leave", { room }, 4);
    expect(engine.take("leave")).toEqual([]);
    engine.session.left(0, room, "ACCESS_REVOKED");
    engine.pump();
    expect(engine.sent.map((frame) => [frame.body.case, frame.ref])).toEqual([
      ["left", 0],
      ["error", 4],
    ]);
    expect(engine.errors()).toEqual(["ROOM_UNKNOWN"]);
    if (publish) engine.session.settle(publish.ticket, { type: "voided" });
    expect(engine.out("ack")).toEqual([]);
  });

  test("a room that is taken away before the hub has left it is answered too", () => {
    const engine = Engine.ready();
    engine.send("leave", { room }, 4);
    engine.session.left(0, room, "ACCESS_REVOKED");
    engine.session.left(4, room);
    expect([engine.frames("left").map((frame) => frame.ref), engine.errors()]).toEqual([[0], ["ROOM_UNKNOWN"]]);
    engine.send("leave", { room: 99 }, 4);
    expect(engine.errors()).toEqual(["ROOM_UNKNOWN"]);
  });

  test("answers about one room come in the order of their requests (FRM-8)", () => {
    const answers = (engine: Engine): [string | undefined, number][] => {
      engine.pump();
      return engine.sent.splice(0).map((frame) => [frame.body.case, frame.ref]);
    };
    const engine = Engine.ready();
    engine.send("leave", { room }, 1).send("leave", { room }, 2).send("leave", { room }, 3);
    engine.session.left(1, room);
    expect(answers(engine)).toEqual([
      ["left", 1],
      ["error", 2],
      ["error", 3],
    ]);
    engine.send("join", { name: "b" }, 1);
    engine.open({ ref: 1, room: 8, name: "b" });
    engine.send("join", { name: "b" }, 2).send("leave", { room: 8 }, 3).send("leave", { room: 8 }, 4);
    answers(engine);
    engine.session.fail(2, new ProtocolError("UNAVAILABLE", "later"));
    engine.session.left(3, 8);
    expect(answers(engine)).toEqual([
      ["error", 2],
      ["left", 3],
      ["error", 4],
    ]);
  });

  test("a leave that fails leaves the room open, and the next one in line is tried", () => {
    const engine = Engine.ready();
    engine.send("leave", { room }, 1).send("leave", { room }, 2);
    engine.session.fail(1, new ProtocolError("UNAVAILABLE", "later"));
    engine.pump();
    expect([engine.errors(), engine.take("leave").map((event) => event.ref)]).toEqual([["UNAVAILABLE"], [1, 2]]);
    engine.session.fail(2, new ProtocolError("UNAVAILABLE", "later"));
    expect(engine.errors()).toEqual(["UNAVAILABLE"]);
    const publish = engine.publish(1);
    if (publish) engine.session.settle(publish.ticket, { type: "stored", offset: 1, timeMs: 5 });
    expect([engine.errors(), engine.out("ack")]).toMatchObject([[], [{ firstSeq: 1n }]]);
    engine.send("leave", { room }, 3);
    engine.session.left(3, room);
    expect(engine.frames("left")).toMatchObject([{ ref: 3 }]);
  });
});

describe("rooms that are not open, and rights", () => {
  test("ROM-4", () => {
    const engine = Engine.ready();
    const about: { readonly [C in "leave" | "history" | "receipt" | "typing" | "signal"]: Init<BodyValue<C>> } = {
      leave: {},
      history: {},
      receipt: { marks: [{ read: 1n }] },
      typing: { marks: [{ ttlMs: 1 }] },
      signal: { name: "n" },
    };
    let ref = 0;
    for (const [body, init] of Object.entries(about) as ["leave", Init<BodyValue<"leave">>][]) {
      engine.send(body, { ...init, room: 99 }, ++ref);
      expect(engine.frames("error")).toMatchObject([{ ref, body: { value: { code: 25, room: 99, scope: Scope.FRAME } } }]);
    }
    engine.session.left(0, room, "ROOM_UNAVAILABLE");
    engine.out("left");
    for (const [body, init] of Object.entries(about) as ["leave", Init<BodyValue<"leave">>][]) {
      engine.send(body, { ...init, room }, ++ref);
      expect([body, engine.errors()]).toEqual([body, body === "leave" || body === "history" ? ["ROOM_UNKNOWN"] : []]);
    }
    expect(engine.events).toEqual([]);
  });

  test("AUT-8", () => {
    const engine = Engine.ready();
    engine.open({ rights: [] });
    engine.send("history", { room }, 1);
    engine.send("receipt", { room, marks: [{ read: 1n }] });
    engine.send("typing", { room, marks: [{ ttlMs: 1 }] });
    engine.send("signal", { room, name: "n" });
    expect(engine.errors()).toEqual(["FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN"]);
    expect(engine.events).toEqual([]);
    expect(engine.publish(1)?.reject?.code).toBe("FORBIDDEN");
    engine.open({ rights: [Right.READ], start: undefined });
    engine.send("history", { room }, 1);
    expect(engine.take("history")).toHaveLength(1);
  });

  test("what only the relay may say is not taken (FRM-9), and typing not too often (TYP-3)", () => {
    const engine = Engine.ready();
    engine.send("presence", { marks: [{ user: "bob", devices: 9, activity: "a" }, { activity: "b" }], snapshot: true });
    expect(engine.take("presence")).toMatchObject([{ activity: "a" }]);
    for (const ttlMs of [6000, 6000, 0]) engine.send("typing", { room, marks: [{ user: "bob", ttlMs }] });
    expect(engine.take("typing").map((event) => event.ttlMs)).toEqual([6000, 0]);
    engine.advance(1000).send("typing", { room, marks: [{ ttlMs: 6000 }] });
    expect(engine.take("typing")).toHaveLength(1);
  });

  test("the content of a signal is bounded (SIG-4)", () => {
    const engine = Engine.ready({ limits: { ...defaultRelayLimits, contentBytes: 10 } });
    const content = { body: { case: "text" as const, value: "x".repeat(20) } };
    engine.send("signal", { room: 0, name: "n", content }).send("signal", { room: 0, name: "n" });
    expect(engine.frames("error")).toMatchObject([{ body: { value: { code: 27, scope: Scope.FRAME } } }]);
    expect(engine.take("signal")).toHaveLength(1);
  });
});
