/**
 * Who can be reached, over all devices (PRS-3), and who watches whom (PRS-6). Devices stand in the users' registries, so that every relay
 * sees those of all. A change may be held back for the debounce time; a user's return never is (PRS-9).
 */

import { SharedFrame } from "../session/transmit.ts";
import { createFrame, type Init, type PresenceMark, PresenceState } from "../wire/codec.ts";
import { type BrokerLink, type RegistryValue, userTopic } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { attempt } from "./later.ts";
import type { RelayConfig } from "./options.ts";
import type { Topics } from "./topics.ts";

/** How long it is known when a user was last reachable, in ms. */
const seenTtlMs = 7 * 24 * 3600 * 1000;

/** The strongest first (PRS-3). */
const strength: readonly PresenceState[] = [PresenceState.BUSY, PresenceState.ONLINE, PresenceState.AWAY];

interface Watched {
  readonly watchers: Set<Connection>;
  /** What was told last, but for the time; undefined: not the same to all watchers, as a snapshot was newer. */
  told: string | undefined;
  /** Whether a watcher was told last that the user is gone. */
  isToldGone: boolean;
  notBefore: number;
  timer: unknown;
}

/** A device whose connection was lost, and may come back (PRS-4). */
interface Lost {
  readonly key: string;
  readonly timer: unknown;
}

export class PresenceBoard {
  readonly #config: RelayConfig;
  readonly #link: BrokerLink;
  readonly #topics: Topics;
  readonly #flush: () => void;
  readonly #watched = new Map<string, Watched>();
  /** Devices that have told their presence, by connection. */
  readonly #devices = new Map<Connection, string>();
  /** By session and user. */
  readonly #lost = new Map<string, Lost>();

  constructor(config: RelayConfig, link: BrokerLink, topics: Topics, flush: () => void) {
    this.#config = config;
    this.#link = link;
    this.#topics = topics;
    this.#flush = flush;
  }

  get size(): number {
    return this.#watched.size;
  }

  /** A client tells its own (PRS-2). */
  tell(connection: Connection, mark: Pick<PresenceMark, "state" | "activity" | "statusText">): void {
    const { user, session } = connection;
    const topic = userTopic(user);
    if (mark.state === PresenceState.OFFLINE) {
      this.#remove(connection);
      this.#back(user, session);
      return;
    }
    const key = `${session}/${connection.id}`;
    this.#devices.set(connection, key);
    const atMs = this.#wall();
    const state = strength.includes(mark.state) ? mark.state : PresenceState.ONLINE;
    const { activity, statusText } = mark;
    this.#link.put(topic, key, { type: "device", session, state, activity, statusText, atMs }, this.#config.limits.presenceTtlMs);
    // Only now, so that the user is not offline in between.
    this.#link.put(topic, "seen", { type: "seen", atMs }, seenTtlMs);
    this.#back(user, session);
  }

  /** A connection has ended: its device is offline at once, or after the debounce (PRS-4). */
  ended(connection: Connection, how: "graceful" | "lost"): void {
    const key = this.#devices.get(connection);
    if (key === undefined) return;
    if (how === "graceful") {
      this.#remove(connection);
      return;
    }
    this.#devices.delete(connection);
    const { user, session } = connection;
    this.#back(user, session);
    const timer = this.#config.clock.setTimer(this.#config.times.presenceDebounce, () => {
      this.#back(user, session);
      this.#flush();
    });
    this.#lost.set(session + user, { key, timer });
  }

  /** Follows users for a connection; `then` gets what is known now, in the order of the names (PRS-7). */
  watch(
    connection: Connection,
    users: readonly string[],
    then: (marks: Init<PresenceMark>[]) => void,
    otherwise: (error: unknown) => void,
  ): void {
    let missing = users.length;
    let failure: { readonly error: unknown } | undefined;
    const done = (): void => {
      if (--missing > 0) return;
      const follows = failure === undefined && !connection.isClosed;
      for (const user of users) {
        if (follows && connection.maySee(user)) this.#add(connection, user);
        this.#topics.release(userTopic(user));
      }
      if (failure !== undefined) otherwise(failure.error);
      else if (follows) then(users.map((user) => (connection.maySee(user) ? this.#mark(user) : { user })));
    };
    const failed = (error: unknown): void => {
      failure = { error };
      done();
    };
    for (const user of users) attempt(() => this.#topics.acquire(userTopic(user)), done, failed);
  }

  unwatch(connection: Connection, users: Iterable<string>): void {
    for (const user of users) {
      const watched = this.#watched.get(user);
      if (watched === undefined || !watched.watchers.delete(connection)) continue;
      connection.watched.delete(user);
      if (watched.watchers.size > 0) continue;
      if (watched.timer !== undefined) this.#config.clock.clearTimer(watched.timer);
      this.#watched.delete(user);
      this.#topics.release(userTopic(user));
    }
  }

  /** A user's registry has changed. */
  onChanged(user: string): void {
    const watched = this.#watched.get(user);
    if (watched === undefined) return;
    const mark = this.#mark(user);
    if (summary(mark) === watched.told) return;
    const { clock, times } = this.#config;
    const wait = watched.notBefore - clock.now();
    if (wait > 0 && (isGone(mark) || !watched.isToldGone)) {
      if (watched.timer !== undefined) return;
      watched.timer = clock.setTimer(wait, () => {
        watched.timer = undefined;
        this.onChanged(user);
        this.#flush();
      });
      return;
    }
    if (watched.timer !== undefined) clock.clearTimer(watched.timer);
    watched.timer = undefined;
    watched.told = summary(mark);
    watched.isToldGone = isGone(mark);
    watched.notBefore = clock.now() + times.presenceDebounce;
    const frame = new SharedFrame(createFrame("presence", { marks: [mark] }));
    for (const connection of watched.watchers) connection.send(frame);
  }

  dispose(): void {
    const { clock } = this.#config;
    for (const { timer } of this.#lost.values()) clock.clearTimer(timer);
    for (const { timer } of this.#watched.values()) if (timer !== undefined) clock.clearTimer(timer);
  }

  #add(connection: Connection, user: string): void {
    let watched = this.#watched.get(user);
    const mark = this.#mark(user);
    const told = summary(mark);
    if (watched === undefined) {
      watched = { watchers: new Set(), told, isToldGone: isGone(mark), notBefore: 0, timer: undefined };
      this.#watched.set(user, watched);
      // Its own use, beside that of the watch under way.
      attempt(
        () => this.#topics.acquire(userTopic(user)),
        () => undefined,
        () => undefined,
      );
    } else if (told !== watched.told) {
      // The snapshot is ahead of what the others know: if the change is undone, this watcher must hear of that.
      watched.told = undefined;
      watched.isToldGone ||= isGone(mark);
    }
    watched.watchers.add(connection);
    connection.watched.add(user);
  }

  /** The session has another device, or none: the one that was lost is gone. */
  #back(user: string, session: string): void {
    const lost = this.#lost.get(session + user);
    if (lost === undefined) return;
    this.#lost.delete(session + user);
    this.#config.clock.clearTimer(lost.timer);
    this.#drop(user, lost.key);
  }

  #remove(connection: Connection): void {
    const key = this.#devices.get(connection);
    if (key === undefined) return;
    this.#devices.delete(connection);
    this.#drop(connection.user, key);
  }

  #drop(user: string, key: string): void {
    this.#link.put(userTopic(user), "seen", { type: "seen", atMs: this.#wall() }, seenTtlMs);
    this.#link.remove(userTopic(user), key);
  }

  /** PRS-3. */
  #mark(user: string): Init<PresenceMark> & { readonly user: string } {
    return markOf(user, this.#topics.values(userTopic(user)).values());
  }

  #wall(): number {
    return Math.max(0, Math.floor(this.#config.clock.wall()));
  }
}

type Device = RegistryValue & { readonly type: "device" };

function markOf(user: string, values: Iterable<RegistryValue>): Init<PresenceMark> & { readonly user: string } {
  // A session has one device; of two that are known for a moment the later one holds.
  const devices = new Map<string, Device>();
  let seenMs = 0;
  for (const value of values) {
    if (value.type === "member") continue;
    seenMs = Math.max(seenMs, value.atMs);
    if (value.type !== "device") continue;
    const other = devices.get(value.session);
    if (other === undefined || other.atMs <= value.atMs) devices.set(value.session, value);
  }
  let latest: Device | undefined;
  for (const device of devices.values()) if (latest === undefined || device.atMs >= latest.atMs) latest = device;
  if (latest === undefined) return seenMs === 0 ? { user } : { user, state: PresenceState.OFFLINE, lastSeenMs: BigInt(seenMs) };
  const states = new Set([...devices.values()].map((device) => device.state));
  return {
    user,
    state: strength.find((state) => states.has(state)) ?? PresenceState.ONLINE,
    activity: latest.activity,
    statusText: latest.statusText,
    lastSeenMs: BigInt(seenMs),
    devices: devices.size,
  };
}

/** Whether the user is shown as one that cannot be reached. */
function isGone({ state }: Init<PresenceMark>): boolean {
  return state === undefined || state === PresenceState.UNSPECIFIED || state === PresenceState.OFFLINE;
}

function summary({ state, activity = "", statusText = "", devices }: Init<PresenceMark>): string {
  return `${state} ${devices} ${activity.length} ${activity}${statusText}`;
}
