/**
 * A client with its disk, and what its application was told: the log checker's view, from inside.
 *
 * Law: everything that the client tells is compared with the ledger at the moment at which it is told.
 */

import { Client } from "../../src/client/client.ts";
import { clientRecords } from "../../src/client/log.ts";
import type { LogRecord } from "../../src/conformance/log-record.ts";
import type { EntryChange, JoinedRoom, Message } from "../../src/session/client-events.ts";
import type { Ledger } from "./ledger.ts";
import type { Link } from "./network.ts";
import { Process } from "./process.ts";
import { Disk, DiskStorage } from "./storage.ts";
import type { World } from "./world.ts";

/** Where an application is in a room. */
interface View {
  epoch: number;
  /** The offset that comes next. */
  next: number;
}

const settledStates: ReadonlySet<string> = new Set(["stored", "failed", "maybe", "cancelled"]);

export class Device {
  readonly name: string;
  readonly user: string;
  readonly disk: Disk;
  readonly #world: World;
  #incarnation = 0;
  process: Process;
  client: Client;
  #storage: DiskStorage;
  readonly wanted = new Set<string>();
  /** Ids in the order of publishing, with their room. */
  readonly published = new Map<string, { readonly room: string; readonly index: number; cancelled?: true }>();
  /** What its applications wrote of it, over all incarnations. */
  readonly log: LogRecord[] = [];
  endLog: () => void = () => undefined;
  /** The last that was told of each id. */
  readonly told = new Map<string, string>();
  readonly #views = new Map<string, View>();
  readonly #seen = new Map<string, Set<string>>();

  constructor(world: World, name: string, user: string, disk: Disk = new Disk()) {
    this.#world = world;
    this.name = name;
    this.user = user;
    this.disk = disk;
    [this.process, this.#storage, this.client] = this.#boot();
  }

  #boot(): [Process, DiskStorage, Client] {
    const world = this.#world;
    const label = `${this.name}/${++this.#incarnation}`;
    const process = new Process(world.scheduler, label);
    const storage = new DiskStorage(this.disk, world.scheduler, world.random(`disk/${label}`));
    const client = new Client({
      url: "wss://relay/",
      token: () => this.#token(),
      clock: process,
      random: world.random(`client/${label}`).bytes,
      connect: world.network.connect(this.name, process, () => world.route(label)),
      storage,
      batch: { maxItems: 10, maxBytes: 16_384, maxDelayMs: world.plan.batchDelayMs },
      creditBytes: 512 * 1024,
      times: {
        connectTimeout: 3000,
        requestTimeout: 4000,
        storeRetry: 300,
        presenceRefresh: 10_000,
        probeTimeout: 2000,
        backgroundFlush: 1000,
      },
      // Every third plan bounds how often what is rejected for now is sent again (PUB-24).
      ...(world.plan.batchDelayMs === 50 && { retry: { attempts: 2, delayMs: 400 } }),
      backoff: { base: 100, cap: 3000, breakAfter: 4, breakFor: 3000, maxAttempts: 6 },
    });
    this.#views.clear();
    this.#seen.clear();
    this.endLog = clientRecords(client, this.name, (record) => this.log.push(record as LogRecord));
    client.on("entry", (change) => this.#entry(change));
    client.on("joined", (joined) => this.#joined(joined));
    client.on("left", ({ room }) => void this.#views.delete(room));
    client.on("gap", (gap) => this.#gap(gap));
    client.on("message", (message) => this.#message(message));
    client.on("state", ({ state, error }) => this.#state(state, error?.code));
    client.on("gaveUp", () => {
      world.counts.add("told gaveUp");
      process.setTimer(1000, () => this.start());
    });
    client.on("error", ({ error }) => world.trace(this.name, "error", error.code));
    return [process, storage, client];
  }

  start(): void {
    this.client.start();
    for (const room of this.wanted) this.join(room);
  }

  crash(pending: "kept" | "lost"): void {
    this.process.kill();
    this.#storage.crash(pending);
  }

  boot(): void {
    [this.process, this.#storage, this.client] = this.#boot();
  }

  reboot(): void {
    this.boot();
    this.start();
  }

  /** Joined now, or when the process is up again. */
  want(room: string): void {
    if (this.process.isAlive) this.join(room);
    else this.wanted.add(room);
  }

  join(room: string): void {
    this.wanted.add(room);
    this.client
      .room(room)
      .join({ tail: 10_000 })
      .catch((error: unknown) => {
        this.#world.trace(this.name, "join", String(error));
        // Refused under a right that was taken away, and has just come back.
        const { client, scheduler } = { client: this.client, scheduler: this.#world.scheduler };
        const again = () => client === this.client && client.state !== "closed" && this.wanted.has(room) && this.join(room);
        if (this.#world.isHealing) scheduler.after(500, again);
      });
  }

  /** Waits for a token no longer: tries at once, or ends, and begins anew. */
  stopLocked(): void {
    if (!this.process.isAlive || this.client.state !== "locked") return;
    if (this.published.size % 2 === 0) return this.client.start();
    void this.client.close();
    this.process.setTimer(1000, () => this.start());
  }

  leave(room: string): void {
    this.wanted.delete(room);
    this.client
      .room(room)
      .leave()
      .catch(() => undefined);
  }

  publish(room: string, publish: () => Promise<unknown> & { id: string }): void {
    try {
      const sent = publish();
      this.published.set(sent.id, { room, index: this.published.size });
      this.#world.trace(this.name, "publish", sent.id);
    } catch (error) {
      // OUTBOX_FULL, ROOM_NOT_JOINED, CLOSED: nothing was taken.
      this.#world.trace(this.name, "refused", String((error as { code?: string }).code));
      if (typeof (error as { code?: unknown }).code !== "string") throw error;
    }
  }

  cancel(id: string): boolean {
    const publish = this.published.get(id);
    if (publish === undefined) return false;
    publish.cancelled = true;
    return this.client.room(publish.room).cancel(id);
  }

  /** @returns whether anything of it was under way. */
  waver(links: readonly Link[]): boolean {
    const link = links.find(({ client }) => client === this.name);
    const sent = [...this.published.keys()].filter((id) => this.told.get(id) === "sent");
    if (link === undefined || sent.length === 0 || !this.process.isAlive) return false;
    link.cut();
    for (const id of sent) this.cancel(id);
    return true;
  }

  /** An id of its own that is not settled, or any that it has published. */
  ownId(n: number, which: "open" | "any"): string | undefined {
    const ids = [...this.published.keys()].filter((id) => which === "any" || !settledStates.has(this.told.get(id) ?? ""));
    return ids[n % ids.length];
  }

  /** Whether the application has everything that the logs hold. */
  lacks(): string | undefined {
    const { client } = this;
    if (client.state !== "ready") return `${this.name} is ${client.state}`;
    if (client.outboxSize > 0) return `${this.name} has ${client.outboxSize} publishes left`;
    for (const room of this.wanted) {
      const log = this.#ledger.current(room);
      const view = this.#views.get(room);
      if (client.room(room).joined === undefined || view === undefined) return `${this.name} is not in ${room}`;
      if (log === undefined || view.epoch !== log.epoch) return `${this.name} has another epoch of ${room}`;
      this.#skipSeen(room, view);
      if (view.next !== log.head + 1) return `${this.name} has ${view.next - 1} of ${log.head} in ${room}`;
    }
    return undefined;
  }

  /** What was on its way and has no end that was told: it is in a log, or the application has cancelled it. */
  checkEnds(): void {
    for (const [id, { room, cancelled }] of this.published) {
      const last = this.told.get(id);
      if ((last !== "sent" && last !== "voiding") || cancelled || this.#ledger.shared.has(plain(id))) continue;
      this.#require("no-loss", this.#ledger.everHeld(room, plain(id)), () => `${id} of ${this.name} was ${last}, and is nowhere`);
    }
  }

  get #ledger(): Ledger {
    return this.#world.ledger;
  }

  #require: World["checks"]["require"] = (...check) => this.#world.checks.require(...check);

  #token(): string {
    return this.#world.token(this.user);
  }

  #state(state: string, code = ""): void {
    this.#world.trace(this.name, "state", state, code);
    // Told not to come back, people do so all the same.
    if (state === "closed" && code !== "") this.process.setTimer(1000, () => this.start());
  }

  #entry({ room, id, state, epoch, offset, error }: EntryChange): void {
    this.#world.trace(this.name, "entry", id, state, offset ?? 0);
    const before = this.told.get(id);
    // After a crash the same may be told again; another end never.
    if (
      before !== undefined &&
      settledStates.has(before) &&
      before !== "maybe" &&
      settledStates.has(state) &&
      state !== "maybe"
    ) {
      this.#require("ack", before === state, () => `${id} was ${before}, and is ${state}`);
    }
    this.told.set(id, state);
    if (state === "failed" && error !== undefined && error.retry !== "never") this.#world.counts.add("told failed for now");
    const isKnown = state !== "failed" || error?.processed !== "maybe";
    this.#require("ack", isKnown, () => `${id} is told failed with ${error?.code}, of which nobody can say it`);
    const key = plain(id);
    if (state === "stored") {
      // A copy of the outbox may have had it stored once more, when the log had forgotten it (PUB-7): each holder is told its own place.
      const at = epoch === undefined || offset === undefined ? undefined : this.#ledger.epoch(room, epoch)?.entries[offset - 1];
      this.#require("ack", at?.id === key, () => `${id} is told stored at ${epoch}/${offset}`);
    } else if (this.#ledger.shared.has(key)) {
      // Two applications decide about it, each for itself.
    } else if (state === "cancelled" || (state === "failed" && error?.processed !== "yes")) {
      this.#require(
        "no-invention",
        this.#ledger.current(room)?.byId.has(key) !== true,
        () => `${id} is ${state}, and in the log`,
      );
      this.#ledger.buried.add(key);
    }
  }

  #joined({ room, verdict, epoch, start, missing }: JoinedRoom): void {
    this.#world.trace(this.name, "joined", room, verdict, epoch, start);
    this.#world.counts.add(`verdict ${verdict}`);
    const view = this.#views.get(room);
    this.#require(
      "no-loss",
      view === undefined || verdict !== "fresh",
      () => `${this.name} is anew in ${room}, at ${view?.next}`,
    );
    if (view === undefined || (verdict !== "resumed" && verdict !== "gap")) {
      this.#views.set(room, { epoch, next: start });
      return;
    }
    // What was shown before a reset comes again, and is passed over: the application sees the place only up to that. What came while a
    // join of an open room was unanswered is ahead of what the answer says (ROM-10).
    this.#skipSeen(room, view);
    const { next } = view;
    const from = missing?.first ?? start;
    const isJoint = view.epoch === epoch && from <= next && (missing === undefined || missing.last === start - 1);
    this.#require("no-loss", isJoint, () => `${this.name} has ${room} ${verdict} from ${from} to ${start}, at ${next}`);
    view.next = Math.max(next, start);
  }

  #gap({ room, first, last }: { room: string; first: number; last: number }): void {
    this.#world.trace(this.name, "gap", room, first, last);
    const view = this.#views.get(room);
    // As behind a reset: what was shown before it is passed over without a word.
    if (view !== undefined) this.#skipSeen(room, view);
    this.#require("no-loss", view !== undefined && first <= view.next, () => `a gap in ${room} from ${first}, at ${view?.next}`);
    if (view !== undefined) view.next = Math.max(view.next, last + 1);
  }

  #message({ room, epoch, offset, id }: Message): void {
    this.#world.trace(this.name, "message", room, epoch, offset, id);
    const view = this.#views.get(room);
    if (view !== undefined) this.#skipSeen(room, view);
    this.#require(
      "no-loss",
      view !== undefined && view.epoch === epoch && view.next === offset,
      () => `${this.name} is given ${epoch}/${offset} of ${room} where ${view?.epoch}/${view?.next} comes next`,
    );
    if (view !== undefined) view.next = offset + 1;
    const entry = this.#ledger.epoch(room, epoch)?.entries[offset - 1];
    this.#require(
      "order",
      entry?.id === plain(id),
      () => `${this.name} is given ${id} at ${epoch}/${offset} of ${room}, where ${entry?.id} stands`,
    );
    const seen = this.#seen.get(room) ?? new Set();
    this.#seen.set(room, seen);
    this.#require("no-duplicate", !seen.has(id), () => `${this.name} is given ${id} twice`);
    seen.add(id);
  }

  /** After a reset, what was shown before is not shown again (MID-6). */
  #skipSeen(room: string, view: View): void {
    const entries = this.#ledger.epoch(room, view.epoch)?.entries;
    const seen = this.#seen.get(room);
    if (entries === undefined || seen === undefined) return;
    for (let next = entries[view.next - 1]; next !== undefined && seen.has(dashed(next.id)); next = entries[view.next - 1])
      view.next++;
  }
}

/** An id as the ledger has it. */
export function plain(id: string): string {
  return id.replaceAll("-", "");
}

function dashed(id: string): string {
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;
}
