import { afterEach, describe, expect, it } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import { type SharedClient, shareClient } from "../../src/client/share.ts";
import { binaryCodec } from "../../src/session/transmit.ts";
import { countingRandom } from "../support/client-harness.ts";
import { usageCodeOf } from "../support/errors.ts";
import { World } from "../support/world.ts";

const holders: SharedClient[] = [];
afterEach(async () => {
  for (const { release } of holders.splice(0)) await release();
});

function play() {
  const world = new World();
  const connect = world.network.connect("ada", () => (transport) => world.relay.accept(transport, { codec: binaryCodec }));
  const base: ClientOptions = { url: "wss://relay/", token: "ada", clock: world.clock, random: countingRandom(7), connect };
  const share = (principal: string, options: Partial<ClientOptions> = {}) => {
    const shared = shareClient(principal, { ...base, ...options });
    holders.push(shared);
    shared.client.start();
    return shared;
  };
  return { world, share };
}

describe("shareClient", () => {
  it("gives the same client, on one connection, for the same address and principal, until the last has released it", async () => {
    const { world, share } = play();
    const [one, two] = [share("ada"), share("ada", { token: "another" })];
    expect(two.client).toBe(one.client);
    void one.client.room("lobby").join();
    await world.pass(100);
    expect([one.client.state, one.client.user, world.relay.stats().connections]).toEqual(["ready", "ada", 1]);
    await one.release();
    // Who releases twice takes nothing from another.
    await one.release();
    const stored = two.client.publish("lobby", "still here");
    await world.pass(100);
    expect(await stored).toMatchObject({ offset: 1 });
    await two.release();
    await world.pass(100);
    expect([two.client.state, world.relay.stats().connections]).toEqual(["closed", 0]);
    expect(share("ada").client).not.toBe(one.client);
  });

  it("keeps apart who differs in the principal, or in any of the addresses", async () => {
    const { world, share } = play();
    const all = [
      share("ada"),
      share("bob", { token: "bob" }),
      share("ada", { url: "wss://other/" }),
      share("ada", { url: ["wss://relay/", "wss://other/"] }),
    ];
    expect(new Set(all.map(({ client }) => client)).size).toBe(4);
    expect(share("ada", { url: ["wss://relay/"] }).client).toBe(all[0]?.client);
    await world.pass(100);
    expect(world.relay.stats().connections).toBe(4);
  });

  it("gives one that is being closed again, so that no two use one storage", async () => {
    const { world, share } = play();
    const one = share("ada");
    await world.pass(100);
    const released = one.release();
    const two = share("ada");
    await released;
    expect(two.client).toBe(one.client);
    await world.pass(100);
    expect(two.client.state).toBe("ready");
    expect(share("ada").client).toBe(two.client);
  });

  it("refuses what the client refuses, and no principal; nothing is held then", () => {
    const { share } = play();
    for (const principal of [undefined, null, "", 5])
      expect(usageCodeOf(() => share(principal as string))).toBe("OPTION_INVALID");
    for (const options of [undefined, null, {}, { url: "http://relay/" }])
      expect(usageCodeOf(() => shareClient("ada", options as ClientOptions))).toBe("OPTION_INVALID");
    expect(share("ada").client).toBeInstanceOf(Client);
  });
});
