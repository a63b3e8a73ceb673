/** What may happen to an entry of the outbox when (PUB-13), as a table: state → input → next state. The last four settle it. */

/** The table. An input that a state does not list is not legal in it. */
export const entryTable = {
  /** Never sent: has no seq, may be dropped freely. */
  queued: { send: "sent", cancel: "cancelled", fail: "failed" },
  /** Has a seq, and was sent at least once. */
  sent: { send: "sent", stored: "stored", voided: "cancelled", fail: "failed", doubt: "maybe", cancel: "voiding" },
  /** Has a seq; a void takes its place at the next transmission (PUB-12). */
  voiding: { send: "voiding", stored: "stored", voided: "cancelled", fail: "failed", doubt: "maybe", cancel: "voiding" },
  /** In the room's log. */
  stored: {},
  /** Finally rejected. */
  failed: {},
  /** Nobody can say whether it is in the log. */
  maybe: {},
  /** Not in the log, and never will be. */
  cancelled: {},
} as const;

/** A state of an entry. */
export type EntryState = keyof typeof entryTable;

/** What can happen to an entry. */
export type EntryInput = { [S in EntryState]: keyof (typeof entryTable)[S] }[EntryState];

/** How an entry can end. */
export type EntryEnd = { [S in EntryState]: keyof (typeof entryTable)[S] extends never ? S : never }[EntryState];

/** Whether nothing can happen to an entry in this state any more. */
export function isEnd(state: EntryState): state is EntryEnd {
  return Object.keys(entryTable[state]).length === 0;
}

/** The next state; `undefined` where the input is not legal in this one, or where there is no such state or input. */
export function nextEntryState(state: EntryState, input: EntryInput): EntryState | undefined {
  const row: Readonly<Partial<Record<EntryInput, EntryState>>> | undefined = entryTable[state];
  return row !== undefined && Object.hasOwn(row, input) ? row[input] : undefined;
}
