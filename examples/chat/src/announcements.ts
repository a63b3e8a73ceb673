/** What a screen reader is told of new messages. Law: a few are read out; of more only their number is told. */

import { plural, startOf } from "./format.ts";

/** Read out at most, of those that came together. */
const maxRead = 3;
/** Characters of one that are read out. */
const maxChars = 200;

interface Heard {
  readonly room: string;
  readonly sender: string;
  readonly text: string;
}

export class Announcements {
  readonly #last: Heard[] = [];
  readonly #counts: Map<string, number> = new Map();

  add(room: string, sender: string, text: string): void {
    this.#counts.set(room, (this.#counts.get(room) ?? 0) + 1);
    if (this.#last.length <= maxRead) this.#last.push({ room, sender, text: startOf(text, maxChars) });
  }

  /** What to say of those that came since the last call. @param active - the room that needs no name. */
  take(active: string): string[] {
    const counts = [...this.#counts];
    const heard = this.#last.splice(0);
    this.#counts.clear();
    const inRoom = (room: string) => (room === active ? "" : ` in ${room}`);
    if (heard.length > maxRead) return counts.map(([room, count]) => `${plural(count, "new message")}${inRoom(room)}`);
    return heard.map(({ room, sender, text }) => `${sender}${inRoom(room)}: ${text}`);
  }
}
