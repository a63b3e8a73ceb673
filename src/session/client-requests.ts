/** Open requests: each has a ref of its own, one answer, and a time after which its caller is told that none has come (FRM-7). */

import { ProtocolError } from "../errors.ts";
import type { Body, BodyCase } from "../wire/codec.ts";

/** What a request is about. */
export interface OpenRequest {
  readonly kind: "join" | "leave" | "history" | "watch" | "refresh";
  /** What the command that made it returned; 0: the engine itself asked. */
  readonly request: number;
  readonly room: string;
  /** Of a watch: the command for which its users are named; 0: the engine itself. */
  readonly watch: number;
  /** Of a watch: whom it names. */
  readonly users: readonly string[];
  /** When its caller is told; infinity: it has been. */
  deadline: number;
}

/** The body that answers a request of each kind, where no error does (FRM-4). */
const answerOf = {
  join: "joined",
  leave: "left",
  history: "page",
  watch: "presence",
  refresh: "refreshed",
} as const satisfies Record<OpenRequest["kind"], BodyCase>;

const answers: ReadonlySet<string> = new Set(Object.values(answerOf));

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

  /**
   * What a frame with this body and `ref` is (FRM-5): the `answer` to an open request, `stray` where its request is not open, `wrong` where
   * the open one has another answer, `none` where it answers nothing.
   */
  judge(body: Body, ref: number): "answer" | "stray" | "wrong" | "none" {
    const isAnswer = ref !== 0 && body.case !== undefined && answers.has(body.case);
    // Presence answers as a snapshot alone.
    if (!isAnswer || (body.case === "presence" && !body.value.snapshot)) return "none";
    const request = this.#open.get(ref);
    if (request === undefined) return "stray";
    return answerOf[request.kind] === body.case ? "answer" : "wrong";
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
