/** Open requests: each has a ref of its own, one answer, and a time after which its caller is told that none has come (FRM-7). */

import { ProtocolError } from "../errors.ts";

/** What a request is about. */
export interface OpenRequest {
  readonly kind: "join" | "leave" | "history" | "watch" | "refresh";
  /** What the command that made it returned; 0: the engine itself asked. */
  readonly request: number;
  readonly room: string;
  /** When its caller is told; infinity: it has been. */
  deadline: number;
}

/** The open requests of one connection. */
export class ClientRequests {
  readonly #open: Map<number, OpenRequest> = new Map();
  #last = 0;

  get size(): number {
    return this.#open.size;
  }

  /** Opens a request. @returns its ref: counted up, passing over 0 and those that are open. */
  open(request: OpenRequest): number {
    do this.#last = this.#last >= 0xffffffff ? 1 : this.#last + 1;
    while (this.#open.has(this.#last));
    this.#open.set(this.#last, request);
    return this.#last;
  }

  /** An answer has come. @returns what it answers; undefined: nothing that is open. */
  close(ref: number): OpenRequest | undefined {
    const request = this.#open.get(ref);
    this.#open.delete(ref);
    return request;
  }

  peek(ref: number): OpenRequest | undefined {
    return this.#open.get(ref);
  }

  /** When the next caller is to be told; infinity: none. */
  get deadline(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const request of this.#open.values()) least = Math.min(least, request.deadline);
    return least;
  }

  /** Those whose time is over; they stay open, for the answer may still come (FRM-7, 5). */
  expire(now: number): OpenRequest[] {
    const due = [...this.#open.values()].filter((request) => request.deadline <= now);
    for (const request of due) request.deadline = Number.POSITIVE_INFINITY;
    return due;
  }

  /** The connection is gone: no answer will come. */
  clear(): OpenRequest[] {
    const all = [...this.#open.values()];
    this.#open.clear();
    this.#last = 0;
    return all;
  }
}

/** What a caller is told whose answer did not come. */
export function unanswered(message: string): ProtocolError {
  return new ProtocolError("UNAVAILABLE", message, { origin: "local", retry: "now", processed: "maybe" });
}
