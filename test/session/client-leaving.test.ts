/** Rooms that are left, refused or taken away while something about them is under way. */

import { describe, expect, it } from "vitest";
import { ClientHarness, id16, joinedInit } from "../support/client-harness.ts";
import { usageCodeOf } from "../support/errors.ts";

const conflict = { code: 50, retry: 2, scope: 2, processed: 1, room: 1, seq: 1n, nextSeq: 10n } as const;
const refusal = { scope: 1, processed: 1 } as const;

function joining(): ClientHarness {
  const client = new ClientHarness().connect();
  client.session.rooms.join("lobby", {}, client.now);
  return client.pump();
}

function joined(): ClientHarness {
  return joining().admit("lobby");
}

/** An open room that the client joins again, because of a conflict. */
function rejoining(): ClientHarness {
  const client = joined();
  client.publish("lobby", "A");
  return client.receive("error", conflict);
}

function leave(client: ClientHarness): number {
  const request = client.session.rooms.leave("lobby", client.now);
  client.pump();
  return request;
}

const stateOf = (client: ClientHarness) => client.session.rooms.room("lobby")?.state;
const refOf = (client: ClientHarness, body: "join" | "leave") => client.framesOf(body).at(-1)?.ref ?? 0;
const count = (client: ClientHarness) => [client.framesOf("join").length, client.framesOf("leave").length];
const answers = (client: ClientHarness) => client.eventsOf("answer").map(({ request, error }) => [request, error?.code]);

describe("leaving (ROM-7)", () => {
  it("without a connection, ends a join that has not begun", () => {
    const client = new ClientHarness();
    const join = client.session.rooms.join("lobby", {}, client.now);
    const left = leave(client);
    expect(stateOf(client)).toBe("left");
    expect(answers(client)).toEqual([
      [join, "ROOM_NOT_JOINED"],
      [left, undefined],
    ]);
    expect(count(client.connect())).toEqual([0, 0]);
  });

  it("takes no ack of another log for one of the old, and publishes again where it joins again (PUB-20)", () => {
    const client = joined();
    const id = client.publish("lobby", "A");
    leave(client);
    client.receive("joined", joinedInit("lobby", { epoch: 78n, verdict: 4 }));
    client.receive("ack", { room: 1, firstSeq: 1n, offsetDeltas: [9n], timeDeltas: [5n] });
    expect(client.states(id)).toEqual(["queued", "sent"]);
    client.receive("left", { room: 1 }, refOf(client, "leave"));
    client.session.rooms.join("lobby", {}, client.now);
    client.pump().admit("lobby", { epoch: 78n, head: 9n, nextSeq: 2n });
    client.advance(10);
    client.receive("ack", { room: 1, firstSeq: BigInt(client.published.at(-1)?.[1] ?? 0), offsetDeltas: [9n], timeDeltas: [5n] });
    expect(client.eventsOf("entry").at(-1)).toMatchObject({ id, state: "stored", epoch: 78, offset: 9 });
  });

  it("while the join is unanswered, follows its answer and ends left", () => {
    const client = joining();
    const left = leave(client);
    const again = leave(client);
    client.admit("lobby");
    expect(count(client)).toEqual([1, 1]);
    client.receive("left", { room: 1 }, refOf(client, "leave"));
    expect(stateOf(client)).toBe("left");
    expect(answers(client).slice(1)).toEqual([
      [left, undefined],
      [again, undefined],
    ]);
  });

  it("does not use a handle of an earlier time", () => {
    const client = joined();
    leave(client);
    client.receive("left", { room: 1 }, refOf(client, "leave"));
    client.session.rooms.signal("lobby", "x", undefined);
    client.session.rooms.join("lobby", {}, client.now);
    leave(client.pump());
    expect(count(client)).toEqual([2, 1]);
    expect(client.framesOf("signal")).toHaveLength(0);
    client.admit("lobby", { verdict: 2 });
    expect(count(client)).toEqual([2, 2]);
  });

  it("is asked once while the room is joined again, and does not touch the join that follows", () => {
    const client = rejoining();
    leave(client);
    client.admit("lobby", { verdict: 2, nextSeq: 10n });
    const join = client.session.rooms.join("lobby", {}, client.now);
    client.pump();
    expect(count(client)).toEqual([2, 1]);
    client.receive("left", { room: 1 }, refOf(client, "leave")).admit("lobby", { verdict: 2 });
    expect(stateOf(client)).toBe("joined");
    expect(answers(client).at(-1)).toEqual([join, undefined]);
  });

  it("waits for its own answer where the join before it is refused", () => {
    const client = rejoining();
    leave(client);
    client.receive("error", { code: 70, retry: 3, ...refusal }, refOf(client, "join"));
    expect(stateOf(client)).toBe("leaving");
    client.receive("error", { code: 25, retry: 2, room: 1, ...refusal }, refOf(client, "leave"));
    expect(stateOf(client)).toBe("left");
  });

  it("that is refused for now is asked again, and not told as done", () => {
    const client = joined();
    const left = leave(client);
    client.receive("error", { code: 24, retry: 3, ...refusal }, refOf(client, "leave"));
    expect(stateOf(client)).toBe("leaving");
    expect(answers(client).slice(1)).toEqual([]);
    client.advance(2000);
    expect(count(client)).toEqual([1, 2]);
    client.receive("left", { room: 1 }, refOf(client, "leave"));
    expect(answers(client).at(-1)).toEqual([left, undefined]);
  });

  it("of a room that only the relay had entered forgets it (LIM-6)", () => {
    const client = new ClientHarness().connect();
    for (let i = 1; i <= 50; i++) {
      client.receive("joined", joinedInit(`r${i}`, { room: i })).receive("left", { room: i, code: 43 });
      expect(client.session.rooms.room(`r${i}`)).toBeUndefined();
    }
  });
});

describe("rooms that were left", () => {
  it("are remembered up to a bound, the earliest forgotten first (LIM-6)", () => {
    const client = new ClientHarness();
    const use = (name: string) => {
      client.session.rooms.join(name, {}, client.now);
      client.session.rooms.leave(name, client.now);
    };
    for (let i = 0; i < 1000; i++) use(`r${i}`);
    use("r0");
    use("another");
    const known = ["r0", "r1", "r2", "another"].map((name) => client.session.rooms.room(name)?.state);
    expect(known).toEqual(["left", undefined, "left", "left"]);
  });
});

describe("rooms that are taken away (ROM-8)", () => {
  it("while they are joined again stay left: what that join opens is left", () => {
    const client = rejoining().receive("left", { room: 1, code: 45 });
    expect(client.eventsOf("left")).toMatchObject([{ code: "ACCESS_REVOKED" }]);
    client.receive("error", { code: 70, retry: 3, retryAfterMs: 100, ...refusal }, refOf(client, "join")).advance(60_000);
    expect([stateOf(client), ...count(client)]).toEqual(["left", 2, 0]);
    const other = rejoining().receive("left", { room: 1, code: 45 });
    other.admit("lobby", { verdict: 2 });
    expect([stateOf(other), ...count(other)]).toEqual(["left", 2, 1]);
  });

  it("by an error with scope ROOM are closed as by left (ERR-3)", () => {
    const client = joined().receive("error", { code: 45, retry: 1, scope: 2, processed: 1, room: 1 });
    expect(stateOf(client)).toBe("left");
    expect(client.eventsOf("left")).toMatchObject([{ code: "ACCESS_REVOKED" }]);
    expect(client.eventsOf("error")).toEqual([]);
  });

  it("by an error with scope ROOM to a request fail that request too", () => {
    const client = joined();
    const request = client.session.rooms.history("lobby", {}, client.now);
    const { ref } = client.pump().framesOf("history")[0] ?? { ref: 0 };
    client.receive("error", { code: 45, retry: 1, scope: 2, processed: 1, room: 1 }, ref);
    expect(answers(client).at(-1)).toEqual([request, "ACCESS_REVOKED"]);
    expect(stateOf(client)).toBe("left");
  });
});

describe("joins (ROM-6, ROM-11)", () => {
  it("an unsolicited joined does not answer the first join either, and moves nothing", () => {
    const client = joining();
    client.publish("lobby", "early");
    client.receive("joined", joinedInit("lobby")).advance(10);
    expect([answers(client), client.published]).toEqual([[], []]);
    client.admit("lobby", { nextSeq: 5n }).advance(10);
    expect(client.published).toEqual([[1, 5, "early"]]);
  });

  it("each room waits its own time", () => {
    const client = new ClientHarness().connect();
    for (const name of ["a", "b"]) client.session.rooms.join(name, {}, client.now);
    const [a, b] = client.pump().framesOf("join");
    client.receive("error", { code: 72, retry: 3, retryAfterMs: 40_000, ...refusal }, a?.ref);
    client.receive("error", { code: 70, retry: 3, retryAfterMs: 500, ...refusal }, b?.ref);
    client.session.rooms.join("c", {}, client.now);
    client.pump().advance(2500);
    const names = client.framesOf("join").map(({ value }) => value.name);
    expect(names).toEqual(["a", "b", "c", "b"]);
  });

  it("NOW is at once the first time, and not the second", () => {
    const client = joining();
    const refuse = () => client.receive("error", { code: 70, retry: 2, ...refusal }, refOf(client, "join")).advance(0);
    refuse();
    expect(count(client)).toEqual([2, 0]);
    refuse();
    expect(count(client)).toEqual([2, 0]);
    client.advance(4000);
    expect(count(client)).toEqual([3, 0]);
  });

  it("an open room is joined again where publishOnly changes (ROM-5)", () => {
    const client = new ClientHarness().connect();
    client.session.rooms.join("lobby", { publishOnly: true }, client.now);
    client.pump().admit("lobby");
    const request = client.session.rooms.join("lobby", { publishOnly: false }, client.now);
    client.pump();
    expect(client.framesOf("join").map(({ value }) => value.publishOnly)).toEqual([true, false]);
    client.admit("lobby").receive("chat", { room: 1, offset: 1n, id: id16(1) });
    expect(answers(client).at(-1)).toEqual([request, undefined]);
    expect(client.eventsOf("message")).toHaveLength(1);
  });

  it("a change of publishOnly while the join is open is followed by another", () => {
    const client = new ClientHarness().connect();
    client.session.rooms.join("lobby", { publishOnly: true }, client.now);
    client.pump().session.rooms.join("lobby", { publishOnly: false }, client.now);
    client.pump().admit("lobby");
    expect(answers(client)).toEqual([]);
    client.admit("lobby");
    expect(client.framesOf("join").map(({ value }) => value.publishOnly)).toEqual([true, false]);
    expect(answers(client)).toHaveLength(2);
  });

  it("a position is taken by a room that was left, and refused where the room has not come to it", () => {
    const client = joined();
    const join = (offset: number) => () => client.session.rooms.join("lobby", { position: { epoch: 77, offset } }, client.now);
    expect(usageCodeOf(join(9))).toBe("OPTION_INVALID");
    expect(join(0)).not.toThrow();
    leave(client);
    client.receive("left", { room: 1 }, refOf(client, "leave"));
    join(9)();
    client.pump();
    expect(client.framesOf("join").at(-1)?.value.position).toMatchObject({ epoch: 77n, offset: 9n });
  });
});
