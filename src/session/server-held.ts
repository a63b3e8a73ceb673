/**
 * Frames that wait for authentication (SES-4): kept in order, bounded; what could never be executed after it is refused at once. Law: they
 * are kept as they came, in one piece of memory, for nobody knows yet who sends them, and a frame of four bytes takes hundreds once it is read.
 */

import type { ProtocolError } from "../errors.ts";
import { encodedSize, type Frame } from "../wire/codec.ts";
import { preAuthFrameBytes, preAuthQueueBytes } from "../wire/limits.ts";
import { remote } from "./server-frames.ts";
import { mayReceive } from "./server-rules.ts";
import type { Data, FrameCodec } from "./transmit.ts";

const none = new Uint8Array();

export class HeldFrames {
  /** Texts, and lengths of the messages in {@link #memory}. */
  #messages: (string | number)[] = [];
  #memory: Uint8Array = none;
  #used = 0;
  #bytes = 0;

  /** @returns why the connection ends, and the ref of the frame that is the cause. */
  add(frame: Frame, data: Data): { readonly error: ProtocolError; readonly ref: number } | undefined {
    const { body } = frame;
    for (const each of body.case === "batch" ? [frame, ...body.value.frames] : [frame]) {
      if (each.body.case === undefined || mayReceive(each.body.case, "authenticating")) continue;
      return { error: remote("UNEXPECTED_FRAME", `${each.body.case} before welcome (FRM-4)`), ref: each.ref };
    }
    // It means nothing, so it need not wait (FRM-3).
    if (body.case === undefined && !frame.mustUnderstand) return undefined;
    this.#bytes += typeof data === "string" ? encodedSize(frame) : data.length;
    if (this.#bytes > preAuthQueueBytes) {
      return { error: remote("LIMIT_EXCEEDED", "too much waits for authentication (SES-4)", "connection"), ref: frame.ref };
    }
    this.#messages.push(typeof data === "string" ? data : this.#keep(data));
    return undefined;
  }

  /** All of them, read again; none is left. */
  takeAll(codec: FrameCodec): Frame[] {
    const parse = (data: Data): Frame => codec.parse(data, { frameBytes: preAuthFrameBytes, verbatim: "keep" });
    const [messages, memory] = [this.#messages, this.#memory];
    this.clear();
    let at = 0;
    return messages.map((message) => {
      if (typeof message === "string") return parse(message);
      at += message;
      return parse(memory.subarray(at - message, at));
    });
  }

  clear(): void {
    this.#messages = [];
    this.#memory = none;
    this.#used = 0;
    this.#bytes = 0;
  }

  #keep(data: Uint8Array): number {
    const needed = this.#used + data.length;
    if (needed > this.#memory.length) {
      const larger = new Uint8Array(Math.min(preAuthQueueBytes, Math.max(256, 2 * needed)));
      larger.set(this.#memory.subarray(0, this.#used));
      this.#memory = larger;
    }
    this.#memory.set(data, this.#used);
    this.#used = needed;
    return data.length;
  }
}
