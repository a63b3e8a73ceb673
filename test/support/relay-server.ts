/** A relay on a real port, and what talks to it without a client of ours: raw upgrades and frames. */

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket } from "ws";
import { nodeClock, nodeRandom } from "../../src/node/host.ts";
import { type AttachedRelay, type AttachOptions, attachRelay } from "../../src/node/ws-server.ts";
import { MemoryBroker } from "../../src/relay/memory-broker.ts";
import type { RelayOptions } from "../../src/relay/options.ts";
import { Relay } from "../../src/relay/relay.ts";
import { jsonCodec } from "../../src/session/json-codec.ts";
import { binaryCodec, type Data, type FrameCodec } from "../../src/session/transmit.ts";
import { type BodyCase, type BodyValue, createFrame, type Frame, type Init } from "../../src/wire/codec.ts";

export interface RelayServer {
  readonly relay: Relay;
  readonly server: Server;
  readonly attached: AttachedRelay;
  readonly port: number;
  readonly url: string;
  /** Everything that was logged, as one text. */
  logged(): string;
  close(): void;
}

export async function startRelay(
  relayOptions: Partial<RelayOptions> = {},
  attachOptions: AttachOptions = {},
  port = 0,
): Promise<RelayServer> {
  const clock = nodeClock();
  const lines: string[] = [];
  const write = (event: string, fields: object) =>
    void lines.push(
      `${event} ${JSON.stringify(fields, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value))}`,
    );
  const relay = new Relay({
    broker: new MemoryBroker({ clock, random: nodeRandom }),
    clock,
    random: nodeRandom,
    authenticate: ({ token }) => ({ user: token }),
    log: { info: write, warn: write, error: write },
    ...relayOptions,
  });
  const server = createServer((_request, response) => response.end());
  const attached = await attachRelay(server, relay, attachOptions);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const { port: actual } = server.address() as AddressInfo;
  return {
    relay,
    server,
    attached,
    port: actual,
    url: `ws://127.0.0.1:${actual}/`,
    logged: () => lines.join("\n"),
    close: () => {
      attached.detach();
      server.close();
      server.closeAllConnections();
    },
  };
}

export interface UpgradeAnswer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An upgrade request with these headers; undefined leaves one of the usual ones out. */
export function upgrade(
  port: number,
  headers: Readonly<Record<string, string | undefined>> = {},
  { path = "/", method = "GET" } = {},
): Promise<UpgradeAnswer> {
  const all = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "chappe.v1",
    ...headers,
  };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method, headers: given });
    asked.once("error", reject);
    asked.once("upgrade", ({ statusCode, headers }, socket) => {
      socket.destroy();
      resolve({ status: statusCode, headers, body: "" });
    });
    asked.once("response", async (response) => {
      let body = "";
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode, headers: response.headers, body });
    });
    asked.end();
  });
}

/** A socket that sends and reads single frames. */
export class Peer {
  readonly ws: WebSocket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #codec: FrameCodec;
  #wake: () => void = () => undefined;

  private constructor(url: string, codec: FrameCodec, headers: Readonly<Record<string, string>>, ca?: string) {
    this.#codec = codec;
    this.ws = new WebSocket(url, [codec.subprotocol], { headers, ...(ca !== undefined && { ca }) });
    this.ws.on("message", (data: Buffer, isBinary) => {
      this.frames.push(codec.parse(isBinary ? new Uint8Array(data) : data.toString(), {}));
      this.#wake();
    });
    this.ws.on("error", () => undefined);
    this.closed = new Promise((resolve) =>
      this.ws.once("close", (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#wake();
      }),
    );
  }

  static async open(
    url: string,
    form: "binary" | "json" = "binary",
    headers: Readonly<Record<string, string>> = {},
    ca?: string,
  ): Promise<Peer> {
    const peer = new Peer(url, form === "binary" ? binaryCodec : jsonCodec, headers, ca);
    await once(peer.ws, "open");
    return peer;
  }

  raw(data: Data): void {
    this.ws.send(data);
  }

  send<C extends BodyCase>(body: C, init: Init<BodyValue<C>>, ref = 0): void {
    this.raw(this.#codec.encode(createFrame(body, init, { ref })));
  }

  hello(token: string): void {
    this.send("hello", { session: nodeBytes(16), attempt: 1n, token, creditBytes: 1_000_000n, agent: "test" });
  }

  /** The next frame with this body, also out of a batch; those before it are dropped. */
  async next<C extends BodyCase>(body: C): Promise<BodyValue<C>> {
    for (;;) {
      for (let frame = this.frames.shift(); frame !== undefined; frame = this.frames.shift()) {
        if (frame.body.case === "batch" && body !== "batch") this.frames.unshift(...frame.body.value.frames);
        else if (frame.body.case === body) return frame.body.value as BodyValue<C>;
      }
      if (this.ws.readyState === WebSocket.CLOSED) throw new Error(`closed without ${body}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function nodeBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  nodeRandom(bytes);
  return bytes;
}
