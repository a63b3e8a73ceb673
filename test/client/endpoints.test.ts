import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { Client } from "../../src/client/client.ts";
import { Endpoints } from "../../src/client/endpoints.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import type { Connect, WebSocketConstructor } from "../../src/client/transport.ts";
import { type ClientState, nextClientState } from "../../src/session/transitions.ts";
import { binaryCodec } from "../../src/session/transmit.ts";
import { startRelay } from "../support/relay-server.ts";
import { settle, started, World } from "../support/world.ts";

const urls = ["wss://a/", "wss://b/", "wss://c/"];

/** A client of three relays over one broker, of which some are up. */
function play(up: Set<string>, options: Partial<ClientOptions> = {}) {
  const world = new World();
  const tried: string[] = [];
  const connect: Connect = (url, ...others) => {
    tried.push(url);
    const accept = (transport: Parameters<typeof world.relay.accept>[0]) => world.relay.accept(transport, { codec: binaryCodec });
    return world.network.connect("ada", () => (up.has(url) ? accept : undefined))(url, ...others);
  };
  const ada = started(world.client("ada", { url: urls, connect, backoff: { base: 100, cap: 100, breakFor: 0 }, ...options }));
  return { world, ada, tried };
}

describe("Endpoints", () => {
  it("moves on with each attempt that has ended by itself without a welcome, and with nothing else", () => {
    const inputs = [
      "start",
      "prepared",
      "open",
      "welcome",
      "lost",
      "due",
      "pause",
      "resume",
      "stop",
      "goodbye",
      "unauthenticated",
      "token",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...inputs), { maxLength: 200 }), (given) => {
        const endpoints = new Endpoints(urls as [string, ...string[]]);
        let state: ClientState = "idle";
        let failures = 0;
        for (const input of given) {
          const next = nextClientState(state, input as never);
          if (next === undefined) continue;
          if (input === "lost" && state !== "ready" && state !== "draining") failures++;
          state = next;
          endpoints.entered(state);
          expect(endpoints.current).toBe(urls[failures % 3]);
        }
      }),
    );
  });
});

describe("a client of several endpoints", () => {
  it("tries the next after each failed attempt, and comes back to the one where it was welcome", async () => {
    const up = new Set([urls[2] ?? ""]);
    const { world, ada, tried } = play(up);
    await world.pass(1000);
    expect([ada.state, tried, ada.statistics().endpoint]).toEqual(["ready", urls, urls[2]]);
    for (const url of urls) up.add(url);
    world.network.cut("ada");
    await world.pass(1000);
    expect([ada.state, tried.slice(3)]).toEqual(["ready", [urls[2]]]);
    up.delete(urls[2] ?? "");
    world.network.cut("ada");
    await world.pass(1000);
    expect([ada.state, tried.slice(4)]).toEqual(["ready", [urls[2], urls[0]]]);
  });

  it("stays where its token was refused, and where the application or the device ended the attempt", async () => {
    const { world, ada, tried } = play(new Set(urls), { token: "bad" });
    await world.pass(100);
    expect(ada.state).toBe("locked");
    ada.setToken("ada");
    await settle();
    ada.pause("offline");
    ada.resume("offline");
    await settle();
    await ada.close();
    ada.start();
    await world.pass(1000);
    expect(ada.state).toBe("ready");
    expect(new Set(tried)).toEqual(new Set([urls[0]]));
  });

  it("refuses a list that holds none, or a wrong one, by its place", () => {
    const { world } = play(new Set());
    const make = (url: unknown) => () => world.client("ada", { url: url as string[] });
    expect(make([])).toThrow(/^url: must be/);
    expect(make(["wss://a/", 5])).toThrow(/^url: must be/);
    expect(make(["wss://a/", "http://b/"])).toThrow(/^url\[1\]: must begin/);
    expect(make(["wss://a/", "ws://b/"])).toThrow(/^url\[1\]: the token/);
  });
});

describe("on real sockets", () => {
  const open: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0)) await close();
  });

  /** A port that takes connections and never says a word. */
  async function mute(): Promise<string> {
    const sockets = new Set<Socket>();
    const server: Server = createServer((socket) => sockets.add(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    open.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  function client(url: string | string[], connectTimeout: number): Client {
    const made = new Client({
      url,
      token: "ada",
      webSocket: WebSocket as unknown as WebSocketConstructor,
      backoff: { base: 10, cap: 20, breakFor: 0 },
      times: { connectTimeout },
    });
    open.unshift(() => made.close());
    return made;
  }

  it("gives up a relay that takes the connection and never answers, and goes on to the next of the list", async () => {
    const relay = await startRelay();
    open.push(() => relay.close());
    const silent = await mute();
    const ada = client([silent, relay.url], 300);
    const told: unknown[] = [];
    ada.on("state", ({ state, error }) => told.push(error === undefined ? state : `${state}: ${error.code}`));
    ada.start();
    await ada.room("lobby").join();
    expect(told.slice(0, 3)).toEqual(["preparing", "connecting", "waiting: UNAVAILABLE"]);
    expect(ada.statistics().endpoint).toBe(relay.url);
  });
});
