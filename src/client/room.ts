/**
 * One room, as an application uses it.
 *
 * Law: what would wait in vain is refused. A room takes messages before its first join, for it may open; not after it was left.
 */

import { UsageError } from "../errors.ts";
import type { ContentInput } from "../session/client-convert.ts";
import type { EntryChange, HistoryPage, JoinedRoom, Message, MessageKind } from "../session/client-events.ts";
import type { ClientRoom, JoinOptions } from "../session/client-room.ts";
import { ChatKind } from "../wire/codec.ts";
import { checkHistory, checkJoin, checkWait } from "./checks.ts";
import type { StreamOptions } from "./event-stream.ts";
import type { Sent } from "./outcomes.ts";
import type { WaitOptions } from "./waiting.ts";

/** Which part of a log is read (HIS-1). */
export interface HistoryOptions {
  /** The entries below this offset, the latest of them; not with `after`. By default the latest of all. */
  readonly before?: number;
  /** The entries above this offset, the earliest of them. */
  readonly after?: number;
  /** How many entries come at most; 0: as many as the relay allows. */
  readonly limit?: number;
}

/** What a room asks its client to do. */
export interface RoomActions {
  join(options: JoinOptions & WaitOptions): Promise<JoinedRoom>;
  leave(options: WaitOptions): Promise<void>;
  publish(content: ContentInput | undefined, kind: ChatKind, target: string | undefined, options: WaitOptions): Sent;
  messages(options: StreamOptions): AsyncIterableIterator<Message>;
  cancel(id: string): boolean;
  type(state: "press" | "stop"): void;
  markRead(offset: number): void;
  history(options: HistoryOptions & WaitOptions): Promise<HistoryPage>;
  signal(event: string, content: ContentInput | undefined): void;
  /** What the engine knows of it; undefined before it was joined. */
  known(): Pick<ClientRoom, "state" | "joined"> | undefined;
}

const resendKinds: Readonly<Partial<Record<MessageKind, ChatKind>>> = {
  content: ChatKind.UNSPECIFIED,
  redaction: ChatKind.REDACTION,
  edit: ChatKind.EDIT,
  reaction: ChatKind.REACTION,
};

/** A room of a client. Get it by `client.room(name)`. */
export class Room {
  readonly name: string;
  readonly #actions: RoomActions;
  /** Whether the application's last word was to leave. */
  #isGivenUp = false;

  constructor(name: string, actions: RoomActions) {
    this.name = name;
    this.#actions = actions;
  }

  /** What the relay said when the room was opened; undefined while it is not open. */
  get joined(): JoinedRoom | undefined {
    const known = this.#actions.known();
    return known?.state === "joined" ? known.joined : undefined;
  }

  /**
   * Enters the room, now and on every later connection, resuming where it was. Waits as long as it takes for a connection: also for the
   * client's start, its storage, or a fresh token (`locked`).
   * Rejects with a ProtocolError, as ROOM_UNAVAILABLE, where the relay refuses it for good, or FIELD_INVALID; with a UsageError CLOSED where
   * the client is closed or ends before the answer, OPTION_INVALID, and OUTBOX_CORRUPT where its storage cannot be read; with the reason
   * of `signal`: the room is entered all the same, unless it is left.
   */
  async join(options: JoinOptions & WaitOptions = {}): Promise<JoinedRoom> {
    checkJoin(options);
    this.#isGivenUp = false;
    return this.#actions.join(options);
  }

  /**
   * Leaves the room; at once where there is no connection. What was published and is not settled stays in the outbox: it is sent, and its
   * promise settles, when the room is joined again; until then it can be cancelled (PUB-21). Rejects with a UsageError OPTION_INVALID,
   * CLOSED, OUTBOX_CORRUPT; the reason of `signal`.
   */
  async leave(options: WaitOptions = {}): Promise<void> {
    checkWait(options, "leave");
    this.#isGivenUp = true;
    return this.#actions.leave(options);
  }

  /**
   * The messages of this room from now on, as an async iterator, until it is left or the client closed. Rejects, behind the messages that
   * wait, with a ProtocolError where the relay closes the room; otherwise as {@link Client.events}, also in what it throws.
   * @example
   * ```ts
   * for await (const { sender, content } of room.messages({ signal })) show(sender, content?.text);
   * ```
   */
  messages(options: StreamOptions = {}): AsyncIterableIterator<Message> {
    return this.#actions.messages(options);
  }

  /**
   * Hands a message over. It is stored in the outbox, and sent when the room is open: now, or after any number of reconnects. Before the
   * first join it waits for that.
   * @returns a promise of its place in the log, with its id.
   * @throws UsageError OUTBOX_FULL; CLOSED where the client is closed; ROOM_NOT_JOINED where the room was left, refused or taken away, until
   * it is joined again; OPTION_INVALID; OUTBOX_CORRUPT. ProtocolError FIELD_INVALID, LIMIT_EXCEEDED. The reason of a signal that was aborted
   * already. Nothing was taken then.
   */
  publish(content: ContentInput, options: WaitOptions = {}): Sent {
    return this.#publish(content, ChatKind.UNSPECIFIED, undefined, options);
  }

  /** Replaces, for readers, the content of an own message (LOG-8). @param id - its id in text form. @throws as {@link publish}. */
  edit(id: string, content: ContentInput, options: WaitOptions = {}): Sent {
    return this.#publish(content, ChatKind.EDIT, id, options);
  }

  /** Reacts to a message (LOG-8). @throws as {@link publish}. */
  react(id: string, content: ContentInput, options: WaitOptions = {}): Sent {
    return this.#publish(content, ChatKind.REACTION, id, options);
  }

  /** Deletes the content of a message (LOG-7). @throws as {@link publish}. */
  redact(id: string, options: WaitOptions = {}): Sent {
    return this.#publish(undefined, ChatKind.REDACTION, id, options);
  }

  /**
   * Publishes anew, with an id of its own and behind all others, what has `failed`, or is `maybe` stored: of that one the original may stand
   * in the log as well, and nobody but the application can decide that it is worth it (PUB-9).
   * @param change - what the event `entry` said of it, in this run or before the last end. @throws as {@link publish}.
   */
  resend({ unpublished }: Pick<EntryChange, "unpublished">, options: WaitOptions = {}): Sent {
    if (unpublished === undefined || !Object.hasOwn(resendKinds, unpublished.kind))
      throw new UsageError("OPTION_INVALID", "resend: must be an entry that has failed, or is maybe stored");
    return this.#publish(unpublished.content, resendKinds[unpublished.kind] ?? 0, unpublished.target, options);
  }

  /** Takes a message back that is not settled (PUB-12): the event `entry` tells what became of it. @returns whether there is one. */
  cancel(id: string): boolean {
    return this.#actions.cancel(id);
  }

  /** A key was pressed: the others see that the user is typing, for as long as this is called (TYP-3). Lost while the room is not open. */
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

  /** Reads a part of the log, the latest by default (HIS-1). Rejects with a UsageError ROOM_NOT_JOINED while it is not open, CLOSED, OPTION_INVALID; ProtocolError FIELD_INVALID; the reason of `signal`. */
  async history(options: HistoryOptions & WaitOptions = {}): Promise<HistoryPage> {
    checkHistory(options);
    return this.#actions.history(options);
  }

  /**
   * Sends an event that is not stored to those who are in the room (SIG-1). Lost while the room is not open. Of those that wait, because the
   * transport holds too much, the latest of each name goes (SIG-3). @throws UsageError CLOSED.
   */
  signal(event: string, content?: ContentInput): void {
    this.#actions.signal(event, content);
  }

  #publish(content: ContentInput | undefined, kind: ChatKind, target: string | undefined, options: WaitOptions): Sent {
    const state = this.#actions.known()?.state;
    // A relay may also put the client into a room that the application has left (ROM-6).
    if (state === "left" || (this.#isGivenUp && state !== "joined")) {
      throw new UsageError("ROOM_NOT_JOINED", `the room "${this.name}" was left, refused or taken away; join it again first`);
    }
    return this.#actions.publish(content, kind, target, options);
  }
}
