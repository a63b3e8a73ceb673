/** Limits of rate and of number at a relay: who is beyond them is told when to come back, and nothing is lost (ERR-6, ERR-11). */

import { expect, test } from "vitest";
import { codes, Peer, play } from "./peer.ts";

test("a connection beyond its rate is told when to try again, and then nothing has been lost (ERR-6)", () => {
  const { peers, clock, relay } = play(["ada", "bob"], { rates: { connection: { perSecond: 10, burst: 4 } } });
  const [ada, bob] = peers as [Peer, Peer];
  const { room } = ada.join("lobby");
  bob.join("lobby");
  for (let seq = 1; seq <= 6; seq++) ada.publish(room, seq);
  const [error, ...more] = ada.take("error");
  expect(error).toMatchObject({ seq: 4n, retryAfterMs: 200 });
  expect(more).toEqual([]);
  expect(bob.offsets()).toEqual([1, 2, 3]);
  // Another connection has its own.
  bob.publish(room, 1, 100);
  expect(ada.offsets()).toContain(4);
  clock.advance(200);
  for (let seq = 4; seq <= 5; seq++) ada.publish(room, seq);
  expect(ada.errors()).toEqual([]);
  expect(bob.offsets()).toEqual([4, 5, 6]);
  expect(relay.measures()).toMatchObject({ errorsTold: { RATE_LIMITED: 1 }, published: { stored: 6 } });
});

test("requests are answered, ephemeral frames are dropped, leave is always done", () => {
  const { peers, relay, clock } = play(["ada"], { rates: { connection: { perSecond: 1, burst: 1 } } });
  const [ada] = peers as [Peer];
  const { room } = ada.join("lobby");
  for (const answer of [
    ada.ask("join", { name: "other" }),
    ada.ask("history", { room }),
    ada.ask("watch", { users: ["bob"] }),
    ada.ask("refresh", { token: "ada" }),
  ]) {
    expect(codes([answer])).toEqual(["RATE_LIMITED"]);
    expect(answer?.body.value).toMatchObject({ retryAfterMs: 1000 });
  }
  ada.send("typing", { room, marks: [{ ttlMs: 1000 }] });
  ada.send("receipt", { room, marks: [{ read: 1n }] });
  ada.send("signal", { room, name: "x" });
  ada.send("presence", { marks: [{ state: 1 }] });
  expect(relay.measures().dropped).toEqual({ rate: 4 });
  expect(codes([ada.ask("leave", { room })])).toEqual(["left"]);
  clock.advance(1000);
  ada.join("other");
});

test("a user's rate is one for all connections, and to connect anew does not renew it", () => {
  const { relay } = play([], { rates: { user: { perSecond: 1, burst: 3 } } });
  const [phone, desk] = [Peer.ready(relay, "ada"), Peer.ready(relay, "ada")] as const;
  const { room } = phone.join("lobby");
  desk.join("lobby");
  phone.publish(room, 1);
  desk.publish(room, 1, 50);
  expect([phone.errors(), desk.errors()]).toEqual([[], ["RATE_LIMITED"]]);
  phone.cut();
  desk.cut();
  expect(codes([Peer.ready(relay, "ada").ask("join", { name: "lobby" })])).toEqual(["RATE_LIMITED"]);
  Peer.ready(relay, "bob").join("lobby");
});

test("too many errors within a minute end the connection; those of the service do not count (ERR-11)", () => {
  const { peers, clock } = play(["ada", "bob"], { rates: { errorsPerMinute: 3 } });
  const [ada, bob] = peers as [Peer, Peer];
  for (let i = 0; i < 3; i++) {
    ada.ask("leave", { room: 9 });
    bob.ask("leave", { room: 9 });
  }
  clock.advance(20_000);
  bob.ask("leave", { room: 9 });
  ada.errors();
  expect(ada.closed).toBeUndefined();
  for (let i = 0; i < 2; i++) ada.ask("leave", { room: 9 });
  expect(ada.take("error").at(-1)).toMatchObject({ code: 72, scope: 3, retryAfterMs: 20_000 });
  expect(ada.closed).toMatchObject({ code: 4372 });
  expect(bob.closed).toBeUndefined();
});

test("a user has so many connections, and a room so many seats", () => {
  const { relay, clock } = play([], { connectionsPerUser: 2, seatsPerRoom: 2 });
  const [first, second, third] = [1, 2, 3].map(() => Peer.ready(relay, "ada")) as [Peer, Peer, Peer];
  expect(third.take("error")).toMatchObject([{ code: 72, retryAfterMs: 30_000 }]);
  expect(third.closed).toMatchObject({ code: 4372 });
  first.join("lobby");
  second.join("lobby");
  first.join("lobby");
  const bob = Peer.ready(relay, "bob");
  expect(codes([bob.ask("join", { name: "lobby" })])).toEqual(["LIMIT_EXCEEDED"]);
  second.cut();
  clock.advance(10_000);
  bob.join("lobby");
  Peer.ready(relay, "ada").join("other");
});
