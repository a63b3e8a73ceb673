/** One relay over a broker in memory, and clients that find it, on a clock that stands still until the test lets time pass. */

import { afterEach } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import { ProtocolError } from "../../src/errors.ts";
import { Relay, type RelayOptions } from "../../src/relay/index.ts";
import { MemoryBroker } from "../../src/relay/memory-broker.ts";
import { binaryCodec } from "../../src/session/transmit.ts";
import { countingRandom } from "./client-harness.ts";
import { FakeClock } from "./fake-clock.ts";
import { Network } from "./network.ts";

/** Lets every promise that can be settled be settled. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** See the head of this file. */
export class World {
  readonly clock: FakeClock = new FakeClock();
  readonly network: Network = new Network(this.clock);
  readonly relay: Relay;
  isDown = false;
  #seed = 10;

  constructor(options: Partial<RelayOptions> = {}) {
    this.relay = new Relay({
      broker: new MemoryBroker({ clock: this.clock, random: countingRandom(3) }),
      clock: this.clock,
      random: countingRandom(4),
      authenticate: ({ token }) => {
        if (token === "bad") throw new ProtocolError("UNAUTHENTICATED", "not accepted");
        return { user: token };
      },
      ...options,
    });
  }

  client(name: string, options: Partial<ClientOptions> = {}): Client {
    const codec = options.codec ?? binaryCodec;
    return new Client({
      url: "wss://relay/",
      token: name,
      clock: this.clock,
      random: countingRandom(++this.#seed),
      connect: this.network.connect(name, () =>
        this.isDown ? undefined : (transport) => this.relay.accept(transport, { codec }),
      ),
      ...options,
    });
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10) {
      this.clock.advance(Math.min(10, left));
      await settle();
    }
  }
}

const opened: Client[] = [];

/** Starts a client, and closes it after the test. */
export function started(client: Client): Client {
  opened.push(client);
  client.start();
  return client;
}

afterEach(async () => {
  for (const client of opened.splice(0)) await client.close();
});
