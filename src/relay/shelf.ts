/**
 * Where a store keeps its logs so that they outlive the process. The store decides and reads in memory; a shelf is told of each change, and
 * writes those of one commit in one atomic step. An implementation MUST keep what is said here.
 */

import type { ProducerSnapshot } from "../delivery/dedup.ts";
import type { Chat, Durability } from "../wire/codec.ts";
import type { PublishOutcome, Watermarks } from "./broker.ts";

/** What is remembered of a publish whose seq is used up. */
export type SettledResult = Extract<PublishOutcome, { type: "stored" | "voided" | "rejected" }>;

/** A producer, as it was kept. */
export interface SavedProducer {
  readonly name: string;
  readonly user: string;
  /** When it published last, in ms since 1970. */
  readonly usedAtMs: number;
  /** What it has settled; read only when it publishes again. */
  window(): ProducerSnapshot<SettledResult>;
}

/** A log, as it was kept. */
export interface SavedLog {
  readonly epoch: number;
  /** The first retained offset; one above the head where none is. */
  readonly first: number;
  /** Contiguous from `first`, to the head. */
  readonly entries: Iterable<Chat>;
  /** Time of the latest entry that was ever stored; 0 where there was none. */
  readonly timeMs: number;
  /** In the order of their last publish. */
  readonly producers: readonly SavedProducer[];
  /** In the order in which they moved. */
  readonly receipts: ReadonlyMap<string, Watermarks>;
}

/** What a log tells of its changes. */
export interface LogJournal {
  /** A new entry, the next one; or one that has become a tombstone. */
  entry(chat: Chat): void;
  /** The entries before this offset are gone. */
  trimmed(first: number): void;
  /** A producer has used a seq up. */
  settled(producer: string, seq: number, id: Uint8Array, result: SettledResult): void;
  /** A producer has published, whatever came of it; `nextSeq` is what it may go on with. */
  used(producer: string, user: string, nextSeq: number): void;
  forgotten(producer: string): void;
  /** A user's watermarks; undefined: they are forgotten. */
  receipt(user: string, marks: Watermarks | undefined): void;
}

/** See the head of this file. */
export interface Shelf {
  /** What a commit means (ACK-2). */
  readonly durability: Durability;
  /** The rooms that are kept, and who made each. */
  rooms(): Iterable<{ readonly room: string; readonly maker: string }>;
  /** Whether the room is kept, as of the last commit. */
  has(room: string): boolean;
  /** The log of a room, as of the last commit. MUST NOT be called for a room that is {@link isChanged}. */
  load(room: string): SavedLog | undefined;
  /** Where the changes of a room's log go: of the one that is kept, or of a new one, which is kept from its first change on. */
  journal(room: string, epoch: number, maker: string): LogJournal;
  /** The log of a room goes. */
  drop(room: string): void;
  /** Whether changes of this room are not committed. */
  isChanged(room: string): boolean;
  /** Whether changes wait for the next commit. */
  hasChanges(): boolean;
  /** Resolves when it is time for a commit: when what comes together has come. */
  ready(): Promise<void>;
  /** Writes all changes that wait, and resolves when they are kept; where it rejects none of them is. One at a time. */
  commit(): Promise<void>;
  /** Forgets all changes that are not committed. @returns the rooms that they were of. */
  discard(): Iterable<string>;
}
