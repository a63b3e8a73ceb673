/**
 * The commands of a client that hand something over, or wait for an answer: each gives the engine one input, and keeps the promise of it.
 *
 * Law: what would wait in vain is refused at once; what was taken settles by the outcomes alone.
 */

import { formatMessageId, parseMessageId } from "../delivery/message-id.ts";
import type { ContentInput } from "../session/client-convert.ts";
import type { HistoryPage, JoinedRoom } from "../session/client-events.ts";
import type { JoinOptions } from "../session/client-room.ts";
import type { ClientSession } from "../session/client-session.ts";
import type { Clock } from "../session/host.ts";
import type { ChatKind } from "../wire/codec.ts";
import { checkContent, checkWait } from "./checks.ts";
import type { Driver } from "./driver.ts";
import { noticed, type Outcomes, type Sent } from "./outcomes.ts";
import type { RoomActions } from "./room.ts";
import { unlessAborted, type WaitOptions } from "./waiting.ts";

type Optional<T> = { [K in keyof T]: T[K] | undefined };

/** What the commands need from their client. */
export interface CommandsHost {
  readonly engine: ClientSession;
  readonly driver: Driver;
  readonly outcomes: Outcomes;
  readonly clock: Clock;
  /** Refuses what would wait in vain. @throws UsageError CLOSED, or why the storage could not be read. */
  readonly requireOpen: () => void;
}

/** See the head of this file. */
export class Commands {
  readonly #host: CommandsHost;

  constructor(host: CommandsHost) {
    this.#host = host;
  }

  signal(room: string | undefined, event: string, content: ContentInput | undefined): void {
    const { engine, driver, requireOpen } = this.#host;
    checkContent(content);
    requireOpen();
    driver.now(() => engine.rooms.signal(room, event, content));
  }

  publish(
    room: string,
    content: ContentInput | undefined,
    kind: ChatKind,
    target: string | undefined,
    options: WaitOptions,
  ): Sent {
    const { engine, driver, outcomes, clock, requireOpen } = this.#host;
    checkContent(content);
    checkWait(options, "publish");
    requireOpen();
    const targetBytes = target === undefined ? new Uint8Array(0) : parseMessageId(target);
    const idBytes = engine.nextId(clock.wall());
    const id = formatMessageId(idBytes);
    const stored = outcomes.publish(id, room);
    try {
      driver.now(() => engine.rooms.publish({ room, id: idBytes, content, kind, target: targetBytes }));
    } catch (error) {
      outcomes.unpublish(id);
      throw error;
    }
    return Object.assign(options.signal === undefined ? stored : noticed(unlessAborted(options.signal, stored)), { id });
  }

  /** What a room asks for, but for what its client keeps of it. */
  inRoom(name: string): Omit<RoomActions, "join" | "leave" | "messages"> {
    const { engine, driver } = this.#host;
    return {
      publish: (content, kind, target, options) => this.publish(name, content, kind, target, options),
      cancel: (id) => driver.now(() => engine.rooms.cancel(id)),
      type: (state) => driver.now((now) => engine.rooms.type(name, state, now)),
      markRead: (offset) => driver.now(() => engine.rooms.markRead(name, offset)),
      history: ({ signal, ...options }) => this.ask<HistoryPage>((now) => engine.rooms.history(name, options, now), { signal }),
      signal: (event, content) => this.signal(name, event, content),
      known: () => engine.rooms.room(name),
    };
  }

  /** @param options - asked for when the storage is read. */
  join(name: string, options: () => JoinOptions, wait: Optional<WaitOptions>): Promise<JoinedRoom> {
    return this.ask((now) => this.#host.engine.rooms.join(name, options(), now), wait);
  }

  leave(name: string, options: WaitOptions): Promise<void> {
    return this.#request((now) => this.#host.engine.rooms.leave(name, now), options);
  }

  /** A request that wants a connection. */
  async ask<T>(command: (now: number) => number, wait: Optional<WaitOptions>): Promise<T> {
    this.#host.requireOpen();
    return this.#request(command, wait);
  }

  /** Gives a request to the engine. @param command - returns its number; of a request whose answer is a T. */
  #request<T>(command: (now: number) => number, { signal }: Optional<WaitOptions>): Promise<T> {
    const { driver, outcomes } = this.#host;
    const answer = new Promise<unknown>((resolve, reject) => {
      driver.do((now) => {
        try {
          outcomes.request(command(now), { resolve, reject });
        } catch (error) {
          reject(error);
        }
      }, reject);
    });
    return unlessAborted(signal, answer as Promise<T>);
  }
}
