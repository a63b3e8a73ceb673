import { describe, expect, it } from "vitest";
import { createFrame, encodeFrame } from "../../src/wire/codec.ts";
import { defaultRelayLimits } from "../../src/wire/limits.ts";
import { ClientHarness, joinedInit } from "../support/client-harness.ts";
import { codeOf, usageCodeOf } from "../support/errors.ts";

const id16 = (n: number) => new Uint8Array(16).fill(n);
const ack = (first: number, ...offsets: number[]) => ({
  room: 1,
  firstSeq: BigInt(first),
  offsetDeltas: offsets.map(BigInt),
  timeDeltas: offsets.map((offset) => (offset === 0 ? 0n : 5n)),
});

function joined(options: ConstructorParameters<typeof ClientHarness>[0] = {}): ClientHarness {
  const client = new ClientHarness(options).connect();
  client.session.rooms.join("lobby", {}, client.now);
  return client.pump().admit("lobby");
}

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
    expect(client.opened).toHaveLength(1);
  });

  it.each([
    ["4101 never", 4101, "closed"],
    ["4228 now", 4228, "waiting"],
    ["4329 after", 4329, "waiting"],
    ["4440 reauthenticate", 4440, "locked"],
    ["1006", 1006, "waiting"],
    ["1009", 1009, "waiting"],
  ])("a close with %s leads to the state that its class says (LIV-8)", (_name, code, state) => {
    expect(new ClientHarness().connect().lose(code).session.state).toBe(state);
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

  it("pings after half of dead_ms in silence, and gives up after all of it (LIV-1, LIV-4)", () => {
    const client = new ClientHarness().connect().advance(30_000);
    expect(client.framesOf("ping")).toHaveLength(1);
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

describe("rooms (ROM, RES)", () => {
  it("pipelines joins behind hello, with the position (SES-4, RES-1)", () => {
    const client = joined()
      .receive("chat", { room: 1, offset: 1n, id: id16(1) })
      .lose()
      .reopen();
    expect(client.sent.slice(-2).map(({ body }) => body.case)).toEqual(["hello", "join"]);
    expect(client.framesOf("join").at(-1)?.value.position).toMatchObject({ epoch: 77n, offset: 1n });
  });

  it("takes what it is put into, and what it is put out of (ROM-6, ROM-8)", () => {
    const client = new ClientHarness().connect().receive("joined", joinedInit("@me", { room: 4 }));
    expect(client.eventsOf("joined").map(({ room }) => room)).toEqual(["@me"]);
    client.receive("left", { room: 4, code: 45 });
    expect(client.eventsOf("left")).toEqual([{ type: "left", room: "@me", code: "ACCESS_REVOKED" }]);
  });

  it("a refused join is told, and not tried again (ROM-11)", () => {
    const client = new ClientHarness().connect();
    const request = client.session.rooms.join("secret", {}, client.now);
    client.pump();
    client.receive("error", { code: 43, retry: 1, scope: 1, processed: 1 }, client.framesOf("join")[0]?.ref ?? 0).advance(50_000);
    expect(client.eventsOf("answer")).toMatchObject([{ request, error: { code: "ROOM_UNAVAILABLE" } }]);
    expect(client.framesOf("join")).toHaveLength(1);
  });

  it("a join that fails for now is tried again on the same connection (ROM-11)", () => {
    const client = new ClientHarness().connect();
    client.session.rooms.join("later", {}, client.now);
    client.pump();
    client.receive(
      "error",
      { code: 70, retry: 3, retryAfterMs: 500, scope: 1, processed: 1 },
      client.framesOf("join")[0]?.ref ?? 0,
    );
    client.advance(500);
    expect(client.framesOf("join")).toHaveLength(2);
  });

  it("a join that follows a leave at once is a new one", () => {
    const client = joined();
    client.session.rooms.leave("lobby", client.now);
    const request = client.session.rooms.join("lobby", {}, client.now);
    client.pump().receive("left", { room: 1 }, client.framesOf("leave")[0]?.ref ?? 0);
    expect(client.framesOf("join")).toHaveLength(2);
    client.admit("lobby", { verdict: 2 });
    expect(client.eventsOf("answer").at(-1)).toMatchObject({ request, error: undefined });
  });

  it("a watch without a connection is answered when there is one (PRS-7)", () => {
    const client = new ClientHarness();
    const request = client.session.rooms.watch(["bob"], client.now);
    client.connect();
    client.receive("presence", { snapshot: true, marks: [{ user: "bob", state: 3 }] }, client.framesOf("watch")[0]?.ref ?? 0);
    expect(client.eventsOf("answer")).toMatchObject([{ request, result: [{ user: "bob", state: "busy" }] }]);
  });

  it("a publish ends typing without a frame (TYP-3)", () => {
    const client = joined();
    client.session.rooms.type("lobby", "press", client.now);
    client.publish("lobby", "done");
    client.advance(10_000);
    expect(client.framesOf("typing")).toHaveLength(1);
  });

  it("shows a message once, also across a reset (MID-6)", () => {
    const client = joined().receive("chat", { room: 1, offset: 1n, id: id16(7) });
    client.receive("joined", joinedInit("lobby", { verdict: 4, epoch: 78n, head: 1n, start: 1n }));
    client.receive("chat", { room: 1, offset: 1n, id: id16(7) }).receive("chat", { room: 1, offset: 2n, id: id16(8) });
    expect(client.eventsOf("message").map(({ epoch, offset }) => [epoch, offset])).toEqual([
      [77, 1],
      [78, 2],
    ]);
    expect(client.eventsOf("joined").map(({ verdict }) => verdict)).toEqual(["fresh", "reset"]);
  });

  it("tells what was received and read, coalesced (RCP-2)", () => {
    const client = joined();
    for (let offset = 1; offset <= 5; offset++) client.receive("chat", { room: 1, offset: BigInt(offset), id: id16(offset) });
    client.session.rooms.markRead("lobby", 3);
    client.pump().advance(500);
    expect(client.framesOf("receipt").map(({ value }) => value.marks.map(({ delivered, read }) => [delivered, read]))).toEqual([
      [[1n, 0n]],
      [[5n, 3n]],
    ]);
  });

  it("answers history, and refuses it where the room is not open", () => {
    const client = joined();
    const request = client.session.rooms.history("lobby", { before: 9 }, client.now);
    client.pump();
    const { ref } = client.framesOf("history")[0] ?? { ref: 0 };
    client.receive("page", { room: 1, epoch: 77n, entries: [{ offset: 8n, id: id16(8) }], firstRetained: 1n, head: 8n }, ref);
    expect(client.eventsOf("answer").at(-1)).toMatchObject({
      request,
      result: { room: "lobby", head: 8, messages: [{ offset: 8 }] },
    });
    expect(usageCodeOf(() => client.session.rooms.history("other", {}, client.now))).toBe("ROOM_NOT_JOINED");
  });

  it("throttles typing, stops by itself, and expires the others (TYP-2, TYP-3)", () => {
    const client = joined();
    const press = () => {
      client.session.rooms.type("lobby", "press", client.now);
      client.pump();
    };
    press();
    press();
    client.advance(1000);
    press();
    client.advance(3000);
    expect(client.framesOf("typing").map(({ value }) => value.marks[0]?.ttlMs)).toEqual([6000, 6000, 0]);
    client.receive("typing", { room: 1, marks: [{ user: "bob", ttlMs: 2000 }] }).advance(2000);
    expect(client.eventsOf("typing").map(({ users }) => users)).toEqual([["bob"], []]);
  });
});

describe("publishing (PUB)", () => {
  it("sends under a seq only when that is stored (PUB-5)", () => {
    const client = joined();
    client.autoStore = false;
    client.publish("lobby", "one");
    expect(client.published).toHaveLength(0);
    while (client.session.pollStore() !== undefined) client.session.handleStored(client.now);
    client.pump();
    while (client.session.pollStore() !== undefined) client.session.handleStored(client.now);
    client.pump();
    expect(client.published).toEqual([[1, 1, "one"]]);
  });

  it("gives back from the rejected seq on, and sends again in order (PUB-16, 5)", () => {
    const client = joined();
    for (const text of ["one", "two", "three"]) client.publish("lobby", text);
    client.advance(10);
    client
      .receive("ack", ack(1, 1))
      .receive("error", { code: 72, retry: 3, retryAfterMs: 400, scope: 1, processed: 1, room: 1, seq: 2n });
    client.advance(399);
    expect(client.published).toHaveLength(3);
    client.advance(50);
    expect(client.published.slice(3)).toEqual([
      [1, 2, "two"],
      [1, 3, "three"],
    ]);
  });

  it("a final rejection fails that one alone (PUB-11)", () => {
    const client = joined();
    const [one, two] = [client.publish("lobby", "one"), client.publish("lobby", "two")];
    client.advance(10);
    client.receive("error", { code: 53, retry: 1, scope: 1, processed: 1, room: 1, seq: 1n }).receive("ack", ack(2, 1));
    expect(client.states(one).at(-1)).toBe("failed");
    expect(client.states(two).at(-1)).toBe("stored");
  });

  it("an error that says the publish was processed leaves it in doubt, whatever its retry (PUB-11)", () => {
    const client = joined();
    const id = client.publish("lobby", "one");
    client.receive("error", { code: 70, retry: 3, scope: 1, processed: 3, room: 1, seq: 1n });
    expect(client.states(id).at(-1)).toBe("maybe");
    expect(client.advance(60_000).published).toHaveLength(1);
  });

  it("sends again with the same seqs where the broker knows them (PUB-8 c)", () => {
    const client = joined();
    const one = client.publish("lobby", "one");
    client.lose().reconnect().admit("lobby", { verdict: 2, nextSeq: 2n });
    expect(client.published).toEqual([
      [1, 1, "one"],
      [1, 1, "one"],
    ]);
    client.receive("ack", ack(1, 9));
    expect(client.eventsOf("entry").at(-1)).toMatchObject({ id: one, state: "stored", offset: 9 });
    client.publish("lobby", "two");
    client.advance(10);
    expect(client.published.at(-1)).toEqual([1, 2, "two"]);
  });

  it("renumbers in a new epoch (PUB-8 d)", () => {
    const client = joined();
    client.publish("lobby", "one");
    client.receive("ack", ack(1, 1));
    client.publish("lobby", "two");
    client.lose().reconnect().admit("lobby", { verdict: 4, epoch: 78n, nextSeq: 1n });
    expect(client.published.at(-1)).toEqual([1, 1, "two"]);
  });

  it("surfaces maybe where the same epoch has forgotten (PUB-8 e)", () => {
    const client = joined();
    client.publish("lobby", "one");
    client.receive("ack", ack(1, 1));
    const two = client.publish("lobby", "two");
    client.advance(10).lose().reconnect().admit("lobby", { verdict: 2, nextSeq: 1n });
    expect(client.states(two).at(-1)).toBe("maybe");
    client.publish("lobby", "three");
    client.advance(10);
    expect(client.published.slice(2)).toEqual([[1, 1, "three"]]);
  });

  it("joins again after SEQ_CONFLICT, and renumbers all (PUB-18)", () => {
    const client = joined();
    client.publish("lobby", "one");
    client.publish("lobby", "two");
    client.advance(10);
    client.receive("error", { code: 50, retry: 2, scope: 2, processed: 1, room: 1, seq: 1n, nextSeq: 6n });
    expect(client.framesOf("join")).toHaveLength(2);
    client.admit("lobby", { verdict: 2, nextSeq: 6n }).advance(10);
    expect(client.published.slice(2)).toEqual([
      [1, 6, "one"],
      [1, 7, "two"],
    ]);
  });

  it("goes back to the seq that the broker expects (PUB-16, 6)", () => {
    const client = joined();
    client.publish("lobby", "one");
    client.publish("lobby", "two");
    client.advance(10);
    client.receive("error", { code: 51, retry: 2, scope: 1, processed: 1, room: 1, seq: 2n, nextSeq: 1n }).advance(10);
    expect(client.published.slice(2).map(([, seq]) => seq)).toEqual([1, 2]);
  });

  it("cancels what was never sent, and voids what was (PUB-12)", () => {
    const client = new ClientHarness().connect();
    const early = client.publish("lobby", "early");
    expect(client.session.rooms.cancel(early)).toBe(true);
    client.pump();
    expect(client.states(early)).toEqual(["queued", "cancelled"]);
    client.session.rooms.join("lobby", {}, client.now);
    client.pump().admit("lobby");
    const late = client.publish("lobby", "late");
    client.session.rooms.cancel(late);
    client.lose().reconnect().admit("lobby", { verdict: 2, nextSeq: 1n });
    expect(client.framesOf("publish").at(-1)?.value).toMatchObject({ seq: 1n, kind: 5 });
    client.receive("ack", ack(1, 0));
    expect(client.states(late).at(-1)).toBe("cancelled");
  });

  it("a cancel that comes too late says so (PUB-12)", () => {
    const client = joined();
    const late = client.publish("lobby", "late");
    client.session.rooms.cancel(late);
    client.receive("ack", ack(1, 4));
    expect(client.eventsOf("entry").at(-1)).toMatchObject({ id: late, state: "stored", offset: 4, cancelFailed: true });
  });

  it("stays inside the window (PUB-10)", () => {
    const client = new ClientHarness().connect({ limits: { ...defaultRelayLimits, windowMessages: 3 } });
    client.session.rooms.join("lobby", {}, client.now);
    client.pump().admit("lobby");
    for (let i = 1; i <= 10; i++) client.publish("lobby", `m${i}`);
    client.advance(100);
    expect(client.published).toHaveLength(3);
    client.receive("ack", ack(1, 1, 1)).advance(100);
    expect(client.published.map(([, seq]) => seq)).toEqual([1, 2, 3, 4, 5]);
  });

  it("refuses what the relay would refuse, and what does not fit, at once", () => {
    const client = new ClientHarness({ outbox: { maxEntries: 1 } });
    const publish =
      (content: string, room = "lobby") =>
      () =>
        client.session.rooms.publish({ room, id: id16(1), content, kind: 0, target: new Uint8Array(0) });
    expect(codeOf(publish("x".repeat(70_000)))).toBe("LIMIT_EXCEEDED");
    expect(codeOf(publish("\ud800"))).toBe("FIELD_INVALID");
    expect(codeOf(publish("text", ""))).toBe("FIELD_INVALID");
    publish("fits")();
    expect(usageCodeOf(publish("full"))).toBe("OUTBOX_FULL");
  });
});
