/**
 * Who is where, in memory: keys with values by topic, each of which goes after its time, or with the relay that set it. What goes is told.
 */

import type { Clock } from "../session/host.ts";
import type { RegistryValue } from "./broker.ts";

interface Item {
  readonly topic: string;
  readonly key: string;
  readonly value: RegistryValue;
  readonly owner: object;
  /** By `Clock.now`; infinite: no end. */
  readonly endsAt: number;
  readonly ttlMs: number;
}

/** Keys at most, over all topics; a further one is not kept. */
const maxItems = 1_000_000;

export class MemoryRegistry {
  readonly #clock: Clock;
  readonly #onChange: (topic: string, key: string, value: RegistryValue | undefined) => void;
  readonly #topics = new Map<string, Map<string, Item>>();
  /** Items by their time to live: within one, they end in the order in which they were set. */
  readonly #byTtl = new Map<number, Set<Item>>();
  #size = 0;
  #timer: { readonly handle: unknown; readonly at: number } | undefined;

  constructor(clock: Clock, onChange: (topic: string, key: string, value: RegistryValue | undefined) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  list(topic: string): ReadonlyMap<string, RegistryValue> {
    const values = new Map<string, RegistryValue>();
    for (const [key, item] of this.#topics.get(topic) ?? []) values.set(key, item.value);
    return values;
  }

  /** @param ttlMs - undefined: until it is removed. */
  put(owner: object, topic: string, key: string, value: RegistryValue, ttlMs: number | undefined): void {
    this.#drop(this.#topics.get(topic)?.get(key));
    if (this.#size >= maxItems) return;
    const ttl = ttlMs ?? Number.POSITIVE_INFINITY;
    const item: Item = { topic, key, value, owner, endsAt: this.#clock.now() + ttl, ttlMs: ttl };
    let items = this.#topics.get(topic);
    if (items === undefined) {
      items = new Map();
      this.#topics.set(topic, items);
    }
    items.set(key, item);
    let sameTtl = this.#byTtl.get(ttl);
    if (sameTtl === undefined) {
      sameTtl = new Set();
      this.#byTtl.set(ttl, sameTtl);
    }
    sameTtl.add(item);
    this.#size++;
    this.#arm();
    this.#onChange(topic, key, value);
  }

  remove(topic: string, key: string): void {
    const item = this.#topics.get(topic)?.get(key);
    if (item === undefined) return;
    this.#drop(item);
    this.#onChange(topic, key, undefined);
  }

  /** All that a relay set goes, but when users were last seen. */
  removeAll(owner: object): void {
    for (const items of [...this.#byTtl.values()]) {
      for (const item of [...items]) if (item.owner === owner && item.value.type !== "seen") this.remove(item.topic, item.key);
    }
  }

  #drop(item: Item | undefined): void {
    if (item === undefined) return;
    const items = this.#topics.get(item.topic);
    items?.delete(item.key);
    if (items?.size === 0) this.#topics.delete(item.topic);
    const sameTtl = this.#byTtl.get(item.ttlMs);
    sameTtl?.delete(item);
    if (sameTtl?.size === 0) this.#byTtl.delete(item.ttlMs);
    this.#size--;
  }

  /** One timer, for the item that ends first. One that comes too early arms itself again. */
  #arm(): void {
    let at = Number.POSITIVE_INFINITY;
    for (const items of this.#byTtl.values()) {
      for (const item of items) {
        at = Math.min(at, item.endsAt);
        break;
      }
    }
    if (at === Number.POSITIVE_INFINITY || (this.#timer !== undefined && this.#timer.at <= at)) return;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer.handle);
    this.#timer = { at, handle: this.#clock.setTimer(Math.max(0, at - this.#clock.now()), () => this.#expire()) };
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const items of [...this.#byTtl.values()]) {
      for (const item of items) {
        if (item.endsAt > now) break;
        this.remove(item.topic, item.key);
      }
    }
    this.#arm();
  }
}
