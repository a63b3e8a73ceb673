/**
 * The rooms that an application has objects for.
 *
 * Law: one object for a name, as long as the room is used; one that was left is forgotten as soon as nothing of it is pending.
 */

import { checkRoomName } from "./checks.ts";
import type { Room } from "./room.ts";

/** See the head of this file. */
export class Rooms {
  readonly #make: (name: string) => Room;
  readonly #rooms: Map<string, Room> = new Map();
  readonly #leaving: Set<string> = new Set();

  constructor(make: (name: string) => Room) {
    this.#make = make;
  }

  /** @throws ProtocolError FIELD_INVALID (local) where no room can have this name. */
  get(name: string): Room {
    const known = this.#rooms.get(name);
    if (known !== undefined) return known;
    checkRoomName(name);
    const room = this.#make(name);
    this.#rooms.set(name, room);
    return room;
  }

  /** The application wants it. */
  entered(room: Room): void {
    this.#leaving.delete(room.name);
    if (!this.#rooms.has(room.name)) this.#rooms.set(room.name, room);
  }

  left(name: string): void {
    this.#leaving.add(name);
  }

  /** Forgets those that were left. @param isOver - whether nothing of the room is pending. */
  forget(isOver: (name: string) => boolean): void {
    for (const name of this.#leaving) {
      if (!isOver(name)) continue;
      this.#leaving.delete(name);
      this.#rooms.delete(name);
    }
  }
}
