/** Hello, requests, rooms and rights at a relay's engine: every row of FRM-4, every violation with its code. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { closeCode, ProtocolError } from "../../src/errors.ts";
import type { ServerState } from "../../src/session/transitions.ts";
import { type BodyCase, type BodyValue, createFrame, type Init, Scope } from "../../src/wire/codec.ts";
import { defaultRelayLimits, preAuthFrameBytes } from "../../src/wire/limits.ts";
import { bodyCases } from "../support/frames.ts";
import { Engine, room } from "./server-engine.ts";

const make: Readonly<Record<"open" | "authenticating" | "ready" | "draining", () => Engine>> = {
  open: () => new Engine(),
  authenticating: () => Engine.authenticating(),
  ready: () => Engine.ready(),
  draining: () => Engine.draining(),
};

/** A frame of each body that breaks no constraint. */
const examples: { readonly [C in BodyCase]: Init<BodyValue<C>> } = {
  hello: { session: new Uint8Array(16), attempt: 2n },
  welcome: { user: "u", pingMs: 1, deadMs: 2 },
  error: { code: 71 },
  goodbye: {},
  batch: {},
  ping: {},
  pong: {},
  join: { name: "x" },
  joined: { name: "x", room },
  leave: { room },
  left: { room },
  publish: { room, seq: 1n, id: new Uint8Array(16) },
  ack: { room, firstSeq: 1n, offsetDeltas: [1n], timeDeltas: [1n] },
  chat: { room, offset: 1n, id: new Uint8Array(16) },
  gap: { room, first: 1n, last: 1n },
  history: { room },
  page: { room, epoch: 1n, firstRetained: 1n },
  receipt: { room },
  typing: { room },
  members: { room },
  signal: { room, name: "n" },
  presence: {},
  watch: { users: ["bob"] },
  unwatch: { users: ["bob"] },
  credit: {},
  refresh: { token: "t" },
  refreshed: {},
};

/** The states in which the specification lets a client send each body: the table of FRM-4, as it stands. */
function legalStates(): Map<string, readonly ServerState[]> {
  const text = readFileSync(new URL("../../docs/spec/encoding.md", import.meta.url), "utf8");
  const rows = text
    .slice(text.indexOf("**FRM-4**"), text.indexOf("**FRM-5**"))
    .matchAll(/^\| `(\w+)` \| ([CR, ]+) \| ([^|]+) \|/gm);
  const legal = new Map<string, readonly ServerState[]>();
  for (const [, body = "", from = "", when = ""] of rows) {
    if (!from.includes("C")) legal.set(body, []);
    else if (when.startsWith("first")) legal.set(body, ["open"]);
    else if (/after/.test(when)) legal.set(body, ["authenticating", "ready", "draining"]);
    else if (when.startsWith("always")) legal.set(body, ["open", "authenticating", "ready", "draining"]);
    else if (when.startsWith("ready")) legal.set(body, ["ready", "draining"]);
    else throw new Error(`cannot read: ${when}`);
  }
  return legal;
}

describe("FRM-4", () => {
  const legal = legalStates();

  test("the table names every body", () => {
    expect([...legal.keys()].sort()).toEqual([...bodyCases].sort());
  });

  for (const [state, engineIn] of Object.entries(make)) {
    test(`in ${state} each body is taken, or ends the connection with UNEXPECTED_FRAME`, () => {
      for (const body of bodyCases) {
        const engine = engineIn();
        engine.send(body, examples[body], 9);
        if (legal.get(body)?.includes(state as ServerState)) {
          expect([body, engine.closed]).toEqual([body, undefined]);
        } else {
          const [error] = engine.frames("error");
          expect([body, error?.body.value.code, error?.body.value.scope, error?.ref]).toEqual([body, 20, Scope.CONNECTION, 9]);
          expect(engine.closed).toEqual({ code: 4120, reason: "UNEXPECTED_FRAME" });
          expect(engine.take("closed")).toMatchObject([{ error: { code: "UNEXPECTED_FRAME" } }]);
        }
      }
    });
  }

  test("inner frames are judged as bare ones are; hello stands in no batch (BAT-5)", () => {
    for (const body of bodyCases.filter((each) => each !== "batch")) {
      const engine = Engine.ready();
      engine.send("batch", { frames: [createFrame(body, examples[body], { ref: 9 })] });
      expect([body, engine.closed === undefined]).toEqual([body, legal.get(body)?.includes("ready")]);
    }
    expect(new Engine().send("batch", { frames: [createFrame("hello", examples.hello)] }).errors()).toEqual(["UNEXPECTED_FRAME"]);
    const early = Engine.authenticating().send("batch", { frames: [createFrame("publish", examples.publish)] });
    expect(early.errors()).toEqual(["UNEXPECTED_FRAME"]);
  });
});

describe("hello and welcome", () => {
  test("hello is told once, and welcome tells what holds", () => {
    const engine = new Engine();
    engine.send("hello", { session: new Uint8Array(16).fill(3), attempt: 4n, token: "secret", features: ["b"], agent: "me" });
    expect(engine.take("hello")).toMatchObject([{ hello: { attempt: 4, token: "secret", features: ["b"], agent: "me" } }]);
    engine.session.accept({ user: "ada", expiresInMs: 60_000, features: ["a", "b"] }, engine.now);
    expect(engine.out("welcome")).toMatchObject([
      {
        user: "ada",
        expiresInMs: 60_000,
        pingMs: 25_000,
        deadMs: 60_000,
        features: ["b"],
        limits: { rooms: 1000, windowMessages: 256 },
      },
    ]);
    expect(engine.session.state).toBe("ready");
  });

  test("what is wrong with hello ends the connection (FRM-4)", () => {
    expect(new Engine().send("hello", { attempt: 1n }).closed?.reason).toBe("FIELD_INVALID");
    expect(new Engine({ requireMajor: 1 }).send("hello", examples.hello).closed?.reason).toBe("UNSUPPORTED_VERSION");
    expect(new Engine({ requireMajor: 1 }).send("hello", { ...examples.hello, major: 1 }).closed).toBeUndefined();
    expect(new Engine().send("hello", { ...examples.hello, major: 9 }).closed).toBeUndefined();
    expect(new Engine().bytes(new Uint8Array()).closed?.reason).toBe("UNEXPECTED_FRAME");
  });

  test("malformed bytes, and text where bytes are wanted, end the connection", () => {
    const malformed: [string, number[]][] = [
      ["FRAME_TRUNCATED", [0x0a, 0x05]],
      ["TAG_INVALID", [0x07]],
      ["GROUP_UNBALANCED", [0x0c]],
      ["VARINT_OVERLONG", [0x70, ...Array(10).fill(0x80), 1]],
    ];
    for (const engine of [new Engine(), Engine.ready()]) {
      engine.session.handleMessage("{}", engine.now);
      engine.pump();
      expect(engine.closed?.reason).toBe("UNEXPECTED_FRAME");
    }
    for (const [code, bytes] of malformed) {
      expect(new Engine().bytes(new Uint8Array(bytes)).closed?.reason).toBe(code);
      expect(Engine.ready().bytes(new Uint8Array(bytes)).closed?.reason).toBe(code);
    }
  });

  test("frames wait for welcome, in order, and only so much (SES-4, LIM-5)", () => {
    const engine = Engine.authenticating();
    engine.send("ping", { timeMs: 77n }).send("join", { name: "a" }, 1).send("join", { name: "b" }, 2);
    expect([engine.sent, engine.events]).toEqual([[], []]);
    engine.session.accept({ user: "ada" }, engine.now);
    engine.pump();
    expect(engine.sent.map((frame) => frame.body.case).sort()).toEqual(["pong", "welcome"]);
    expect(engine.take("join").map((event) => event.name)).toEqual(["a", "b"]);

    const long = new Uint8Array(preAuthFrameBytes + 1);
    expect(new Engine().bytes(long).closed?.reason).toBe("FRAME_TOO_LARGE");
    expect(Engine.authenticating().bytes(long).closed?.reason).toBe("FRAME_TOO_LARGE");

    const flood = Engine.authenticating();
    const watch = createFrame("watch", { users: Array(50).fill("x".repeat(250)) }, { ref: 1 });
    for (let i = 0; i < 6 && flood.closed === undefined; i++) flood.frame(watch);
    expect(flood.closed?.reason).toBe("LIMIT_EXCEEDED");
  });

  test("welcome is the first frame, also before what waits is answered", () => {
    const engine = Engine.authenticating();
    engine.send("join", { name: "a" }, 0);
    engine.session.accept({ user: "ada" }, engine.now);
    engine.pump();
    expect(engine.sent.map((frame) => frame.body.case)).toEqual(["welcome", "error"]);
  });

  test("who is not known is told, and closed (AUT-1)", () => {
    for (const code of ["UNAUTHENTICATED", "TOKEN_EXPIRED", "SESSION_TAKEN", "UNAVAILABLE"] as const) {
      const engine = Engine.authenticating();
      engine.session.fail(0, new ProtocolError(code, "no"));
      expect(engine.out("error")).toMatchObject([{ scope: Scope.CONNECTION }]);
      expect(engine.closed).toEqual({ code: closeCode(code), reason: code });
      engine.session.accept({ user: "late" }, engine.now);
      expect(engine.out("welcome")).toEqual([]);
    }
  });

  test("deadlines before welcome (AUT-3)", () => {
    const silent = new Engine().advance(9999);
    expect(silent.closed).toBeUndefined();
    expect(silent.advance(1).closed?.reason).toBe("AUTH_TIMEOUT");
    const slow = Engine.authenticating().advance(9999);
    expect(slow.closed).toBeUndefined();
    expect(slow.advance(1).closed).toEqual({ code: closeCode("UNAVAILABLE"), reason: "UNAVAILABLE" });
  });
});

describe("requests", () => {
  test("refs (FRM-7)", () => {
    const engine = Engine.ready();
    engine
      .send("join", { name: "a" }, 0)
      .send("join", { name: "a" }, 1)
      .send("watch", { users: ["x"] }, 1);
    expect(engine.frames("error").map((frame) => [frame.body.value.code, frame.ref])).toEqual([
      [23, 0],
      [23, 1],
    ]);
    expect(engine.take("join")).toHaveLength(1);
    engine.session.fail(1, new ProtocolError("ROOM_UNAVAILABLE", "no"));
    expect(engine.frames("error")).toMatchObject([{ ref: 1, body: { value: { code: 43, scope: Scope.FRAME } } }]);
    engine.send("watch", { users: ["x"] }, 1);
    expect([engine.errors(), engine.take("watch").length]).toEqual([[], 1]);
  });

  test("too many of them, then one fewer", () => {
    const engine = Engine.ready({ limits: { ...defaultRelayLimits, openRequests: 2 } });
    engine.send("refresh", { token: "t" }, 1).send("refresh", { token: "t" }, 2).send("refresh", { token: "t" }, 3);
    expect(engine.errors()).toEqual(["TOO_MANY_REQUESTS"]);
    engine.session.refreshed(1, 0, engine.now);
    engine.send("refresh", { token: "t" }, 4);
    expect([engine.errors(), engine.take("refresh").length]).toEqual([[], 3]);
  });

  test("broken constraints are answered, and change nothing", () => {
    const engine = Engine.ready();
    engine
      .send("join", { name: "" }, 1)
      .send("leave", { room: 0 }, 2)
      .send("presence", { marks: [{ activity: "x".repeat(65) }] }, 3);
    expect(engine.frames("error").map((frame) => [frame.body.value.code, frame.ref, frame.body.value.scope])).toEqual([
      [10, 1, Scope.FRAME],
      [10, 2, Scope.FRAME],
      [10, 3, Scope.FRAME],
    ]);
    expect(engine.events).toEqual([]);
    expect(engine.closed).toBeUndefined();
  });

  test("limits of rooms and of watched users (LIM-1)", () => {
    const engine = Engine.ready({ limits: { ...defaultRelayLimits, rooms: 2, watchedUsers: 2 } });
    engine.send("join", { name: "a" }, 1).send("join", { name: "b" }, 2).send("join", { name: "a" }, 3);
    engine
      .send("watch", { users: ["x", "y"] }, 4)
      .send("watch", { users: ["y", "z"] }, 5)
      .send("watch", { users: ["x"] }, 6);
    expect(engine.frames("error").map((frame) => [frame.body.value.code, frame.ref])).toEqual([
      [27, 2],
      [27, 5],
    ]);
    engine.send("unwatch", { users: ["x"] }).send("watch", { users: ["z"] }, 7);
    expect(engine.errors()).toEqual([]);
  });
});

describe("frames that are not known, and batches", () => {
  test("FRM-6", () => {
    const engine = Engine.ready();
    engine.frame({ ...createFrame("ping", {}), body: { case: undefined }, ref: 4 });
    expect(engine.errors()).toEqual([]);
    engine.frame({ ...createFrame("ping", {}), body: { case: undefined }, ref: 4, mustUnderstand: true });
    expect(engine.frames("error")).toMatchObject([{ ref: 4, body: { value: { code: 21, scope: Scope.FRAME } } }]);
    expect(engine.closed).toBeUndefined();
  });

  test("each inner frame stands for itself (BAT-2, BAT-3)", () => {
    const engine = Engine.ready();
    engine.send("batch", {
      frames: [
        createFrame("join", { name: "a" }, { ref: 1 }),
        createFrame("batch", { frames: [createFrame("join", { name: "never" }, { ref: 9 })] }, { ref: 2 }),
        createFrame("join", { name: "" }, { ref: 3 }),
        createFrame("history", { room: 99 }, { ref: 4 }),
        createFrame("join", { name: "b" }, { ref: 5 }),
        createFrame("chat", examples.chat),
        createFrame("join", { name: "c" }, { ref: 6 }),
      ],
    });
    expect(engine.frames("error").map((frame) => [frame.body.value.code, frame.ref])).toEqual([
      [11, 2],
      [10, 3],
      [25, 4],
      [20, 0],
    ]);
    expect(engine.take("join").map((event) => event.name)).toEqual(["a", "b"]);
  });

  test("too many inner frames: none is processed (BAT-6)", () => {
    const engine = Engine.ready({ limits: { ...defaultRelayLimits, batchFrames: 2 } });
    engine.send("batch", { frames: [1, 2, 3].map((ref) => createFrame("join", { name: "a" }, { ref })) });
    expect(engine.closed?.reason).toBe("LIMIT_EXCEEDED");
    expect(engine.take("join")).toEqual([]);
  });
});
