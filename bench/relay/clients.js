// @ts-check
/**
 * Clients of each system, as the load plays them: they get in, publish, and check all that they are told.
 *
 * @typedef {object} BenchClient
 * @property {() => void} publish  a chat to all
 * @property {() => void} request  what is answered
 * @property {() => void} end
 *
 * @typedef {object} Heard
 * @property {() => void} ready  it is in the room
 * @property {(n: number) => void} chat  the n-th one, from 0
 * @property {() => void} answer
 */

import { createFrame, decodeFrame, encodeFrame } from "chappe";
import { content } from "./content.js";
import { RawSocket } from "./raw-socket.js";

/** @param {string} why @returns {never} */
function fail(why) {
  throw new Error(why);
}

/** @param {number} n */
function idOf(n) {
  const id = new Uint8Array(16);
  new DataView(id.buffer).setUint32(12, n);
  return id;
}

/** @type {Readonly<Record<string, (port: number, index: number, heard: Heard, room: string) => BenchClient>>} */
export const clients = {
  chappe: (port, index, heard, room) => {
    let handle = 0;
    let seq = 0;
    let expected = 0n;
    /** @param {Parameters<typeof encodeFrame>[0]} frame */
    const send = (frame) => socket.send(encodeFrame(frame));
    /** @param {import("chappe").Frame} frame */
    const take = (frame) => {
      const { body } = frame;
      switch (body.case) {
        case "batch":
          for (const each of body.value.frames) take(each);
          return;
        case "chat": {
          if (body.value.offset !== expected) fail(`offset ${body.value.offset} where ${expected} is next`);
          if (body.value.content?.body.value !== content) fail("another content");
          heard.chat(Number(expected++) - 1);
          return;
        }
        case "ack":
          for (let i = body.value.offsetDeltas.length; i > 0; i--) heard.answer();
          return;
        case "joined":
          // Told again, without a request, where the room has become a big one.
          if (handle !== 0) return;
          handle = body.value.room;
          expected = body.value.head + 1n;
          heard.ready();
          return;
        case "ping":
          send(createFrame("pong", { echoMs: body.value.timeMs }));
          return;
        case "error":
          fail(`the relay has said ${body.value.code} ${body.value.message}`);
      }
    };
    const socket = new RawSocket({
      port,
      path: "/",
      protocol: "chappe.v1",
      onOpen: () => {
        const session = idOf(index + 1);
        send(createFrame("hello", { session, attempt: 1n, token: `user ${index}`, creditBytes: 1n << 40n, features: [] }));
        send(createFrame("join", { name: room, publishOnly: room !== "room" }, { ref: 1 }));
      },
      onMessage: (payload) => take(decodeFrame(payload)),
      onEnd: (why) => fail(why),
    });
    const publish = () => {
      const publishId = idOf(++seq);
      new DataView(publishId.buffer).setUint32(0, index + 1);
      const fields = { room: handle, seq: BigInt(seq), id: publishId, content: { body: { case: "text", value: content } } };
      send(createFrame("publish", /** @type {any} */ (fields)));
    };
    return { publish, request: publish, end: () => socket.end() };
  },
  ws: (port, _index, heard) => {
    let n = 0;
    const ready = Buffer.from(content);
    const socket = new RawSocket({
      port,
      path: "/",
      onOpen: () => heard.ready(),
      onMessage: (payload) => {
        if (payload.length === 2) heard.answer();
        else if (!payload.equals(ready)) fail("another content");
        else heard.chat(n++);
      },
      onEnd: (why) => fail(why),
    });
    return { publish: () => socket.send(ready), request: () => socket.send(Buffer.from(`r${content}`)), end: () => socket.end() };
  },
  "ws-json": (port, _index, heard) => {
    let n = 0;
    let id = 0;
    let last = 0;
    const socket = new RawSocket({
      port,
      path: "/",
      onOpen: () => heard.ready(),
      onMessage: (payload) => {
        const { type, offset, text } = JSON.parse(payload.toString());
        if (type === "ack") heard.answer();
        else {
          if (text !== content || offset <= last) fail("another content, or offset");
          last = offset;
          heard.chat(n++);
        }
      },
      onEnd: (why) => fail(why),
    });
    /** @param {string} type */
    const say = (type) => socket.send(JSON.stringify({ type, id: ++id, room: "room", text: content }));
    return { publish: () => say("chat"), request: () => say("request"), end: () => socket.end() };
  },
  "socket.io": (port, _index, heard) => {
    let n = 0;
    let id = 0;
    let last = 0;
    const socket = new RawSocket({
      port,
      path: "/socket.io/?EIO=4&transport=websocket",
      onOpen: () => undefined,
      onMessage: (payload) => {
        const text = payload.toString();
        if (text.startsWith("0")) socket.send("40");
        else if (text === "2") socket.send("3");
        else if (text.startsWith("40")) heard.ready();
        else if (text.startsWith("43")) heard.answer();
        else if (text.startsWith("42")) {
          const [, chat] = JSON.parse(text.slice(2));
          if (chat.text !== content || chat.offset <= last) fail("another content, or offset");
          last = chat.offset;
          heard.chat(n++);
        }
      },
      onEnd: (why) => fail(why),
    });
    return {
      publish: () => socket.send(`42${JSON.stringify(["chat", content])}`),
      request: () => socket.send(`42${id++}${JSON.stringify(["request", content])}`),
      end: () => socket.end(),
    };
  },
  "socket.io-msgpack": (port, _index, heard) => {
    let n = 0;
    let id = 0;
    let last = 0;
    /** @param {object} packet */
    const send = (packet) => socket.send(/** @type {Buffer} */ (encoder.encode(packet)[0]));
    const socket = new RawSocket({
      port,
      path: "/socket.io/?EIO=4&transport=websocket",
      onOpen: () => undefined,
      onMessage: (payload, opcode) => {
        if (opcode === 1) {
          const text = payload.toString();
          if (text.startsWith("0")) send({ type: 0, nsp: "/" });
          else if (text === "2") socket.send("3");
          return;
        }
        decoder.add(Buffer.from(payload));
      },
      onEnd: (why) => fail(why),
    });
    const encoder = new parser.Encoder();
    const decoder = new parser.Decoder();
    decoder.on("decoded", (/** @type {{ type: number, data: any }} */ packet) => {
      if (packet.type === 0) heard.ready();
      else if (packet.type === 3) heard.answer();
      else if (packet.type === 2) {
        const chat = packet.data[1];
        if (chat.text !== content || chat.offset <= last) fail("another content, or offset");
        last = chat.offset;
        heard.chat(n++);
      }
    });
    return {
      publish: () => send({ type: 2, nsp: "/", data: ["chat", content] }),
      request: () => send({ type: 2, nsp: "/", id: id++, data: ["request", content] }),
      end: () => socket.end(),
    };
  },
};

const { default: parser } = /** @type {{ default: any }} */ (await import("socket.io-msgpack-parser"));
