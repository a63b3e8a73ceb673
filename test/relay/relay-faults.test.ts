/** Hooks that misbehave: what they do ends one connection at most, and no process. */

import { describe, expect, test } from "vitest";
import type { Logger, Principal, Relay } from "../../src/relay/index.ts";
import { Detail } from "../../src/wire/codec.ts";
import { codes, first, Peer, play, settled } from "./peer.ts";

async function quiet(): Promise<void> {
  for (let i = 0; i < 10; i++) await settled();
}

function recorder(): { readonly log: Logger; readonly faults: string[] } {
  const faults: string[] = [];
  return { log: { info() {}, warn() {}, error: (event) => void faults.push(event) }, faults };
}

describe("what authentication says", () => {
  const wrong: Record<string, unknown> = {
    nothing: undefined,
    "no user": {},
    "a user of a wrong type": { user: 5 },
    "an end that is no number": { user: "ada", expiresInMs: Number.NaN },
    "a name of a wrong type": { user: "ada", profile: { displayName: 7 } },
    "a profile that is none": { user: "ada", profile: "Ada" },
    "a profile of nothing": { user: "ada", profile: null },
    "a profile with an unknown name": { user: "ada", profile: { name: "Ada" } },
    "attributes that are none": { user: "ada", profile: { attributes: 5 } },
    "attributes in a Map": { user: "ada", profile: { attributes: new Map([["a", "b"]]) } },
    // biome-ignore lint/suspicious/noThenProperty: what it is mistaken for is what is tested.
    "something that can be waited for, and is not": { user: "ada", then: () => undefined },
    "something that cannot be read": {
      get user() {
        throw new Error("no");
      },
    },
  };
  test.each(Object.entries(wrong))("%s is UNAVAILABLE, at hello and at refresh", async (_, principal) => {
    for (const later of [false, true]) {
      const { log, faults } = recorder();
      const { relay, clock } = play([], {
        log,
        authenticate: ({ token }) => {
          const given = (token === "ada" ? { user: "ada" } : principal) as Principal;
          return later ? Promise.resolve(given) : given;
        },
      });
      const bad = new Peer(relay);
      bad.hello("bad");
      const ada = new Peer(relay);
      ada.hello("ada");
      await quiet();
      ada.send("refresh", { token: "bad" }, 5);
      clock.advance(10_000);
      await quiet();
      expect([codes(bad.received), bad.closed?.code]).toEqual([["UNAVAILABLE"], 4370]);
      expect([codes(ada.received), ada.closed]).toEqual([["welcome", "UNAVAILABLE"], undefined]);
      expect(relay.stats().connections).toBe(1);
      expect(faults).not.toContain("fault");
      expect(faults).toContain("failed");
    }
  });

  test("the user is who it said, whatever becomes of what it gave", () => {
    const principal = { user: "ada" };
    const { relay } = play([], { authenticate: () => principal });
    const ada = Peer.ready(relay, "ada");
    principal.user = "bob";
    ada.join("lobby");
    relay.kick("bob");
    expect(ada.closed).toBeUndefined();
    ada.cut();
    expect(relay.stats()).toMatchObject({ connections: 0, users: 0 });
  });

  test("a token that has expired is TOKEN_EXPIRED (AUT-4)", () => {
    const { relay } = play([], { authenticate: () => ({ user: "ada", expiresInMs: -1 }) });
    expect(Peer.ready(relay, "ada").closed?.reason).toBe("TOKEN_EXPIRED");
  });
});

test.each([false, true])("a right that does not exist is UNAVAILABLE (later: %s)", async (later) => {
  const names = ["read", "fly"] as never;
  const { relay } = play([], { log: recorder().log, authorize: () => (later ? Promise.resolve(names) : names) });
  const ada = Peer.ready(relay, "ada");
  ada.send("join", { name: "lobby" }, 1);
  await quiet();
  expect([codes(ada.received), ada.closed]).toEqual([["welcome", "UNAVAILABLE"], undefined]);
});

test("a fault behind a promise ends that connection with INTERNAL, and nothing else", async () => {
  const { log, faults } = recorder();
  const made = play([], {
    log: {
      ...log,
      info: (event, { user }) => {
        if (event === "welcome" && user === "bad") throw new Error("the disk is full");
      },
    },
    authenticate: async ({ token }) => ({ user: token }),
  });
  const relay: Relay = made.relay;
  const [bad, ada] = ["bad", "ada"].map((user) => {
    const peer = new Peer(relay);
    peer.hello(user);
    return peer;
  }) as [Peer, Peer];
  await quiet();
  expect([bad.closed?.reason, codes(ada.received), faults]).toEqual(["INTERNAL", ["welcome"], ["fault"]]);
  bad.cut();
  expect(relay.stats()).toMatchObject({ connections: 1, users: 1 });
});

test("a refresh that hangs ends with the time of authentication, and with the old token (AUT-4)", async () => {
  const { relay, clock } = play([], {
    authenticate: async ({ token }) =>
      token === "new" ? new Promise<never>(() => undefined) : { user: token, expiresInMs: 60_000 },
  });
  const ada = new Peer(relay);
  ada.hello("ada");
  await quiet();
  ada.send("refresh", { token: "new" }, 1);
  clock.advance(9999);
  expect(ada.errors()).toEqual([]);
  clock.advance(1);
  expect([ada.errors(), ada.closed]).toEqual([["UNAVAILABLE"], undefined]);
  clock.advance(45_000);
  ada.send("refresh", { token: "new" }, 2);
  clock.advance(5000);
  expect(ada.closed).toBeUndefined();
  clock.advance(5000);
  expect(ada.closed?.reason).toBe("TOKEN_EXPIRED");
  ada.cut();
  expect(clock.pending).toBe(0);
});

describe("what other hooks give", () => {
  test.each([{ reject: 5 }, { content: 5 }, { content: { text: 5 } }, { content: { text: "a", txet: "b" } }, 5, null, {}])(
    "a verdict that is none, %j, is a retryable UNAVAILABLE",
    (verdict) => {
      const { log, faults } = recorder();
      const { peers } = play(["ada"], { log, onPublish: () => verdict as never });
      const ada = first(peers);
      const { room } = ada.join("lobby");
      ada.publish(room, 1);
      expect([ada.errors(), ada.closed, faults]).toEqual([["UNAVAILABLE"], undefined, ["failed"]]);
    },
  );

  test.each([5, "yes", null, undefined])("who says neither yes nor no, %j, has not allowed a watch", (sees) => {
    const { log, faults } = recorder();
    const { peers } = play(["ada"], { log, maySee: () => sees as never });
    const ada = first(peers);
    expect([codes([ada.ask("watch", { users: ["bob"] })]), faults]).toEqual([["UNAVAILABLE"], ["failed"]]);
  });

  test.each([5, null, "all", { roster: "some" }, { rooster: "all" }])("details that are none, %j, are the default", (details) => {
    const { log, faults } = recorder();
    const { peers } = play(["ada"], { log, details: () => details as never });
    expect(first(peers).join("lobby")).toMatchObject({ roster: Detail.ALL, receipts: Detail.ALL });
    expect(faults).toContain("failed");
  });
});
