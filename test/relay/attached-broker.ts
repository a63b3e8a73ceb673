/** A broker in memory by itself, attached as a relay attaches to it. */

import { expect } from "vitest";
import type { Announcement, BrokerLink, BrokerSink, LogSlice, PublishOutcome, PublishRequest } from "../../src/relay/broker.ts";
import { MemoryBroker, type MemoryBrokerOptions } from "../../src/relay/memory-broker.ts";
import { type Chat, ChatKind, createFrame } from "../../src/wire/codec.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { fakeRandom, id } from "./peer.ts";

export interface Told {
  readonly settled: [PublishRequest, PublishOutcome][];
  readonly appended: [string, number, number][];
  readonly entries: Chat[];
  readonly other: unknown[][];
}

export function attach(broker: MemoryBroker): { link: BrokerLink; told: Told } {
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

export function setup(options: Partial<MemoryBrokerOptions> = {}): {
  clock: FakeClock;
  broker: MemoryBroker;
  link: BrokerLink;
  told: Told;
} {
  const clock = new FakeClock();
  const broker = new MemoryBroker({ clock, random: fakeRandom(), ...options });
  return { clock, broker, ...attach(broker) };
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
export function publish({ link, told }: { link: BrokerLink; told: Told }, ...args: Parameters<typeof request>): string {
  const given = request(...args);
  link.publish(given);
  const [settled, outcome] = told.settled.at(-1) ?? [];
  expect(settled).toBe(given);
  switch (outcome?.type) {
    case "stored":
      return `stored ${outcome.offset}`;
    case "rejected":
      return outcome.code;
    case "conflict":
    case "outOfOrder":
      return `${outcome.type} ${outcome.nextSeq}`;
    default:
      return outcome?.type ?? "nothing";
  }
}

export const now = <T>(value: T | Promise<T>): T => {
  if (value instanceof Promise) throw new Error("a broker in memory answers at once");
  return value;
};
export const offsets = (slice: LogSlice): number[] => slice.entries.map((entry) => Number(entry.offset));
