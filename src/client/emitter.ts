/** Typed events: what a listener throws is the listener's, and does not keep the others from hearing. */

/** Calls a listener's error back, outside of what is under way. */
export type Report = (error: unknown) => void;

/** Events by name, each with one value. */
export class Emitter<E> {
  readonly #listeners: Map<keyof E, Set<(value: never) => void>> = new Map();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  /** @returns a function that ends it. */
  on<K extends keyof E>(name: K, listener: (value: E[K]) => void): () => void {
    let set = this.#listeners.get(name);
    if (set === undefined) {
      set = new Set();
      this.#listeners.set(name, set);
    }
    set.add(listener);
    return () => {
      set.delete(listener);
    };
  }

  emit<K extends keyof E>(name: K, value: E[K]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as (value: E[K]) => void)(value);
      } catch (error) {
        this.#report(error);
      }
    }
  }
}
