/** Who has used up its share of this turn of the event loop waits here for the next one. Law: a turn serves each that waits once, in order. */

/** Somebody who waits. */
export interface Served {
  /** Its share of a turn. It may wait again, for the next. */
  serve(): void;
}

/** One callback per turn of the event loop, however many wait; none where nobody does. */
export class Rounds {
  #waiting: Served[] = [];

  /** Waits for the next turn. Who waits already MUST NOT wait twice. */
  wait(who: Served): void {
    if (this.#waiting.push(who) === 1) setImmediate(this.#round);
  }

  readonly #round = (): void => {
    const round = this.#waiting;
    this.#waiting = [];
    for (const who of round) who.serve();
  };
}
