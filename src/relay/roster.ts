/** The members of a room: users with at least one connection, on any relay, on which it is open and not publish-only (MBR-1). */

import type { Init, Member, Profile } from "../wire/codec.ts";
import type { RegistryValue } from "./broker.ts";

interface Entry {
  profile: Profile | undefined;
  /** Registry keys that name the user: one for each relay. */
  readonly keys: Set<string>;
}

export class Roster {
  readonly #users = new Map<string, Entry>();

  /** How many members there are. */
  get size(): number {
    return this.#users.size;
  }

  has(user: string): boolean {
    return this.#users.has(user);
  }

  users(): IterableIterator<string> {
    return this.#users.keys();
  }

  /** The members, at most 256. */
  members(): Init<Member>[] {
    const members: Init<Member>[] = [];
    for (const [user, { profile }] of this.#users) {
      if (members.length === 256) break;
      members.push(memberOf(user, profile));
    }
    return members;
  }

  /** A registry's key has another value. @returns who has entered or exited by it. */
  change(
    key: string,
    before: RegistryValue | undefined,
    value: RegistryValue | undefined,
  ): { readonly entered?: Init<Member>; readonly exited?: string } | undefined {
    if (value?.type === "member") {
      const known = this.#users.get(value.user);
      if (known !== undefined) {
        known.keys.add(key);
        known.profile = value.profile;
        return undefined;
      }
      this.#users.set(value.user, { profile: value.profile, keys: new Set([key]) });
      return { entered: memberOf(value.user, value.profile) };
    }
    if (before?.type !== "member") return undefined;
    const known = this.#users.get(before.user);
    if (known === undefined || !known.keys.delete(key) || known.keys.size > 0) return undefined;
    this.#users.delete(before.user);
    return { exited: before.user };
  }
}

export function memberOf(user: string, profile: Profile | undefined): Init<Member> {
  return profile === undefined ? { user } : { user, profile };
}
