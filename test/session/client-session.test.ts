import { describe, expect, it } from "vitest";
import { type BodyValue, createFrame, encodeFrame, type Init } from "../../src/wire/codec.ts";
import { defaultRelayLimits } from "../../src/wire/limits.ts";
import { ackInit as ack, ClientHarness, id16, joinedClient as joined, joinedInit } from "../support/client-harness.ts";
import { codeOf } from "../support/errors.ts";

describe("the connection (SES)", () => {
  it("stores the attempt before it opens a transport, and says hello first (SES-1, SES-3)", () => {
    const client = new ClientHarness();
    client.autoStore = false;
    client.session.start(client.now);
    client.pump();
    expect(client.opened).toHaveLength(0);
    expect(client.session.pollStore()).toMatchObject([{ type: "session", attempt: 1 }]);
    client.session.handleStored(client.now);
    client.pump();
    expect(client.opened).toHaveLength(1);
    client.session.handleOpen("chappe.v1", client.now);
    client.pump();
    expect(client.sent[0]?.body.case).toBe("hello");
  });

  it("counts attempts up over connections", () => {
    const client = new ClientHarness().connect().lose().reopen();
    expect(client.framesOf("hello").map(({ value }) => Number(value.attempt))).toEqual([1, 2]);
  });

  it("does not come back where the relay chose no subprotocol that it offered (TRN-2)", () => {
    const client = new ClientHarness();
    client.session.start(client.now);
    client.pump();
    client.session.handleOpen("", client.now);
    client.pump().advance(600_000);
    expect(client.session.state).toBe("closed");
    expect(client.closed).toEqual([{ code: 4122, reason: "UNSUPPORTED_VERSION" }]);
    expect(client.sent).toEqual([]);
    expect(client.opened).toHaveLength(1);
  });

  it.each([
    ["4101 never", 4101, "closed", "FRAME_TOO_LARGE"],
    ["4228 now", 4228, "waiting", "HEARTBEAT_TIMEOUT"],
    ["4329 after", 4329, "waiting", "AUTH_TIMEOUT"],
    ["4440 reauthenticate", 4440, "locked", "UNAUTHENTICATED"],
    ["4199 never, of a later version", 4199, "closed", "UNSPECIFIED"],
    ["1006", 1006, "waiting", undefined],
    ["1009", 1009, "waiting", undefined],
  ])("a close with %s leads to the state that its class says, and tells why (LIV-8)", (_name, code, state, error) => {
    const client = new ClientHarness().connect().lose(code);
    expect(client.session.state).toBe(state);
    expect(client.eventsOf("state").at(-1)?.error?.code).toBe(error);
  });

  it("an error with scope CONNECTION decides before the close code does (LIV-8)", () => {
    const client = new ClientHarness().connect();
    client.receive("error", { code: 45, retry: 1, scope: 3 });
    expect(client.session.state).toBe("closed");
    expect(client.eventsOf("state").at(-1)?.error?.code).toBe("ACCESS_REVOKED");
  });

  it("waits for a fresh token after UNAUTHENTICATED, and connects with it (AUT-10)", () => {
    const client = new ClientHarness().connect();
    client.receive("error", { code: 41, retry: 4, scope: 3 });
    expect(client.session.state).toBe("locked");
    expect(client.eventsOf("tokenWanted")).toEqual([{ type: "tokenWanted", code: "TOKEN_EXPIRED" }]);
    client.advance(600_000);
    expect(client.opened).toHaveLength(1);
    client.session.setToken("fresh", client.now);
    client.pump();
    expect(client.opened).toHaveLength(2);
  });

  it("asks for a token in time, and refreshes without a new connection (AUT-4, AUT-5)", () => {
    const client = new ClientHarness().connect({ expiresInMs: 10_000 }).advance(8000);
    expect(client.eventsOf("tokenWanted")).toHaveLength(1);
    client.session.setToken("fresh", client.now);
    client.pump();
    expect(client.framesOf("refresh").map(({ value }) => value.token)).toEqual(["fresh"]);
    expect(client.opened).toHaveLength(1);
  });

  it("a token that cannot be told on a living connection changes nothing (AUT-5)", () => {
    const client = new ClientHarness().connect();
    client.session.setToken("good", client.now);
    client.pump();
    expect(codeOf(() => client.session.setToken("", client.now))).toBe("FIELD_INVALID");
    client.lose().reopen();
    expect(client.framesOf("hello").at(-1)?.value.token).toBe("good");
  });

  it("a frame that comes after the deadline does not bring the connection back (LIV-4)", () => {
    const client = joined();
    client.now += 3_600_000;
    client.receive("chat", { room: 1, offset: 1n, id: id16(1) });
    expect(client.closed.at(-1)?.code).toBe(4228);
    expect(client.eventsOf("message")).toEqual([]);
  });

  it("pings once behind welcome, again after half of dead_ms in silence, and gives up after all of it (LIV-1, LIV-4)", () => {
    const client = new ClientHarness().connect().advance(29_999);
    expect(client.framesOf("ping")).toHaveLength(1);
    client.advance(1);
    expect(client.framesOf("ping")).toHaveLength(2);
    client.advance(29_999);
    expect(client.session.state).toBe("ready");
    client.advance(1);
    expect(client.eventsOf("state").map(({ state }) => state)).toContain("waiting");
    expect(client.closed.at(-1)?.code).toBe(4228);
  });

  it("answers a ping at once (LIV-2)", () => {
    const client = new ClientHarness().connect().receive("ping", { timeMs: 42n });
    expect(client.framesOf("pong").map(({ value }) => value.echoMs)).toEqual([42n]);
  });

  it("finishes what is in flight after a goodbye, then leaves and comes back in the range (GBY-3, GBY-4)", () => {
    const client = joined();
    const first = client.publish("lobby", "one");
    client.receive("goodbye", { code: 73, retry: 3, afterMinMs: 5000, afterMaxMs: 6000, drainMs: 3000 });
    const second = client.publish("lobby", "two");
    expect(client.session.state).toBe("draining");
    expect(client.published).toHaveLength(1);
    client.receive("ack", ack(1, 1));
    expect(client.states(first)).toEqual(["queued", "sent", "stored"]);
    expect(client.states(second)).toEqual(["queued"]);
    expect(client.session.state).toBe("waiting");
    client.advance(4999);
    expect(client.opened).toHaveLength(1);
    client.advance(1001);
    expect(client.opened).toHaveLength(2);
  });

  it("says goodbye and closes with 1000 when the application ends it (GBY-6)", () => {
    const client = new ClientHarness().connect();
    client.session.stop(client.now);
    client.pump().advance(600_000);
    expect(client.framesOf("goodbye")).toHaveLength(1);
    expect(client.closed).toEqual([{ code: 1000, reason: "" }]);
    expect(client.opened).toHaveLength(1);
  });

  it("mints a new session when another holder has taken it; what was sent is in doubt (SES-7)", () => {
    const client = joined();
    const sent = client.publish("lobby", "sent");
    client.receive("error", { code: 46, retry: 1, scope: 3 });
    const queued = client.publish("lobby", "queued");
    expect(client.states(sent).at(-1)).toBe("maybe");
    client.reconnect();
    const [first, second] = client.framesOf("hello").map(({ value }) => Buffer.from(value.session).toString("hex"));
    expect(second).not.toBe(first);
    client.admit("lobby");
    expect(client.published.map(([, , text]) => text)).toEqual(["sent", "queued"]);
    expect(client.states(queued)).toEqual(["queued", "sent"]);
  });
});

describe("attempts that are in vain (LIV-6, LIV-7)", () => {
  const fail = (client: ClientHarness, times: number) => {
    for (let i = 0; i < times; i++) client.reopen().lose();
    return client;
  };

  it("are without end by default", () => {
    const client = fail(new ClientHarness().connect().lose(), 100);
    expect(client.session.state).toBe("waiting");
    expect(client.eventsOf("gaveUp")).toEqual([]);
  });

  it("end after so many as the application wants, which is told with why; a start counts anew", () => {
    const client = new ClientHarness({ backoff: { maxAttempts: 3 } }).connect().lose();
    fail(client, 2).reopen().lose(4329).advance(600_000);
    expect(client.session.state).toBe("closed");
    expect(client.eventsOf("gaveUp")).toMatchObject([{ attempts: 3, error: { code: "AUTH_TIMEOUT" } }]);
    expect(client.opened).toHaveLength(4);
    client.session.start(client.now);
    client.pump().lose();
    fail(client, 1);
    expect(client.session.state).toBe("waiting");
    fail(client, 1);
    expect(client.eventsOf("gaveUp")).toHaveLength(2);
  });

  it("are counted also where the transport opens: welcome alone resets the count", () => {
    const client = fail(new ClientHarness({ backoff: { maxAttempts: 3 } }).connect().lose(), 2);
    client.reconnect().lose();
    expect(fail(client, 2).session.state).toBe("waiting");
    expect(fail(client, 1).session.state).toBe("closed");
  });

  it("open the circuit; the next attempt decides, and each state is told once", () => {
    const client = fail(new ClientHarness({ backoff: { breakAfter: 2, breakFor: 90_000 } }).connect().lose(), 2);
    const circuit = () => client.eventsOf("circuit").map(({ state }) => state);
    expect(circuit()).toEqual(["open"]);
    expect(client.eventsOf("state").at(-1)?.retryInMs).toBeGreaterThanOrEqual(45_000);
    fail(client, 1);
    expect(circuit()).toEqual(["open", "halfOpen", "open"]);
    client.reconnect().lose();
    expect(circuit()).toEqual(["open", "halfOpen", "open", "halfOpen", "closed"]);
    expect(client.eventsOf("state").at(-1)?.retryInMs).toBeLessThanOrEqual(1000);
  });

  it("leave the circuit open where the application ends the deciding one", () => {
    const client = fail(new ClientHarness({ backoff: { breakAfter: 1 } }).connect().lose(), 1).reopen();
    client.session.stop(client.now);
    client.pump();
    expect(client.eventsOf("circuit").map(({ state }) => state)).toEqual(["open", "halfOpen", "open"]);
  });
});

describe("SESSION_TAKEN as a close code alone (ERR-4)", () => {
  it("makes a new session too (SES-7)", () => {
    const client = joined().lose(4146);
    expect(client.session.state).toBe("waiting");
    client.reopen();
    const [first, second] = client.framesOf("hello").map(({ value }) => Buffer.from(value.session).toString("hex"));
    expect(second).not.toBe(first);
  });
});

describe("what a relay may not do (ERR-10)", () => {
  it.each([
    ["bytes that are no frame", new Uint8Array([0x0a, 0x05]), "FRAME_TRUNCATED"],
    ["a hello", encodeFrame(createFrame("hello", { session: id16(1), attempt: 1n })), "UNEXPECTED_FRAME"],
    [
      "a second welcome",
      encodeFrame(createFrame("welcome", { user: "u", pingMs: 1, deadMs: 2, limits: { ...defaultRelayLimits } })),
      "UNEXPECTED_FRAME",
    ],
    ["a publish", encodeFrame(createFrame("publish", { room: 1, seq: 1n, id: id16(1) })), "UNEXPECTED_FRAME"],
    ["an offset above the next", encodeFrame(createFrame("chat", { room: 1, offset: 2n, id: id16(1) })), "OFFSET_INVALID"],
    ["a gap elsewhere", encodeFrame(createFrame("gap", { room: 1, first: 3n, last: 4n })), "OFFSET_INVALID"],
    [
      "an ack that cannot be",
      encodeFrame(createFrame("ack", { room: 1, firstSeq: 9007199254740991n, offsetDeltas: [1n, 1n], timeDeltas: [1n, 1n] })),
      "FIELD_INVALID",
    ],
  ])("%s ends the connection with its code", (_name, bytes, code) => {
    const client = joined().receiveBytes(bytes);
    expect(client.closed.at(-1)?.reason).toBe(code);
    expect(client.framesOf("error")).toHaveLength(1);
  });

  it.each([
    ["a joined", "joined", joinedInit("den", { room: 9 })],
    ["a left", "left", { room: 1, code: 0 }],
    ["a page", "page", { room: 1, epoch: 77n, firstRetained: 1n }],
    ["a refreshed", "refreshed", { expiresInMs: 5 }],
    ["a snapshot", "presence", { snapshot: true }],
  ] as const)("%s whose ref is not open is ignored (FRM-5)", (_name, body, init) => {
    const client = joined();
    const before = client.events.length;
    client.receive(body, init as Init<BodyValue<typeof body>>, 99);
    expect(client.events.slice(before)).toEqual([]);
    expect(client.closed).toEqual([]);
    expect(client.session.pollTimeout(client.now)).toBeGreaterThan(client.now + 1000);
  });

  it("an answer of another kind than its open request's ends the connection (FRM-5)", () => {
    const client = joined();
    client.session.rooms.history("lobby", {}, client.now);
    client.pump();
    const ref = client.framesOf("history")[0]?.ref ?? 0;
    client.receive("joined", joinedInit("lobby"), ref);
    expect(client.closed.at(-1)?.reason).toBe("UNEXPECTED_FRAME");
  });

  it("grants again when half is used, and ends a relay that sends more than it may (CRD-2, CRD-5)", () => {
    const credit = 512 * 1024;
    const client = joined({ creditBytes: credit });
    const chat = (offset: number) =>
      createFrame("chat", {
        room: 1,
        offset: BigInt(offset),
        id: id16(offset),
        content: { body: { case: "text", value: "x".repeat(60_000) } },
      });
    const size = encodeFrame(chat(1)).length;
    for (let offset = 1; offset <= 5; offset++) client.receiveFrame(chat(offset));
    expect(client.framesOf("credit").map(({ value }) => Number(value.totalBytes))).toEqual([5 * size + credit]);
    // A relay that goes on without asking: the grants are kept from it.
    for (let offset = 6; client.closed.length === 0 && offset < 30; offset++) {
      client.session.handleMessage(encodeFrame(chat(offset)), client.now);
      if (offset === 29) client.pump();
    }
    client.pump();
    expect(client.closed.at(-1)?.reason).toBe("CREDIT_EXCEEDED");
  });

  it("what a second join repeats is shown once, and a gap in it is no fault (ROM-10)", () => {
    const client = joined();
    const chat = (offset: number) => client.receive("chat", { room: 1, offset: BigInt(offset), id: id16(offset) });
    chat(1);
    client.publish("lobby", "one");
    client.receive("error", { code: 25, retry: 2, scope: 1, processed: 1, room: 1, seq: 1n });
    expect(client.framesOf("join").at(-1)?.value.position).toMatchObject({ offset: 1n });
    chat(2);
    chat(3);
    client.admit("lobby", { verdict: 2, start: 2n, head: 5n, firstRetained: 1n, nextSeq: 1n });
    client.receive("gap", { room: 1, first: 2n, last: 2n, reason: 1 });
    chat(3);
    chat(4);
    expect(client.session.state).toBe("ready");
    expect(client.eventsOf("message").map(({ offset }) => offset)).toEqual([1, 2, 3, 4]);
    expect(client.eventsOf("gap")).toHaveLength(0);
  });

  /** At offset 1, its room being joined again because of ROOM_UNKNOWN, while chats 2 and 3 come. */
  function rejoining() {
    const client = joined();
    const chat = (offset: number) => client.receive("chat", { room: 1, offset: BigInt(offset), id: id16(offset) });
    chat(1);
    client.publish("lobby", "one");
    client.receive("error", { code: 25, retry: 2, scope: 1, processed: 1, room: 1, seq: 1n });
    chat(2);
    chat(3);
    return { client, chat, shown: () => client.eventsOf("message").map(({ offset }) => offset) };
  }

  it("of a gap over what a second join would repeat, only what was not seen is missing (ROM-10)", () => {
    const { client, chat, shown } = rejoining();
    client.admit("lobby", { verdict: 2, start: 2n, head: 5n, firstRetained: 1n, nextSeq: 1n });
    chat(2);
    client.receive("gap", { room: 1, first: 3n, last: 4n, reason: 1 });
    chat(5);
    expect(client.session.state).toBe("ready");
    expect(shown()).toEqual([1, 2, 3, 5]);
    expect(client.eventsOf("gap").map(({ first, last }) => [first, last])).toEqual([[4, 4]]);
  });

  it.each([
    ["seen already", 3n, undefined, [1, 2, 3, 4]],
    ["partly seen", 5n, { first: 4, last: 4 }, [1, 2, 3, 5]],
  ])("the verdict GAP of a second join about what was %s is no fault (ROM-10)", (_name, start, missing, offsets) => {
    const { client, chat, shown } = rejoining();
    client.admit("lobby", { verdict: 3, start, head: 5n, firstRetained: start, nextSeq: 1n });
    expect(client.eventsOf("joined").at(-1)?.missing).toEqual(missing);
    for (let offset = Number(start); offset <= (offsets.at(-1) ?? 0); offset++) chat(offset);
    expect(client.session.state).toBe("ready");
    expect(shown()).toEqual(offsets);
  });

  it("an unsolicited joined does not answer a second join: nothing is published before the answer (ROM-6, ROM-10)", () => {
    const { client, chat, shown } = rejoining();
    const before = client.published.length;
    client.receive("joined", joinedInit("lobby", { verdict: 2, start: 4n, head: 3n, firstRetained: 1n, nextSeq: 1n }));
    client.advance(10);
    expect(client.published).toHaveLength(before);
    chat(4);
    client.admit("lobby", { verdict: 2, start: 2n, head: 4n, firstRetained: 1n, nextSeq: 1n }).advance(10);
    expect(client.published).toHaveLength(before + 1);
    for (const offset of [2, 3, 4, 5]) chat(offset);
    expect(client.session.state).toBe("ready");
    expect(shown()).toEqual([1, 2, 3, 4, 5]);
  });

  it("a reset that crosses a second join is taken once (ROM-6, ROM-10)", () => {
    const { client, chat, shown } = rejoining();
    client.receive("joined", joinedInit("lobby", { verdict: 4, epoch: 78n, start: 1n, head: 0n, nextSeq: 1n }));
    client.receive("chat", { room: 1, offset: 1n, id: id16(11) });
    client.admit("lobby", { verdict: 4, epoch: 78n, start: 2n, head: 1n, nextSeq: 1n });
    chat(2);
    expect(client.session.state).toBe("ready");
    expect(client.session.rooms.room("lobby")?.cursor.position).toEqual({ epoch: 78, offset: 2 });
    // Offset 2 has an id that was shown in the epoch before (MID-6).
    expect(shown()).toEqual([1, 2, 3, 1]);
  });

  it("where the right to read is gained, delivery begins at start, unchecked (ROM-6)", () => {
    const client = new ClientHarness().connect();
    client.session.rooms.join("lobby", {}, client.now);
    client.pump().admit("lobby", { rights: [2], head: 3n });
    client.receive("joined", joinedInit("lobby", { verdict: 2, start: 8n, head: 7n, rights: [1, 2] }));
    client.receive("chat", { room: 1, offset: 8n, id: id16(8) });
    expect(client.session.state).toBe("ready");
    expect(client.eventsOf("message").map(({ offset }) => offset)).toEqual([8]);
  });

  it("a chat of a room that is not open is passed over (ROM-4)", () => {
    const client = joined().receive("chat", { room: 9, offset: 7n, id: id16(1) });
    expect(client.eventsOf("message")).toHaveLength(0);
    expect(client.session.state).toBe("ready");
  });

  it("an unknown body is ignored, or refused where it must be understood (FRM-6)", () => {
    const client = new ClientHarness().connect().receiveBytes(new Uint8Array([0xc2, 0x3e, 0x00]));
    expect(client.framesOf("error")).toHaveLength(0);
    client.receiveBytes(new Uint8Array([0xc2, 0x3e, 0x00, 0x78, 0x01, 0x70, 0x05]));
    expect(client.framesOf("error").map(({ value, ref }) => [value.code, value.scope, ref])).toEqual([[21, 1, 5]]);
    expect(client.session.state).toBe("ready");
  });
});
