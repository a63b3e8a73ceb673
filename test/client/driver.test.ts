/** What the driver does with a transport that was given up, and with inputs while it is at work. */

import { describe, expect, it } from "vitest";
import type { Connect, TransportEvents } from "../../src/client/transport.ts";
import { UsageError } from "../../src/errors.ts";
import { binaryCodec } from "../../src/session/transmit.ts";
import { settle, started, World } from "../support/world.ts";

describe("the driver", () => {
  it("hears nothing from a transport that was given up, also where it could not be made", async () => {
    const world = new World();
    const failures: ("throw" | "hang")[] = ["throw", "hang"];
    const stale: TransportEvents[] = [];
    const connect = world.network.connect("ada", () => (transport) => world.relay.accept(transport, { codec: binaryCodec }));
    const ada = started(
      world.client("ada", {
        connect: (url, subprotocols, events) => {
          const failure = failures.shift();
          if (failure === "throw") throw new Error("forbidden");
          if (failure === undefined) return connect(url, subprotocols, events);
          stale.push(events);
          return { send: () => undefined, close: () => undefined };
        },
      }),
    );
    const again = async () => {
      await ada.close();
      ada.start();
    };
    let errors = 0;
    ada.on("error", () => errors++);
    while (errors === 0) await settle();
    // Before the failure is told.
    await again();
    while (stale.length === 0) await settle();
    await again();
    await world.pass(100);
    expect(ada.state).toBe("ready");
    stale[0]?.close(1006);
    stale[0]?.open("chappe.v1");
    stale[0]?.message("x");
    await world.pass(100);
    expect(ada.state).toBe("ready");
    expect(failures).toEqual([]);
  });

  it.each<[string, Connect]>([
    ["gives nothing", () => undefined as never],
    ["gives a promise", (async () => ({ send: () => undefined, close: () => undefined })) as never],
    ["gives what cannot send", () => ({ close: () => undefined }) as never],
    [
      "tells before it has returned",
      (_url, subprotocols, events) => {
        events.open(subprotocols[0] ?? "");
        return { send: () => undefined, close: () => undefined };
      },
    ],
  ])("takes a connect that %s for one that has failed, and tells why", async (_what, connect) => {
    const world = new World();
    const causes: unknown[] = [];
    const ada = world.client("ada", { connect });
    ada.on("error", ({ error }) => causes.push(error.cause));
    ada.start();
    await world.pass(100);
    expect(causes[0]).toBeInstanceOf(UsageError);
  });

  it("takes a transport that throws for one that has ended, and tells why", async () => {
    const world = new World();
    const connect = world.network.connect("ada", () => (transport) => world.relay.accept(transport, { codec: binaryCodec }));
    const broken = new Error("broken");
    let isBroken = false;
    let opened = 0;
    const ada = started(
      world.client("ada", {
        connect: (url, subprotocols, events) => {
          opened++;
          const { send, close } = connect(url, subprotocols, events);
          const orThrow = (call: () => void) => {
            if (isBroken) throw broken;
            call();
          };
          return { send: (data) => orThrow(() => send(data)), close: (...why) => orThrow(() => close(...why)) };
        },
      }),
    );
    void ada.room("lobby").join();
    await world.pass(100);
    const errors: unknown[] = [];
    ada.on("error", ({ error }) => errors.push(error.cause));
    isBroken = true;
    const stored = ada.room("lobby").publish("once");
    await settle();
    expect(ada.state).toBe("waiting");
    // It was thrown by the send, and by the close that followed.
    expect(errors).toEqual([broken, broken]);
    isBroken = false;
    await world.pass(5000);
    expect(await stored).toMatchObject({ offset: 1 });
    expect([ada.state, opened, ada.outboxSize]).toEqual(["ready", 2, 0]);
    isBroken = true;
    await ada.close();
    expect(ada.state).toBe("closed");
  });

  it("takes commands from listeners, and tells what they cause in order", async () => {
    const world = new World();
    const ada = started(world.client("ada"));
    const told: string[] = [];
    ada.on("state", ({ state }) => told.push(state));
    ada.on("welcome", () => {
      void ada.room("lobby").join();
      told.push("asked");
    });
    ada.on("joined", () => {
      void ada.close();
      told.push("closing");
    });
    await world.pass(100);
    expect(told).toEqual(["preparing", "connecting", "authenticating", "ready", "asked", "closing", "closed"]);
  });
});
