/**
 * Who can be reached, over all devices (PRS-3), and who watches whom (PRS-6). Devices stand in the users' registries, so that every relay
 * sees those of all. A change may be held back for the debounce time; a user's return never is (PRS-9).
 */

import { SharedFrame } from "../session/transmit.ts";
import { createFrame, type Init, type PresenceMark, PresenceState } from "../wire/codec.ts";
import { type BrokerLink, type RegistryValue, userTopic } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { attempt, Deadlines, NoAnswer } from "./later.ts";
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
  readonly #deadlines: Deadlines;
  readonly #watched = new Map<string, Watched>();
  /** Users that connections want to watch, be they hidden from them or not, or not known yet. */
  readonly #wishes = new Map<Connection, Set<string>>();
  /** Devices that have told their presence, by connection. */
  readonly #devices = new Map<Connection, string>();
  /** By session and user. */
  readonly #lost = new Map<string, Lost>();

  constructor(config: RelayConfig, link: BrokerLink, topics: Topics, flush: () => void) {
    this.#config = config;
    this.#link = link;
    this.#topics = topics;
    this.#flush = flush;
    this.#deadlines = new Deadlines(config.clock);
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
    const wishes = this.#wishes.get(connection) ?? new Set();
    this.#wishes.set(connection, wishes);
    for (const user of users) wishes.add(user);
    let missing = users.length;
    let failure: { readonly error: unknown } | undefined;
    let state = "open" as "open" | "answered";
    let inTime: () => void = () => undefined;
    const answer = (): void => {
      if (state === "answered") return;
      state = "answered";
      inTime();
      let marks: Init<PresenceMark>[] = [];
      try {
        if (failure === undefined && !connection.isClosed) marks = this.#watchAll(connection, users);
      } catch (error) {
        failure = { error };
      } finally {
        for (const user of users) this.#topics.release(userTopic(user));
      }
      if (failure === undefined) {
        if (!connection.isClosed) then(marks);
        return;
      }
      for (const user of users) if (!this.#watches(connection, user)) wishes.delete(user);
      otherwise(failure.error);
    };
    const done = (): void => {
      if (--missing === 0) answer();
    };
    const failed = (error: unknown): void => {
      failure = { error };
      done();
    };
    for (const user of users) attempt(() => this.#topics.acquire(userTopic(user)), done, failed, connection.fault);
    if (state === "answered") return;
    inTime = this.#deadlines.set(this.#config.times.answerTimeout, () => {
      failure = { error: new NoAnswer("the broker takes too long") };
      connection.guard(answer);
      this.#flush();
    });
  }

  unwatch(connection: Connection, users: Iterable<string>): void {
    const wishes = this.#wishes.get(connection);
    for (const user of users) {
      wishes?.delete(user);
      this.#unfollow(connection, user);
    }
  }

  /** The connection has ended. */
  forget(connection: Connection): void {
    for (const user of this.#wishes.get(connection) ?? []) this.#unfollow(connection, user);
    this.#wishes.delete(connection);
  }

  /** What the principal may see has perhaps changed (PRS-6): one that is hidden now is told as one that does not exist, and no more. */
  review(connection: Connection): void {
    for (const user of this.#wishes.get(connection) ?? []) {
      let sees = false;
      try {
        sees = connection.maySee(user);
      } catch (error) {
        // Who cannot say that it is allowed has not allowed it.
        connection.unavailable("maySee", error);
      }
      if (sees === this.#watches(connection, user)) continue;
      if (sees) this.#show(connection, user);
      else {
        this.#unfollow(connection, user);
        connection.send(presenceFrame({ user }));
      }
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
    const frame = presenceFrame(mark);
    for (const connection of watched.watchers) connection.send(frame);
  }

  dispose(): void {
    const { clock } = this.#config;
    this.#deadlines.end();
    for (const { timer } of this.#lost.values()) clock.clearTimer(timer);
    for (const { timer } of this.#watched.values()) if (timer !== undefined) clock.clearTimer(timer);
  }

  /** Each user is asked about once, before any is followed: all or none. One that was unwatched meanwhile is not followed. */
  #watchAll(connection: Connection, users: readonly string[]): Init<PresenceMark>[] {
    const seen = new Set(users.filter((user) => connection.maySee(user)));
    const wishes = this.#wishes.get(connection);
    for (const user of seen) if (wishes?.has(user)) this.#follow(connection, user);
    return users.map((user) => (seen.has(user) ? this.#mark(user) : { user }));
  }

  #watches(connection: Connection, user: string): boolean {
    return this.#watched.get(user)?.watchers.has(connection) ?? false;
  }

  /** A user that was hidden may be seen. */
  #show(connection: Connection, user: string): void {
    const done = (): void => {
      if (!connection.isClosed && this.#wishes.get(connection)?.has(user)) {
        this.#follow(connection, user);
        connection.send(presenceFrame(this.#mark(user)));
        this.#flush();
      }
      this.#topics.release(userTopic(user));
    };
    const failed = (error: unknown): void => {
      connection.unavailable("broker", error);
      this.#topics.release(userTopic(user));
    };
    const { answerTimeout } = this.#config.times;
    this.#deadlines.attempt(answerTimeout, () => this.#topics.acquire(userTopic(user)), done, failed, connection.fault);
  }

  #follow(connection: Connection, user: string): void {
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
        connection.fault,
      );
    } else if (told !== watched.told) {
      // The snapshot is ahead of what the others know: if the change is undone, this watcher must hear of that.
      watched.told = undefined;
      watched.isToldGone ||= isGone(mark);
    }
    watched.watchers.add(connection);
  }

  #unfollow(connection: Connection, user: string): void {
    const watched = this.#watched.get(user);
    if (watched === undefined || !watched.watchers.delete(connection) || watched.watchers.size > 0) return;
    if (watched.timer !== undefined) this.#config.clock.clearTimer(watched.timer);
    this.#watched.delete(user);
    this.#topics.release(userTopic(user));
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

function presenceFrame(mark: Init<PresenceMark>): SharedFrame {
  return new SharedFrame(createFrame("presence", { marks: [mark] }));
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
