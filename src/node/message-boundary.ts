/**
 * Follows the bytes of a WebSocket connection just far enough to know whether a message has begun that has not ended (TRN-11). `ws` tells
 * of whole messages alone, so that a peer could hold one open for ever. Nothing is judged here: that is for `ws`.
 */

/** Reads the frames of RFC 6455, 5.2, chunk by chunk. */
export class MessageBoundary {
  /** Bytes of the present frame's head, as far as they have come. */
  #head: number[] = [];
  /** Bytes of its payload and mask that are still to come. */
  #left = 0;
  #isFinal = true;
  #isControl = false;
  /** Between the first and the last fragment of a message. */
  #isFragmented = false;
  #ended = 0;

  /** Whether a message has begun that has not ended. */
  get isInside(): boolean {
    return this.#isFragmented || ((this.#left > 0 || this.#head.length > 0) && !this.#isControl);
  }

  /** Messages that have ended. */
  get ended(): number {
    return this.#ended;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        at += taken;
      } else {
        this.#head.push(chunk[at++] ?? 0);
        if (!this.#readHead()) continue;
      }
      if (this.#left === 0) this.#endFrame();
    }
  }

  /** @returns whether the head is whole. */
  #readHead(): boolean {
    const [first = 0, second = 0] = this.#head;
    this.#isFinal = first >= 0x80;
    this.#isControl = (first & 0x08) !== 0;
    if (this.#head.length < 2) return false;
    const short = second & 0x7f;
    const extended = short === 127 ? 8 : short === 126 ? 2 : 0;
    if (this.#head.length < 2 + extended) return false;
    const length = extended === 0 ? short : this.#head.slice(2).reduce((sum, byte) => sum * 256 + byte, 0);
    this.#left = length + (second >= 0x80 ? 4 : 0);
    this.#head = [];
    return true;
  }

  #endFrame(): void {
    if (this.#isControl) return;
    this.#isFragmented = !this.#isFinal;
    if (this.#isFinal) this.#ended++;
  }
}
