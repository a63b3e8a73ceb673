/** `chappe chat`: a room at the terminal. */

import { readFileSync } from "node:fs";
import { Client } from "../../client/client.ts";
import { isLoopback } from "../../client/loopback.ts";
import { MemoryStorage } from "../../client/storage.ts";
import type { WebSocketConstructor } from "../../client/transport.ts";
import { ProtocolError, UsageError } from "../../errors.ts";
import { nodeClock, nodeRandom } from "../host.ts";
import { loadWs } from "../load-ws.ts";
import { ChatView } from "./chat-view.ts";
import type { Command, Given } from "./command.ts";
import { CliError, type Io, printable, systemReason } from "./io.ts";
import { type Terminal, terminalOf } from "./terminal.ts";

export const chat: Command = {
  name: "chat",
  summary: "talks in a room",
  args: "ROOM",
  maxArgs: 1,
  about: [
    "Each line that you write is a message. It is kept while the relay cannot be reached, and sent when it is back. Under it stands what " +
      "became of it: stored, delivered, read. Ctrl-D ends, after what was written is stored; /who tells who is there; a line that begins " +
      "with // is sent with one / less.",
    "A relay in development takes a user's name as token: --user. Otherwise the token comes from a file, or from the variable " +
      "CHAPPE_TOKEN, where no list of processes shows it.",
  ],
  options: {
    url: { value: "URL", default: "ws://127.0.0.1:7900/", help: "The relay." },
    user: { value: "NAME", short: "u", help: "Who you are, to a relay that runs with --dev." },
    "token-file": { value: "FILE", help: "Holds the token." },
    tail: { value: "ENTRIES", default: "20", help: "How many earlier messages are shown." },
    wait: { value: "MS", default: "10000", help: "How long the end waits for messages that are not stored." },
    insecure: { help: "Send the token over ws:// to another machine, unencrypted." },
  },
  examples: [
    "chappe chat lobby --user ada",
    "echo 'backup done' | chappe chat ops --url wss://chat.example.org/ --token-file token",
  ],
  run: async (given, io) => {
    const [room] = given.positionals;
    if (room === undefined) throw new CliError("which room? chappe chat ROOM");
    const tail = given.number("tail", 0, 10_000);
    const waitMs = given.number("wait", 0, 3_600_000);
    const url = given.text("url") ?? "";
    const token = tokenOf(given, io, url);
    const { WebSocket } = await loadWs();
    const client = new Client({
      insecure: given.has("insecure") ? "allow" : "refuse",
      url,
      token,
      webSocket: WebSocket as unknown as WebSocketConstructor,
      clock: nodeClock({ keepAlive: true }),
      random: nodeRandom,
      storage: new MemoryStorage(),
      agent: "chappe-cli",
    });
    return new Promise((resolve) => talk(client, room, tail, waitMs, terminalOf(io), io, resolve));
  },
};

function talk(
  client: Client,
  roomName: string,
  tail: number,
  waitMs: number,
  terminal: Terminal,
  io: Io,
  done: (code: number) => void,
): void {
  const view = new ChatView(roomName, terminal.print);
  const room = client.room(roomName);
  let isEnding = false;
  /** Why what waits will not be sent after all, and what ends the waiting for it. */
  let ending: string | undefined;
  let giveUp = (): void => undefined;
  /** Lines of a program that wait for room in the outbox: no more than were read at once, for the input pauses. */
  const waiting: string[] = [];
  /** Lines of a program that can never be sent. */
  let refused = 0;

  const send = (text: string): "taken" | "full" => {
    try {
      view.sent(room.publish(text).id, text);
    } catch (error) {
      if (!terminal.isPerson && error instanceof UsageError && error.code === "OUTBOX_FULL") return "full";
      // Too long, or too many that wait: a person can put it right; for a program the exit code says so.
      view.note((error as Error).message);
      if (!terminal.isPerson) refused++;
    }
    return "taken";
  };
  const sendWaiting = (): void => {
    while (waiting[0] !== undefined && send(waiting[0]) === "taken") waiting.shift();
    if (waiting.length === 0) terminal.resume();
  };

  const end = async (code: number, problem?: string): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    terminal.close();
    if (problem === undefined) {
      const waited = new Promise<void>((resolve) => {
        giveUp = resolve;
      });
      // It holds the process, which else would end before it has said what was not stored.
      const timer = setTimeout(giveUp, waitMs);
      await Promise.race([client.flush(), waited]);
      clearTimeout(timer);
    }
    const left = client.outboxSize + waiting.length + refused;
    const why = problem ?? (left > 0 ? ending : undefined);
    await client.close();
    const lost = left > 0 ? `${left} ${left === 1 ? "message was" : "messages were"} not stored` : undefined;
    const line = [why, lost].filter((text) => text !== undefined).join("; ");
    if (line !== "") io.stderr.write(`chappe chat: ${printable(line)}\n`);
    done(line === "" ? code : 2);
  };

  client.on("state", (event) => {
    const why = event.error === undefined ? "" : `: ${event.error.code}: ${event.error.message}`;
    const problem = {
      locked: `the token is not accepted${why}`,
      closed: `the connection has ended for good${why}`,
    }[event.state as "locked" | "closed"];
    if (isEnding) {
      // What was to be sent first cannot be sent any more: that, and why, is said.
      if (problem === undefined || ending !== undefined) return;
      ending = problem;
      giveUp();
      return;
    }
    view.state(event);
    if (problem !== undefined) void end(2, problem);
  });
  client.on("welcome", (event) => view.welcome(event));
  client.on("joined", (joined) => view.joined(joined));
  client.on("message", (message) => {
    view.message(message);
    if (!message.own && message.room === roomName) room.markRead(message.offset);
  });
  client.on("entry", (event) => {
    view.entry(event);
    if (waiting.length > 0) sendWaiting();
  });
  client.on("receipt", (event) => view.receipt(event, client.user));
  client.on("members", (event) => view.members(event));
  client.on("gap", (event) => view.gap(event));
  client.on("typing", ({ room, users }) => {
    const others = users.filter((user) => user !== client.user).map(printable);
    if (room === roomName) terminal.prompt(others.length > 0 ? `(${others.join(", ")} typing) > ` : "> ");
  });
  client.on("left", ({ room, code }) => {
    if (room === roomName && code !== undefined) void end(2, `the room is closed to you: ${code}`);
  });
  client.on("error", ({ error }) => view.note(`${error.code}: ${error.message}`));

  terminal.onKey(() => room.typing());
  terminal.onEnd(() => void end(0));
  terminal.onLine((line) => {
    terminal.forgetEntered();
    if (line === "/who") view.note(room.joined === undefined ? "not in the room" : view.who());
    else if (/^\/[^/]/.test(line)) view.note(`there is no ${line}: /who, and Ctrl-D to end`);
    else if (line.trim() !== "") {
      const text = line.replace(/^\/\//, "/");
      if (waiting.length === 0 && send(text) === "taken") return;
      waiting.push(text);
      terminal.pause();
    }
  });
  room.join({ tail }).catch((error: unknown) => {
    if (error instanceof ProtocolError) void end(2, `the room is closed to you: ${error.code}: ${error.message}`);
  });
  client.setPresence({ state: "online", activity: "viewing" });
  client.start();
  terminal.prompt("> ");
}

/** @throws CliError where there is none, or where it would be readable on the way (TRN-10). */
function tokenOf(given: Given, io: Io, url: string): string {
  const file = given.text("token-file");
  const user = given.text("user");
  if (file !== undefined && user !== undefined) throw new CliError("give either --user or --token-file, not both");
  let token = user ?? io.env["CHAPPE_TOKEN"];
  if (file !== undefined) {
    try {
      token = readFileSync(file, "utf8").trim();
    } catch (error) {
      throw new CliError(`cannot read ${file}: ${systemReason(error)}`);
    }
  }
  if (token === undefined || token === "")
    throw new CliError("who are you? give --user NAME, --token-file FILE, or CHAPPE_TOKEN");
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^wss?:$/.test(parsed.protocol))
    throw new CliError(`--url is '${url}': ws:// or wss:// is expected`);
  if (parsed.protocol === "ws:" && !isLoopback(parsed.hostname) && !given.has("insecure"))
    throw new CliError("the token would be sent unencrypted to another machine: use wss://, or --insecure");
  return token;
}
