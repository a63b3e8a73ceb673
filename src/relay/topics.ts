/** The registries that this relay follows, each held once however many want it. */

import type { BrokerLink, MaybePromise, RegistryValue } from "./broker.ts";
import { isLater, orBroken } from "./later.ts";

interface Followed {
  wanted: number;
  readonly values: Map<string, RegistryValue>;
  /** Keys that changed before the registry was read. Undefined: it is read. */
  changed: Set<string> | undefined;
  ready: MaybePromise<ReadonlyMap<string, RegistryValue>>;
}

export class Topics {
  readonly #link: BrokerLink;
  readonly #topics = new Map<string, Followed>();

  constructor(link: BrokerLink) {
    this.#link = link;
  }

  /** What the registry holds; the map goes on changing with it. Each call needs one of {@link release}, also where it rejects. */
  acquire(topic: string): MaybePromise<ReadonlyMap<string, RegistryValue>> {
    const known = this.#topics.get(topic);
    if (known !== undefined) {
      known.wanted++;
      return known.ready;
    }
    const values = new Map<string, RegistryValue>();
    const followed: Followed = { wanted: 1, values, changed: new Set(), ready: values };
    this.#topics.set(topic, followed);
    const fill = (read: ReadonlyMap<string, RegistryValue>): ReadonlyMap<string, RegistryValue> => {
      for (const [key, value] of read) if (!followed.changed?.has(key)) values.set(key, value);
      followed.changed = undefined;
      return values;
    };
    const read = orBroken(() => this.#link.follow(topic));
    followed.ready = isLater(read) ? read.then(fill) : fill(read);
    return followed.ready;
  }

  release(topic: string): void {
    const followed = this.#topics.get(topic);
    if (followed === undefined || --followed.wanted > 0) return;
    this.#topics.delete(topic);
    this.#link.unfollow(topic);
  }

  /** The registry has changed. @returns what the key held before. */
  changed(topic: string, key: string, value: RegistryValue | undefined): RegistryValue | undefined {
    const followed = this.#topics.get(topic);
    if (followed === undefined) return undefined;
    const before = followed.values.get(key);
    followed.changed?.add(key);
    if (value === undefined) followed.values.delete(key);
    else followed.values.set(key, value);
    return before;
  }

  /** What is known of a topic that is followed. */
  values(topic: string): ReadonlyMap<string, RegistryValue> {
    return this.#topics.get(topic)?.values ?? new Map();
  }
}
