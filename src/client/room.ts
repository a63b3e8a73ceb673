/** One room, as an application uses it. */

import type { ContentInput } from "../session/client-convert.ts";
import type { HistoryPage, JoinedRoom } from "../session/client-events.ts";
import type { JoinOptions } from "../session/client-room.ts";
import { ChatKind } from "../wire/codec.ts";
import type { Sent } from "./client.ts";

/** What a room asks its client to do. */
export interface RoomActions {
  join(options: JoinOptions): Promise<JoinedRoom>;
  leave(): Promise<void>;
  publish(content: ContentInput | undefined, kind: ChatKind, target: string | undefined): Sent;
  cancel(id: string): boolean;
  type(state: "press" | "stop"): void;
  markRead(offset: number): void;
  history(options: { before?: number; after?: number; limit?: number }): Promise<HistoryPage>;
  signal(event: string, content: ContentInput | undefined): void;
  joined(): JoinedRoom | undefined;
}

/** A room of a client. Get it by `client.room(name)`. */
export class Room {
  readonly name: string;
  readonly #actions: RoomActions;

  constructor(name: string, actions: RoomActions) {
    this.name = name;
    this.#actions = actions;
  }

  /** What the relay said when the room was opened; undefined while it is not open. */
  get joined(): JoinedRoom | undefined {
    return this.#actions.joined();
  }

  /**
   * Enters the room, now and on every later connection, resuming where it was.
   * Rejects with a ProtocolError, as ROOM_UNAVAILABLE, where the relay refuses it for good.
   */
  join(options: JoinOptions = {}): Promise<JoinedRoom> {
    return this.#actions.join(options);
  }

  /** Leaves the room. Publishes that are in flight stay in the outbox. */
  leave(): Promise<void> {
    return this.#actions.leave();
  }

  /**
   * Hands a message over. It is stored in the outbox, and sent when the room is open: now, or after any number of reconnects.
   * @throws UsageError OUTBOX_FULL; ProtocolError FIELD_INVALID, LIMIT_EXCEEDED. Nothing was taken then.
   */
  publish(content: ContentInput): Sent {
    return this.#actions.publish(content, ChatKind.UNSPECIFIED, undefined);
  }

  /** Replaces, for readers, the content of an own message (LOG-8). @param id - its id in text form. */
  edit(id: string, content: ContentInput): Sent {
    return this.#actions.publish(content, ChatKind.EDIT, id);
  }

  /** Reacts to a message (LOG-8). */
  react(id: string, content: ContentInput): Sent {
    return this.#actions.publish(content, ChatKind.REACTION, id);
  }

  /** Deletes the content of a message (LOG-7). */
  redact(id: string): Sent {
    return this.#actions.publish(undefined, ChatKind.REDACTION, id);
  }

  /** Takes a message back that is not settled (PUB-12): the event `entry` tells what became of it. @returns whether there is one. */
  cancel(id: string): boolean {
    return this.#actions.cancel(id);
  }

  /** A key was pressed: the others see that the user is typing, for as long as this is called (TYP-3). */
  typing(): void {
    this.#actions.type("press");
  }

  /** The text was emptied. After a publish it need not be called. */
  stopTyping(): void {
    this.#actions.type("stop");
  }

  /** The user has read everything up to this offset; one beyond what has been received counts as that. What was received is told by itself (RCP-2). */
  markRead(offset: number): void {
    this.#actions.markRead(offset);
  }

  /** Reads a part of the log, the latest by default (HIS-1). @throws UsageError ROOM_NOT_JOINED. */
  history(options: { before?: number; after?: number; limit?: number } = {}): Promise<HistoryPage> {
    return this.#actions.history(options);
  }

  /** Sends an event that is not stored to those who are in the room (SIG-1). */
  signal(event: string, content?: ContentInput): void {
    this.#actions.signal(event, content);
  }
}
