/**
 * What is in the logs: the ground truth, written at the moment of each decision.
 *
 * Law: of each epoch one list, that only grows; what a failover loses is another epoch without it.
 */

import type { BackendEntry, PublishOutcome, PublishRequest, Stored } from "../../src/relay/broker.ts";
import type { Checks } from "./violation.ts";

export interface LedgerEntry {
  readonly offset: number;
  readonly timeMs: number;
  readonly id: string;
  readonly sender: string;
  readonly producer: string;
  readonly seq: number;
}

export class LedgerEpoch {
  readonly epoch: number;
  readonly entries: LedgerEntry[] = [];
  readonly byId = new Map<string, LedgerEntry>();
  /** Each producer's last seq that is used up. */
  readonly seqs = new Map<string, number>();
  /** Ids whose seq is used up without an entry. */
  readonly refused = new Set<string>();

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  get head(): number {
    return this.entries.length;
  }
}

export class Ledger {
  readonly #checks: Checks;
  readonly #retention: number;
  readonly #rooms = new Map<string, { epochs: Map<number, LedgerEpoch>; current: LedgerEpoch }>();
  /** Ids whose final rejection, or cancellation, was told to whoever published them. */
  readonly buried = new Set<string>();

  /** Ids that two copies of an outbox hold: the broker knows them apart only while it retains the entry (PUB-7). */
  readonly shared = new Set<string>();

  constructor(checks: Checks, retention: number) {
    this.#checks = checks;
    this.#retention = retention;
  }

  /** The log of a room as it is now. */
  current(room: string): LedgerEpoch | undefined {
    return this.#rooms.get(room)?.current;
  }

  epoch(room: string, epoch: number): LedgerEpoch | undefined {
    return this.#rooms.get(room)?.epochs.get(epoch);
  }

  /** Whether this message stands, or stood, at this offset. */
  stands(room: string, offset: number, id: string): boolean {
    for (const { entries } of this.#rooms.get(room)?.epochs.values() ?? []) if (entries[offset - 1]?.id === id) return true;
    return false;
  }

  /** Whether any log of the room has, or had, this message, or has used its seq up without it. */
  everHeld(room: string, id: string): boolean {
    for (const { byId, refused } of this.#rooms.get(room)?.epochs.values() ?? [])
      if (byId.has(id) || refused.has(id)) return true;
    return false;
  }

  rooms(): Iterable<string> {
    return this.#rooms.keys();
  }

  opened(room: string, epoch: number): void {
    const known = this.#rooms.get(room);
    if (known?.current.epoch === epoch) return;
    const made = new LedgerEpoch(epoch);
    this.#checks.require("order", known?.epochs.has(epoch) !== true, () => `epoch ${epoch} of ${room} comes back`);
    if (known === undefined) this.#rooms.set(room, { epochs: new Map([[epoch, made]]), current: made });
    else {
      known.epochs.set(epoch, made);
      known.current = made;
    }
  }

  decided(request: PublishRequest, outcome: PublishOutcome): void {
    const log = this.current(request.room);
    if (log === undefined) return;
    const id = hex(request.id);
    if (outcome.type === "stored") this.#stored(request.room, log, { ...outcome, id, request });
    else if (outcome.type === "voided" || outcome.type === "rejected") {
      this.#use(log, request);
      log.refused.add(id);
    }
  }

  appended(room: string, stored: Stored, entry: BackendEntry): void {
    const log = this.current(room);
    if (log !== undefined) this.#stored(room, log, { ...stored, id: hex(entry.id), request: undefined, sender: entry.sender });
  }

  #stored(
    room: string,
    log: LedgerEpoch,
    {
      offset,
      timeMs,
      id,
      request,
      sender = request?.sender ?? "",
    }: Stored & { id: string; request: PublishRequest | undefined; sender?: string },
  ): void {
    const require: Checks["require"] = (...check) => this.#checks.require(...check);
    const at = log.entries[offset - 1];
    if (at !== undefined) {
      require("order", at.id === id, () => `offset ${offset} of ${room} is ${at.id} and ${id}`);
      // A known id under the next seq uses it up (PUB-7).
      if (request !== undefined && request.seq === (log.seqs.get(request.producer) ?? 0) + 1)
        log.seqs.set(request.producer, request.seq);
      return;
    }
    require("order", offset === log.head + 1, () => `offset ${offset} of ${room} follows ${log.head}`);
    const before = log.entries.at(-1)?.timeMs ?? 0;
    require("order", timeMs >= before, () => `offset ${offset} of ${room} is of ${timeMs}, after one of ${before}`);
    const twin = log.byId.get(id);
    const isForgotten = twin !== undefined && this.shared.has(id) && twin.offset <= log.head - this.#retention;
    require("no-duplicate", twin === undefined || isForgotten, () => `${id} stands twice in ${room}`);
    const isRefused = !this.shared.has(id) && (log.refused.has(id) || this.buried.has(id));
    require("no-invention", !isRefused, () => `${id} was refused, and stands in ${room}`);
    const entry = { offset, timeMs, id, sender, producer: request?.producer ?? "", seq: request?.seq ?? 0 };
    if (request !== undefined) this.#use(log, request);
    log.entries.push(entry);
    log.byId.set(id, entry);
  }

  /** A seq is used once, and in order. */
  #use(log: LedgerEpoch, { producer, seq, id }: PublishRequest): void {
    const last = log.seqs.get(producer) ?? 0;
    if (seq <= last && (log.refused.has(hex(id)) || log.byId.has(hex(id)))) return;
    this.#checks.require("order", seq === last + 1, () => `seq ${seq} of ${producer} follows ${last}`);
    log.seqs.set(producer, seq);
  }
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
