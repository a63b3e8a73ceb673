/** Values kept in order. Law: what decides a value's place must not change while it is in here; to change it, take it out first. */

export class Ordered<T> {
  readonly #values: T[] = [];
  readonly #compare: (a: T, b: T) => number;

  /** @param compare - below 0 where `a` stands first; 0 for the same value alone. */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** All of them, in order; live, not a copy. */
  get values(): readonly T[] {
    return this.#values;
  }

  /** Costs a look at the last one where it belongs at the end, as most do. */
  insert(value: T): void {
    const last = this.#values.at(-1);
    if (last === undefined || this.#compare(last, value) < 0) this.#values.push(value);
    else this.#values.splice(this.indexOf(value), 0, value);
  }

  remove(value: T): void {
    const index = this.indexOf(value);
    if (this.#values[index] === value) this.#values.splice(index, 1);
  }

  /** Where it is; where it is not here, the place that it would have. */
  indexOf(value: T): number {
    let [low, high] = [0, this.#values.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#values[middle];
      if (other !== undefined && this.#compare(other, value) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
