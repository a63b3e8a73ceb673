/** A client's token and its time: refreshed on a living connection, asked for anew where it is over; and an attempt that nobody answers. */

import { describe, expect, it } from "vitest";
import type { ClientOptions, ObservedFrame } from "../../src/client/options.ts";
import { ProtocolError } from "../../src/errors.ts";
import { settle, started, World } from "../support/world.ts";

/** A relay whose tokens name their end; a client whose function makes such, for 10 s. */
function play(options: Partial<ClientOptions> = {}) {
  const log = { fetched: 0, refused: 0, states: [] as string[], refreshed: 0 };
  const world: World = new World({
    authenticate: ({ token }) => {
      const expiresInMs = Number(token) - world.clock.now();
      if (expiresInMs > 0) return { user: "ada", expiresInMs };
      log.refused++;
      throw new ProtocolError("TOKEN_EXPIRED", "over");
    },
  });
  const token = () => {
    log.fetched++;
    return String(world.clock.now() + 10_000);
  };
  const onFrame = ({ frame }: ObservedFrame) => {
    if (frame.body.case === "refreshed") log.refreshed++;
  };
  const ada = started(world.client("ada", { token, onFrame, ...options }));
  ada.on("state", ({ state }) => log.states.push(state));
  return { world, ada, log };
}

describe("a token that expires", () => {
  it("is replaced in time, on the same connection (AUT-4, AUT-5)", async () => {
    const { world, ada, log } = play();
    const join = ada.room("lobby").join();
    await world.pass(60_000);
    await join;
    expect(log.states).toEqual(["preparing", "connecting", "authenticating", "ready"]);
    expect([log.refused, log.refreshed]).toEqual([0, log.fetched - 1]);
    expect(log.refreshed).toBeGreaterThanOrEqual(6);
    const stored = ada.room("lobby").publish("still here");
    await world.pass(100);
    expect(await stored).toMatchObject({ offset: 1 });
  });

  it("is asked for anew after a pause in which it has expired, before an attempt is made with it (AUT-10)", async () => {
    const { world, ada, log } = play();
    await world.pass(100);
    ada.pause("background");
    await world.pass(3_600_000);
    expect([ada.state, log.fetched]).toEqual(["paused", 1]);
    ada.resume("background");
    await world.pass(100);
    expect([ada.state, log.fetched, log.refused]).toEqual(["ready", 2, 0]);
  });

  it("is asked for anew while the relay cannot be reached", async () => {
    const { world, ada, log } = play({ backoff: { base: 1000, cap: 5000, breakFor: 0 } });
    await world.pass(100);
    world.isDown = true;
    world.network.cut("ada");
    await world.pass(14_000);
    // When the fresh one ends nobody has told yet: it is not asked for with each attempt.
    expect(log.fetched).toBe(2);
    world.isDown = false;
    await world.pass(5000);
    expect([ada.state, log.fetched, log.refused]).toEqual(["ready", 2, 0]);
  });

  it("still holds where the pause was shorter: it is not asked for", async () => {
    const { world, ada, log } = play();
    await world.pass(100);
    ada.pause("background");
    await world.pass(5000);
    ada.resume("background");
    await world.pass(100);
    expect([ada.state, log.fetched, log.refused]).toEqual(["ready", 1, 0]);
  });

  it("is waited for where the application gives it by itself; its start makes an attempt all the same", async () => {
    const { world, ada, log } = play({ token: "10000" });
    const wanted: unknown[] = [];
    ada.on("tokenWanted", ({ code }) => wanted.push(code));
    await world.pass(100);
    ada.pause("background");
    await world.pass(60_000);
    ada.resume("background");
    await world.pass(60_000);
    expect([ada.state, wanted, log.refused]).toEqual(["locked", ["TOKEN_EXPIRED"], 0]);
    expect(ada.report()).toMatchObject([{ code: "TOKEN_WANTED" }]);
    ada.start();
    await world.pass(100);
    expect([ada.state, wanted, log.refused]).toEqual(["locked", ["TOKEN_EXPIRED", "TOKEN_EXPIRED"], 1]);
    ada.setToken(String(world.clock.now() + 10_000));
    await world.pass(100);
    expect(ada.state).toBe("ready");
  });
});

describe("an attempt that nobody answers", () => {
  it("is given up after the connect timeout, with its transport, and made again", async () => {
    const closed: number[] = [];
    let opened = 0;
    const connect: ClientOptions["connect"] = () => {
      opened++;
      return { send: () => undefined, close: (code) => closed.push(code) };
    };
    const world = new World();
    const ada = started(world.client("ada", { connect, times: { connectTimeout: 3000 }, backoff: { base: 100, cap: 100 } }));
    const errors: unknown[] = [];
    ada.on("state", ({ error }) => error !== undefined && errors.push(error.code));
    await settle();
    world.clock.advance(2999);
    expect([ada.state, closed]).toEqual(["connecting", []]);
    world.clock.advance(1);
    expect([ada.state, closed, errors]).toEqual(["waiting", [1000], ["UNAVAILABLE"]]);
    await world.pass(200);
    expect([ada.state, opened]).toEqual(["connecting", 2]);
  });

  it("is bounded as a whole: an open transport without a welcome does not count as an answer", async () => {
    const world = new World({ authenticate: () => new Promise(() => undefined), times: { authTimeout: 60_000 } } as object);
    const ada = started(world.client("ada", { times: { connectTimeout: 3000 } }));
    await world.pass(2900);
    expect(ada.state).toBe("authenticating");
    await world.pass(200);
    expect(ada.state).toBe("waiting");
  });
});
