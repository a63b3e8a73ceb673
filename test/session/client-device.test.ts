/** What a client does where its device says that there is no network, or that nobody looks (LIV-9). */

import { describe, expect, it } from "vitest";
import { ackInit as ack, ClientHarness, joinedClient as joined } from "../support/client-harness.ts";

type Why = "offline" | "background";

function pause(client: ClientHarness, why: Why): ClientHarness {
  client.session.pause(why, client.now);
  return client.pump();
}

function resume(client: ClientHarness, why: Why): ClientHarness {
  client.session.resume(why, client.now);
  return client.pump();
}

function start(client: ClientHarness = new ClientHarness()): ClientHarness {
  client.session.start(client.now);
  return client.pump();
}

const states = (client: ClientHarness) => client.eventsOf("state").map(({ state }) => state);
const whys: readonly Why[] = ["offline", "background"];

describe("a pause (LIV-9)", () => {
  it.each(whys)("%s keeps one that waits from trying, and its end makes it try at once", (why) => {
    const client = pause(new ClientHarness().connect().lose(), why).advance(600_000);
    expect(client.session.state).toBe("paused");
    expect(client.opened).toHaveLength(1);
    resume(client, why).advance(0);
    expect(client.opened).toHaveLength(2);
    expect(client.eventsOf("state").slice(-4, -2)).toMatchObject([{ state: "paused" }, { state: "waiting", retryInMs: 0 }]);
  });

  it.each(whys)("%s gives up an attempt under way, which is no failed one", (why) => {
    const client = start(new ClientHarness({ backoff: { maxAttempts: 1, breakAfter: 1 } }));
    pause(client, why);
    expect(client.closed).toEqual([{ code: 1000, reason: "" }]);
    resume(client, why).advance(0);
    client.session.handleOpen("chappe.v1", client.now);
    pause(client.pump(), why).advance(600_000);
    expect(client.session.state).toBe("paused");
    expect(client.closed).toHaveLength(2);
    expect(client.eventsOf("gaveUp")).toEqual([]);
    expect(client.eventsOf("circuit")).toEqual([]);
  });

  it("gives up an attempt whose number is being stored, without a transport to close", () => {
    const client = new ClientHarness();
    client.autoStore = false;
    pause(start(client), "offline");
    client.autoStore = true;
    client.pump().advance(600_000);
    expect([client.session.state, client.opened.length, client.closed.length]).toEqual(["paused", 0, 0]);
  });

  it("of both ends with the last of them", () => {
    const client = pause(pause(new ClientHarness().connect().lose(), "offline"), "background");
    resume(client, "offline").advance(600_000);
    expect(client.session.state).toBe("paused");
    resume(client, "background").advance(0);
    expect(client.opened).toHaveLength(2);
  });

  it("keeps one that is started from trying, also anew; one that is paused tries where it is started", () => {
    const client = start(pause(new ClientHarness(), "offline")).advance(600_000);
    expect(client.session.state).toBe("paused");
    client.session.stop(client.now);
    expect(client.pump().session.state).toBe("closed");
    expect(start(client).session.state).toBe("paused");
    expect(client.closed).toEqual([]);
    start(client);
    expect(client.session.state).toBe("connecting");
    client.lose().advance(600_000);
    expect(client.session.state).toBe("paused");
    expect(client.opened).toHaveLength(1);
  });

  it("keeps one with a fresh token from trying until it ends", () => {
    const client = new ClientHarness().connect().lose(4440);
    pause(client, "offline").session.setToken("fresh", client.now);
    client.pump();
    expect(client.session.state).toBe("paused");
    resume(client, "offline").advance(0).session.handleOpen("chappe.v1", client.now);
    expect(client.pump().framesOf("hello").at(-1)?.value.token).toBe("fresh");
  });
});

describe("without a network (LIV-9)", () => {
  it("a connection that lives is left alone, and one that ends is not made again until there is one", () => {
    const client = pause(joined(), "offline");
    expect(client.session.state).toBe("ready");
    client.advance(59_999);
    expect(client.session.state).toBe("ready");
    client.advance(1);
    expect(client.session.state).toBe("paused");
    client.advance(600_000);
    expect(client.opened).toHaveLength(1);
    resume(client, "offline").advance(0);
    expect(client.opened).toHaveLength(2);
  });

  it("a goodbye is obeyed", () => {
    const client = pause(
      joined().receive("goodbye", { code: 73, retry: 3, afterMinMs: 5000, afterMaxMs: 6000, drainMs: 0 }),
      "offline",
    );
    expect(client.session.state).toBe("paused");
    resume(client, "offline").advance(4999);
    expect(client.opened).toHaveLength(1);
    client.advance(1);
    expect(client.opened).toHaveLength(2);
  });
});

describe("in the background (LIV-9)", () => {
  it("with nothing to send, the connection is closed at once, without a goodbye", () => {
    const client = pause(joined(), "background");
    expect(client.session.state).toBe("paused");
    expect(client.closed).toEqual([{ code: 1000, reason: "" }]);
    expect(client.framesOf("goodbye")).toEqual([]);
  });

  it("what is in the outbox is sent first, until it is settled", () => {
    const client = joined();
    const id = client.publish("lobby", "one");
    pause(client, "background").advance(100);
    expect(client.session.state).toBe("ready");
    expect(client.published).toEqual([[1, 1, "one"]]);
    client.receive("ack", ack(1, 1));
    expect(client.states(id).at(-1)).toBe("stored");
    expect(client.session.state).toBe("paused");
  });

  it("an attempt is finished for it, and for 5 s at most", () => {
    const client = new ClientHarness();
    client.publish("lobby", "one");
    pause(start(client), "background").connect();
    client.advance(4999);
    expect(client.session.state).toBe("ready");
    client.advance(1);
    expect(client.session.state).toBe("paused");
    expect(client.session.outboxSize).toBe(1);
  });

  it("an attempt that fails is the last", () => {
    const client = new ClientHarness();
    client.publish("lobby", "one");
    pause(start(client), "background").lose().advance(600_000);
    expect(client.session.state).toBe("paused");
    expect(client.opened).toHaveLength(1);
  });

  it("who comes back in time keeps the connection", () => {
    const client = joined();
    client.publish("lobby", "one");
    resume(pause(client, "background"), "background").receive("ack", ack(1, 1)).advance(9000);
    expect(client.session.state).toBe("ready");
  });

  it("one that drains is left to the goodbye, and is paused then", () => {
    const client = joined();
    client.publish("lobby", "one");
    client.receive("goodbye", { code: 73, retry: 3, drainMs: 20_000 });
    pause(client, "background").advance(19_999);
    expect(client.session.state).toBe("draining");
    client.advance(1);
    expect(client.session.state).toBe("paused");
  });
});

describe("a word of the device that things have changed (LIV-9)", () => {
  it("makes one that waits try at once, but not before the relay wishes it", () => {
    const client = new ClientHarness().connect().lose();
    resume(client, "offline").advance(0);
    expect(client.opened).toHaveLength(2);
    const asked = new ClientHarness().connect().receive("error", { code: 72, retry: 3, retryAfterMs: 9000, scope: 3 });
    resume(asked, "offline").advance(8999);
    expect(asked.opened).toHaveLength(1);
    asked.advance(1);
    expect(asked.opened).toHaveLength(2);
  });

  it("counts once in 30 s, until there is a welcome: a flapping network makes no storm", () => {
    const client = resume(new ClientHarness({ backoff: { base: 25_000 } }).connect().lose(), "offline")
      .advance(0)
      .lose();
    expect(client.opened).toHaveLength(2);
    resume(client, "offline").advance(0);
    expect(client.opened).toHaveLength(2);
    resume(pause(client, "offline"), "offline").advance(0);
    expect(client.opened).toHaveLength(2);
    expect(client.session.state).toBe("waiting");
    client.reconnect().lose();
    const before = client.opened.length;
    resume(client, "offline").advance(0);
    expect(client.opened).toHaveLength(before + 1);
  });

  it("does not close the circuit: where it was open, only the first in 30 s is tried at once (LIV-7)", () => {
    const client = new ClientHarness({ backoff: { breakAfter: 1 } }).connect().lose().reopen().lose();
    resume(client, "offline").advance(0).lose();
    resume(pause(client, "offline"), "offline");
    expect(client.eventsOf("state").at(-1)?.retryInMs).toBeGreaterThanOrEqual(30_000);
  });

  it("asks a connection whether it lives: nothing for 10 s is death", () => {
    const client = joined();
    const before = client.framesOf("ping").length;
    expect(resume(client, "offline").framesOf("ping")).toHaveLength(before + 1);
    resume(client.advance(5000), "background");
    expect(client.framesOf("ping")).toHaveLength(before + 1);
    client.advance(4999);
    expect(client.session.state).toBe("ready");
    client.advance(1);
    expect(client.closed.at(-1)?.code).toBe(4228);
    expect(states(client)).toContain("waiting");
  });

  it("is answered by any frame, and asked again the next time", () => {
    const client = resume(joined(), "offline").receive("pong", {}).advance(10_000);
    expect(client.session.state).toBe("ready");
    const before = client.framesOf("ping").length;
    expect(resume(client, "offline").framesOf("ping")).toHaveLength(before + 1);
  });

  it("ends a connection whose deadline has passed in sleep, and makes another at once (LIV-4)", () => {
    const client = joined();
    client.now += 3_600_000;
    resume(client, "background").advance(0);
    expect(client.closed.at(-1)?.code).toBe(4228);
    expect(client.opened).toHaveLength(2);
  });

  it.each(whys)("is passed over by one that is idle, locked or closed: %s", (why) => {
    const idle = resume(new ClientHarness(), why);
    const locked = resume(pause(new ClientHarness().connect().lose(4440), why), why);
    const closed = resume(new ClientHarness().connect().lose(4101), why);
    for (const client of [idle, locked, closed]) client.advance(600_000);
    expect([idle, locked, closed].map(({ session }) => session.state)).toEqual(["idle", "locked", "closed"]);
  });
});
