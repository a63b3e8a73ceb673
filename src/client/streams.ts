/** The open streams of a client: each begins with its call, and ends with its room, with the client, or by its own. */

import { ProtocolError } from "../errors.ts";
import type { ClientEvents } from "../session/client-events.ts";
import type { EventName } from "./checks.ts";
import type { Emitter } from "./emitter.ts";
import { EventStream, type StreamOptions } from "./event-stream.ts";

/** See the head of this file. */
export class Streams {
  readonly #events: Emitter<ClientEvents>;
  readonly #open: Set<Pick<EventStream<unknown>, "end">> = new Set();

  constructor(events: Emitter<ClientEvents>) {
    this.#events = events;
  }

  /** @param room - only what concerns it, until it is left. */
  open<K extends EventName>(name: K, options: StreamOptions, room?: string): EventStream<ClientEvents[K]> {
    const offs: (() => void)[] = [];
    const stream: EventStream<ClientEvents[K]> = new EventStream(options, () => {
      this.#open.delete(stream);
      for (const off of offs) off();
    });
    this.#open.add(stream);
    const concerns = (event: object) => room === undefined || (event as { room?: string }).room === room;
    offs.push(this.#events.on(name, (event) => concerns(event) && stream.push(event)));
    if (room === undefined) return stream;
    const left = ({ code }: ClientEvents["left"]) =>
      stream.end(code && { error: new ProtocolError(code, `the relay has closed the room "${room}"`, { origin: "remote" }) });
    offs.push(this.#events.on("left", (event) => concerns(event) && left(event)));
    return stream;
  }

  /** Nothing comes any more. @param why - as of {@link EventStream.end}. */
  end(why: Parameters<EventStream<never>["end"]>[0]): void {
    for (const stream of this.#open) stream.end(why);
  }
}
