import { describe, expect, test } from "vitest";
import { MemoryBroker, Relay } from "../../src/relay/index.ts";
import { binaryCodec } from "../../src/session/transmit.ts";
import { createFrame, decodeFrame, encodeFrame, type Frame } from "../../src/wire/codec.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { fakeRandom, id } from "./peer.ts";

/** A client that sees bytes. */
function client(relay: Relay, user: string) {
  const received: Uint8Array[] = [];
  const connection = relay.accept(
    { send: (data) => received.push(data as Uint8Array), close: () => undefined, bufferedBytes: 0 },
    { codec: binaryCodec },
  );
  const send = (frame: Frame) => connection.handleMessage(encodeFrame(frame));
  send(createFrame("hello", { session: id(user.length), attempt: 1n, token: user, creditBytes: 1_000_000n }));
  send(createFrame("join", { name: "lobby" }, { ref: 1 }));
  return { received, bytes: (data: Uint8Array) => connection.handleMessage(data), send };
}

/** A length-delimited field with a one-byte tag. */
const field = (no: number, value: Uint8Array | number[]) => [(no << 3) | 2, value.length, ...value];
const text = (value: string) => [...new TextEncoder().encode(value)];

const header = (key: string, value: string) => field(4, [...field(1, text(key)), ...field(2, text(value))]);
const contents: [string, number[]][] = [
  [
    "fields in another order",
    [...header("b", "1"), ...header("a", "2"), ...field(3, text("text/plain")), ...field(1, text("hi"))],
  ],
  ["headers whose names are numbers", [...field(1, text("hi")), ...header("10", "x"), ...header("9", "y")]],
  ["a field that comes twice", [...field(1, text("first")), ...field(1, text("second"))]],
  ["an unknown field between known ones", [...field(9, [1, 2, 3]), ...field(1, text("hi")), 0x78, 0x05]],
  ["a length of two bytes where one would do", [0x0a, 0x82, 0x00, ...text("hi")]],
  ["a known field of another wire type", [0x08, 0x07, ...field(1, text("hi"))]],
];

/** A signal of room 1, or of none. */
const signal = (content: readonly number[], room = 1) => [0x08, room, ...field(3, text("n")), ...field(4, [...content])];

const publish = (content: readonly number[], seq: number) => [
  ...[0x08, 1, 0x10, seq],
  ...field(3, id(seq)),
  ...field(4, [...content]),
];

/** Where `part` stands in one of the messages. */
const isIn = (messages: readonly Uint8Array[], part: readonly number[]) =>
  messages.some((message) => Buffer.from(message).includes(Buffer.from(part)));

describe("content passes through byte for byte (PUB-3)", () => {
  const play = () => {
    const clock = new FakeClock();
    const broker = new MemoryBroker({ clock, random: fakeRandom() });
    const relay = new Relay({ broker, clock, random: fakeRandom(2), authenticate: ({ token }) => ({ user: token }) });
    return { ada: client(relay, "ada"), bobby: client(relay, "bobby") };
  };

  test.each(contents)("%s: live, from history, and in a batch", (_name, content) => {
    const { ada, bobby } = play();
    ada.bytes(new Uint8Array(field(2, publish(content, 1))));
    expect(isIn(bobby.received, field(6, content))).toBe(true);
    bobby.received.length = 0;
    bobby.send(createFrame("history", { room: 1 }, { ref: 2 }));
    expect(isIn(bobby.received, field(6, content))).toBe(true);
    bobby.received.length = 0;
    ada.bytes(new Uint8Array(field(4, field(1, field(2, publish(content, 2))))));
    expect(isIn(bobby.received, field(6, content))).toBe(true);
    for (const message of bobby.received) expect(decodeFrame(message).body.case).toBe("chat");
  });

  test.each(contents)("%s: in a signal, bare and in a batch (SIG-4)", (_name, content) => {
    const { ada, bobby } = play();
    const received = (): boolean => {
      const all = bobby.received.splice(0);
      expect(all.map((message) => decodeFrame(message).body.case)).toEqual(["signal"]);
      return isIn(all, field(4, content));
    };
    bobby.received.length = 0;
    ada.bytes(new Uint8Array(field(5, signal(content))));
    expect(received()).toBe(true);
    ada.bytes(new Uint8Array(field(4, field(1, field(5, signal(content))))));
    expect(received()).toBe(true);
  });

  test("what another body of the same frame has replaced is not passed on", () => {
    const { ada, bobby } = play();
    const hidden = header("hidden", "1");
    const frame = [...field(2, publish(hidden, 1)), 0x4a, 0, ...field(2, publish(field(1, text("seen")), 1))];
    ada.bytes(new Uint8Array(frame));
    const chats = bobby.received.map((message) => decodeFrame(message)).filter(({ body }) => body.case === "chat");
    expect(chats).toHaveLength(1);
    expect(isIn(bobby.received, text("hidden"))).toBe(false);
  });
});
