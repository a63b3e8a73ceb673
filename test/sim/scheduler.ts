/**
 * Virtual time: one thread, one queue. Law: what happens first stands first, what was scheduled first comes first at the same time, and
 * before the next event every promise that can be settled is settled.
 */

/** Something that will happen, unless it is cancelled. */
export interface Scheduled {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export class Scheduler {
  #now = 0;
  #order = 0;
  /** A binary heap by time and order. */
  readonly #heap: Scheduled[] = [];
  #steps = 0;

  /** Virtual ms. */
  get now(): number {
    return this.#now;
  }

  get steps(): number {
    return this.#steps;
  }

  at(time: number, run: () => void): Scheduled {
    // Rounded up to a fraction that sums hold exactly: else a timer could be early by less than the time can tell, for ever.
    const event: Scheduled = { at: Math.max(Math.ceil(time * 1024) / 1024, this.#now), order: ++this.#order, run };
    this.#push(event);
    return event;
  }

  after(ms: number, run: () => void): Scheduled {
    return this.at(this.#now + ms, run);
  }

  /** Lets the next event happen, and all promises that follow from it. @returns whether there was one up to this time. */
  async step(until: number): Promise<boolean> {
    for (;;) {
      const [next] = this.#heap;
      if (next === undefined || next.at > until) {
        this.#now = Math.max(this.#now, Math.min(until, next?.at ?? until));
        return false;
      }
      this.#pop();
      if (next.run === undefined) continue;
      this.#now = next.at;
      this.#steps++;
      next.run();
      await settled();
      return true;
    }
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent] as Scheduled)) break;
      heap[at] = heap[parent] as Scheduled;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Scheduled;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Scheduled, heap[child] as Scheduled)) child++;
      if (!before(heap[child] as Scheduled, last)) break;
      heap[at] = heap[child] as Scheduled;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Every promise that can be settled is settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
