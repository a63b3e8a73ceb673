/**
 * How far each room has been read, kept between runs (SES-11).
 *
 * Law: what is stored was handed to the application before, so a crash repeats messages and never skips one. Writes are few, at most one a
 * second and one at a time, however many messages come. A room that is not joined any more has no position.
 */

import { RoomCursor, type RoomPosition } from "../delivery/room-cursor.ts";
import { ProtocolError, UsageError } from "../errors.ts";
import type { ClientEvent } from "../session/client-events.ts";
import type { JoinOptions } from "../session/client-room.ts";
import type { Clock } from "../session/host.ts";
import type { OutboxStorage } from "./storage.ts";

/** A place for positions. One client at a time uses it. */
export interface PositionStore {
  /** All that is stored, by the rooms' names; a `Map` will do. Is called once, before anything is sent. */
  load(): Promise<Iterable<readonly [room: string, position: RoomPosition]>>;
  /** Puts these in the place of what is stored for the same rooms; undefined: forgets it. Is not called again before it has settled. */
  write(changes: ReadonlyMap<string, RoomPosition | undefined>): Promise<void>;
}

/** What is needed from the client. */
export interface PositionsHost {
  readonly store: PositionStore;
  readonly clock: Clock;
  /** What the engine knows of the room; undefined before it was joined. */
  readonly known: (room: string) => { readonly cursor: RoomCursor } | undefined;
  readonly onError: (error: ProtocolError | UsageError) => void;
}

/** From a change to its write, in ms. */
const delayMs = 1000;

/** See the head of this file. */
export class Positions {
  readonly #host: PositionsHost;
  /** Positions of an earlier run, until their room is joined. */
  readonly #earlier: Map<string, RoomPosition> = new Map();
  /** Rooms whose position has changed, and those that were left. */
  readonly #changed: Map<string, "moved" | "left"> = new Map();
  #timer: unknown;
  #writing: Promise<void> | undefined;

  constructor(host: PositionsHost) {
    this.#host = host;
  }

  /** The storage, which is read when the positions are: nothing is sent before. */
  before(storage: OutboxStorage): OutboxStorage {
    const load = async () => {
      await this.#load();
      return storage.load();
    };
    return { load, write: (ops) => storage.write(ops) };
  }

  /** These options, with the position of an earlier run where the room is joined for the first time in this one. */
  resuming(room: string, options: JoinOptions): JoinOptions {
    const position = this.#earlier.get(room);
    this.#earlier.delete(room);
    const isUsable = options.position === undefined && options.publishOnly !== true && this.#host.known(room) === undefined;
    return isUsable && position !== undefined ? { ...options, position } : options;
  }

  /** The engine has told something. */
  event(event: ClientEvent): void {
    if (event.type === "message" || event.type === "gap" || event.type === "joined") this.#change(event.room, "moved");
    else if (event.type === "left") this.#change(event.room, "left");
  }

  /** Settles when everything is stored, or could not be: then it is tried again with the next change. */
  async flush(): Promise<void> {
    await this.#writing;
    if (this.#changed.size > 0) await this.#write();
    this.#host.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /** Where it cannot be read, that is told, and rooms are joined as for the first time. */
  async #load(): Promise<void> {
    const { store, onError } = this.#host;
    try {
      for (const [room, position] of await store.load()) this.#loaded(room, position);
    } catch (cause) {
      onError(unavailable("read: rooms are joined as for the first time", cause));
    }
  }

  #loaded(room: string, position: RoomPosition): void {
    try {
      this.#earlier.set(room, new RoomCursor(position).position as RoomPosition);
    } catch (cause) {
      this.#host.onError(new UsageError("OPTION_INVALID", `positions: what is stored for the room "${room}" is none`, cause));
    }
  }

  #change(room: string, what: "moved" | "left"): void {
    this.#changed.set(room, what);
    if (this.#timer === undefined && this.#writing === undefined)
      this.#timer = this.#host.clock.setTimer(delayMs, () => void this.#write());
  }

  /** Never rejects. */
  #write(): Promise<void> {
    const { store, clock, known, onError } = this.#host;
    clock.clearTimer(this.#timer);
    this.#timer = undefined;
    const changes = new Map<string, RoomPosition | undefined>();
    for (const [room, what] of this.#changed) {
      const position = known(room)?.cursor.position;
      if (what === "left") changes.set(room, undefined);
      // In a room that is open for publishing alone nothing is read.
      else if (position !== undefined) changes.set(room, position);
    }
    const before = new Map(this.#changed);
    this.#changed.clear();
    const write = async () => store.write(changes);
    this.#writing = write()
      .catch((cause: unknown) => {
        for (const [room, what] of before) if (!this.#changed.has(room)) this.#changed.set(room, what);
        onError(unavailable("stored: it is tried again", cause));
      })
      .then(() => {
        this.#writing = undefined;
        for (const [room, what] of this.#changed) {
          this.#change(room, what);
          break;
        }
      });
    return this.#writing;
  }
}

function unavailable(what: string, cause: unknown): ProtocolError {
  return new ProtocolError("UNAVAILABLE", `the positions could not be ${what}`, { origin: "local", cause });
}
