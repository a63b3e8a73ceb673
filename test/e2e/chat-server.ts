/** Servers of the chat page: the one that `npm start` runs, and one inside the test whose relay can be made to do unusual things. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sirv from "sirv";
import { attachRelay, nodeClock, nodeRandom } from "../../src/node/index.ts";
import { MemoryBroker, Relay, type RelayOptions } from "../../src/relay/index.ts";

const page = join(fileURLToPath(import.meta.url), "../../../examples/chat");
const script = join(page, "server.js");

/** The server, as `npm start` runs it, in a process of its own. */
export class ChatServer {
  readonly port: number;
  #child: ChildProcess | undefined;

  constructor(port: number) {
    this.port = port;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [script, "--port", String(this.port)], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    let said = "";
    await new Promise<void>((resolve, reject) => {
      const hear = (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes("Chat page:")) resolve();
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
    });
  }

  /** @returns the exit code; null after a signal that kills. */
  async stop(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return null;
    const ended = once(child, "exit");
    child.kill(signal);
    const [code] = (await ended) as [number | null];
    return code;
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port is free");
  return address.port;
}

/** A relay in this process, with the page beside it. */
export interface OwnServer {
  readonly port: number;
  readonly relay: Relay;
  /** Cuts every connection, as a network does. */
  cut(): void;
  stop(): void;
}

/** Starts one: names are tokens, as in the demo. */
export async function startOwnServer(options: Partial<RelayOptions>): Promise<OwnServer> {
  const base = { clock: nodeClock(), random: nodeRandom };
  const authenticate = ({ token }: { token: string }) => ({ user: token.toLowerCase(), profile: { displayName: token } });
  const relay = new Relay({ ...base, broker: new MemoryBroker(base), authenticate, ...options });
  const files = sirv(join(page, "dist"), { dev: true });
  const server = createHttpServer((request, response) => files(request, response));
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const attached = await attachRelay(server, relay);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port is free");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = () => {
    attached.detach();
    relay.close();
    server.close();
    cut();
  };
  return { port: address.port, relay, cut, stop };
}
