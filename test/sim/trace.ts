/** The trace of a run, as one number: two runs that do the same have the same (FNV-1a, two halves). */

export class Trace {
  #low = 0x811c9dc5;
  #high = 0x9747b28c;
  /** The last lines, for people; empty unless they are kept. */
  readonly lines: string[] = [];
  readonly #keep: number;

  /** @param keep - how many lines are kept. */
  constructor(keep = 0) {
    this.#keep = keep;
  }

  add(at: number, words: readonly (string | number)[]): void {
    const line = `${at} ${words.join(" ")}`;
    for (let i = 0; i < line.length; i++) this.#mix(line.charCodeAt(i));
    this.#mix(10);
    if (this.#keep === 0) return;
    this.lines.push(line);
    if (this.lines.length > 2 * this.#keep) this.lines.splice(0, this.#keep);
  }

  bytes(data: Uint8Array): void {
    for (let i = 0; i < data.length; i++) this.#mix(data[i] as number);
  }

  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, "0") + (this.#low >>> 0).toString(16).padStart(8, "0");
  }

  #mix(byte: number): void {
    this.#low = Math.imul(this.#low ^ byte, 0x01000193);
    this.#high = Math.imul(this.#high ^ byte ^ (this.#low >>> 24), 0x85ebca6b);
  }
}
