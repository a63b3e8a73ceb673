/** A terminal's screen, as far as lines that are edited need it: what is written, in rows of so many columns. */

import { Writable } from "node:stream";

/** A control sequence or a character. */
const written = new RegExp(`${String.fromCharCode(27)}\\[(\\d*)([A-Z])|(.)`, "gs");

export class Screen extends Writable {
  readonly isTTY = true;
  columns: number;
  #rows: string[] = [""];
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    super({ decodeStrings: false });
    this.columns = columns;
  }

  /** What is to be seen, without spaces at the ends of rows. */
  get text(): string[] {
    const rows = this.#rows.map((row) => row.trimEnd());
    while (rows.at(-1) === "") rows.pop();
    return rows;
  }

  /** The window gets another width. Rows that went on below are broken anew, as terminals do where nothing else is there. */
  resize(columns: number): void {
    const at = this.#rows.slice(0, this.#row).join("").length + this.#column;
    const all = this.#rows.join("");
    this.columns = columns;
    this.#rows = Array.from({ length: Math.floor(all.length / columns) + 1 }, (_, i) =>
      all.slice(i * columns, (i + 1) * columns),
    );
    this.#row = Math.floor(at / columns);
    this.#column = at % columns;
    this.emit("resize");
  }

  override _write(data: string, _encoding: string, done: () => void): void {
    for (const [, count = "1", command, char = ""] of data.matchAll(written)) {
      const row = this.#rows[this.#row] ?? "";
      if (command === "A") this.#row = Math.max(0, this.#row - Number(count));
      else if (command === "B") this.#row += Number(count);
      else if (command === "C") this.#column += Number(count);
      else if (command === "D") this.#column -= Number(count);
      else if (command === "G") this.#column = Number(count || 1) - 1;
      else if (command === "J") this.#rows = [...this.#rows.slice(0, this.#row), row.slice(0, this.#column)];
      else if (command !== undefined) throw new Error(`the screen knows no CSI ${command}`);
      else if (char === "\r") this.#column = 0;
      else if (char === "\n") this.#down();
      else {
        // A row that is full goes on with the next character only.
        if (this.#column === this.columns) this.#down();
        const before = (this.#rows[this.#row] ?? "").padEnd(this.#column);
        this.#rows[this.#row] = before.slice(0, this.#column) + char + before.slice(this.#column + 1);
        this.#column++;
      }
    }
    done();
  }

  #down(): void {
    this.#row++;
    this.#column = 0;
    this.#rows[this.#row] ??= "";
  }
}
