import { describe, expect, it } from "vitest";
import { ChatKind } from "../../src/wire/codec.ts";
import { defaultRelayLimits } from "../../src/wire/limits.ts";
import { ackInit as ack, ClientHarness, id16, joinedClient as joined, joinedInit } from "../support/client-harness.ts";
import { codeOf, usageCodeOf } from "../support/errors.ts";

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

  it("joins again where publishes may cross a reset, and goes on by the answer (PUB-20)", () => {
    const client = joined();
    const [one, two] = [client.publish("lobby", "one"), client.publish("lobby", "two")];
    client.advance(10);
    client.receive("joined", joinedInit("lobby", { verdict: 4, epoch: 78n, nextSeq: 1n }));
    client.publish("lobby", "three");
    client.advance(100);
    // What waits goes nowhere before the answer, and what is answered meanwhile is of the new log.
    expect([client.framesOf("join").length, client.published.length]).toEqual([2, 2]);
    client.receive("ack", { room: 1, firstSeq: 1n, offsetDeltas: [9n], timeDeltas: [5n] });
    expect(client.eventsOf("entry").at(-1)).toMatchObject({ id: one, state: "stored", epoch: 78, offset: 9 });
    client.receive("error", { code: 72, retry: 3, scope: 1, processed: 1, room: 1, seq: 2n });
    client.admit("lobby", { verdict: 2, epoch: 78n, head: 9n, start: 1n, nextSeq: 2n });
    // Past the longest pause that the retryable rejection asked for (PUB-16).
    client.advance(5_000);
    expect(client.published.slice(2)).toEqual([
      [1, 2, "two"],
      [1, 3, "three"],
    ]);
    client.receive("ack", { room: 1, firstSeq: 2n, offsetDeltas: [10n, 1n], timeDeltas: [5n, 0n] });
    expect(client.states(two).at(-1)).toBe("stored");
  });

  it("joins again after a reset also where nothing is in flight: the relay takes nothing before (PUB-20)", () => {
    const client = joined();
    client.receive("joined", joinedInit("lobby", { verdict: 4, epoch: 78n, nextSeq: 5n }));
    client.publish("lobby", "one");
    expect([client.framesOf("join").length, client.published]).toEqual([2, []]);
    client.admit("lobby", { verdict: 2, epoch: 78n, start: 1n, nextSeq: 5n });
    expect(client.published).toEqual([[1, 5, "one"]]);
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

  it("takes data as it is when it is given", () => {
    const client = joined();
    const data = Uint8Array.of(1);
    const input = {
      room: "lobby",
      id: client.session.nextId(1),
      content: { data },
      kind: ChatKind.UNSPECIFIED,
      target: new Uint8Array(0),
    };
    client.session.rooms.publish(input);
    data[0] = 2;
    client.pump().advance(100);
    expect(client.framesOf("publish").map(({ value }) => value.content?.body.value)).toEqual([Uint8Array.of(1)]);
  });

  it("holds publishes back while the transport does, so that nothing else waits behind them (PUB-23)", () => {
    const client = joined();
    client.isSlow = true;
    const text = "x".repeat(1000);
    for (let i = 0; i < 200; i++) client.publish("lobby", text);
    client.advance(1000);
    const held = client.published.length;
    expect(client.buffered).toBeGreaterThan(64 * 1024);
    // What was below the bound may have been followed by one batch, not more.
    expect(client.buffered).toBeLessThan(64 * 1024 + 16 * 1024);
    client.receive("ping", { timeMs: 5n });
    expect(client.framesOf("pong")).toHaveLength(1);
    client.session.rooms.type("lobby", "press", client.now);
    client.pump();
    expect(client.framesOf("typing")).toHaveLength(1);
    expect(client.published).toHaveLength(held);
    client.buffered = 0;
    client.advance(100);
    expect(client.published.length).toBeGreaterThan(held);
    client.isSlow = false;
    client.buffered = 0;
    client.advance(100);
    expect(client.published.map(([, seq]) => seq)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });

  it("asks nothing of a transport that holds back where nothing waits (PUB-23)", () => {
    const client = joined();
    client.publish("lobby", "one");
    client.receive("ack", ack(1, 1));
    client.buffered = 1_000_000;
    client.pump();
    expect(client.session.pollTimeout(client.now)).toBeGreaterThan(client.now + 1000);
  });

  it("lets its rooms take turns where the window is short (PUB-21)", () => {
    const client = joined({ batch: { maxItems: 1, maxBytes: 65_536, maxDelayMs: 0 } });
    client
      .lose()
      .reopen()
      .welcome({ limits: { ...defaultRelayLimits, windowMessages: 1 } })
      .admit("lobby");
    client.session.rooms.join("den", {}, client.now);
    client.pump().admit("den", { room: 2 });
    for (const text of ["a", "b", "c"]) client.publish("lobby", text);
    client.publish("den", "d");
    client.receive("ack", ack(1, 1));
    expect(client.published.map(([, , text]) => text)).toEqual(["a", "d"]);
  });

  it("what is too large for a later relay fails where it was never sent, and is voided where it was (PUB-21)", () => {
    const client = joined();
    const large = "x".repeat(2000);
    const sent = client.publish("lobby", large);
    client.lose();
    const queued = client.publish("lobby", large);
    const small = client.publish("lobby", "small");
    client
      .reopen()
      .welcome({ limits: { ...defaultRelayLimits, contentBytes: 1024, windowBytes: 1500 } })
      .admit("lobby");
    client.advance(1000);
    const publishes = client.framesOf("publish").slice(1);
    expect(publishes.map(({ value }) => [Number(value.seq), value.kind, value.content?.body.value])).toEqual([
      [1, ChatKind.VOID, undefined],
      [2, 0, "small"],
    ]);
    expect(client.states(queued)).toEqual(["queued", "failed"]);
    client.receive("ack", ack(1, 0, 1));
    expect(client.states(sent)).toEqual(["queued", "sent", "voiding", "voiding", "failed"]);
    expect(client.states(small).at(-1)).toBe("stored");
    const errors = client.eventsOf("entry").flatMap(({ id, error }) => (error === undefined ? [] : [[id, error.code]]));
    expect(errors).toEqual([
      [sent, "LIMIT_EXCEEDED"],
      [queued, "LIMIT_EXCEEDED"],
      [sent, "LIMIT_EXCEEDED"],
    ]);
  });

  it("a void of a sent entry that a later relay finds too large does not undo what was stored (PUB-21)", () => {
    const client = joined();
    const id = client.publish("lobby", "x".repeat(2000));
    client
      .lose()
      .reopen()
      .welcome({ limits: { ...defaultRelayLimits, contentBytes: 1024 } })
      .admit("lobby", { nextSeq: 2n });
    client.receive("ack", ack(1, 7));
    const last = client.eventsOf("entry").at(-1);
    expect(last).toMatchObject({ id, state: "stored", offset: 7 });
    // Nobody has cancelled it.
    expect(last).not.toHaveProperty("cancelFailed");
  });
});
