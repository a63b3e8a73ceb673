/**
 * What the connections of a server do in one turn of the event loop. Law: behind the last read of the turn each that has used up its share goes
 * on, once, in order; then all tell what they have taken in; then all write what that has brought about. Reads, work and writes are kept
 * apart because a system call between two pieces of work costs more than the work.
 */

/** Who has used up its share of this turn. */
export interface Served {
  /** Its share of the next turn. It may wait again. Does not throw. */
  serve(): void;
}

/** A connection. Neither throws. */
export interface Turning {
  /** Tells what has come in. */
  tell(): void;
  /** Writes what is to leave. */
  write(): void;
}

/** One for all connections of a server: one callback per turn, however many wait; none where nobody does. Who waits already MUST NOT wait twice. */
export class Turns {
  #waiting: Served[] = [];
  #heard: Turning[] = [];
  #speaking: Turning[] = [];
  #state: "idle" | "due" | "telling" = "idle";

  /** Goes on in the next turn. */
  wait(who: Served): void {
    this.#waiting.push(who);
    this.#plan();
  }

  /** Has something to tell. */
  hears(who: Turning): void {
    this.#heard.push(who);
    this.#plan();
  }

  /** Has something to write: with what else this turn brings about or, outside of one, as soon as what runs is over. */
  speaks(who: Turning): void {
    if (this.#speaking.push(who) === 1 && this.#state !== "telling") process.nextTick(this.#write);
  }

  #plan(): void {
    if (this.#state !== "idle") return;
    this.#state = "due";
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#state = "telling";
    for (const who of waiting) who.serve();
    const heard = this.#heard;
    this.#heard = [];
    for (const who of heard) who.tell();
    this.#state = "idle";
    this.#write();
    // What came meanwhile is of the next turn.
    if (this.#waiting.length + this.#heard.length > 0) this.#plan();
  };

  readonly #write = (): void => {
    const speaking = this.#speaking;
    this.#speaking = [];
    for (const who of speaking) who.write();
  };
}
