/** Writes to the storage of an outbox, and what it holds after them by definition. */

import fc from "fast-check";
import type { StoredEntry, StoredState, StoreOp } from "../../src/delivery/outbox.ts";
import { ChatKind, createFrame, encodedSize } from "../../src/wire/codec.ts";

function entry(order: number, text: string): StoredEntry {
  const publish = createFrame("publish", { content: { body: { case: "text", value: text } } });
  const content = publish.body.case === "publish" ? publish.body.value.content : undefined;
  const id = new Uint8Array(16).fill(order);
  return {
    order,
    room: `room "${text}" \n`,
    id,
    kind: ChatKind.UNSPECIFIED,
    target: new Uint8Array(0),
    content,
    bytes: content === undefined ? 0 : encodedSize(content),
    seq: order,
    epoch: 7,
    state: "sent",
  };
}

export const put = (order: number, text: string): StoreOp => ({ type: "put", entry: entry(order, text) });
export const session = (attempt: number): StoreOp => ({ type: "session", session: new Uint8Array(16).fill(9), attempt });

/** What a storage holds after these writes, by definition. */
export function held(writes: readonly (readonly StoreOp[])[]): StoredState {
  const entries = new Map<number, StoredEntry>();
  let last: StoredState["session"];
  for (const op of writes.flat()) {
    if (op.type === "put") entries.set(op.entry.order, op.entry);
    else if (op.type === "delete") entries.delete(op.order);
    else if (op.type === "session") last = { session: op.session, attempt: op.attempt };
  }
  return { session: last, entries: [...entries.values()] };
}

export const byOrder = (state: StoredState) => ({ ...state, entries: [...state.entries].sort((a, b) => a.order - b.order) });

const op = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.string({ unit: "binary", maxLength: 8 })).map(([order, text]) => put(order, text)),
  fc.integer({ min: 1, max: 9 }).map((order): StoreOp => ({ type: "delete", order })),
  fc.integer({ min: 1, max: 99 }).map(session),
);
export const writes = fc.array(fc.array(op, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });
