/** What the channel of a room tells, and what is read, in each order in which two connections may bring it. */

import { expect, test } from "vitest";
import type { Argument, RedisConnection, Reply } from "../../../src/node/redis/connection.ts";
import { bodyBytes, headBytes } from "../../../src/node/redis/entries.ts";
import { RedisRooms } from "../../../src/node/redis/rooms.ts";
import { Durability } from "../../../src/wire/codec.ts";
import { text } from "../../relay/attached-broker.ts";
import { id } from "../../relay/peer.ts";

interface Asked {
  readonly script: string;
  readonly args: readonly Argument[];
  answer(reply: Reply): void;
}

/** A room that is open at offset 1 of epoch 7; the test answers what is asked, and tells. */
async function opened() {
  const asked: Asked[] = [];
  const told: unknown[][] = [];
  let listener: (message: Buffer) => void = () => undefined;
  const connection = {
    isUp: true,
    server: "s",
    durability: Durability.MEMORY,
    call: (script: string, _keys: readonly string[], args: readonly Argument[]) =>
      new Promise<Reply>((resolve) => void asked.push({ script, args: args.slice(5), answer: resolve })),
    subscribe: async (_channel: string, heard: (message: Buffer) => void) => {
      listener = heard;
    },
    unsubscribe() {},
  } as unknown as RedisConnection;
  const rooms = new RedisRooms({
    connection,
    bounds: { maxEntries: 100, maxBytes: 1e6, maxAgeMs: Number.POSITIVE_INFINITY, dedupWindowMs: 1000 },
    sink: {
      settled: (_request, outcome) => void told.push(["settled", outcome.type]),
      appended: (_room, entry) => void told.push(["appended", Number(entry.offset)]),
      epochChanged: (_room, log) => void told.push(["epoch", log.epoch, log.head]),
      receipt() {},
      changed() {},
      announced() {},
    },
    prefix: "t",
    linkId: "l",
    newEpoch: () => 99,
    onFault: (error) => {
      throw error;
    },
  });
  const turn = () => new Promise((resolve) => void setImmediate(resolve));
  const opening = rooms.open("r");
  await turn();
  asked.shift()?.answer(state(7, 1));
  await opening;
  await turn();
  return { rooms, asked, told, turn, tell: (message: Buffer) => listener(message) };
}

const head = headBytes({ sender: "ada", id: id(1), target: new Uint8Array() });
const body = bodyBytes(text("x"));
const state = (epoch: number, last: number): Buffer[] => [epoch, last, 1, 1].map((number) => Buffer.from(String(number)));
const entry = (epoch: number, offset: number): Buffer =>
  Buffer.concat([Buffer.from(`A ${epoch} ${offset} 5 1 0 ${head.length}\n`), head, body]);
const changed = (epoch: number, last: number): Buffer => Buffer.from(`E ${epoch} ${last} 1\n`);
const slice = (epoch: number, last: number, ...offsets: number[]): Reply => [
  ...state(epoch, last).slice(0, 3),
  ...offsets.map((offset) => [Buffer.from(String(offset)), Buffer.from("5"), Buffer.from("0"), head, body]),
];

test("what comes while a hole is read, and is not in what was read, is read too", async () => {
  const { asked, told, turn, tell } = await opened();
  tell(entry(7, 4));
  await turn();
  const read = asked.shift();
  expect(read?.script).toBe("read");
  tell(entry(7, 5));
  read?.answer(slice(7, 4, 2, 3, 4));
  await turn();
  expect(told.map(([, offset]) => offset)).toEqual([2, 3, 4]);
  asked.shift()?.answer(slice(7, 5, 5));
  await turn();
  expect(told.map(([, offset]) => offset)).toEqual([2, 3, 4, 5]);
  tell(entry(7, 6));
  expect(told.map(([, offset]) => offset)).toEqual([2, 3, 4, 5, 6]);
  expect(asked).toEqual([]);
});

test("what was read of a log that is gone by now is not told, nor its epoch", async () => {
  const { asked, told, turn, tell } = await opened();
  tell(entry(7, 4));
  await turn();
  tell(changed(8, 0));
  asked.shift()?.answer(slice(7, 4, 2, 3, 4));
  await turn();
  asked.shift()?.answer(slice(8, 0));
  await turn();
  tell(entry(8, 1));
  expect(told).toEqual([
    ["epoch", 8, 0],
    ["appended", 1],
  ]);
});

test("a state that is older than what the channel tells is asked for again", async () => {
  const { rooms, asked, told, turn, tell } = await opened();
  rooms.up();
  await turn();
  tell(changed(8, 0));
  asked.shift()?.answer(state(7, 1));
  await turn();
  asked.shift()?.answer(state(8, 0));
  await turn();
  expect([told, asked]).toEqual([[["epoch", 8, 0]], []]);
});

test("a log of which the next entry is gone is told as another one: nothing is passed over without a word", async () => {
  const { asked, told, turn, tell } = await opened();
  tell(entry(7, 9));
  await turn();
  const [epoch, last] = state(7, 9);
  asked.shift()?.answer([epoch, last, Buffer.from("8")] as Reply);
  await turn();
  expect(told).toEqual([["epoch", 7, 9]]);
});
