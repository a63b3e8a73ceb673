/** What a client knows of one room: its state, its place in the log, its watermarks, who is typing. */

import { IdWindow } from "../delivery/dedup.ts";
import { RoomCursor, type RoomPosition } from "../delivery/room-cursor.ts";
import type { JoinedRoom } from "./client-events.ts";
import { nextRoomState, type RoomInput, type RoomState } from "./transitions.ts";
import { TypingRoster, type TypingSender } from "./typing.ts";

/** How a room is joined. */
export interface JoinOptions {
  /** Where to resume, as stored by an earlier run (RES-1): for a room that is not joined yet, or was left. A joined one has its own place. */
  readonly position?: RoomPosition;
  /** Without a usable position: how many of the latest entries come first, 0 to 10,000. */
  readonly tail?: number;
  /** With a position: how many missed entries come at most; 0: as many as the relay allows. */
  readonly maxCatchup?: number;
  /** Only publish (ROM-5). */
  readonly publishOnly?: boolean;
}

/** Ids that are remembered per room, so that a message is shown once across a reset (MID-6). */
const seenIds = { maxIds: 4096, maxAgeMs: 24 * 3600 * 1000 } as const;

/** One room of a client. */
export class ClientRoom {
  readonly name: string;
  cursor: RoomCursor;
  /** Ids of entries that were shown (MID-6). */
  readonly seen: IdWindow<true> = new IdWindow(seenIds);
  readonly roster: TypingRoster = new TypingRoster();
  readonly typing: TypingSender;
  /** As the application wants it; the position is that of the cursor. */
  options: Omit<JoinOptions, "position">;
  /** How it is open, and how the open join asks for it (ROM-5). */
  isPublishOnly = false;
  asksPublishOnly = false;
  /** Whether the application has joined it, and not the relay alone. */
  isWanted = false;
  /** 0: none on this connection. */
  handle = 0;
  joined: JoinedRoom | undefined;
  /** Requests of the application that wait for the room to open, and those that wait for it to close. */
  readonly joinRequests: number[] = [];
  readonly leaveRequests: number[] = [];
  /** The position that the open join carried: its answer is measured against it (ROM-10). */
  askedFrom: RoomPosition | undefined;
  /** Refs of the join and of the leave whose answers count; 0: none is open. */
  joinRef = 0;
  leaveRef = 0;
  /** When a join or a leave that was refused for now is tried again, and how often in a row it was refused (ROM-11). */
  retryAt: number = Number.POSITIVE_INFINITY;
  failures = 0;
  /** When the last retry was at once. */
  lastImmediate: number = Number.NEGATIVE_INFINITY;
  /** Whether the application was told that the seqs are used up (PUB-5). */
  isExhausted = false;
  /** Nothing is published before this time (PUB-16, 5); how often in a row its first entry was given back. */
  pausedUntil = 0;
  rejections = 0;
  /** Watermarks: what the application has, and what the relay knows (RCP-2). */
  delivered = 0;
  read = 0;
  toldDelivered = 0;
  toldRead = 0;
  receiptAt: number = Number.NEGATIVE_INFINITY;
  #state: RoomState = "left";

  constructor(name: string, options: JoinOptions, typing: TypingSender) {
    this.name = name;
    const { position, ...others } = options;
    this.options = others;
    this.typing = typing;
    this.cursor = new RoomCursor(position);
  }

  get state(): RoomState {
    return this.#state;
  }

  /** Whether frames about the room count on this connection (ROM-4). */
  get isOpen(): boolean {
    return this.handle !== 0 && (this.#state === "joined" || this.#state === "joining");
  }

  /** @returns whether the input was legal, so that the state has changed by it. */
  input(input: RoomInput): boolean {
    const next = nextRoomState(this.#state, input);
    if (next === undefined) return false;
    this.#state = next;
    return true;
  }

  /** Nothing of it holds on this connection any more. */
  detach(): void {
    this.handle = 0;
    this.joinRef = 0;
    this.leaveRef = 0;
    this.askedFrom = undefined;
    this.retryAt = Number.POSITIVE_INFINITY;
    this.pausedUntil = 0;
  }

  /** The offsets of another epoch are void (RES-4, RCP-7). */
  resetWatermarks(): void {
    this.delivered = 0;
    this.read = 0;
    this.toldDelivered = 0;
    this.toldRead = 0;
  }
}
