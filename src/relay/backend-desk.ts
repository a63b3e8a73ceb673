/** What the service asks of its relay about rooms. Law: a room that it asks about is in use for as long as it is asked, and no longer; nothing is waited for without end (FRM-7). */

import { formatMessageId, MessageIdGenerator } from "../delivery/message-id.ts";
import { toMessage, toProfile } from "../session/client-convert.ts";
import type { Message, RoomMember, UserProfile } from "../session/client-events.ts";
import { clientFrameBytes } from "../wire/limits.ts";
import { type BackendPublish, type BackendStored, brokerError, entryOf, topicOfRoom } from "./backend.ts";
import { type MaybePromise, roomTopic } from "./broker.ts";
import type { Hub } from "./hub.ts";
import type { Deadlines } from "./later.ts";
import type { CheckedHistory } from "./rules.ts";

/** A part of a room's log, for the service. */
export interface RoomHistory {
  readonly epoch: number;
  /** Offset of the oldest entry that is kept, and of the latest one; an empty log has `head` = `firstRetained` − 1. */
  readonly firstRetained: number;
  readonly head: number;
  /** Ascending, without a hole. */
  readonly messages: readonly Message[];
}

/** Who is in a room, over all relays. */
export interface RoomMembers {
  readonly count: number;
  /** In the order in which they came; at most 1000. */
  readonly members: readonly RoomMember[];
}

/** Members at most that are told. */
const maxMembers = 1000;

export class BackendDesk {
  readonly #hub: Hub;
  readonly #deadlines: Deadlines;
  readonly #ids: MessageIdGenerator;

  constructor(hub: Hub, deadlines: Deadlines) {
    this.#hub = hub;
    this.#deadlines = deadlines;
    this.#ids = new MessageIdGenerator(hub.config.random);
  }

  /** See Relay.publish. */
  async publish(room: string, given: BackendPublish): Promise<BackendStored> {
    const { clock, limits } = this.#hub.config;
    const entry = entryOf(room, given, limits.contentBytes, () => this.#ids.next(clock.wall()));
    const { offset, timeMs } = await this.#ask(() => this.#hub.link.append(room, entry));
    return { id: formatMessageId(entry.id), offset, timeMs };
  }

  /** See Relay.history. */
  async history(name: string, query: CheckedHistory): Promise<RoomHistory> {
    topicOfRoom(name);
    const room = this.#hub.room(name, "");
    room.retain();
    try {
      const { limit, ...anchor } = query;
      await this.#ask(() => room.ready);
      const slice = await this.#ask(() => this.#hub.link.read(name, { ...anchor, limit, maxBytes: clientFrameBytes }));
      const { epoch, firstRetained, head } = slice;
      return { epoch, firstRetained, head, messages: slice.entries.map((entry) => toMessage(entry, name, epoch, false)) };
    } finally {
      room.release();
    }
  }

  /** See Relay.members. */
  async members(name: string): Promise<RoomMembers> {
    topicOfRoom(name);
    const topic = roomTopic(name);
    try {
      const registry = await this.#ask(() => this.#hub.topics.acquire(topic));
      const users = new Map<string, UserProfile | undefined>();
      // A user may be there on several relays.
      for (const value of registry.values()) if (value.type === "member") users.set(value.user, toProfile(value.profile));
      const members = Array.from(users, ([user, profile]) => ({ user, profile }));
      return { count: members.length, members: members.slice(0, maxMembers) };
    } finally {
      this.#hub.topics.release(topic);
    }
  }

  #ask<T>(call: () => MaybePromise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const refuse = (error: unknown): void => reject(brokerError(error));
      const kept = (value: T): void => {
        resolve(value);
        this.#hub.flush();
      };
      this.#deadlines.attempt(this.#hub.config.times.answerTimeout, call, kept, refuse, refuse);
    });
  }
}
