/** The trace of a run, as one number: two runs that do the same have the same (FNV-1a, two halves). */

export class Trace {
  /** Both halves, kept where a number needs no object of its own. */
  readonly #halves = new Int32Array([0x811c9dc5, 0x9747b28c]);
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
    return [1, 0].map((half) => ((this.#halves[half] as number) >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #mix(byte: number): void {
    const halves = this.#halves;
    const low = Math.imul((halves[0] as number) ^ byte, 0x01000193);
    halves[0] = low;
    halves[1] = Math.imul((halves[1] as number) ^ byte ^ (low >>> 24), 0x85ebca6b);
  }
}
