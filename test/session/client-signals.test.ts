import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxSignals } from "../../src/session/client-signals.ts";
import { type ClientHarness, joinedClient } from "../support/client-harness.ts";

/** Signals that were sent, as [room, name, text]. */
const signals = (client: ClientHarness) =>
  client.framesOf("signal").map(({ value }) => [value.room, value.name, value.content?.body.value]);
const signal = (client: ClientHarness, room: string | undefined, name: string, text: string) => {
  client.session.rooms.signal(room, name, text);
  return client.pump();
};
const hold = (client: ClientHarness) => {
  client.buffered = 64 * 1024;
};
const release = (client: ClientHarness) => {
  client.buffered = 0;
  return client.advance(20);
};

describe("signals", () => {
  it("go at once where the transport takes them; of those that it holds up, the latest of each room and name goes (SIG-3)", () => {
    const names = ["a", "b", "1 a"];
    const steps = fc.array(
      fc.oneof(
        { weight: 5, arbitrary: fc.tuple(fc.constantFrom(undefined, "lobby"), fc.constantFrom(...names)) },
        { weight: 1, arbitrary: fc.constantFrom("hold" as const, "release" as const) },
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (given) => {
        const client = joinedClient();
        const expected: unknown[] = [];
        let waiting: [number, string, string][] = [];
        let isHeld = false;
        given.forEach((step, i) => {
          if (step === "hold") {
            hold(client);
            isHeld = true;
          } else if (step === "release") {
            release(client);
            isHeld = false;
          } else {
            const [room, name] = step;
            const handle = room === undefined ? 0 : 1;
            waiting = waiting.filter(([otherRoom, otherName]) => otherRoom !== handle || otherName !== name);
            waiting.push([handle, name, `${i}`]);
            signal(client, room, name, `${i}`);
          }
          if (!isHeld) expected.push(...waiting.splice(0));
          expect(signals(client)).toEqual(expected);
        });
      }),
    );
  });

  it("that wait are bounded: the oldest is dropped", () => {
    const client = joinedClient();
    hold(client);
    for (let i = 0; i <= maxSignals; i++) signal(client, "lobby", `n${i}`, "");
    expect(signals(release(client)).map(([, name]) => name)).toEqual(Array.from({ length: maxSignals }, (_, i) => `n${i + 1}`));
  });

  it("stand behind what was published before them, also where that waits for others to go out with it", () => {
    const client = joinedClient();
    client.publish("lobby", "first");
    signal(client, "lobby", "wave", "second");
    const sent = client.sent.map(({ body }) => body.case);
    expect(sent.indexOf("publish")).toBeGreaterThan(0);
    expect(sent.indexOf("signal")).toBeGreaterThan(sent.indexOf("publish"));
  });

  it("are lost with their room, or their connection", () => {
    const client = joinedClient();
    hold(client);
    signal(client, "lobby", "a", "");
    signal(client, undefined, "a", "");
    client.receive("left", { room: 1, code: 45 });
    expect(signals(release(client))).toEqual([[0, "a", ""]]);
    hold(client);
    signal(client, undefined, "b", "");
    client.lose();
    client.buffered = 0;
    client.reconnect().advance(1000);
    expect(signals(client)).toEqual([[0, "a", ""]]);
  });

  it("hold what they were given: who writes into its bytes later changes nothing", () => {
    const client = joinedClient();
    hold(client);
    const data = new Uint8Array([1]);
    client.session.rooms.signal("lobby", "a", { data });
    data[0] = 2;
    expect(signals(release(client.pump()))).toEqual([[1, "a", new Uint8Array([1])]]);
  });
});
