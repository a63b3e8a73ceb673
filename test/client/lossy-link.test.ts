/**
 * Real clients, real relays and a real broker over links that are cut at any moment, with what is under way lost: each message is in the
 * log once, each session's in its order, and everybody who is in the room sees the same log (PUB-7, RES-8).
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Client } from "../../src/client/client.ts";
import { MemoryBroker } from "../../src/relay/memory-broker.ts";
import { Relay } from "../../src/relay/relay.ts";
import type { Message } from "../../src/session/client-events.ts";
import { binaryCodec } from "../../src/session/transmit.ts";
import { countingRandom } from "../support/client-harness.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type Accept, Network } from "../support/network.ts";

const names = ["ada", "bob", "eve"] as const;
type Name = (typeof names)[number];

/** Lets every promise that can be settled be settled. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

class World {
  readonly clock: FakeClock = new FakeClock();
  readonly network: Network = new Network(this.clock);
  readonly clients: Map<Name, Client> = new Map();
  readonly seen: Map<Name, Message[]> = new Map();
  readonly published: Map<Name, string[]> = new Map();
  readonly joins: Map<Name, number> = new Map();
  readonly resets: Map<Name, number> = new Map();
  readonly outcomes: Map<string, string> = new Map();
  #relays: Relay[];
  #broker: MemoryBroker;
  #seed = 1;

  constructor(retention = 10_000) {
    this.#broker = this.#newBroker(retention);
    this.#relays = [this.#newRelay(), this.#newRelay()];
    let next = 0;
    for (const name of names) {
      const client = new Client({
        url: "wss://relay/",
        token: name,
        clock: this.clock,
        random: countingRandom(++this.#seed),
        connect: this.network.connect(name, () => this.#accept(next++)),
      });
      this.clients.set(name, client);
      this.seen.set(name, []);
      this.published.set(name, []);
      client.on("message", (message) => this.seen.get(name)?.push(message));
      client.on("joined", ({ verdict }) => {
        this.joins.set(name, (this.joins.get(name) ?? 0) + 1);
        if (verdict === "reset") this.resets.set(name, (this.resets.get(name) ?? 0) + 1);
      });
      client.on("entry", ({ id, state }) => this.outcomes.set(id, state));
      client.start();
      client
        .room("lobby")
        .join({ tail: 10_000 })
        .catch(() => undefined);
    }
  }

  #newBroker(retention: number): MemoryBroker {
    return new MemoryBroker({
      clock: this.clock,
      random: countingRandom(++this.#seed * 7919),
      retention: { maxEntries: retention },
    });
  }

  #newRelay(): Relay {
    return new Relay({
      broker: this.#broker,
      clock: this.clock,
      random: countingRandom(++this.#seed * 104729),
      authenticate: ({ token }) => ({ user: token }),
    });
  }

  /** Each connection goes to the next relay: a client resumes where it has not been. */
  #accept(n: number): Accept | undefined {
    const relay = this.#relays[n % this.#relays.length];
    if (relay === undefined) return undefined;
    return (transport) => relay.accept(transport, { codec: binaryCodec });
  }

  publish(name: Name): void {
    const list = this.published.get(name) ?? [];
    list.push(
      this.clients
        .get(name)
        ?.room("lobby")
        .publish(`${name} ${list.length + 1}`).id ?? "",
    );
  }

  cut(name: Name): void {
    this.network.cut(name);
  }

  /** Relays and broker end without a word, and new ones begin with nothing. */
  loseAll(): void {
    for (const name of names) this.network.cut(name);
    this.#broker = this.#newBroker(10_000);
    this.#relays = [this.#newRelay(), this.#newRelay()];
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 5) {
      this.clock.advance(Math.min(5, left));
      await settle();
    }
  }

  /** Faults stop; within a bounded time every outbox is empty and everybody has everything. */
  async heal(): Promise<void> {
    // A cut that was just made is not noticed yet.
    await this.pass(10);
    for (let i = 0; i < 400; i++) {
      if ([...this.clients.values()].every((client) => client.outboxSize === 0 && client.state === "ready")) break;
      this.clock.advance(500);
      await settle();
    }
    await this.pass(200);
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("publish" as const), name: fc.constantFrom(...names) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.integer({ min: 1000, max: 2000 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("cut" as const), name: fc.constantFrom(...names) }) },
);

describe("clients over lossy links", () => {
  it("store each message once and in order, and everybody sees one log", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const world = new World();
        await world.pass(20);
        for (const action of steps) {
          if (action.type === "publish") world.publish(action.name);
          else if (action.type === "cut") world.cut(action.name);
          else await world.pass(action.ms);
        }
        await world.heal();
        const all = [...world.published.values()].flat();
        expect(all.map((id) => world.outcomes.get(id))).toEqual(all.map(() => "stored"));
        const [first, ...others] = names.map((name) =>
          (world.seen.get(name) ?? []).map(({ offset, id }) => [offset, id] as const),
        );
        expect(first?.map(([offset]) => offset)).toEqual(all.map((_, index) => index + 1));
        expect(new Set(first?.map(([, id]) => id))).toEqual(new Set(all));
        for (const other of others) expect(other).toEqual(first);
        for (const name of names) {
          const own = new Set(world.published.get(name));
          expect(first?.map(([, id]) => id).filter((id) => own.has(id))).toEqual(world.published.get(name));
        }
        for (const client of world.clients.values()) await client.close();
      }),
      { numRuns: 60, endOnFailure: true },
    );
  }, 60_000);

  it("store what was not settled once and in order after the log is lost, and say so", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 30 }),
        fc.array(step, { maxLength: 20 }),
        async (before, after) => {
          const world = new World();
          const run = async (steps: typeof before) => {
            for (const action of steps) {
              if (action.type === "publish") world.publish(action.name);
              else if (action.type === "cut") world.cut(action.name);
              else await world.pass(action.ms);
            }
          };
          await world.pass(20);
          await run(before);
          const wereThere = new Set(names.filter((name) => (world.joins.get(name) ?? 0) > 0));
          world.loseAll();
          await run(after);
          await world.heal();
          for (const [, state] of world.outcomes) expect(state).toBe("stored");
          for (const name of names) {
            expect(world.resets.get(name)).toBe(wereThere.has(name) ? 1 : undefined);
            const ids = (world.seen.get(name) ?? []).map(({ id }) => id);
            expect(ids).toHaveLength(new Set(ids).size);
            // What one session published is seen in its order, before and after the loss.
            for (const publisher of names) {
              const order = world.published.get(publisher) ?? [];
              const places = ids.filter((id) => order.includes(id)).map((id) => order.indexOf(id));
              expect(places).toEqual([...places].sort((a, b) => a - b));
            }
          }
          for (const client of world.clients.values()) await client.close();
        },
      ),
      { numRuns: 40, endOnFailure: true },
    );
  }, 60_000);
});
