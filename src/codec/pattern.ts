/** Judges text by a table that the generator made of a regular expression: in one pass, without the engine's regular expressions. */

/** A deterministic automaton over kinds of code points; it begins in state 0. */
export interface Pattern {
  /** The first code point of each interval, ascending, from 0 on. */
  readonly starts: readonly number[];
  /** The kind of the code points in the interval. */
  readonly kinds: readonly number[];
  /** The state behind each state and kind; −1: no match, −2: a match, whatever follows. */
  readonly next: readonly (readonly number[])[];
  /** Whether a text that ends in this state matches. */
  readonly final: readonly boolean[];
}

/** Whether the pattern matches, anywhere in the text unless it says where. */
export function isMatch(text: string, { starts, kinds, next, final }: Pattern): boolean {
  let state = 0;
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i) as number;
    if (point > 0xffff) i++;
    let interval = starts.length - 1;
    while ((starts[interval] as number) > point) interval--;
    state = next[state]?.[kinds[interval] as number] as number;
    if (state < 0) return state === -2;
  }
  return final[state] === true;
}
