/** What has happened, by name: what never happens in a whole run of seeds proves nothing, and fails it. */

export class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  entries(): [string, number][] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  addAll(other: Counts): void {
    for (const [name, times] of other.#counts) this.add(name, times);
  }
}
