/**
 * Handles of rooms: the same for all connections of a relay, and never used for another room (ROM-4). They count up from 1 as long as the
 * relay lives. A name keeps its handle as long as a connection knows it; that bounds what is held.
 */

import { ProtocolError } from "../errors.ts";

interface Named {
  readonly name: string;
  readonly handle: number;
  /** Connections that know it. */
  holders: number;
}

export class Handles {
  readonly #byName = new Map<string, Named>();
  readonly #byHandle = new Map<number, Named>();
  /** The last handle that is used up. */
  #last = 0;

  get size(): number {
    return this.#byName.size;
  }

  /** A connection is about to be told. @throws ProtocolError UNAVAILABLE where all handles are used up. */
  acquire(name: string): number {
    let named = this.#byName.get(name);
    if (named === undefined) {
      if (this.#last >= 0xffff_ffff) throw new ProtocolError("UNAVAILABLE", "this relay has no handle left");
      named = { name, handle: ++this.#last, holders: 0 };
      this.#byName.set(name, named);
      this.#byHandle.set(named.handle, named);
    }
    named.holders++;
    return named.handle;
  }

  /** A connection that knew it has ended, or forgotten it. */
  release(handle: number): void {
    const named = this.#byHandle.get(handle);
    if (named === undefined || --named.holders > 0) return;
    this.#byHandle.delete(handle);
    this.#byName.delete(named.name);
  }
}
