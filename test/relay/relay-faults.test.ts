/** Hooks that misbehave: what they do ends one connection at most, and no process. */

import { describe, expect, test } from "vitest";
import type { Logger, Principal, Relay } from "../../src/relay/index.ts";
import { codes, Peer, play, settled } from "./peer.ts";

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
    "a profile of a wrong type": { user: "ada", profile: { displayName: 7 } },
  };
  test.each(Object.entries(wrong))("%s is UNAVAILABLE, at hello and at refresh", async (_, principal) => {
    for (const later of [false, true]) {
      const { log } = recorder();
      const { relay } = play([], {
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
      await quiet();
      expect([codes(bad.received), bad.closed?.code]).toEqual([["UNAVAILABLE"], 4370]);
      expect([codes(ada.received), ada.closed]).toEqual([["welcome", "UNAVAILABLE"], undefined]);
      expect(relay.stats().connections).toBe(1);
    }
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
