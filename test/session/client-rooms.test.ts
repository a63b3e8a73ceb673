import { describe, expect, it } from "vitest";
import { ClientHarness, id16, joinedClient as joined, joinedInit } from "../support/client-harness.ts";
import { usageCodeOf } from "../support/errors.ts";

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
    client.advance(499);
    expect(client.framesOf("join")).toHaveLength(1);
    // retry_after_ms and random(2 s): n is 1 (LIV-6).
    client.advance(2001);
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
