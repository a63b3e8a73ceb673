/** `chappe chat`: a room at the terminal. */

import { closeSync, openSync, writeSync } from "node:fs";
import { Client } from "../../client/client.ts";
import { writeClientLog } from "../../client/log.ts";
import { isLoopback } from "../../client/loopback.ts";
import { MemoryStorage } from "../../client/storage.ts";
import type { WebSocketConstructor } from "../../client/transport.ts";
import { ProtocolError } from "../../errors.ts";
import { must } from "../../session/option-rules.ts";
import { createFrame, encodeFrame } from "../../wire/codec.ts";
import { nodeClock, nodeRandom } from "../host.ts";
import { loadWs, type WsModule } from "../optional.ts";
import { type Command, type Given, refused, wholeFrom } from "./command.ts";
import { CliError, type Io, systemReason } from "./io.ts";
import { readSource, sourceOf } from "./source.ts";
import { talk } from "./talk.ts";
import { terminalOf } from "./terminal.ts";

/** What the client takes too: no user, password or token, which logs would show. */
const isRelayUrl = must("a URL as wss://host/, without a password or token", (value) => {
  if (typeof value !== "string" || !/^wss?:\/\/[^/]/.test(value) || !URL.canParse(value)) return false;
  const { username, password, hash, searchParams } = new URL(value);
  return username + password + hash === "" && !searchParams.has("token") && !searchParams.has("access_token");
});

export const chat: Command = {
  name: "chat",
  summary: "talks in a room",
  args: "ROOM",
  count: [1, 1],
  about: [
    "Each line that you write is a message. It is kept while the relay cannot be reached, and sent when it is back. Under it stands what " +
      "became of it: stored, delivered, read. Ctrl-D ends, after what was written is stored; /who tells who is there; a line that begins " +
      "with // is sent with one / less.",
    "A relay in development takes a user's name as token: --user. Otherwise the token comes from a file, or from the variable " +
      "CHAPPE_TOKEN, where no list of processes shows it.",
  ],
  options: {
    url: { value: "URL", default: "ws://127.0.0.1:7900/", rule: isRelayUrl, isSecret: true, help: "The relay." },
    user: { value: "NAME", short: "u", help: "Who you are, to a relay that runs with --dev." },
    "token-file": { value: "FILE", help: "Holds the token." },
    tail: { value: "ENTRIES", default: "20", rule: wholeFrom(0, 10_000), help: "How many earlier messages are shown." },
    wait: {
      value: "MS",
      default: "10000",
      rule: wholeFrom(0, 3_600_000),
      help: "How long the first connection is tried for, and the end waits for what is not stored.",
    },
    log: { value: "FILE", help: "Append what the client does and is told, for chappe check." },
    insecure: { help: "Send the token over ws:// to another machine, unencrypted." },
  },
  examples: [
    "chappe chat lobby --user ada",
    "chappe chat lobby --url wss://chat.example.org/ --token-file token",
    "echo 'backup done' | chappe chat ops --user backup",
  ],
  run: async (given, io) => {
    const room = roomOf(given.positionals[0] ?? "");
    const tail = given.number("tail");
    const waitMs = given.number("wait");
    const url = given.text("url") ?? "";
    const token = await tokenOf(given, io, url);
    const { WebSocket } = await loadWs();
    let unreachable: string | undefined;
    const client = new Client({
      insecure: given.has("insecure") ? "allow" : "refuse",
      url,
      token,
      webSocket: tellingWhy(WebSocket, (reason) => {
        unreachable = reason;
      }),
      clock: nodeClock({ keepAlive: true }),
      random: nodeRandom,
      storage: new MemoryStorage(),
      agent: "chappe-cli",
    });
    const endLog = logTo(given.text("log"), client);
    const problem = await talk(client, terminalOf(io), {
      room,
      tail,
      waitMs,
      unreachable: () => unreachable,
      unreached: () => refused("url", url, unreachable ?? "no answer").message,
    });
    endLog();
    if (problem !== undefined) throw new CliError(problem);
    return 0;
  },
};

/** @returns a function that ends the log. @throws CliError where the file cannot be written. */
function logTo(path: string | undefined, client: Client): () => void {
  if (path === undefined) return () => undefined;
  try {
    const file = openSync(path, "a");
    const end = writeClientLog(client, `chat ${process.pid} ${Date.now()}`, (line) => writeSync(file, line));
    return () => {
      end();
      closeSync(file);
    };
  } catch (error) {
    throw refused("log", path, systemReason(error));
  }
}

/** @throws CliError where no room can have that name. */
function roomOf(name: string): string {
  try {
    encodeFrame(createFrame("join", { name }));
    return name;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new CliError(`ROOM '${name.slice(0, 60)}': no room can have that name: ${error.message}`);
  }
}

/** @throws CliError where there is none, or where it would be readable on the way (TRN-10). */
async function tokenOf(given: Given, io: Io, url: string): Promise<string> {
  const file = given.text("token-file");
  const user = given.text("user");
  if (file !== undefined && user !== undefined) throw new CliError("give either --user or --token-file, not both");
  let token = user ?? io.env["CHAPPE_TOKEN"];
  if (file !== undefined) {
    const source = sourceOf(given, "token-file", io.stdin);
    token = Buffer.from(await readSource(source))
      .toString()
      .trim();
    if (token === "") throw new CliError(`${source.name}: holds no token`);
  }
  if (token === undefined || token === "")
    throw new CliError("who are you? give --user NAME, --token-file FILE, or CHAPPE_TOKEN");
  const { protocol, hostname } = new URL(url);
  if (protocol === "ws:" && !isLoopback(hostname) && !given.has("insecure"))
    throw refused("url", url, "would send the token unencrypted: use wss://, or --insecure");
  return token;
}

/** The constructor, with the reason for which a connection cannot be made: browsers keep it to themselves, and so does the interface. */
function tellingWhy(WebSocket: WsModule["WebSocket"], tell: (reason: string | undefined) => void): WebSocketConstructor {
  return class extends WebSocket {
    constructor(url: string, subprotocols: string[]) {
      super(url, subprotocols);
      this.on("open", () => tell(undefined));
      this.on("error", (error) => tell(systemReason(error)));
    }
  } as unknown as WebSocketConstructor;
}
