/** What leaves before what: publishes that wait for a batch are neither overtaken nor sent when their time is over. */

import { describe, expect, it } from "vitest";
import { ackInit as ack, ClientHarness } from "../support/client-harness.ts";

const conflict = { code: 50, retry: 2, scope: 2, processed: 1, room: 1 } as const;

/** The first of these publishes is on its way, the others wait for more. */
function waiting(...texts: string[]) {
  const client = new ClientHarness().connect();
  client.session.rooms.join("lobby", {}, client.now);
  client.pump().admit("lobby");
  const ids = texts.map((text) => client.publish("lobby", text));
  expect(client.published).toHaveLength(1);
  return { client, ids };
}

/** Joins, leaves, goodbyes and the seqs of publishes, in the order in which they left. */
const order = (client: ClientHarness) =>
  client.sent.flatMap(({ body }): (number | string)[] => {
    if (body.case === "publish") return [Number(body.value.seq)];
    return body.case === "join" || body.case === "leave" || body.case === "goodbye" ? [body.case] : [];
  });

describe("publishes that wait for a batch", () => {
  it("do not leave under old seqs after SEQ_CONFLICT and the join that follows it (ROM-10, PUB-18)", () => {
    const { client, ids } = waiting("A", "B", "C");
    client.now++;
    client.receive("error", { ...conflict, seq: 1n, nextSeq: 10n });
    client.now++;
    client.admit("lobby", { nextSeq: 10n, verdict: 2 }).advance(20);
    expect(order(client)).toEqual(["join", 1, "join", 10, 11, 12]);
    client.receive("ack", ack(10, 4, 1, 1));
    const stored = client.eventsOf("entry").filter(({ state }) => state === "stored");
    expect(stored.map(({ id, offset }) => [id, offset])).toEqual(ids.map((id, index) => [id, 4 + index]));
  });

  it("do not leave after the relay's goodbye, and are not waited for (GBY-4)", () => {
    const { client } = waiting("A", "B");
    client.receive("goodbye", { code: 73, retry: 3, afterMinMs: 1, afterMaxMs: 2, drainMs: 3000 });
    client.advance(10).receive("ack", ack(1, 1));
    expect(order(client)).toEqual(["join", 1]);
    expect(client.session.state).toBe("waiting");
    client.reconnect().admit("lobby", { verdict: 2, nextSeq: 2n, head: 1n, start: 1n }).advance(10);
    expect(client.published.at(-1)).toEqual([1, 2, "B"]);
  });

  it("do not leave after left (ROM-8)", () => {
    const { client } = waiting("A", "B");
    client.receive("left", { room: 1, code: 45 }).advance(20);
    expect(order(client)).toEqual(["join", 1]);
  });

  it("leave before a leave, a join of another room, and the own goodbye", () => {
    const leaving = waiting("A", "B").client;
    leaving.session.rooms.leave("lobby", leaving.now);
    expect(order(leaving.pump())).toEqual(["join", 1, 2, "leave"]);
    const joining = waiting("A", "B").client;
    joining.session.rooms.join("den", {}, joining.now);
    expect(order(joining.pump())).toEqual(["join", 1, 2, "join"]);
    const stopping = waiting("A", "B").client;
    stopping.session.stop(stopping.now);
    expect(order(stopping.pump())).toEqual(["join", 1, 2, "goodbye"]);
  });

  it("do not stand before those that were given back (PUB-16)", () => {
    const { client } = waiting("A", "B", "C");
    client.receive("error", { code: 70, retry: 2, scope: 1, processed: 1, room: 1, seq: 1n }).advance(20);
    expect(order(client)).toEqual(["join", 1, 1, 2, 3]);
  });

  it("are overtaken by a pong alone (LIV-2)", () => {
    const { client } = waiting("A", "B");
    client.receive("ping", { timeMs: 1n });
    expect([client.framesOf("pong").length, client.published.length]).toEqual([1, 1]);
  });
});
