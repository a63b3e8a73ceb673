/**
 * What can go wrong, as a table: each fault has a name, how often a seed has it at most, and what it does.
 *
 * Law: a fault does nothing that its name does not say; where there is nothing that it could hit, it does nothing, and does not count.
 */

import type { Act } from "./plan.ts";
import type { World } from "./world.ts";

interface Fault {
  /** How often in one seed, at most. */
  readonly most: number;
  /** @returns whether it has hit anything. */
  apply(world: World, act: Act): boolean;
}

/** Bytes of content that a relay takes which is smaller than the others. */
const smallContent = 25_000;

const links = (world: World) => [...world.network.links].filter((link) => link.isLive);

function onLink(hit: (link: ReturnType<typeof links>[number], act: Act) => void): Fault["apply"] {
  return (world, act) => {
    const live = links(world);
    const link = live[act.who % live.length];
    if (link === undefined) return false;
    hit(link, act);
    return true;
  };
}

function onDevice(hit: (world: World, device: World["devices"][number], act: Act) => unknown): Fault["apply"] {
  return (world, act) => {
    const device = world.devices[act.who % world.devices.length];
    return device !== undefined && hit(world, device, act) !== false;
  };
}

function onRelay(hit: (world: World, relay: World["relays"][number], act: Act) => unknown): Fault["apply"] {
  return (world, act) => {
    const relay = world.relays[act.who % world.relays.length];
    return relay !== undefined && hit(world, relay, act) !== false;
  };
}

const table = {
  // Links

  /** A connection ends in the middle of whatever is under way. */
  cut: { most: 30, apply: onLink((link) => link.cut()) },
  /** What had been sent upwards arrives after the client has come back elsewhere: frames of a zombie connection. */
  zombie: { most: 15, apply: onLink((link, { ms }) => link.cut(ms)) },
  /** The connection ends within a message of the client. */
  cutUpAtByte: { most: 10, apply: onLink((link, { n }) => link.cutAfter("up", n % 400)) },
  /** The connection ends within a message of the relay. */
  cutDownAtByte: { most: 10, apply: onLink((link, { n }) => link.cutAfter("down", n % 2000)) },
  /** What the client sends is lost without a word. */
  halfOpenUp: { most: 4, apply: onLink((link) => link.halfOpen("up")) },
  /** What the relay sends is lost without a word: acks after the commit, too. */
  halfOpenDown: { most: 4, apply: onLink((link) => link.halfOpen("down")) },
  /** Everything takes longer. */
  delay: { most: 10, apply: onLink((link, { ms, n }) => link.slow(ms, n % 5000)) },
  /** The client's end reads nothing. */
  slowReader: { most: 6, apply: onLink((link, { ms }) => link.stopReading(4 * ms)) },
  /** Something between says that nobody need come back; the application tries again, later. */
  endedForGood: {
    most: 3,
    apply: (world, { who, n }) => {
      const all = [...world.network.links];
      const link = all[who % all.length];
      // A close code whose class is that of NEVER (ERR-8).
      link?.end(4100 + (n % 100));
      return link !== undefined;
    },
  },
  /** Nobody answers new connections. */
  unreachable: {
    most: 4,
    apply: (world, { ms }) => {
      world.unreachableUntil = world.scheduler.now + ms;
      return true;
    },
  },

  // Clients

  /** The process ends before what it writes is on the disk. */
  crashBeforePersist: { most: 8, apply: onDevice((world, device, { ms }) => world.crash(device, "lost", ms)) },
  /** The process ends when it is on the disk, and has not been told. */
  crashAfterPersist: { most: 8, apply: onDevice((world, device, { ms }) => world.crash(device, "kept", ms)) },
  /** Nothing runs for a while. */
  suspend: { most: 6, apply: onDevice((_, device, { ms, n }) => device.process.suspend(n % 5 === 0 ? 20 * ms : ms)) },
  /** The steady clock stands still. */
  stall: { most: 4, apply: onDevice((_, device, { ms }) => device.process.stall(ms)) },
  /** The wall clock steps by an hour. */
  clockStep: {
    most: 6,
    apply: onDevice((_, device, { n }) => {
      device.process.wallOffset += n % 2 === 0 ? 3_600_000 : -3_600_000;
    }),
  },
  /** A copy of the outbox comes to life: two clients of one session. */
  clone: { most: 2, apply: onDevice((world, device) => world.clone(device)) },
  /** The connection ends, and the application takes back all of which it does not know what became. */
  waver: { most: 8, apply: onDevice((world, device) => device.waver(links(world))) },
  storageFull: {
    most: 5,
    apply: onDevice((world, device, { ms }) => {
      device.disk.fullUntil = world.scheduler.now + ms;
    }),
  },
  storageSlow: {
    most: 4,
    apply: onDevice((world, device, { ms }) => {
      device.disk.slowUntil = world.scheduler.now + ms;
    }),
  },
  /** Tokens are not accepted for a while. */
  badToken: {
    most: 3,
    apply: (world, { ms }) => {
      world.badTokensUntil = world.scheduler.now + ms;
      for (const device of world.devices) world.scheduler.after(ms / 2, () => device.stopLocked());
      return true;
    },
  },
  /** Nobody is let in for a while, and told not to come again. */
  banned: {
    most: 2,
    apply: (world, { ms }) => {
      world.bannedUntil = world.scheduler.now + ms;
      return true;
    },
  },
  /** Authentication takes its time for a while. */
  authSlow: {
    most: 4,
    apply: (world, { ms }) => {
      world.authSlowUntil = world.scheduler.now + 2 * ms;
      return true;
    },
  },
  /** Authentication does not work for a while. */
  authDown: {
    most: 3,
    apply: (world, { ms }) => {
      world.authDownUntil = world.scheduler.now + ms;
      return true;
    },
  },
  /** The application's judge of publishes fails for a while: retryable rejections. */
  judgeDown: {
    most: 5,
    apply: (world, { ms }) => {
      world.judgeDownUntil = world.scheduler.now + ms;
      return true;
    },
  },
  /** A user loses a room, and gets it back. */
  revoke: { most: 4, apply: onDevice((world, device, { n, ms }) => world.revoke(device, n, ms)) },
  /** A user's connections are ended for good; it comes back all the same. */
  expel: { most: 2, apply: onDevice((world, device) => world.expel(device.user)) },
  /** A user is put out of a room; it may come back. */
  kick: { most: 3, apply: onDevice((world, device, { n }) => world.kick(device, n)) },

  // Relays

  /** The process ends without a word; another one takes its place. */
  relayCrash: { most: 5, apply: onRelay((world, relay, { ms }) => world.crashRelay(relay, ms)) },
  /** The one that takes its place takes no long texts. */
  relaySmaller: { most: 2, apply: onRelay((world, relay, { ms }) => world.crashRelay(relay, ms, smallContent)) },
  /** It says goodbye, drains and goes; another one takes its place. */
  relayDrain: { most: 4, apply: onRelay((world, relay, { ms }) => world.drainRelay(relay, ms)) },
  /** It drains, and cannot finish what it owes; meanwhile its clients go, are expelled, or wait. */
  drainStuck: { most: 10, apply: onRelay((world, relay, { n, ms }) => world.drainStuck(relay, n, ms)) },
  relaySuspend: {
    most: 4,
    apply: onRelay((world, relay, { ms }) => {
      relay.process.suspend(ms);
      world.outage(ms);
    }),
  },
  relayStall: {
    most: 2,
    apply: onRelay((world, relay, { ms }) => {
      relay.process.stall(ms);
      world.outage(ms);
    }),
  },
  relayClockStep: {
    most: 2,
    apply: onRelay((_, relay, { n }) => {
      relay.process.wallOffset += n % 2 === 0 ? 3_600_000 : -3_600_000;
    }),
  },

  // The broker

  /** Its wall clock steps by an hour. */
  brokerClockStep: {
    most: 3,
    apply: (world, { n }) => {
      world.brokerProcess.wallOffset += n % 2 === 0 ? 3_600_000 : -3_600_000;
      return true;
    },
  },
  brokerDown: {
    most: 4,
    apply: (world, { ms }) => {
      world.broker.downUntil = Math.max(world.broker.downUntil, world.scheduler.now + ms);
      world.outage(ms);
      return true;
    },
  },
  /** One relay does not reach it. */
  brokerCut: {
    most: 4,
    apply: (world, { who, ms }) => {
      const all = [...world.broker.links];
      const link = all[who % all.length];
      if (link === undefined) return false;
      link.cutUntil = Math.max(link.cutUntil, world.scheduler.now + ms);
      world.outage(ms);
      return true;
    },
  },
  /** Another machine takes over, without the last decisions. */
  lostTail: { most: 3, apply: (world, { n }) => world.failOver(n % 12) },
  /** Another machine takes over, and somebody leaves. */
  lostTailAndLeave: {
    most: 2,
    apply: onDevice((world, device, { n }) => {
      if (!device.process.isAlive) return false;
      device.leave(world.roomName(n));
      return world.failOver(n % 12);
    }),
  },
  /** Another machine takes over, and somebody is put out of a room while it joins again (PUB-20). */
  lostTailAndKick: {
    most: 4,
    apply: onDevice((world, device, { n }) => {
      if (!device.process.isAlive) return false;
      const room = world.roomName(n);
      for (let i = 0; i < 3; i++) device.publish(room, () => device.client.room(room).publish("crossing"));
      world.scheduler.after(world.plan.latency.max + 10, () => {
        world.failOver(n % 12);
        world.scheduler.after(n % (3 * world.plan.latency.max + 20), () => world.kick(device, n));
      });
      return true;
    }),
  },
  /** Another machine takes over, with nothing. */
  lostAll: { most: 1, apply: (world) => world.failOver(Number.POSITIVE_INFINITY) },
  /** Another machine takes over, with everything, and cannot know that. */
  failOver: { most: 2, apply: (world) => world.failOver(0) },
  /** What was not answered is decided again. */
  decideTwice: {
    most: 5,
    apply: (world, { ms }) => {
      world.broker.doubleUntil = world.scheduler.now + ms;
      return true;
    },
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof table;
export const faults: Readonly<Record<FaultName, Fault>> = table;
export const faultNames = Object.keys(table) as FaultName[];
