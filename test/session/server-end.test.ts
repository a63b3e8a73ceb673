/** How a connection lives and ends at a relay's engine: LIV, GBY, AUT-4, CRD-6, ERR-8. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrame as encodeRaw } from "../../gen/chappe/v1/frame_codec.ts";
import { ProtocolError, UsageError } from "../../src/errors.ts";
import { type BodyCase, type BodyValue, ChatKind, createFrame, type Init, Retry, Scope } from "../../src/wire/codec.ts";
import { defaultRelayLimits } from "../../src/wire/limits.ts";
import { arbitraryFrame } from "../support/frames.ts";
import { Engine, room } from "./server-engine.ts";

const make: Readonly<Record<"open" | "authenticating" | "ready" | "draining", () => Engine>> = {
  open: () => new Engine(),
  authenticating: () => Engine.authenticating(),
  ready: () => Engine.ready(),
  draining: () => Engine.draining(),
};

describe("the end", () => {
  test("pings are answered before everything else, several by one pong (LIV-2)", () => {
    const engine = Engine.ready();
    engine.session.handleMessage(encode("join", { name: "" }, 1), engine.now);
    engine.session.handleMessage(encode("ping", { timeMs: 1n }), engine.now);
    engine.session.handleMessage(encode("ping", { timeMs: 2n }), engine.now);
    engine.transmit();
    expect(engine.sent.map((frame) => frame.body.case)).toEqual(["pong", "error"]);
    expect(engine.out("pong")).toMatchObject([{ echoMs: 2n }]);
  });

  test("the relay pings, and takes silence for death (LIV-1, LIV-4)", () => {
    const engine = Engine.ready();
    expect(engine.advance(24_999).out("ping")).toEqual([]);
    expect(engine.advance(1).out("ping")).toHaveLength(1);
    engine.send("pong", {});
    expect(engine.advance(25_000).out("ping")).toHaveLength(1);
    expect(engine.advance(34_999).closed).toBeUndefined();
    expect(engine.advance(1).closed).toEqual({ code: 4228, reason: "HEARTBEAT_TIMEOUT" });
    expect(engine.session.pollTimeout()).toBeUndefined();
  });

  test("a token expires, unless a refresh is decided in its favour (AUT-4)", () => {
    const accept = (): Engine => {
      const engine = Engine.authenticating();
      engine.session.accept({ user: "ada", expiresInMs: 1000 }, engine.now);
      return engine;
    };
    expect(accept().advance(1000).closed).toEqual({ code: 4441, reason: "TOKEN_EXPIRED" });

    const refreshed = accept();
    refreshed.send("refresh", { token: "t" }, 1).advance(2000);
    expect(refreshed.closed).toBeUndefined();
    refreshed.session.refreshed(1, 500, refreshed.now);
    expect(refreshed.out("refreshed")).toMatchObject([{ expiresInMs: 500 }]);
    expect(refreshed.advance(499).closed).toBeUndefined();
    expect(refreshed.advance(1).closed?.reason).toBe("TOKEN_EXPIRED");

    const failed = accept();
    failed.send("refresh", { token: "t" }, 1).advance(2000);
    failed.session.fail(1, new ProtocolError("UNAUTHENTICATED", "no"));
    expect(failed.frames("error").map((frame) => [frame.ref, frame.body.value.code, frame.body.value.scope])).toEqual([
      [1, 40, Scope.FRAME],
      [0, 41, Scope.CONNECTION],
    ]);
  });

  test("of several refreshes the last one that is being decided decides; one that came too late does not (AUT-4)", () => {
    const accept = (): Engine => {
      const engine = Engine.authenticating();
      engine.session.accept({ user: "ada", expiresInMs: 1000 }, engine.now);
      return engine.send("refresh", { token: "a" }, 1).send("refresh", { token: "b" }, 2).advance(1500);
    };
    const no = new ProtocolError("UNAUTHENTICATED", "no");
    const saved = accept();
    saved.session.fail(1, no);
    expect(saved.session.state).toBe("ready");
    saved.session.refreshed(2, 0, saved.now);
    expect([saved.errors(), saved.advance(50_000).closed]).toEqual([["UNAUTHENTICATED"], undefined]);

    const early = accept();
    early.session.refreshed(1, 0, early.now);
    early.session.fail(2, no);
    expect(early.session.state).toBe("ready");

    const late = accept();
    late.send("refresh", { token: "c" }, 3);
    late.session.fail(2, no);
    late.session.fail(1, no);
    expect(late.errors()).toEqual(["UNAUTHENTICATED", "UNAUTHENTICATED", "TOKEN_EXPIRED"]);
  });

  test("goodbye: publishes are rejected retryably, requests refused, then it closes (GBY-2)", () => {
    const engine = Engine.ready();
    const before = engine.publish(1);
    engine.session.drain({ drainMs: 5000, afterMinMs: 10, afterMaxMs: 20 }, engine.now);
    expect(engine.out("goodbye")).toMatchObject([
      { code: 73, retry: Retry.AFTER, drainMs: 5000, afterMinMs: 10, afterMaxMs: 20 },
    ]);
    engine.publish(2);
    engine.publish(3);
    engine.send("join", { name: "x" }, 8);
    expect(engine.out("error")).toMatchObject([
      { code: 73, seq: 2n, scope: Scope.FRAME, retry: Retry.AFTER },
      { code: 73, scope: Scope.FRAME },
    ]);
    if (before) engine.session.settle(before.ticket, { type: "stored", offset: 1, timeMs: 5 });
    expect(engine.out("ack")).toMatchObject([{ firstSeq: 1n }]);
    expect(engine.advance(4999).closed).toBeUndefined();
    expect(engine.advance(1).closed).toEqual({ code: 4373, reason: "GOING_AWAY" });
    expect(engine.errors()).toEqual([]);
  });

  test("goodbye before welcome closes at once, before hello it is an error (GBY-5)", () => {
    const early = Engine.authenticating();
    early.session.drain({ drainMs: 5000, afterMinMs: 0, afterMaxMs: 0 }, early.now);
    early.session.accept({ user: "ada" }, early.now);
    early.pump();
    expect(early.sent.map((frame) => frame.body.case)).toEqual(["goodbye"]);
    expect(early.closed?.reason).toBe("GOING_AWAY");
    const first = new Engine();
    first.session.drain({ drainMs: 5000, afterMinMs: 0, afterMaxMs: 0 }, first.now);
    expect([first.errors(), first.closed?.code]).toEqual([["GOING_AWAY"], 4373]);
  });

  test("after a client's goodbye nothing is processed, and acks still go (GBY-6)", () => {
    const engine = Engine.ready();
    const publish = engine.publish(1);
    engine.send("batch", { frames: [createFrame("goodbye", {}), createFrame("join", { name: "a" }, { ref: 1 })] });
    engine.send("join", { name: "b" }, 2);
    expect([engine.take("goodbye").length, engine.take("join")]).toEqual([1, []]);
    if (publish) engine.session.settle(publish.ticket, { type: "stored", offset: 1, timeMs: 5 });
    expect(engine.out("ack")).toHaveLength(1);
  });

  test("a client that does not read is ended, and nothing more is held (CRD-6)", () => {
    const engine = Engine.ready({ controlQueueBytes: 10_000 });
    for (let i = 0; i < 10_000 && engine.session.state === "ready"; i++) {
      engine.session.handleMessage(encode("join", { name: "" }, i + 1), engine.now);
    }
    expect(engine.session.state).toBe("closed");
    engine.pump();
    expect(engine.sent).toHaveLength(1);
    expect([engine.errors(), engine.closed?.code]).toEqual([["BACKLOG_EXCEEDED"], 4374]);
  });

  test("acks count for a client that does not read, also where nothing else is sent (CRD-6, LIM-6)", () => {
    const engine = Engine.ready({ controlQueueBytes: 4096 });
    const again = encode("publish", { room, seq: 1n, id: new Uint8Array(16), kind: ChatKind.VOID });
    let sent = 0;
    for (; sent < 10_000 && engine.session.state === "ready"; sent++) {
      engine.session.handleMessage(again, engine.now);
      for (let event = engine.session.pollEvent(); event !== undefined; event = engine.session.pollEvent())
        if (event.type === "publish") engine.session.settle(event.ticket, { type: "stored", offset: 5, timeMs: 1000 });
    }
    expect(sent).toBeLessThan(1000);
    engine.pump();
    expect([engine.errors(), engine.closed?.code]).toEqual([["BACKLOG_EXCEEDED"], 4374]);
  });

  test("acks that were not sent before other frames go before them, however many", () => {
    const engine = Engine.ready({ limits: { ...defaultRelayLimits, windowMessages: 1000 } });
    const tickets = Array.from({ length: 600 }, (_, i) => engine.publish(i + 1)?.ticket);
    for (const ticket of tickets) if (ticket) engine.session.settle(ticket, { type: "stored", offset: ticket.seq, timeMs: 1000 });
    engine.send("leave", { room: 99 }, 1);
    engine.pump();
    expect(new Set(engine.sent.map((frame) => frame.body.case))).toEqual(new Set(["ack", "error"]));
    expect(engine.sent.at(-1)?.body.case).toBe("error");
    const acked = engine.out("ack").flatMap(({ firstSeq, offsetDeltas }) => offsetDeltas.map((_, i) => Number(firstSeq) + i));
    expect(acked).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
  });

  describe("whatever a command sends may be the end: nothing is done after it (CRD-6)", () => {
    const quiet = (engine: Engine, expected: string): void => {
      engine.pump();
      expect([engine.session.state, engine.session.pollTimeout(), engine.closed?.reason]).toEqual([
        "closed",
        undefined,
        expected,
      ]);
      const told = [engine.sent.length, engine.events.length];
      engine.advance(200_000);
      expect([engine.sent.length, engine.events.length]).toEqual(told);
      expect([engine.events.at(-1)?.type, engine.take("closed").length]).toEqual(["closed", 1]);
    };
    const drainage = { drainMs: 10, afterMinMs: 1, afterMaxMs: 2, message: "m".repeat(330) };

    test("drain", () => {
      const engine = Engine.ready({ controlQueueBytes: 300 });
      engine.session.drain(drainage, engine.now);
      expect(engine.session.state).toBe("closed");
      quiet(engine, "BACKLOG_EXCEEDED");
    });

    test("drain before welcome", () => {
      const engine = Engine.authenticating({ controlQueueBytes: 300 });
      engine.session.drain(drainage, engine.now);
      quiet(engine, "BACKLOG_EXCEEDED");
      expect(engine.errors()).toEqual(["BACKLOG_EXCEEDED"]);
    });

    test("accept, with frames that wait for it", () => {
      const engine = Engine.authenticating({ controlQueueBytes: 40 });
      engine.send("join", { name: "a" }, 1);
      engine.session.accept({ user: "ada", expiresInMs: 1000 }, engine.now);
      quiet(engine, "BACKLOG_EXCEEDED");
      expect([engine.errors(), engine.take("join")]).toEqual([["BACKLOG_EXCEEDED"], []]);
    });

    test("joined, left, and the answers that a hub gives", () => {
      const long = new ProtocolError("UNAVAILABLE", "m".repeat(330));
      const commands: ((engine: Engine) => void)[] = [
        (engine) => engine.open({ log: { epoch: 5, head: 9, firstRetained: 1 }, start: 1, members: [{ user: "u".repeat(200) }] }),
        (engine) => {
          engine.send("leave", { room }, 1).send("leave", { room }, 2);
          engine.session.fail(1, long);
        },
        (engine) => {
          const publish = engine.publish(1);
          engine.send("leave", { room }, 1);
          if (publish) engine.session.settle(publish.ticket, { type: "retry", error: long });
        },
      ];
      for (const command of commands) {
        const engine = Engine.ready({ controlQueueBytes: 180 });
        command(engine);
        quiet(engine, "BACKLOG_EXCEEDED");
        expect(engine.sent.at(-1)?.body.case).toBe("error");
      }
    });
  });

  test("an end is told once; afterwards commands are passed over", () => {
    const engine = Engine.ready();
    const publish = engine.publish(1);
    engine.session.handleClose(engine.now);
    engine.session.handleClose(engine.now);
    engine.session.end(new ProtocolError("INTERNAL", ""));
    engine.session.close();
    engine.session.fail(1, new ProtocolError("INTERNAL", ""));
    engine.session.left(0, room);
    engine.session.drain({ drainMs: 0, afterMaxMs: 0, afterMinMs: 0 }, engine.now);
    if (publish) engine.session.settle(publish.ticket, { type: "voided" });
    engine.open();
    engine.deliver(1);
    engine.send("ping", {});
    expect([engine.take("closed"), engine.sent, engine.closed]).toEqual([[{ type: "closed", error: undefined }], [], undefined]);
  });

  test("the application's own end has no verdict (TRN-13)", () => {
    const engine = Engine.ready();
    engine.session.close();
    engine.pump();
    expect([engine.closed, engine.errors()]).toEqual([{ code: 1000, reason: "" }, []]);
  });

  test("misuse throws", () => {
    const misuse: ((engine: Engine) => void)[] = [
      (engine) => engine.session.accept({ user: "again" }, engine.now),
      (engine) => engine.session.fail(55, new ProtocolError("INTERNAL", "")),
      (engine) => engine.session.left(0, 99),
      (engine) => engine.open({ ref: 3, room: 9 }),
      (engine) => engine.open({ room: 0 }),
      (engine) => engine.session.refreshed(3, 0, engine.now),
      (engine) => engine.session.handleOpen(engine.now),
    ];
    for (const use of misuse) expect(() => use(Engine.ready())).toThrow(UsageError);
    expect(() => new Engine().session.accept({ user: "early" }, 0)).toThrow(UsageError);
    expect(() => new Engine().open()).toThrow(UsageError);
  });

  test("whatever a peer sends ends in frames, events and a coded end", () => {
    const step = fc.oneof(arbitraryFrame(), fc.uint8Array({ maxLength: 60 }));
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(make)), fc.array(step, { maxLength: 12 }), (engineIn, steps) => {
        const engine = engineIn();
        for (const each of steps) {
          if (each instanceof Uint8Array) engine.bytes(each);
          else engine.frame(each);
        }
        expect(engine.closed === undefined).toBe(engine.session.state !== "closed");
      }),
      { numRuns: 300 },
    );
  });
});

function encode<C extends BodyCase>(body: C, init: Init<BodyValue<C>>, ref = 0): Uint8Array {
  return encodeRaw(createFrame(body, init, { ref }));
}
