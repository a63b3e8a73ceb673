/** A broker by itself, attached as a relay attaches to it. */

import { expect } from "vitest";
import type {
  Announcement,
  Broker,
  BrokerLink,
  BrokerSink,
  LogSlice,
  PublishOutcome,
  PublishRequest,
} from "../../src/relay/broker.ts";
import type { MemoryBrokerOptions } from "../../src/relay/memory-broker.ts";
import { type Chat, ChatKind, createFrame } from "../../src/wire/codec.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { fakeRandom, id } from "./peer.ts";

export interface Told {
  readonly settled: [PublishRequest, PublishOutcome][];
  readonly appended: [string, number, number][];
  readonly entries: Chat[];
  readonly other: unknown[][];
}

/** A broker under test. */
type TestedBroker = Broker & { reset(room: string): void | Promise<void> };
/** Makes one. */
export type MakeBroker = (options: MemoryBrokerOptions) => TestedBroker | Promise<TestedBroker>;

export interface World {
  readonly clock: FakeClock;
  readonly broker: TestedBroker;
  readonly link: BrokerLink;
  readonly told: Told;
}

export function attach(broker: Broker): { link: BrokerLink; told: Told } {
  const told: Told = { settled: [], appended: [], entries: [], other: [] };
  const sink: BrokerSink = {
    settled: (request, outcome) => void told.settled.push([request, outcome]),
    appended: (room, entry, firstRetained) => {
      told.appended.push([room, Number(entry.offset), firstRetained]);
      told.entries.push(entry);
    },
    epochChanged: (room, log) => void told.other.push(["epoch", room, log.epoch]),
    receipt: (room, user, marks) => void told.other.push(["receipt", room, user, marks.delivered, marks.read]),
    changed: (topic, key, value) => void told.other.push(["changed", topic, key, value?.type]),
    announced: (topic, announcement: Announcement) => void told.other.push(["announced", topic, announcement.type]),
  };
  return { link: broker.attach(sink), told };
}

export async function setup(make: MakeBroker, options: Partial<MemoryBrokerOptions> = {}): Promise<World> {
  const clock = new FakeClock();
  const broker = await make({ clock, random: fakeRandom(), ...options });
  return { clock, broker, ...attach(broker) };
}

/** Resolves when all is told that comes of what was asked of brokers by now. */
export async function settle({ link, told }: Pick<World, "link" | "told">): Promise<void> {
  // What is asked for last is told last.
  const topic = "settle";
  await link.follow(topic);
  link.announce(topic, { type: "close" });
  const isTold = (): boolean => told.other.some(([what, of]) => what === "announced" && of === topic);
  while (!isTold()) await new Promise((resolve) => void setImmediate(resolve));
  link.unfollow(topic);
  told.other.splice(
    told.other.findIndex(([what, of]) => what === "announced" && of === topic),
    1,
  );
}

/** What a call is refused with, at once or later. */
export async function refused(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

export function request(seq: number, n = seq, more: Partial<PublishRequest> = {}): PublishRequest {
  return {
    room: "r",
    producer: "p",
    seq,
    id: id(n),
    sender: "ada",
    profile: undefined,
    kind: ChatKind.UNSPECIFIED,
    content: text(`m${n}`),
    target: new Uint8Array(),
    mayRedact: false,
    reject: undefined,
    ...more,
  };
}

export function text(value: string): Chat["content"] {
  return createFrame("chat", { content: { body: { case: "text", value } } }).body.value.content;
}

/** What became of it, in short. */
export async function publish(world: Pick<World, "link" | "told">, ...args: Parameters<typeof request>): Promise<string> {
  const given = request(...args);
  const before = world.told.settled.length;
  world.link.publish(given);
  while (world.told.settled.length === before) await new Promise((resolve) => void setImmediate(resolve));
  await settle(world);
  const [settled, outcome] = world.told.settled.at(-1) ?? [];
  expect(settled).toBe(given);
  return outcome === undefined ? "nothing" : short(outcome);
}

function short(outcome: PublishOutcome): string {
  switch (outcome.type) {
    case "stored":
      return `stored ${outcome.offset}`;
    case "rejected":
      return outcome.code;
    case "conflict":
    case "outOfOrder":
      return `${outcome.type} ${outcome.nextSeq}`;
    default:
      return outcome.type;
  }
}

export const offsets = (slice: LogSlice): number[] => slice.entries.map((entry) => Number(entry.offset));
