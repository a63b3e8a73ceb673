/** A client and a terminal: what is written goes into the room, what happens there is shown, until either ends. */

import type { Client } from "../../client/client.ts";
import { ProtocolError, UsageError } from "../../errors.ts";
import { ChatView } from "./chat-view.ts";
import { printable } from "./io.ts";
import type { Terminal } from "./terminal.ts";

/** How to talk. */
export interface TalkOptions {
  readonly room: string;
  /** So many earlier messages are shown. */
  readonly tail: number;
  /** Ms: for the first connection of a program, and for what is not stored at the end. */
  readonly waitMs: number;
  /** Why the last connection could not be made; undefined where it was made. */
  readonly unreachable: () => string | undefined;
  /** The same, as what ends the program before it was ever connected. */
  readonly unreached: () => string;
}

/** More names than these say less than their number. */
const mostTyping = 3;

/** @returns why not all is well at the end, on one line; undefined where it is. */
export function talk(client: Client, terminal: Terminal, options: TalkOptions): Promise<string | undefined> {
  const view = new ChatView(options.room, terminal.print);
  const room = client.room(options.room);
  const startedAt = performance.now();
  let wasOnline = false;
  /** Lines of a program that wait for room in the outbox: no more than were read at once, for the input pauses. */
  const waiting: string[] = [];
  /** Lines of a program that can never be sent. */
  let refused = 0;
  let isEnding = false;
  /** Why it cannot go on, and what ends the waiting for what is not stored. */
  let problem: string | undefined;
  let giveUp = (): void => undefined;
  let done: (problem: string | undefined) => void;
  const ended = new Promise<string | undefined>((resolve) => {
    done = resolve;
  });

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

  const end = async (): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    terminal.close();
    const hasFailed = problem !== undefined;
    if (!hasFailed) {
      const left = client.outboxSize;
      if (terminal.isPerson && left > 0) view.note(`waiting for ${messages(left)} to be stored; Ctrl-C ends it now`);
      const waited = new Promise<void>((resolve) => {
        giveUp = resolve;
      });
      // It holds the process, which else would end before it has said what was not stored.
      const timer = setTimeout(giveUp, options.waitMs);
      // A program with nothing to say learns whether it could have been said.
      await Promise.race([Promise.allSettled([client.flush(), ...(terminal.isPerson ? [] : [joined])]), waited]);
      clearTimeout(timer);
    }
    const left = client.outboxSize + waiting.length + refused;
    if (!wasOnline && !(terminal.isPerson && left === 0)) problem ??= options.unreached();
    const isWell = left === 0 && !hasFailed && (wasOnline || problem === undefined);
    const lost = left === 0 ? "" : `${messages(left)} ${left === 1 ? "was" : "were"} not stored`;
    const line = isWell ? undefined : [problem, lost].filter(Boolean).join("; ");
    await client.close();
    done(line);
  };
  /** It cannot go on; and where it waits for its end already, that is no use any more. */
  const fail = (why: string): void => {
    problem ??= why;
    giveUp();
    void end();
  };

  client.on("state", (event) => {
    const { state, error } = event;
    const why = error === undefined ? "" : `: ${error.code}: ${error.message}`;
    if (state === "locked") return fail(`the token is not accepted${why}`);
    if (state === "closed") return fail(`the connection has ended for good${why}`);
    // Far more often a wrong URL than a relay that is about to start; a program may have been started together with it.
    const patience = terminal.isPerson ? 0 : options.waitMs;
    if (state === "waiting" && !wasOnline && performance.now() - startedAt >= patience) return fail(options.unreached());
    if (!isEnding) view.state(event, options.unreachable());
  });
  client.on("welcome", (event) => {
    wasOnline = true;
    view.welcome(event);
  });
  client.on("joined", (joined) => view.joined(joined));
  client.on("message", (message) => {
    view.message(message);
    if (!message.own && message.room === options.room) room.markRead(message.offset);
  });
  client.on("entry", (event) => {
    view.entry(event);
    if (waiting.length > 0) sendWaiting();
  });
  client.on("receipt", (event) => view.receipt(event, client.user));
  client.on("members", (event) => view.members(event));
  client.on("gap", (event) => view.gap(event));
  client.on("typing", ({ room, users }) => {
    if (room === options.room) terminal.prompt(promptOf(users.filter((user) => user !== client.user)));
  });
  client.on("left", ({ room, code }) => {
    if (room === options.room && code !== undefined) fail(`the room is closed to you: ${code}`);
  });
  client.on("error", ({ error }) => view.note(`${error.code}: ${error.message}`));

  terminal.onKey(() => room.typing());
  terminal.onEnd(() => void end());
  terminal.onLine((line) => {
    if (line === "/who") view.note(room.joined === undefined ? "not in the room" : view.who());
    else if (/^\/[^/]/.test(line)) view.note(`there is no ${line}: /who, and Ctrl-D to end`);
    else if (line.trim() !== "") {
      const text = line.replace(/^\/\//, "/");
      if (waiting.length === 0 && send(text) === "taken") return;
      waiting.push(text);
      terminal.pause();
    }
  });
  const joined = room.join({ tail: options.tail }).catch((error: unknown) => {
    if (error instanceof ProtocolError) fail(`the room is closed to you: ${error.code}: ${error.message}`);
  });
  client.setPresence({ state: "online", activity: "viewing" });
  client.start();
  terminal.prompt(promptOf([]));
  return ended;
}

function promptOf(typing: readonly string[]): string {
  if (typing.length === 0) return "> ";
  const who = typing.length > mostTyping ? `${typing.length} people` : typing.map(printable).join(", ");
  return `(${who} typing) > `;
}

function messages(count: number): string {
  return count === 1 ? "1 message" : `${count} messages`;
}
