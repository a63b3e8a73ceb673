/** One connection that floods does not hold up the others, and loses nothing by waiting: over real sockets, by the order in which frames are served. */

import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Intake } from "../../src/node/intake.ts";
import { Turns } from "../../src/node/turns.ts";
import { Framing } from "../../src/node/ws-frames.ts";
import { WsTransport } from "../../src/node/ws-transport.ts";
import type { ApplicationSignal, Principal, RelayOptions } from "../../src/relay/options.ts";
import { jsonCodec } from "../../src/session/json-codec.ts";
import { binaryCodec } from "../../src/session/transmit.ts";
import { createFrame, ErrorCode } from "../../src/wire/codec.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { Peer, type RelayServer, startRelay } from "../support/relay-server.ts";

/** Frames of a flood; as many as one read of a socket takes. */
const flood = 3000;

/** At most so many frames of one connection in a turn of the event loop. */
const perTurn = 64;

const open: RelayServer[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

interface Served {
  readonly user: string;
  readonly name: string;
}

/** A relay that writes down which signals it serves. */
async function start(
  onServed: (served: Served, server: RelayServer) => void,
  options: Partial<RelayOptions> = {},
): Promise<{ server: RelayServer; served: Served[] }> {
  const served: Served[] = [];
  const onSignal = ({ user }: Principal, { name }: ApplicationSignal): void => {
    const one = { user, name };
    served.push(one);
    onServed(one, server);
  };
  const server: RelayServer = await startRelay({ onSignal, ...options });
  open.push(server);
  return { server, served };
}

async function ready(server: RelayServer, user: string, form: "binary" | "json" = "binary"): Promise<Peer> {
  const peer = await Peer.open(server.url, form);
  peer.hello(user);
  await peer.next("welcome");
  return peer;
}

/** Sends signals with these names in one write. */
function signals(peer: Peer, count: number, from = 1, form: "binary" | "json" = "binary"): void {
  const codec = form === "binary" ? binaryCodec : jsonCodec;
  const { _socket: socket } = peer.ws as unknown as { _socket: Socket };
  socket.cork();
  for (let n = from; n < from + count; n++) peer.raw(codec.encode(createFrame("signal", { name: String(n) })));
  socket.uncork();
}

/** A loaded machine is slow, not wrong. */
const until = (value: () => unknown) => expect.poll(value, { timeout: 30_000 });
const names = (served: readonly Served[], user: string): number[] =>
  served.filter((one) => one.user === user).map(({ name }) => Number(name));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe("a flood from one connection", () => {
  test.each(["binary", "json"] as const)("in %s form is served in order, and another's frame between", async (form) => {
    let bob: Peer | undefined;
    const { server, served } = await start(() => {
      if (served.length === 1 && bob !== undefined) signals(bob, 1);
    });
    const ada = await ready(server, "ada", form);
    bob = await ready(server, "bob");
    signals(ada, flood, 1, form);
    await until(() => served.length).toBe(flood + 1);
    expect(names(served, "ada")).toEqual(upTo(flood));
    // Without turns, all that was read of ada comes first.
    expect(served.findIndex(({ user }) => user === "bob")).toBeLessThan(flood / 4);
  });

  test("floods take turns", async () => {
    const { server, served } = await start(() => undefined);
    const peers = await Promise.all(["ada", "bob", "cyd"].map((user) => ready(server, user)));
    for (const peer of peers) signals(peer, flood);
    await until(() => served.length).toBe(3 * flood);
    for (const user of ["ada", "bob", "cyd"]) expect(names(served, user)).toEqual(upTo(flood));
    const first = served.findIndex(({ user }) => user !== served[0]?.user);
    expect(first).toBeLessThan(flood / 4);
    const halfOf = (user: string): number => served.findIndex((one) => one.user === user && one.name === String(flood / 2));
    const ends = ["ada", "bob", "cyd"].map((user) => served.findIndex((one) => one.user === user && one.name === String(flood)));
    for (const user of ["ada", "bob", "cyd"]) expect(halfOf(user)).toBeLessThan(Math.min(...ends));
  });

  test("each frame that waits is life: with one at least in every turn, silence never lasts (LIV-4)", async () => {
    const clock = new FakeClock(1000);
    const times = { pingAfter: 1000, deadAfter: 2000 };
    let isFlooding = false;
    const pass = (): void => {
      if (!isFlooding) return;
      clock.advance(1200);
      setImmediate(pass);
    };
    const { server, served } = await start(
      ({ name }) => {
        if (name === "1") {
          isFlooding = true;
          setImmediate(pass);
        } else if (name === String(flood)) isFlooding = false;
      },
      { clock, times },
    );
    const ada = await ready(server, "ada");
    signals(ada, flood);
    await until(() => served.length).toBe(flood);
    expect(ada.ws.readyState).toBe(ada.ws.OPEN);
    clock.advance(2000);
    expect(await ada.next("error")).toMatchObject({ code: ErrorCode.HEARTBEAT_TIMEOUT });
  });

  test("a close behind it comes after it", async () => {
    const { server, served } = await start(() => undefined);
    const ada = await ready(server, "ada");
    signals(ada, flood);
    ada.ws.close(1000);
    await until(() => server.relay.stats().connections).toBe(0);
    expect(names(served, "ada")).toEqual(upTo(flood));
    expect((await ada.closed).code).toBe(1000);
  });

  test("so does what the WebSocket library objects to (TRN-12)", async () => {
    const { server, served } = await start(() => undefined);
    const ada = await ready(server, "ada");
    signals(ada, flood);
    const { _socket: socket } = ada.ws as unknown as { _socket: Socket };
    socket.write(Uint8Array.of(0xf2, 0x80, 0, 0, 0, 0));
    await until(() => server.relay.stats().connections).toBe(0);
    expect(names(served, "ada")).toEqual(upTo(flood));
  });

  test("who is sent away in it is heard no more, and gets its close code though it floods on", async () => {
    const { server, served } = await start(({ name }, { relay }) => {
      if (name === "100") relay.kick("ada");
    });
    const ada = await ready(server, "ada");
    for (let from = 1; from <= 10 * flood; from += flood) signals(ada, flood, from);
    expect(await ada.next("error")).toMatchObject({ code: ErrorCode.ACCESS_REVOKED });
    expect(await ada.closed).toEqual({ code: 4145, reason: "ACCESS_REVOKED" });
    expect(names(served, "ada")).toEqual(upTo(100));
    await until(() => server.attached.connections).toBe(0);
  });

  test("answers come all, in order", async () => {
    const { server } = await start(() => undefined);
    const ada = await ready(server, "ada");
    for (let n = 1; n <= flood; n++) ada.send("ping", { timeMs: BigInt(n) });
    for (let n = 1; n <= flood; n++) expect((await ada.next("pong")).echoMs).toBe(BigInt(n));
  });
});

test("a message that is unfinished because this side does not read is no fault; then it is (TRN-11)", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const ws = Object.assign(new EventEmitter(), { pause: vi.fn(), resume: vi.fn() });
    const socket = new EventEmitter();
    const transport = new WsTransport(ws as never, socket as never, {
      turns: new Turns(),
      framing: new Framing(),
    });
    const handleFault = vi.fn();
    const connection = {
      isHeld: false,
      handleMessage() {},
      handleMessages() {},
      handleWritable() {},
      handleClose() {},
      handleFault,
    };
    transport.attach(connection, 100);
    // A frame of two bytes that has begun.
    socket.emit("data", Uint8Array.of(0x82, 0x82, 0, 0, 0, 0, 1));
    for (let i = 0; i < perTurn; i++) ws.emit("message", Buffer.of(1), true);
    expect(ws.pause).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(100);
    expect(handleFault).not.toHaveBeenCalled();
    await new Promise((resolve) => setImmediate(resolve));
    expect(ws.resume).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(100);
    expect(handleFault.mock.calls).toMatchObject([[{ code: "HEARTBEAT_TIMEOUT" }]]);
  } finally {
    vi.useRealTimers();
  }
});

describe("the share of a turn", () => {
  function setup(): { turns: Turns; make(name: string): Intake; log: string[] } {
    const turns = new Turns();
    const log: string[] = [];
    const make = (name: string): Intake =>
      new Intake(turns, {
        deliver: (data) => void log.push(`${name}${data.length}`),
        ended: () => void log.push(`${name} ended`),
        pause: () => void log.push(`${name} paused`),
        resume: () => void log.push(`${name} resumed`),
      });
    return { turns, make, log };
  }
  const turn = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
  };

  test("is so many messages, or so many bytes, one at least; the source is paused until all is served", async () => {
    const { make, log } = setup();
    const [a, b] = [make("a"), make("b")];
    for (let i = 0; i < 2 * perTurn; i++) a.push("");
    for (const length of [100_000, 100_001]) b.push(new Uint8Array(length));
    expect(log.filter((line) => line === "a0")).toHaveLength(perTurn);
    expect(log.slice(-2)).toEqual(["b paused", "b100000"]);
    expect([a.isPaused, b.isPaused]).toEqual([true, true]);
    log.length = 0;
    await turn();
    expect([log.length, log.at(-1)]).toEqual([perTurn + 1, "b100001"]);
    await turn();
    expect(log.slice(-2)).toEqual(["a resumed", "b resumed"]);
    expect([a.isPaused, b.isPaused]).toEqual([false, false]);
  });

  test("an end comes once: at once, after what waits, or after what was dropped", async () => {
    const { make, log } = setup();
    const [a, b, c] = [make("a"), make("b"), make("c")];
    a.push("1");
    a.end();
    for (const intake of [b, c]) {
      intake.push("x".repeat(20_000));
      intake.push("12");
      intake.end();
    }
    c.drop();
    c.push("123");
    expect(log).toEqual(["a1", "a ended", "b paused", "b20000", "c paused", "c20000"]);
    await turn();
    await turn();
    expect(log.slice(6)).toEqual(["b2", "b ended", "c ended"]);
  });
});
