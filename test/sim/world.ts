/**
 * Real clients, real relays and a broker, over a network, clocks and disks that are not real.
 *
 * Law: everything that happens, happens in the scheduler's order; what is checked, is checked when it happens.
 */

import { ProtocolError } from "../../src/errors.ts";
import { Relay } from "../../src/relay/relay.ts";
import { binaryCodec, type Data } from "../../src/session/transmit.ts";
import { defaultRelayLimits } from "../../src/wire/limits.ts";
import { SimBroker } from "./broker.ts";
import { Counts } from "./counts.ts";
import { Device, plain } from "./device.ts";
import { Ledger } from "./ledger.ts";
import { type Link, type Listener, Network } from "./network.ts";
import type { Plan } from "./plan.ts";
import { Process } from "./process.ts";
import { Rng } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import type { Trace } from "./trace.ts";
import { Checks } from "./violation.ts";
import { WireWatch } from "./wire-watch.ts";

export interface SimRelay extends Listener {
  readonly index: number;
  process: Process;
  relay: Relay;
  incarnation: number;
  /** `gone`: nobody listens. */
  state: "up" | "draining" | "gone";
}

/** In so many ms a client connects so often at most: what faults and an application that starts it anew make of its backoff. */
const attemptsWithinMs = 5000;
const mostAttempts = 40;

const drain = { afterMinMs: 0, afterMaxMs: 500, drainMs: 1000 };

/** What a right that was taken away must be gone after, in ms (AUT-8). */
const revokeMs = 1000;

export class World {
  readonly plan: Plan;
  readonly scheduler = new Scheduler();
  readonly checks = new Checks();
  readonly counts = new Counts();
  readonly ledger: Ledger;
  readonly #trace: Trace;
  readonly watch = new WireWatch(this);
  readonly network: Network;
  readonly broker: SimBroker;
  readonly brokerProcess: Process;
  readonly devices: Device[] = [];
  readonly relays: SimRelay[] = [];
  /** Since when a user has no access to a room. */
  readonly #revoked = new Map<string, number>();
  readonly #streams = new Map<string, number>();
  readonly #attempts = new Map<string, number[]>();
  unreachableUntil = 0;
  badTokensUntil = 0;
  authDownUntil = 0;
  authSlowUntil = 0;
  bannedUntil = 0;
  judgeDownUntil = 0;
  /** Until then a relay may not have heard of what the others have said. */
  outageUntil = 0;
  /** Faults have stopped. */
  isHealing = false;
  /** What the first link has carried. */
  readonly firstLinkBytes = { up: 0, down: 0 };

  constructor(plan: Plan, trace: Trace) {
    this.plan = plan;
    this.ledger = new Ledger(this.checks, plan.retention);
    this.#trace = trace;
    this.network = new Network(
      this.scheduler,
      {
        opened: (link) => {
          this.trace("link", link.id, "opened");
          this.watch.opened(link);
          const { cutAt } = plan;
          if (cutAt?.link === link.id) link.cutAfter(cutAt.direction, cutAt.byte);
        },
        sent: (link, direction, data) => this.#passed(link, direction, "sent", data),
        arrived: (link, direction, data) => this.#passed(link, direction, "arrived", data),
        closed: (link, end, code) => {
          this.trace("link", link.id, end, code);
          this.watch.closed(link, end);
        },
      },
      (label) => this.random(label),
      plan.latency,
    );
    this.brokerProcess = new Process(this.scheduler, "broker");
    this.broker = new SimBroker({
      scheduler: this.scheduler,
      ledger: this.ledger,
      random: (label) => this.random(label),
      latency: plan.brokerLatency,
      memory: { clock: this.brokerProcess, retention: { maxEntries: plan.retention } },
    });
    for (let i = 0; i < plan.relays; i++) this.relays.push(this.#newRelay(i));
    for (let i = 0; i < plan.clients; i++) this.#addDevice(`d${i}`, `u${i}`);
    for (let i = 0; i < plan.devices; i++) this.#addDevice(`d0${i}`, "u0");
  }

  /** A stream of its own for each call with this label. */
  random(label: string): Rng {
    const nth = (this.#streams.get(label) ?? 0) + 1;
    this.#streams.set(label, nth);
    return new Rng(this.plan.seed, `${label}#${nth}`);
  }

  trace(...words: (string | number)[]): void {
    this.#trace.add(this.scheduler.now, words);
  }

  roomName(n: number): string {
    return `room${n % this.plan.rooms}`;
  }

  /** For so long a relay may not hear what the others say, or do nothing about it. */
  outage(ms: number): void {
    this.outageUntil = Math.max(this.outageUntil, this.scheduler.now + ms);
  }

  get isOutage(): boolean {
    return this.scheduler.now <= this.outageUntil + revokeMs;
  }

  /** Where a connection goes that a client opens now. */
  route(who: string): Listener | undefined {
    this.#checkAttempts(who);
    if (this.scheduler.now < this.unreachableUntil) return undefined;
    const random = this.random(`route/${who}`);
    const relay = random.pick(this.relays);
    if (this.isHealing && relay.index === this.plan.broken) return undefined;
    return relay.state === "up" ? relay : undefined;
  }

  /** Whatever goes wrong, a client does not storm. */
  #checkAttempts(who: string): void {
    const { now } = this.scheduler;
    const recent = (this.#attempts.get(who) ?? []).filter((at) => at > now - attemptsWithinMs);
    recent.push(now);
    this.#attempts.set(who, recent);
    this.checks.require("bounded", recent.length <= mostAttempts, () => `${who} has connected ${recent.length} times in 5 s`);
  }

  token(user: string): string {
    if (this.scheduler.now < this.badTokensUntil) return "bad";
    const { tokenMs } = this.plan;
    return `${user} ${tokenMs === 0 ? 0 : this.scheduler.now + tokenMs}`;
  }

  requireAccess(user: string, room: string): void {
    const since = this.#revoked.get(`${user}/${room}`);
    const isLate = since !== undefined && this.scheduler.now > Math.max(since, this.outageUntil) + revokeMs + 200;
    this.checks.require("authority", !isLate, () => `${user} is given a chat of ${room}, which it lost at ${since}`);
  }

  // What faults do

  crash(device: Device, pending: "kept" | "lost", forMs: number): boolean {
    if (!device.process.isAlive) return false;
    this.trace(device.name, "crash", pending);
    device.crash(pending);
    for (const link of this.network.linksOf(device.name)) link.abandon("client", this.random("heard").chance(0.7));
    this.scheduler.after(forMs, () => device.reboot());
    return true;
  }

  clone(device: Device): boolean {
    if (device.disk.session === undefined || this.devices.length > this.plan.clients + this.plan.devices + 1) return false;
    const copy = this.#addDevice(`${device.name}c${this.devices.length}`, device.user, device.disk.copy());
    for (const [id, publish] of device.published) {
      copy.published.set(id, publish);
      // What one of them cancels, the other may publish.
      this.ledger.shared.add(plain(id));
    }
    copy.start();
    // Each goes on as if it were alone.
    const open = device.ownId(0, "open");
    if (open !== undefined) device.cancel(open);
    return true;
  }

  revoke(device: Device, n: number, forMs: number): boolean {
    const key = `${device.user}/${this.roomName(n)}`;
    const relay = this.#upRelay();
    if (this.#revoked.has(key) || relay === undefined) return false;
    this.#revoked.set(key, this.scheduler.now);
    relay.relay.revoke(device.user, this.roomName(n));
    this.scheduler.after(2500 + forMs, () => {
      this.#revoked.delete(key);
      for (const other of this.devices) if (other.user === device.user && other.process.isAlive) other.join(this.roomName(n));
    });
    return true;
  }

  kick(device: Device, n: number): boolean {
    const relay = this.#upRelay();
    if (relay === undefined || !device.process.isAlive) return false;
    // Every other time it asks for the room anew at that moment.
    if (n % 2 === 0)
      device.client
        .room(this.roomName(n))
        .join({ tail: 10_000 })
        .catch(() => undefined);
    relay.relay.kick(device.user, this.roomName(n));
    this.scheduler.after(3000, () => {
      for (const other of this.devices) if (other.user === device.user && other.process.isAlive) other.join(this.roomName(n));
    });
    return true;
  }

  expel(user: string): boolean {
    const relay = this.#upRelay();
    relay?.relay.kick(user);
    return relay !== undefined;
  }

  /** A relay drains while the broker is away, so that it owes acks; meanwhile a client of it is expelled, goes, or waits. */
  drainStuck(relay: SimRelay, n: number, forMs: number): boolean {
    const linked = this.devices.filter(({ name }) => this.network.linksOf(name).some((link) => link.relay === relay));
    const device = linked[n % linked.length];
    if (device === undefined || relay.state !== "up" || !device.process.isAlive) return false;
    const room = this.roomName(n);
    // By then the relay has it.
    const later = 2 * this.plan.latency.max + this.plan.batchDelayMs + 50;
    this.broker.downUntil = Math.max(this.broker.downUntil, this.scheduler.now + later + 900);
    this.outage(later + 900);
    // Told when the broker is back, before what is published now is decided.
    if (n % 4 < 2) relay.relay.kick(device.user);
    device.publish(room, () => device.client.room(room).publish("owed"));
    const { incarnation } = relay;
    this.scheduler.after(later, () => {
      if (relay.incarnation !== incarnation || relay.state !== "up") return;
      this.drainRelay(relay, forMs);
      if (n % 4 !== 2) return;
      device.process.setTimer(500, () => {
        void device.client.close();
        device.process.setTimer(1000, () => device.start());
      });
    });
    return true;
  }

  /** @param contentBytes - what the relay takes that comes in its place. */
  crashRelay(relay: SimRelay, forMs: number, contentBytes: number = defaultRelayLimits.contentBytes): boolean {
    if (relay.state === "gone") return false;
    this.trace("relay", relay.index, "crash");
    this.#end(relay);
    this.scheduler.after(forMs, () => this.#replace(relay, contentBytes));
    return true;
  }

  drainRelay(relay: SimRelay, forMs: number): boolean {
    if (relay.state !== "up") return false;
    this.trace("relay", relay.index, "drain");
    relay.state = "draining";
    const { incarnation } = relay;
    // Every other time it changes its mind about how long.
    if (forMs % 2 === 0) this.scheduler.after(200, () => this.#isDraining(relay, incarnation) && void relay.relay.drain(drain));
    void relay.relay.drain(drain).then(() => {
      if (!this.#isDraining(relay, incarnation)) return;
      relay.relay.close();
      this.#end(relay);
      this.scheduler.after(forMs, () => this.#replace(relay));
    });
    return true;
  }

  #isDraining(relay: SimRelay, incarnation: number): boolean {
    return relay.incarnation === incarnation && relay.state === "draining";
  }

  failOver(lost: number): boolean {
    this.trace("broker", "fails over", Number.isFinite(lost) ? lost : "all");
    this.broker.failOver(lost);
    return true;
  }

  /** Faults stop, and what was broken comes back, but for what stays broken. */
  heal(): void {
    this.isHealing = true;
    for (const device of this.devices) for (let i = 0; i < this.plan.rooms; i++) device.want(this.roomName(i));
    for (const relay of this.relays) {
      if (relay.index === this.plan.broken && relay.state !== "gone") {
        this.trace("relay", relay.index, "stays broken");
        this.#end(relay);
      }
    }
  }

  #end(relay: SimRelay): void {
    relay.process.kill();
    relay.state = "gone";
    for (const link of [...this.network.links]) if (link.relay === relay) link.abandon("relay", this.random("heard").chance(0.7));
    this.broker.orphan(relay.process);
  }

  #replace(relay: SimRelay, contentBytes: number = defaultRelayLimits.contentBytes): void {
    if (relay.state !== "gone" || (this.isHealing && relay.index === this.plan.broken)) return;
    Object.assign(relay, this.#newRelay(relay.index, relay.incarnation + 1, contentBytes));
    this.trace("relay", relay.index, "up");
  }

  #upRelay(): SimRelay | undefined {
    return this.relays.find(({ state }) => state === "up");
  }

  #addDevice(name: string, user: string, disk?: ConstructorParameters<typeof Device>[3]): Device {
    const device = new Device(this, name, user, disk);
    for (let i = 0; i < this.plan.rooms; i++) device.wanted.add(this.roomName(i));
    this.devices.push(device);
    return device;
  }

  #newRelay(index: number, incarnation = 1, contentBytes: number = defaultRelayLimits.contentBytes): SimRelay {
    const process = new Process(this.scheduler, `relay${index}/${incarnation}`);
    this.broker.attaching = process;
    const relay = new Relay({
      broker: this.broker,
      clock: process,
      random: this.random(process.name).bytes,
      authenticate: ({ token }) => this.#authenticate(token, process),
      authorize: ({ user }, room) => (this.#revoked.has(`${user}/${room}`) ? undefined : ["read", "publish", "redact", "signal"]),
      onPublish: (_, { content }) => {
        if (this.scheduler.now < this.judgeDownUntil) throw new Error("the judge is away");
        return content?.text?.startsWith("bad") ? { reject: "bad" } : undefined;
      },
      limits: { windowMessages: this.plan.windowMessages, contentBytes },
      times: { pingAfter: 1000, deadAfter: 3000, authTimeout: 2000, rosterInterval: 200, presenceDebounce: 300 },
    });
    return {
      index,
      incarnation,
      process,
      relay,
      state: "up",
      accept: (transport) => relay.accept(transport, { codec: binaryCodec }),
    };
  }

  async #authenticate(token: string, relay: Process): Promise<{ user: string; expiresInMs: number }> {
    if (this.scheduler.now < this.authSlowUntil) await new Promise<void>((resolve) => relay.setTimer(700, resolve));
    if (this.scheduler.now < this.authDownUntil) throw new Error("authentication is away");
    if (this.scheduler.now < this.bannedUntil) throw new ProtocolError("FORBIDDEN", "nobody is let in", { scope: "connection" });
    const [user = "", until = "0"] = token.split(" ");
    if (user === "bad") throw new ProtocolError("UNAUTHENTICATED", "the token is not accepted");
    if (until !== "0" && Number(until) <= this.scheduler.now) throw new ProtocolError("TOKEN_EXPIRED", "the token has expired");
    return { user, expiresInMs: until === "0" ? 0 : Number(until) - this.scheduler.now };
  }

  #passed(link: Link, direction: "up" | "down", when: "sent" | "arrived", data: Data): void {
    if (when === "sent") {
      this.trace(link.id, direction, data.length);
      if (typeof data !== "string") this.#trace.bytes(data);
      if (link.id === 1) this.firstLinkBytes[direction] += data.length;
    }
    this.watch.passed(link, direction, when, data);
  }
}
