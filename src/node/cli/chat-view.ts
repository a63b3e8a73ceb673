/** What a person at a terminal is told of a room: one line for each thing that happens. What peers wrote is made safe for the terminal. */

import type { ClientEvents, JoinedRoom, Message } from "../../session/client-events.ts";
import { printable } from "./io.ts";

/** The lines of one room. */
export class ChatView {
  readonly #room: string;
  readonly #print: (line: string) => void;
  /** Own messages that were handed over, by id: their numbers on the screen, and their offsets once they are stored. */
  readonly #own = new Map<string, { readonly number: number; offset: number }>();
  #numbers = 0;
  /** Who is in the room, as far as the relay tells it, and how many there are (MBR). */
  #members = new Set<string>();
  #count = 0;
  /** What was told last of a relay that cannot be reached. */
  #offline: string | undefined;
  /** The highest number that was told, by user and mark. */
  readonly #told = new Map<string, number>();

  constructor(room: string, print: (line: string) => void) {
    this.#room = room;
    this.#print = print;
  }

  /** The user has written a line. */
  sent(id: string, text: string): void {
    const number = ++this.#numbers;
    this.#own.set(id, { number, offset: 0 });
    // What is stored is kept for a few screens: marks about older ones are told no more. What is not is as much as the outbox holds.
    if (this.#own.size > 2000) for (const [oldest, { offset }] of this.#own) if (offset > 0 && this.#own.delete(oldest)) break;
    this.#print(`you (${number}): ${printable(text)}`);
  }

  welcome({ user }: ClientEvents["welcome"]): void {
    this.#offline = undefined;
    this.#note(`online as ${printable(user)}`);
  }

  /** @param unreachable - why the last connection could not be made. */
  state(event: ClientEvents["state"], unreachable: string | undefined): void {
    const text = stateText(event, unreachable);
    // Each attempt that fails as the one before is no news.
    if (text !== undefined && text !== this.#offline) this.#note(text);
    this.#offline = text ?? this.#offline;
  }

  joined({ room, verdict, missing, members, count, durability }: JoinedRoom): void {
    if (room !== this.#room) return;
    this.#members = new Set(members.map(({ user }) => user));
    this.#count = count;
    const names = members.map(({ user, profile }) => printable(profile?.displayName || user));
    const who = names.length > 0 ? `: ${names.join(", ")}` : "";
    if (verdict === "reset") this.#note("the room's log began anew: messages before this are gone from the relay");
    if (missing !== undefined) this.#note("messages that you missed are too many, or gone");
    this.#note(`in ${printable(room)} with ${count} ${count === 1 ? "member" : "members"}${who} (${durability})`);
  }

  message(message: Message): void {
    const { room, own, id } = message;
    if (room !== this.#room || (own && this.#own.has(id))) return;
    const text = messageText(message);
    if (text !== undefined) this.#print(text);
  }

  entry({ room, id, state, offset, error }: ClientEvents["entry"]): void {
    const own = this.#own.get(id);
    if (room !== this.#room || own === undefined) return;
    if (state === "queued" || state === "sent") return;
    own.offset = offset ?? own.offset;
    if (state !== "stored" && state !== "voiding") this.#own.delete(id);
    const said = state === "maybe" ? "may have been stored, or not: nobody can say" : state;
    this.#print(`  (${own.number}) ${said}${error === undefined ? "" : `: ${error.code}: ${printable(error.message)}`}`);
  }

  receipt({ room, marks }: ClientEvents["receipt"], self: string | undefined): void {
    if (room !== this.#room) return;
    for (const { user, delivered, read } of marks) {
      if (user === self) continue;
      this.#mark(`delivered to ${printable(user)}`, delivered);
      this.#mark(`read by ${printable(user)}`, read);
    }
  }

  members({ room, count, entered, exited }: ClientEvents["members"]): void {
    if (room !== this.#room) return;
    this.#count = count;
    for (const { user, profile } of entered) {
      this.#members.add(user);
      this.#note(`${printable(profile?.displayName || user)} has come`);
    }
    for (const user of exited) {
      this.#members.delete(user);
      this.#note(`${printable(user)} has gone`);
    }
  }

  /** Who is there now. The relay does not name all members of a large room. */
  who(): string {
    const more = this.#count - this.#members.size;
    return [...this.#members, ...(more > 0 ? [`${more} more`] : [])].join(", ") || "nobody";
  }

  gap({ room, first, last }: ClientEvents["gap"]): void {
    if (room === this.#room) this.#note(`messages ${first} to ${last} will not come`);
  }

  note(text: string): void {
    this.#note(printable(text));
  }

  /** Marks are watermarks: what holds for a message holds for all before it, so the latest one is told. */
  #mark(what: string, offset: number): void {
    let latest = 0;
    for (const own of this.#own.values()) if (own.offset > 0 && own.offset <= offset) latest = Math.max(latest, own.number);
    if (latest <= (this.#told.get(what) ?? 0)) return;
    this.#told.set(what, latest);
    this.#print(`  (${latest}) ${what}`);
  }

  #note(text: string): void {
    this.#print(`-- ${text}`);
  }
}

function stateText({ state, error }: ClientEvents["state"], unreachable: string | undefined): string | undefined {
  const why = error?.code ?? unreachable;
  switch (state) {
    case "draining":
      return "the relay is going away; what you write is kept";
    case "waiting":
      return `offline${why === undefined ? "" : ` (${printable(why)})`}: what you write is kept`;
    default:
      // Those on the way say nothing of use, and the last ones end the program.
      return undefined;
  }
}

function messageText({ sender, profile, kind, content, offset }: Message): string | undefined {
  const name = sender === "" ? "the service" : printable(profile?.displayName || sender);
  const type = content?.contentType ? ` of ${printable(content.contentType)}` : "";
  const text = content?.text === undefined ? `(${content?.data?.length ?? 0} bytes${type})` : printable(content.text);
  switch (kind) {
    case "content":
      return `${name}: ${text}`;
    case "edit":
      return `${name} (edited): ${text}`;
    case "reaction":
      return `${name} reacts: ${text}`;
    case "redaction":
      return `-- ${name} has deleted a message`;
    case "tombstone":
      return `-- message ${offset} was deleted`;
    default:
      return undefined;
  }
}
