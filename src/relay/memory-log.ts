/**
 * One room's log in memory. Law: a publish is decided, stored and remembered in one step (PUB-7); offsets are contiguous from 1 (LOG-2),
 * times never fall (LOG-4), and only the oldest entries go (LOG-5). Each change is told to the journal, where there is one, within that step.
 */

import { ProducerWindow } from "../delivery/dedup.ts";
import { ProtocolError, UsageError } from "../errors.ts";
import type { Clock } from "../session/host.ts";
import { type Chat, ChatKind, createFrame } from "../wire/codec.ts";
import type {
  BackendEntry,
  LogSlice,
  LogState,
  PublishOutcome,
  PublishRequest,
  ReadQuery,
  Rejection,
  Stored,
  Watermarks,
} from "./broker.ts";
import { MemoryEntries } from "./memory-entries.ts";
import type { LogJournal, SavedLog, SettledResult } from "./shelf.ts";
import { UserQuota } from "./user-quota.ts";

/** How much of a log is kept. */
export interface Retention {
  /** Entries, at least 1. */
  readonly maxEntries: number;
  /** Bytes of encoded entries; the latest is always kept. */
  readonly maxBytes: number;
  /** Ms since an entry was stored. */
  readonly maxAgeMs: number;
}

/** Bounds of what is remembered of users. */
export interface LogBounds extends Retention {
  /** How long a producer is remembered after its last publish, in ms (PUB-9). */
  readonly dedupWindowMs: number;
  /** Producers of a room that are remembered at a time; a further one is refused with UNAVAILABLE. */
  readonly maxProducers: number;
  /** Of these, those of one user. */
  readonly maxProducersPerUser: number;
  /** Users of a room whose watermarks are remembered; the ones that moved last. */
  readonly maxReceipts: number;
}

interface Producer {
  /** Of one that was kept, when it is needed. */
  readonly window: () => ProducerWindow<SettledResult>;
  readonly user: string;
  /** By a clock that does not step, as all ages here are. */
  usedAtMs: number;
}

/** A decision, and the entry that it stored, if it did. */
export interface Decided {
  readonly outcome: PublishOutcome;
  readonly entry: Chat | undefined;
}

export class MemoryLog {
  readonly epoch: number;
  readonly #bounds: LogBounds;
  readonly #clock: Clock;
  readonly #entries = new MemoryEntries();
  #timeMs = 0;
  /** In the order of their last publish. */
  readonly #producers = new Map<string, Producer>();
  readonly #sessions: UserQuota;
  /** In the order in which they moved. */
  readonly #receipts = new Map<string, Watermarks>();
  readonly #journal: LogJournal | undefined;

  /** @param saved - how it was kept: of the same epoch. */
  constructor(epoch: number, bounds: LogBounds, clock: Clock, journal?: LogJournal, saved?: SavedLog) {
    this.epoch = epoch;
    this.#bounds = bounds;
    this.#clock = clock;
    this.#sessions = new UserQuota(bounds.maxProducersPerUser);
    if (saved !== undefined) this.#restore(saved);
    // What is restored is no change.
    this.#journal = journal;
  }

  /** Whether nothing was ever stored in it, and no producer is remembered: then there are no watermarks either (RCP-3). */
  isBlank(): boolean {
    this.#forgetProducers();
    return this.#entries.last === 0 && this.#producers.size === 0;
  }

  /** Where the log stands, once what is too old is gone. */
  state(): LogState {
    this.#trim();
    return { epoch: this.epoch, head: this.#entries.last, firstRetained: this.#entries.first };
  }

  nextSeq(producer: string): number {
    this.#forgetProducers();
    return this.#producers.get(producer)?.window().nextSeq ?? 1;
  }

  /** PUB-7. */
  publish(request: PublishRequest): Decided {
    const window = this.#window(request.producer);
    const { seq, id } = request;
    const expected = window.nextSeq;
    let decision: ReturnType<typeof window.decide>;
    try {
      decision = window.decide(seq, id);
    } catch (error) {
      // The last seq: nothing can be recorded any more, so nothing may be final (PUB-11, 1).
      if (error instanceof UsageError) return { outcome: unavailable("the session has no seq left"), entry: undefined };
      throw error;
    }
    switch (decision.type) {
      case "duplicate":
        if (window.nextSeq !== expected) this.#journal?.settled(request.producer, expected, id, decision.result);
        this.#used(request, window);
        return { outcome: decision.result, entry: undefined };
      case "conflict":
        return { outcome: { type: "conflict", nextSeq: window.nextSeq }, entry: undefined };
      case "out-of-order":
        return { outcome: { type: "outOfOrder", nextSeq: decision.next }, entry: undefined };
      case "forgotten":
        return { outcome: { type: "forgotten" }, entry: undefined };
      case "append": {
        const refused = this.#remember(request, window);
        if (refused !== undefined) return { outcome: unavailable(refused), entry: undefined };
        const decided = this.#decide(request);
        window.record(seq, id, decided.outcome);
        this.#journal?.settled(request.producer, seq, id, decided.outcome);
        this.#used(request, window);
        return decided;
      }
    }
  }

  /** PUB-14. @throws ProtocolError TARGET_UNKNOWN, FORBIDDEN. */
  append(entry: BackendEntry): { readonly stored: Stored; readonly entry: Chat | undefined } {
    const known = this.#entries.find(entry.id, entry.sender);
    if (known !== undefined) return { stored: placeOf(known), entry: undefined };
    const rejection = this.#judgeTarget(entry, true);
    if (rejection !== undefined) throw new ProtocolError(rejection.code, rejection.message);
    const { stored, chat } = this.#store(entry);
    return { stored, entry: chat };
  }

  read(query: ReadQuery): LogSlice {
    const state = this.state();
    const picked: Chat[] = [];
    let bytes = 0;
    const take = (offset: number): boolean => {
      const kept = this.#entries.at(offset);
      if (kept === undefined || picked.length >= query.limit) return false;
      bytes += kept.bytes + 8;
      if (picked.length > 0 && bytes > query.maxBytes) return false;
      picked.push(kept.chat);
      return true;
    };
    if ("after" in query) {
      for (let offset = Math.max(query.after + 1, state.firstRetained); take(offset); offset++);
    } else {
      const last = query.before === 0 ? state.head : Math.min(query.before - 1, state.head);
      for (let offset = last; take(offset); offset--);
      picked.reverse();
    }
    return { ...state, entries: picked };
  }

  /** RCP-3. @returns the watermarks, if they have moved. */
  receipt(user: string, marks: Watermarks): Watermarks | undefined {
    const { head } = this.state();
    const before = this.#receipts.get(user) ?? { delivered: 0, read: 0 };
    const read = Math.max(before.read, Math.min(marks.read, head));
    const delivered = Math.max(before.delivered, Math.min(marks.delivered, head), read);
    if (read === before.read && delivered === before.delivered) return undefined;
    this.#receipts.delete(user);
    this.#receipts.set(user, { delivered, read });
    this.#journal?.receipt(user, { delivered, read });
    for (const oldest of this.#receipts.keys()) {
      if (this.#receipts.size <= this.#bounds.maxReceipts) break;
      this.#receipts.delete(oldest);
      this.#journal?.receipt(oldest, undefined);
    }
    return { delivered, read };
  }

  receipts(limit: number): ReadonlyMap<string, Watermarks> {
    return new Map([...this.#receipts].slice(-limit));
  }

  #decide(request: PublishRequest): { readonly outcome: SettledResult; readonly entry: Chat | undefined } {
    // Under another session, that of a copied outbox or of the one that came after it; or by a producer that is forgotten (PUB-7).
    const known = this.#entries.find(request.id, request.sender);
    if (known !== undefined) return { outcome: { type: "stored", ...placeOf(known) }, entry: undefined };
    if (request.reject !== undefined) return { outcome: { type: "rejected", ...request.reject }, entry: undefined };
    if (request.kind === ChatKind.VOID) return { outcome: { type: "voided" }, entry: undefined };
    const rejection = this.#judgeTarget(request, request.mayRedact);
    if (rejection !== undefined) return { outcome: { type: "rejected", ...rejection }, entry: undefined };
    const { stored, chat } = this.#store(request);
    return { outcome: { type: "stored", ...stored }, entry: chat };
  }

  /** LOG-8. */
  #judgeTarget({ kind, target, sender }: BackendEntry, mayRedact: boolean): Rejection | undefined {
    if (kind !== ChatKind.REDACTION && kind !== ChatKind.EDIT && kind !== ChatKind.REACTION) return undefined;
    const aim = target.length === 16 ? this.#entries.find(target) : undefined;
    if (aim === undefined) return { code: "TARGET_UNKNOWN", message: "the log holds no entry with this id" };
    const own = aim.sender === sender;
    const right =
      kind === ChatKind.REDACTION
        ? aim.kind !== ChatKind.REDACTION && (own || mayRedact)
        : aim.kind === ChatKind.UNSPECIFIED && (own || kind === ChatKind.REACTION);
    return right ? undefined : { code: "FORBIDDEN", message: "not with this target" };
  }

  #store(entry: BackendEntry): { readonly stored: Stored; readonly chat: Chat } {
    this.#timeMs = Math.max(this.#timeMs, Math.floor(this.#clock.wall()));
    const offset = this.#entries.last + 1;
    const { id, sender, content, kind, target, profile } = entry;
    const { value: chat } = createFrame("chat", {
      offset: BigInt(offset),
      sender,
      timeMs: BigInt(this.#timeMs),
      id,
      kind,
      target,
      ...(content !== undefined && { content }),
      ...(profile !== undefined && { profile }),
    }).body;
    const aim = kind === ChatKind.REDACTION ? this.#entries.find(target) : undefined;
    if (aim !== undefined) for (const tombstone of this.#entries.redact(aim)) this.#journal?.entry(tombstone);
    this.#entries.push(chat, this.#clock.now());
    this.#journal?.entry(chat);
    this.#trim();
    return { stored: { offset, timeMs: this.#timeMs }, chat };
  }

  #trim(): void {
    const { maxEntries, maxBytes, maxAgeMs } = this.#bounds;
    const now = this.#clock.now();
    const entries = this.#entries;
    const before = entries.first;
    for (let oldest = entries.at(before); oldest !== undefined; oldest = entries.at(entries.first)) {
      const tooMuch = entries.count > maxEntries || (entries.bytes > maxBytes && entries.count > 1);
      if (!tooMuch && oldest.storedAtMs + maxAgeMs > now) break;
      entries.drop();
    }
    if (entries.first !== before) this.#journal?.trimmed(entries.first);
  }

  #used({ producer, sender }: PublishRequest, window: ProducerWindow<SettledResult>): void {
    if (this.#producers.has(producer)) this.#journal?.used(producer, sender, window.nextSeq);
  }

  /** Ages go on from how old it is by the wall's clock. */
  #restore(saved: SavedLog): void {
    const atMs = (wallMs: number): number => this.#clock.now() - Math.max(0, this.#clock.wall() - wallMs);
    this.#timeMs = saved.timeMs;
    this.#entries.startAt(saved.first);
    for (const chat of saved.entries) this.#entries.push(chat, atMs(Number(chat.timeMs)));
    for (const { name, user, usedAtMs, window } of saved.producers) {
      this.#sessions.add(user);
      let restored: ProducerWindow<SettledResult> | undefined;
      this.#producers.set(name, {
        window: () => {
          restored ??= ProducerWindow.restore(window());
          return restored;
        },
        user,
        usedAtMs: atMs(usedAtMs),
      });
    }
    for (const [user, marks] of saved.receipts) this.#receipts.set(user, marks);
  }

  /** What is known of a producer, which is in use now; of one that is not remembered, nothing. */
  #window(name: string): ProducerWindow<SettledResult> {
    this.#forgetProducers();
    const producer = this.#producers.get(name);
    if (producer === undefined) return new ProducerWindow();
    producer.usedAtMs = this.#clock.now();
    this.#producers.delete(name);
    this.#producers.set(name, producer);
    return producer.window();
  }

  /** A producer is remembered from the first seq that it uses up. @returns why it cannot be. */
  #remember({ producer, sender }: PublishRequest, window: ProducerWindow<SettledResult>): string | undefined {
    if (this.#producers.has(producer)) return undefined;
    if (this.#producers.size >= this.#bounds.maxProducers) return "the room has too many sessions";
    if (!this.#sessions.take(sender)) return "this user has too many sessions in the room";
    this.#producers.set(producer, { window: () => window, user: sender, usedAtMs: this.#clock.now() });
    return undefined;
  }

  #forgetProducers(): void {
    const now = this.#clock.now();
    for (const [name, { usedAtMs, user }] of this.#producers) {
      if (usedAtMs + this.#bounds.dedupWindowMs > now) return;
      this.#producers.delete(name);
      this.#journal?.forgotten(name);
      this.#sessions.give(user);
    }
  }
}

function placeOf({ offset, timeMs }: Chat): Stored {
  return { offset: Number(offset), timeMs: Number(timeMs) };
}

function unavailable(message: string): PublishOutcome {
  return { type: "retry", error: new ProtocolError("UNAVAILABLE", message) };
}
