/** A relay: tokens, rights, sessions; clients that are played by hand, and a clock that is told to go on. */

import { describe, expect, test } from "vitest";
import { errorCodeName, ProtocolError } from "../../src/errors.ts";
import type { Relay } from "../../src/relay/index.ts";
import type { RightName } from "../../src/session/client-events.ts";
import { Right, Scope, Verdict } from "../../src/wire/codec.ts";
import { codes, Peer, play, settled, world } from "./peer.ts";

describe("who may", () => {
  test("tokens that are not accepted, and services that fail (AUT-1)", async () => {
    const logged: unknown[] = [];
    const log = { info() {}, warn() {}, error: (...args: unknown[]) => void logged.push(args) };
    const { relay } = play([], {
      log,
      authenticate: async ({ token }) => {
        if (token === "bad") throw new ProtocolError("UNAUTHENTICATED", "no");
        if (token === "old") throw new ProtocolError("TOKEN_EXPIRED", "no");
        if (token === "crash") throw new Error("database: secret");
        if (token === "long") return { user: "x".repeat(300) };
        return { user: token };
      },
    });
    const ended: Record<string, number> = { bad: 4440, old: 4441, crash: 4370, long: 4370 };
    for (const [token, code] of Object.entries(ended)) {
      const peer = new Peer(relay);
      peer.hello(token);
      await settled();
      expect([token, peer.closed?.code]).toEqual([token, code]);
      expect(JSON.stringify(peer.take("error").map((error) => error.message))).not.toContain("secret");
    }
    expect(logged).toHaveLength(2);
    const ada = new Peer(relay);
    ada.hello("ada");
    await settled();
    expect(ada.take("welcome")).toMatchObject([{ user: "ada" }]);
  });

  test("authorization that takes its time, and one that fails", async () => {
    const { relay } = play([], {
      authorize: async (_, room) => {
        if (room === "crash") throw new Error("no");
        return ["read", "publish"];
      },
    });
    const ada = Peer.ready(relay, "ada");
    ada.send("join", { name: "lobby" }, 1);
    ada.send("join", { name: "lobby", tail: 1 }, 2);
    ada.send("join", { name: "crash" }, 3);
    for (let i = 0; i < 5; i++) await settled();
    expect(ada.received.filter((frame) => frame.ref > 0).map((frame) => [frame.ref, ...codes([frame])])).toEqual([
      [1, "joined"],
      [3, "UNAVAILABLE"],
      [2, "joined"],
    ]);
    const gone = Peer.ready(relay, "gone");
    gone.send("join", { name: "lobby" }, 1);
    gone.cut();
    await settled();
    expect(relay.stats().connections).toBe(1);
  });

  test("refresh keeps the principal, and looks up all rights again (AUT-5, AUT-6)", () => {
    const rights = new Map<string, RightName[]>();
    const { relay } = play([], {
      authenticate: ({ token }) => {
        const [user = "", ttl = "0"] = token.split(" ");
        if (user === "nobody") throw new ProtocolError("UNAUTHENTICATED", "no");
        return { user, expiresInMs: Number(ttl) };
      },
      authorize: (_, room) => rights.get(room) ?? ["read", "publish"],
    });
    const ada = new Peer(relay);
    ada.hello("ada 1000");
    const [a, b, c] = ["a", "b", "c"].map((name) => ada.join(name).room) as [number, number, number];
    expect(codes([ada.ask("refresh", { token: "nobody" }), ada.ask("refresh", { token: "bob" })])).toEqual([
      "UNAUTHENTICATED",
      "PRINCIPAL_CHANGED",
    ]);
    expect(ada.take("error").every((error) => error.scope === Scope.FRAME)).toBe(true);
    rights.set("a", []).set("b", ["read"]);
    ada.received.length = 0;
    expect(ada.ask("refresh", { token: "ada 5000" })?.body).toMatchObject({ case: "refreshed", value: { expiresInMs: 5000 } });
    expect(codes(ada.received)).toEqual(["left", "joined", "refreshed"]);
    expect(ada.take("left")).toMatchObject([{ room: a, code: 45 }]);
    expect(ada.take("joined")).toMatchObject([{ room: b, verdict: Verdict.RESUMED, rights: [Right.READ] }]);
    ada.publish(b, 1);
    ada.publish(c, 1);
    expect([ada.errors(), ada.take("ack").length]).toEqual([["FORBIDDEN"], 1]);
  });

  test("a token that expires ends the connection (AUT-4)", () => {
    const { relay, clock } = play([], { authenticate: () => ({ user: "ada", expiresInMs: 2000 }) });
    const ada = Peer.ready(relay, "ada");
    clock.advance(1999);
    expect(ada.closed).toBeUndefined();
    clock.advance(1);
    expect(ada.closed?.reason).toBe("TOKEN_EXPIRED");
  });

  test("revocation reaches all relays at once (AUT-8)", () => {
    let rights: RightName[] = ["read", "publish"];
    const { relays } = world({ authorize: () => rights }, 2);
    const [one, two] = relays as [Relay, Relay];
    const [ada, phone, bob] = [Peer.ready(one, "ada"), Peer.ready(two, "ada"), Peer.ready(two, "bob")];
    const { room } = ada.join("lobby");
    phone.join("lobby");
    bob.join("lobby");
    rights = [];
    one.revoke("ada", "lobby");
    for (const peer of [ada, phone]) expect(peer.take("left")).toMatchObject([{ room, code: 45 }]);
    bob.publish(room, 1);
    expect([ada.offsets(), phone.offsets(), bob.offsets()]).toEqual([[], [], [1]]);
    one.closeRoom("lobby");
    expect(bob.take("left").map((left) => errorCodeName(left.code))).toEqual(["ROOM_UNAVAILABLE"]);
    rights = ["read"];
    ada.join("lobby");
    two.kick("ada", "lobby");
    expect(ada.take("left")).toHaveLength(1);
    two.kick("ada");
    expect([ada.closed?.code, phone.closed?.code, bob.closed]).toEqual([4145, 4145, undefined]);
  });

  test("one connection of a session: the higher attempt wins, on whatever relay (SES-3)", () => {
    const { relays } = world({}, 2);
    const [one, two] = relays as [Relay, Relay];
    const old = Peer.ready(one, "ada", { session: 5, attempt: 2 });
    const late = Peer.ready(two, "ada", { session: 5, attempt: 2 });
    expect([late.closed?.reason, codes(late.received)]).toEqual(["SESSION_TAKEN", ["SESSION_TAKEN"]]);
    const other = Peer.ready(two, "bob", { session: 5, attempt: 1 });
    const next = Peer.ready(two, "ada", { session: 5, attempt: 3 });
    expect([old.closed?.code, other.closed, next.closed]).toEqual([4146, undefined, undefined]);
    next.cut();
    expect(Peer.ready(one, "ada", { session: 5, attempt: 4 }).closed).toBeUndefined();
  });
});
