/** Frames that wait for authentication (SES-4): kept in order, bounded; what could never be executed after it is refused at once. */

import type { ProtocolError } from "../errors.ts";
import { encodedSize, type Frame } from "../wire/codec.ts";
import { preAuthQueueBytes } from "../wire/limits.ts";
import { remote } from "./server-frames.ts";
import { mayReceive } from "./server-rules.ts";
import type { Data } from "./transmit.ts";

export class HeldFrames {
  #frames: Frame[] = [];
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
    this.#frames.push(frame);
    return undefined;
  }

  /** All of them; none is left. */
  takeAll(): readonly Frame[] {
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }
}
