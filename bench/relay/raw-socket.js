// @ts-check
/**
 * A WebSocket client on a bare TCP socket: it must cost less than what it measures. It knows what a server sends without compression: whole
 * messages in one frame, no masks.
 */

import { randomBytes } from "node:crypto";
import { connect } from "node:net";

export class RawSocket {
  #pending = Buffer.alloc(0);
  #isOpen = false;

  /**
   * @param {{ port: number, path: string, protocol?: string | undefined, onOpen(): void, onMessage(payload: Buffer, opcode: number): void, onEnd(why: string): void }} options
   */
  constructor({ port, path, protocol, onOpen, onMessage, onEnd }) {
    this.onMessage = onMessage;
    this.onOpen = onOpen;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.socket = socket;
    socket.on("error", (error) => onEnd(error.message));
    socket.on("close", () => onEnd("closed"));
    socket.on("data", (chunk) => this.#data(chunk));
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
      ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    ];
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  }

  /** @param {Uint8Array | string} payload */
  send(payload) {
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    const extended = bytes.length > 125 ? 2 : 0;
    // A mask of zeros leaves the payload as it is.
    const frame = Buffer.alloc(6 + extended + bytes.length);
    frame[0] = typeof payload === "string" ? 0x81 : 0x82;
    frame[1] = 0x80 | (extended === 0 ? bytes.length : 126);
    if (extended > 0) frame.writeUInt16BE(bytes.length, 2);
    frame.set(bytes, 6 + extended);
    this.socket.write(frame);
  }

  end() {
    this.socket.destroy();
  }

  /** @param {Buffer} chunk */
  #data(chunk) {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (!this.#isOpen) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) {
        this.#pending = bytes;
        return;
      }
      if (!bytes.toString("latin1", 0, 12).endsWith("101")) throw new Error(bytes.toString("latin1", 0, end));
      this.#isOpen = true;
      bytes = bytes.subarray(end + 4);
      this.onOpen();
    }
    let at = 0;
    while (bytes.length - at >= 2) {
      let length = /** @type {number} */ (bytes[at + 1]) & 0x7f;
      let head = 2;
      if (length === 126) {
        if (bytes.length - at < 4) break;
        length = bytes.readUInt16BE(at + 2);
        head = 4;
      } else if (length === 127) {
        if (bytes.length - at < 10) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        head = 10;
      }
      if (bytes.length - at < head + length) break;
      this.onMessage(bytes.subarray(at + head, at + head + length), /** @type {number} */ (bytes[at]) & 0x0f);
      at += head + length;
    }
    this.#pending = at === bytes.length ? Buffer.alloc(0) : bytes.subarray(at);
  }
}
