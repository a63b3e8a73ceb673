/** What applications do, as a table. */

import type { PauseReason } from "../../src/session/client-life.ts";
import type { Device } from "./device.ts";
import type { Act, WorkName } from "./plan.ts";
import type { World } from "./world.ts";

type Work = (world: World, device: Device, act: Act) => unknown;

const inRoom = (call: (world: World, device: Device, room: string, act: Act) => unknown): Work => {
  return (world, device, act) => call(world, device, world.roomName(act.n), act);
};

function say(world: World, device: Device, room: string, text: string): void {
  device.publish(room, () => device.client.room(room).publish(text));
  world.counts.add("published");
}

const target = (call: (world: World, device: Device, room: string, id: string) => void) =>
  inRoom((world, device, room, { n }) => {
    const id = device.ownId(n, "any");
    if (id === undefined) return false;
    return call(world, device, device.published.get(id)?.room ?? room, id);
  });

/** The device says so for a while, or says only that things have changed. */
const pause =
  (why: PauseReason): Work =>
  (_, { client, process }, { n, ms }) => {
    if (n % 3 > 0) client.pause(why);
    process.setTimer(n % 3 > 0 ? ms : 0, () => client.resume(why));
  };

const works: Readonly<Record<WorkName, Work>> = {
  publish: inRoom((world, device, room, { n }) => say(world, device, room, n % 23 === 0 ? `bad ${n}` : `text ${n}`)),
  burst: inRoom((world, device, room, { n }) => {
    for (let i = n % 40; i >= 0; i--) say(world, device, room, `burst ${n} ${i}`);
  }),
  large: inRoom((world, device, room, { n }) => say(world, device, room, "x".repeat(20_000 + (n % 40_000)))),
  // More than the credit of who reads it.
  pile: inRoom((world, device, room, { n }) => {
    for (let i = 14; i > 0; i--) say(world, device, room, `${i}${"y".repeat(30_000 + (n % 20_000))}`);
  }),
  edit: target((_, device, room, id) => device.publish(room, () => device.client.room(room).edit(id, "edited"))),
  react: target((_, device, room, id) => device.publish(room, () => device.client.room(room).react(id, "+1"))),
  redact: target((_, device, room, id) => device.publish(room, () => device.client.room(room).redact(id))),
  cancel: (_, device, { n }) => {
    const id = device.ownId(n, "open");
    return id !== undefined && device.cancel(id);
  },
  read: inRoom((_, device, room, { n }) => device.client.room(room).markRead(n % 300)),
  typing: inRoom((_, device, room, { n }) =>
    n % 3 === 0 ? device.client.room(room).stopTyping() : device.client.room(room).typing(),
  ),
  presence: (_, device, { n }) => device.client.setPresence({ state: n % 2 === 0 ? "online" : "away", activity: `a${n % 5}` }),
  watch: (world, device, { n }) => {
    const user = `u${n % world.plan.clients}`;
    if (n % 3 === 0) device.client.unwatch([user]);
    else device.client.watch([user]).catch(() => undefined);
  },
  signal: inRoom((_, device, room, { n }) => device.client.room(room).signal("wave", `${n}`)),
  history: inRoom((_, device, room, { n }) => {
    device.client
      .room(room)
      .history({ before: 1 + (n % 200), limit: 20 })
      .catch(() => undefined);
  }),
  leave: inRoom((_, device, room) => device.leave(room)),
  join: inRoom((_, device, room) => device.join(room)),
  hop: inRoom((_, device, room, { n }) => {
    device.leave(room);
    device.join(room);
    if (n % 2 === 0) device.leave(room);
  }),
  restart: (world, device, { ms }) => {
    void device.client.close();
    world.scheduler.after(ms, () => device.process.isAlive && device.start());
  },
  /** Ended by somebody else, who has never begun. */
  rest: (world, device, { ms }) => {
    device.crash("kept");
    world.scheduler.after(ms, () => {
      device.boot();
      void device.client.close();
      device.start();
    });
  },
  wake: (_, device) => device.client.start(),
  offline: pause("offline"),
  hide: pause("background"),
  backend: inRoom((world, _, room, { n }) => {
    const relay = world.relays.find(({ state }) => state === "up");
    if (relay === undefined) return false;
    relay.relay.publish(room, { content: `backend ${n}` }).catch(() => undefined);
    return true;
  }),
  backendSignal: inRoom((world, _, room) => {
    const relay = world.relays.find(({ state }) => state === "up");
    relay?.relay.signal({ room }, "news", "of the service");
    return relay !== undefined;
  }),
};

/** @returns whether it was done. */
export function work(world: World, act: Act): boolean {
  const device = world.devices[act.who % world.devices.length];
  if (device === undefined || !device.process.isAlive) return false;
  try {
    return works[act.what as WorkName](world, device, act) !== false;
  } catch (error) {
    // A client that is closed, a room that was left: it says so, and has taken nothing.
    if (typeof (error as { code?: unknown }).code !== "string") throw error;
    return false;
  }
}
