/**
 * What comes in on one connection, a share per turn of the event loop, so that a flood of one does not hold up the others. Law: messages are
 * delivered in order, each once; beyond the share the source is paused, and what it still gives waits; the end comes after what came before.
 *
 * `ws` delivers all messages of a chunk in one go, also after it was paused: so at most the rest of the chunk that it has begun waits here,
 * and of a socket that closes what was read before, each of them 64 KiB. (Its option `allowSynchronousEvents` allows one message per turn
 * alone: then nothing that a turn answers can leave in one write.)
 */

import { Fifo } from "../session/server-queues.ts";
import type { Data } from "../session/transmit.ts";
import type { Served, Turns } from "./turns.ts";

/** The share, in bytes: at least one message, whatever its length. Small, for a batch of 3 KiB has 256 frames (BAT-6). */
const share = 4 * 1024;

/** What a message costs beside its bytes: so a turn takes at most 64. */
const messageCost = 64;

/** Where the messages come from, and where they go. None of these throws. */
export interface IntakePort {
  deliver(data: Data): void;
  /** All is delivered, or dropped, and nothing comes any more. Called once. */
  ended(): void;
  pause(): void;
  resume(): void;
}

export class Intake implements Served {
  readonly #turns: Turns;
  readonly #port: IntakePort;
  readonly #queue = new Fifo<Data>();
  /** Of this turn's share; below 0 where the last message was longer. */
  #left = share;
  #turn: "untouched" | "touched" = "untouched";
  #source: "flowing" | "paused" | "ended" | "over" = "flowing";
  #target: "open" | "dropping" = "open";

  constructor(turns: Turns, port: IntakePort) {
    this.#turns = turns;
    this.#port = port;
  }

  /** Whether the source waits for this side. */
  get isPaused(): boolean {
    return this.#source === "paused";
  }

  /** The source has given a message. */
  push(data: Data): void {
    if (this.#target === "open" && (this.#left <= 0 || this.#queue.length > 0)) this.#queue.push(data);
    else this.#take(data);
  }

  /** The source has ended. */
  end(): void {
    this.#source = "ended";
    this.#checkOver();
  }

  /** From now on nothing is delivered; what comes is still no more per turn than its share. */
  drop(): void {
    this.#target = "dropping";
    this.#queue.clear();
  }

  serve(): void {
    this.#turn = "untouched";
    this.#left = share;
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#take(next);
    this.#checkOver();
    if (this.#source === "paused" && this.#queue.length === 0 && this.#left > 0) {
      this.#source = "flowing";
      this.#port.resume();
    }
  }

  #checkOver(): void {
    if (this.#source !== "ended" || this.#queue.length > 0) return;
    this.#source = "over";
    this.#port.ended();
  }

  #next(): Data | undefined {
    return this.#left > 0 ? this.#queue.shift() : undefined;
  }

  #take(data: Data): void {
    this.#left -= messageCost + data.length;
    if (this.#turn === "untouched") {
      this.#turn = "touched";
      this.#turns.wait(this);
    }
    if (this.#left <= 0 && this.#source === "flowing") {
      this.#source = "paused";
      this.#port.pause();
    }
    if (this.#target === "open") this.#port.deliver(data);
  }
}
