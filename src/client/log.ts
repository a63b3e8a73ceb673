/**
 * Writes what a client does and is told as lines of JSON: for `chappe check`, and for whoever wants to know afterwards.
 *
 * Law: a line is written in the moment of its event; nothing of a message's content is in it.
 */

import type { ClientEvents } from "../session/client-events.ts";
import { callable, check, text } from "../session/option-rules.ts";
import type { EventName } from "./checks.ts";
import type { Client } from "./client.ts";

/** A line of the log. */
export interface ClientRecord {
  readonly client: string;
  readonly event: "start" | "end" | EventName;
}

/** What is written of each event, besides the members that all lines have. */
const written: { readonly [K in EventName]?: (event: ClientEvents[K]) => object } = {
  joined: ({ room, verdict, epoch, start, missing }) => ({ room, verdict, epoch, start, missing }),
  left: ({ room, code }) => ({ room, code }),
  message: ({ room, epoch, offset, id, sender, timeMs, kind }) => ({ room, epoch, offset, id, sender, timeMs, kind }),
  gap: ({ room, first, last, reason }) => ({ room, first, last, reason }),
  entry: ({ room, id, state, epoch, offset, timeMs, error }) => {
    return { room, id, state, epoch, offset, timeMs, code: error?.code, processed: error?.processed };
  },
  state: ({ state, error }) => ({ state, code: error?.code }),
};

/**
 * Tells what a client does and is told as records. Begin before `start`, and before anything is published.
 * @param name - of its outbox: the same for each process that uses it, and another for every other.
 * @returns a function that ends it, to be called once the client is closed.
 */
export function clientRecords(client: Client, name: string, put: (record: ClientRecord) => void): () => void {
  check(text, "name", name);
  check(callable, "put", put);
  put({ client: name, event: "start" });
  const ends = (Object.keys(written) as EventName[]).map((event) => {
    const members = written[event] as (told: unknown) => object;
    return client.on(event, (told) => put({ client: name, event, ...members(told) }));
  });
  return () => {
    for (const end of ends) end();
    put({ client: name, event: "end", outbox: client.outboxSize } as ClientRecord);
  };
}

/**
 * Writes the log of a client as lines of JSON, as {@link clientRecords} has them, each with its time.
 * @param write - takes a line, its end included. What it throws is told as what a listener throws.
 * @returns as {@link clientRecords}.
 *
 * @example
 * ```ts
 * const end = writeClientLog(client, "phone of ada", (line) => appendFileSync("ada.jsonl", line));
 * ```
 */
export function writeClientLog(client: Client, name: string, write: (line: string) => void): () => void {
  check(callable, "write", write);
  // The line before may have been cut off by the end of its process.
  write("\n");
  return clientRecords(client, name, (record) => write(`${JSON.stringify({ ...record, atMs: Date.now() })}\n`));
}
