/** Who is who, who is where, and who can be reached: over all rooms of this tab. */

import type { JoinedRoom, RoomMember, UserPresence, UserProfile } from "chappe/client";

/** Users that are watched at most; a relay permits 256. */
const maxWatched = 200;
/** Users that are remembered after they have left a room. */
const maxGone = 12;

/** Many times faster than comparing by the language of the browser one by one. */
const collator = new Intl.Collator();

/** How reachable a user is, as it is shown. */
export type Reach = "online" | "idle" | "away" | "busy" | "offline" | "unknown";

interface Roster {
  readonly here: Set<string>;
  readonly gone: Set<string>;
  count: number;
  isFull: boolean;
}

export class People {
  readonly #profiles: Map<string, UserProfile> = new Map();
  readonly #presence: Map<string, UserPresence> = new Map();
  readonly #rosters: Map<string, Roster> = new Map();
  readonly #watched: Set<string> = new Set();

  /** The name to show. */
  nameOf(user: string): string {
    return this.#profiles.get(user)?.displayName || user || "The service";
  }

  /** What a message or a list said about a user. */
  learn(user: string, profile: UserProfile | undefined): void {
    if (profile !== undefined) this.#profiles.set(user, profile);
  }

  joined({ room, members, count, roster }: JoinedRoom): void {
    const before = this.#rosters.get(room);
    const here = new Set(members.map(({ user }) => user));
    const gone = new Set([...(before?.here ?? []), ...(before?.gone ?? [])].filter((user) => !here.has(user)).slice(-maxGone));
    this.#rosters.set(room, { here, gone, count, isFull: roster === "all" });
    for (const { user, profile } of members) this.learn(user, profile);
  }

  changed(room: string, count: number, entered: readonly RoomMember[], exited: readonly string[]): void {
    const roster = this.#rosters.get(room);
    if (roster === undefined) return;
    roster.count = count;
    for (const { user, profile } of entered) {
      this.learn(user, profile);
      roster.here.add(user);
      roster.gone.delete(user);
    }
    for (const user of exited) {
      if (roster.here.delete(user)) roster.gone.add(user);
    }
    for (const user of roster.gone) if (roster.gone.size > maxGone) roster.gone.delete(user);
  }

  left(room: string): void {
    this.#rosters.delete(room);
  }

  presence(marks: readonly UserPresence[]): void {
    for (const mark of marks) this.#presence.set(mark.user, mark);
  }

  /**
   * Whom to watch from now on, and whom no more; both count as done. Watched are the members of all rooms, and, as long as there is place,
   * those who were there lately: the page tells when they were last seen.
   */
  takeWatchChanges(self: string | undefined): { watch: string[]; unwatch: string[] } {
    const rosters = [...this.#rosters.values()];
    const here = new Set(rosters.flatMap((roster) => [...roster.here]));
    const gone = new Set(rosters.flatMap((roster) => [...roster.gone]));
    const fresh = [...here].filter((user) => user !== self && user !== "" && !this.#watched.has(user));
    const unwatch = [...this.#watched].filter((user) => !here.has(user) && !gone.has(user));
    const lacking = fresh.length - (maxWatched - this.#watched.size + unwatch.length);
    const goneOnly = [...this.#watched].filter((user) => !here.has(user) && gone.has(user));
    unwatch.push(...goneOnly.slice(0, Math.max(0, lacking)));
    for (const user of unwatch) {
      this.#watched.delete(user);
      this.#presence.delete(user);
    }
    const watch = fresh.slice(0, maxWatched - this.#watched.size);
    for (const user of watch) this.#watched.add(user);
    return { watch, unwatch };
  }

  /** Members by name, those who were here lately, and how many there are. */
  roster(room: string): { here: string[]; gone: string[]; count: number; isFull: boolean } {
    const { here, gone, count, isFull } = this.#rosters.get(room) ?? { here: [], gone: [], count: 0, isFull: true };
    const byName = (a: string, b: string) => collator.compare(this.nameOf(a), this.nameOf(b));
    return { here: [...here].sort(byName), gone: [...gone].sort(byName), count, isFull };
  }

  presenceOf(user: string): UserPresence | undefined {
    return this.#presence.get(user);
  }
}

/** One word for a presence; who is there but does nothing is idle. */
export function reachOf(presence: Pick<UserPresence, "state" | "activity"> | undefined): Reach {
  if (presence === undefined) return "unknown";
  return presence.state === "online" && presence.activity === "idle" ? "idle" : presence.state;
}
