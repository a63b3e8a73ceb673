/**
 * A broker behind a network, for several relays: it answers late, goes down, loses its tail, decides twice.
 *
 * Law: it keeps what `Broker` demands, and no more. Its log is the ground truth: each decision is written into the ledger when it is made.
 * It is a list of decisions over a broker in memory: what a failover keeps is what comes of deciding the first of them again.
 */

import { ProtocolError } from "../../src/errors.ts";
import {
  type Broker,
  type BrokerLink,
  type BrokerSink,
  type PublishOutcome,
  type PublishRequest,
  type RegistryValue,
  type RoomLog,
  userTopic,
} from "../../src/relay/broker.ts";
import { MemoryBroker, type MemoryBrokerOptions } from "../../src/relay/memory-broker.ts";
import type { Ledger } from "./ledger.ts";
import { Pipe } from "./pipe.ts";
import type { Process } from "./process.ts";
import type { Rng } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** What changes a log, in the order in which it was decided. */
type Operation =
  | { readonly type: "publish"; readonly request: PublishRequest }
  | { readonly type: "append"; readonly room: string; readonly entry: Parameters<BrokerLink["append"]>[1] }
  | { readonly type: "receipt"; readonly args: Parameters<BrokerLink["receipt"]> };

const ignore: BrokerSink = {
  settled() {},
  appended() {},
  epochChanged() {},
  receipt() {},
  changed() {},
  announced() {},
};

export interface SimBrokerOptions {
  readonly scheduler: Scheduler;
  readonly ledger: Ledger;
  readonly random: (label: string) => Rng;
  /** Ms each way; `at once`: the broker is in the relay's own process. */
  readonly latency: { readonly min: number; readonly max: number } | "at once";
  readonly memory: Omit<MemoryBrokerOptions, "random">;
}

export class SimBroker implements Broker {
  readonly options: SimBrokerOptions;
  readonly links = new Set<SimLink>();
  memory: MemoryBroker;
  #operations: Operation[] = [];
  #generation = 0;
  downUntil = -1;
  /** Which requests are decided twice, as by a link that repeats what was not answered. */
  doubleUntil = 0;

  constructor(options: SimBrokerOptions) {
    this.options = options;
    this.memory = this.#newMemory();
  }

  /** The process of the relay that attaches next. */
  attaching: Process | undefined;

  attach(sink: BrokerSink): BrokerLink {
    const link = new SimLink(this, sink, this.attaching, this.options.random(`broker/${this.links.size}/${this.#generation}`));
    this.links.add(link);
    return link;
  }

  /** A relay's process is gone: what it had put goes after a while, as `put` says. */
  orphan(process: Process): void {
    for (const link of this.links) if (link.process === process) this.options.scheduler.after(30_000, () => link.detach());
  }

  record(operation: Operation): void {
    this.#operations.push(operation);
  }

  /** Another machine takes over, with all but the last so many decisions; then logs have new epochs, as their tail may be lost (LOG-3). */
  failOver(lost: number): void {
    const kept = this.#operations.slice(0, Math.max(0, this.#operations.length - lost));
    const rooms = new Set<string>();
    this.#operations = [];
    this.memory = this.#newMemory();
    const direct = new SimLink(this, ignore, undefined, this.options.random("replay"));
    for (const operation of kept) {
      const room =
        operation.type === "publish" ? operation.request.room : operation.type === "append" ? operation.room : operation.args[0];
      if (!rooms.has(room)) {
        rooms.add(room);
        direct.openNow(room, "");
      }
      direct.decide(operation);
    }
    for (const link of this.links) link.moved();
    direct.memory.detach();
  }

  #newMemory(): MemoryBroker {
    const { random, memory } = this.options;
    return new MemoryBroker({ ...memory, random: random(`memory/${++this.#generation}`).bytes });
  }
}

/** A relay's access. */
class SimLink implements BrokerLink {
  readonly relayId: string;
  readonly #broker: SimBroker;
  readonly #sink: BrokerSink;
  readonly process: Process | undefined;
  memory: BrokerLink;
  #generation = 0;
  /** The generation that the relay was told of last. */
  #known = 0;
  readonly #up: Pipe;
  readonly #downPipe: Pipe;
  /** Given, and not settled yet, in order; and those of them that were handed to the broker. */
  readonly #open = new Set<PublishRequest>();
  readonly #submitted = new Set<PublishRequest>();
  /** On their way behind one of their producer that was refused: none of these may be stored. */
  readonly #barred = new Set<PublishRequest>();
  readonly #shadows = new Set<PublishRequest>();
  readonly #rooms = new Map<string, string>();
  readonly #topics = new Set<string>();
  readonly #registry = new Map<string, { topic: string; key: string; value: RegistryValue; ttlMs: number | undefined }>();
  readonly #claims = new Map<string, { user: string; session: string; attempt: number }>();
  cutUntil = -1;
  #state: "attached" | "detached" = "attached";

  constructor(broker: SimBroker, sink: BrokerSink, process: Process | undefined, random: Rng) {
    this.#broker = broker;
    this.#sink = sink;
    this.process = process;
    const { scheduler, latency } = broker.options;
    const ms = latency === "at once" ? latency : () => random.int(latency.min, latency.max);
    this.#up = new Pipe({ scheduler, latency: ms, blockedUntil: () => Math.max(broker.downUntil, this.cutUntil) });
    this.#downPipe = new Pipe({ scheduler, latency: ms, blockedUntil: () => Math.max(this.cutUntil, process?.wakesAt ?? 0) });
    this.memory = broker.memory.attach(this.#memorySink());
    this.relayId = `${this.memory.relayId}-${random.uint32().toString(16)}`;
  }

  // What changes logs

  publish(request: PublishRequest): void {
    this.#open.add(request);
    const known = this.#known;
    this.#tell(() => {
      const isBarred = this.#barred.delete(request);
      if (!this.#open.has(request)) return;
      if (known !== this.#generation) this.#refuse(request, "the log is another one");
      else if (isBarred) this.#refuse(request, "one before it was refused");
      else this.#submit(request);
    });
  }

  /** PUB-17, 6: else the later messages of a copied outbox could pass the one that met another's. */
  #bar({ room, producer }: PublishRequest): void {
    for (const later of this.#open)
      if (later.room === room && later.producer === producer && !this.#submitted.has(later)) this.#barred.add(later);
  }

  append(room: string, entry: Parameters<BrokerLink["append"]>[1]): ReturnType<BrokerLink["append"]> {
    return this.#ask(() => this.decide({ type: "append", room, entry }) as ReturnType<BrokerLink["append"]>);
  }

  receipt(...args: Parameters<BrokerLink["receipt"]>): void {
    this.#tell(() => void this.decide({ type: "receipt", args }));
  }

  /** One decision, written down. */
  decide(operation: Operation): unknown {
    this.#broker.record(operation);
    if (operation.type === "publish") return this.memory.publish(operation.request);
    if (operation.type === "receipt") return this.memory.receipt(...operation.args);
    // A log that this makes has an epoch that nobody was told.
    const observer = this.#broker.memory.attach(ignore);
    const { epoch } = observer.open(operation.room, "") as RoomLog;
    this.#broker.options.ledger.opened(operation.room, epoch);
    try {
      const stored = this.memory.append(operation.room, operation.entry) as { offset: number; timeMs: number };
      this.#broker.options.ledger.appended(operation.room, stored, operation.entry);
      return stored;
    } finally {
      observer.detach();
    }
  }

  /** What was given under one epoch is not decided under another (PUB-19). */
  #refuse(request: PublishRequest, why: string): void {
    const error = new ProtocolError("UNAVAILABLE", why);
    this.#down(() => this.#settled(request, { type: "retry", error }));
  }

  #submit(request: PublishRequest): void {
    this.#submitted.add(request);
    if (this.#broker.options.scheduler.now < this.#broker.doubleUntil) {
      // The first answer is lost, and the same is decided again (PUB-17, 7).
      const shadow = { ...request };
      this.#shadows.add(shadow);
      this.decide({ type: "publish", request: shadow });
    }
    this.decide({ type: "publish", request });
  }

  // What asks

  open(room: string, user: string): ReturnType<BrokerLink["open"]> {
    return this.#ask(() => this.openNow(room, user));
  }

  openNow(room: string, user: string): RoomLog {
    const log = this.memory.open(room, user) as RoomLog;
    this.#rooms.set(room, user);
    this.#broker.options.ledger.opened(room, log.epoch);
    return log;
  }

  producer(room: string, producer: string): ReturnType<BrokerLink["producer"]> {
    return this.#ask(() => this.memory.producer(room, producer));
  }

  read(room: string, query: Parameters<BrokerLink["read"]>[1]): ReturnType<BrokerLink["read"]> {
    return this.#ask(() => this.memory.read(room, query));
  }

  receipts(room: string, limit: number): ReturnType<BrokerLink["receipts"]> {
    return this.#ask(() => this.memory.receipts(room, limit));
  }

  follow(topic: string): ReturnType<BrokerLink["follow"]> {
    return this.#ask(() => {
      this.#topics.add(topic);
      return this.memory.follow(topic);
    });
  }

  claim(user: string, session: string, attempt: number): ReturnType<BrokerLink["claim"]> {
    return this.#ask(() => {
      const claimed = this.memory.claim(user, session, attempt);
      if (claimed === true) this.#claims.set(`${user}/${session}`, { user, session, attempt });
      return claimed;
    });
  }

  // What is told

  close(room: string): void {
    this.#tell(() => {
      this.#rooms.delete(room);
      this.memory.close(room);
    });
  }

  unfollow(topic: string): void {
    this.#tell(() => {
      this.#topics.delete(topic);
      this.memory.unfollow(topic);
    });
  }

  put(topic: string, key: string, value: RegistryValue, ttlMs: number | undefined): void {
    this.#tell(() => {
      this.#registry.set(`${topic}/${key}`, { topic, key, value, ttlMs });
      this.memory.put(topic, key, value, ttlMs);
    });
  }

  remove(topic: string, key: string): void {
    this.#tell(() => {
      this.#registry.delete(`${topic}/${key}`);
      this.memory.remove(topic, key);
    });
  }

  announce(...args: Parameters<BrokerLink["announce"]>): void {
    this.#tell(() => this.memory.announce(...args));
  }

  release(user: string, session: string, attempt: number): void {
    this.#tell(() => {
      const key = `${user}/${session}`;
      if (this.#claims.get(key)?.attempt === attempt) this.#claims.delete(key);
      this.memory.release(user, session, attempt);
    });
  }

  detach(): void {
    if (this.#state === "detached") return;
    this.#state = "detached";
    this.#broker.links.delete(this);
    this.memory.detach();
  }

  /** The broker is another one: what was open is opened there, what was not answered is decided there; as soon as it can be reached. */
  moved(): void {
    if (this.#state === "detached") return;
    this.memory.detach();
    this.#generation++;
    const generation = this.#generation;
    this.#up.unshift(() => {
      if (this.#state === "attached" && generation === this.#generation) this.#move();
    });
  }

  #move(): void {
    this.memory = this.#broker.memory.attach(this.#memorySink());
    for (const [room, user] of this.#rooms) {
      const log = this.openNow(room, user);
      this.#down(() => this.#sink.epochChanged(room, log));
    }
    for (const topic of this.#topics) this.memory.follow(topic);
    for (const { topic, key, value, ttlMs } of this.#registry.values()) this.memory.put(topic, key, value, ttlMs);
    for (const { user, session, attempt } of this.#claims.values()) {
      if (this.memory.claim(user, session, attempt)) continue;
      // Another relay was faster, with a higher attempt.
      const takeover = { type: "takeover", session, attempt: attempt + 1 } as const;
      this.#down(() => this.#sink.announced(userTopic(user), takeover));
    }
    const generation = this.#generation;
    this.#down(() => {
      this.#known = generation;
    });
    for (const request of this.#submitted) this.#refuse(request, "the log is another one");
  }

  // The way there and back

  #memorySink(): BrokerSink {
    const generation = this.#generation;
    const told = (call: () => void) => {
      if (generation === this.#generation) this.#down(() => generation === this.#generation && call());
    };
    return {
      settled: (request, outcome) => {
        const { ledger } = this.#broker.options;
        ledger.decided(request, outcome);
        if (this.#shadows.delete(request)) return;
        if (["conflict", "outOfOrder", "retry"].includes(outcome.type)) this.#bar(request);
        told(() => this.#settled(request, outcome));
      },
      appended: (room, entry, firstRetained) => {
        told(() => this.#sink.appended(room, entry, firstRetained));
      },
      epochChanged: (room, log) => {
        this.#broker.options.ledger.opened(room, log.epoch);
        told(() => this.#sink.epochChanged(room, log));
      },
      receipt: (room, user, marks) => told(() => this.#sink.receipt(room, user, marks)),
      changed: (topic, key, value) => told(() => this.#sink.changed(topic, key, value)),
      announced: (topic, announcement) => told(() => this.#sink.announced(topic, announcement)),
    };
  }

  #settled(request: PublishRequest, outcome: PublishOutcome): void {
    this.#submitted.delete(request);
    if (this.#open.delete(request)) this.#sink.settled(request, outcome);
  }

  /** What is asked while the broker is away fails. */
  #ask<T>(call: () => T | Promise<T>): T | Promise<T> {
    const { latency, scheduler } = this.#broker.options;
    const away = () => new ProtocolError("UNAVAILABLE", "the broker does not answer");
    if (latency === "at once") {
      if (this.#isDown) throw away();
      return call();
    }
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => this.process?.run(() => reject(error));
      if (this.#isDown) {
        scheduler.after(500, () => fail(away()));
        return;
      }
      this.#tell(() => {
        try {
          const result = call();
          this.#down(() => resolve(result));
        } catch (error) {
          this.#down(() => fail(error));
        }
      });
    });
  }

  get #isDown(): boolean {
    const { scheduler } = this.#broker.options;
    // Also in the last moment: what was told meanwhile goes first.
    return scheduler.now <= Math.max(this.#broker.downUntil, this.cutUntil);
  }

  #tell(call: () => void): void {
    this.#up.push(() => {
      if (this.#state === "attached") call();
    });
  }

  #down(call: () => void): void {
    this.#downPipe.push(() => {
      if (this.process === undefined) call();
      else this.process.run(call);
    });
  }
}
