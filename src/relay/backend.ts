/** What the service says through its relay: arguments of the right types become what a broker takes, or the error that a frame of them makes. */

import { ProtocolError } from "../errors.ts";
import type { ContentInput } from "../session/client-convert.ts";
import { ChatKind, createFrame, type Init, type Profile } from "../wire/codec.ts";
import { type BackendEntry, roomTopic, type Stored, userTopic } from "./broker.ts";
import { checkedContent, checkRoom, checkUser, refuseInvalid } from "./checks.ts";
import { NoAnswer } from "./later.ts";
import { checkText } from "./rules.ts";

/** An entry that a backend stores (LOG-9). */
export interface BackendPublish {
  /** 16 bytes; a new one by default. Give it where the call may be repeated: an id of this sender that is retained is not stored twice (PUB-14). */
  readonly id?: Uint8Array;
  /** In whose name; the service itself by default. */
  readonly sender?: string;
  readonly profile?: Init<Profile>;
  readonly content?: ContentInput;
  /** Content by default. */
  readonly kind?: ChatKind;
  /** Id of the entry that it is about, 16 bytes. */
  readonly target?: Uint8Array;
}

/** What has been stored, and where. */
export interface BackendStored extends Stored {
  /** Of the message, in text form (MID-5). */
  readonly id: string;
}

/** @throws UsageError OPTION_INVALID, ProtocolError FIELD_INVALID, LIMIT_EXCEEDED. */
export function entryOf(room: string, given: BackendPublish, contentBytes: number, newId: () => Uint8Array): BackendEntry {
  checkRoom(room);
  const { id: own = newId(), sender = "", kind = ChatKind.UNSPECIFIED, target: about = new Uint8Array() } = given;
  // Copies: the caller may go on writing into its own.
  const [id, target] = [new Uint8Array(own), new Uint8Array(about)];
  const content = given.content === undefined ? undefined : checkedContent(given.content, contentBytes);
  const chat = createFrame("chat", { offset: 1n, sender, id, kind, target, ...(given.profile && { profile: given.profile }) });
  // An entry of a backend is held to what a client's publish is (ENC-8, LOG-9).
  refuseInvalid(createFrame("publish", { room: 1, seq: 1n, id, kind, target, ...(content !== undefined && { content }) }));
  refuseInvalid(chat);
  return { id, sender, profile: chat.body.value.profile, kind, content, target };
}

/** What a broker fails with, as {@link BrokerLink} says: all but a ProtocolError is UNAVAILABLE. */
export function brokerError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  const processed = error instanceof NoAnswer ? "maybe" : "no";
  return new ProtocolError("UNAVAILABLE", "the broker cannot store this now", { processed, cause: error });
}

/** @throws UsageError OPTION_INVALID, ProtocolError FIELD_INVALID. */
export function topicOfUser(user: string): string {
  checkText("user", user);
  checkUser(user);
  return userTopic(user);
}

/** @throws UsageError OPTION_INVALID, ProtocolError FIELD_INVALID. */
export function topicOfRoom(room: string): string {
  checkText("room", room);
  checkRoom(room);
  return roomTopic(room);
}

/** A room, or all. @throws UsageError OPTION_INVALID, ProtocolError FIELD_INVALID. */
export function optionalRoom(room: string | undefined): string | undefined {
  if (room !== undefined) topicOfRoom(room);
  return room;
}
