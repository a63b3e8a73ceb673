/** PUB-22: what storage gives is looked at before it is believed, and one damaged record costs that record alone. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoredEntry } from "../../src/delivery/outbox.ts";
import { readStoredState } from "../../src/delivery/stored-state.ts";
import { ChatKind, createFrame } from "../../src/wire/codec.ts";
import { id16 } from "../support/client-harness.ts";

const session = { session: id16(9), attempt: 3 };
const text = (said: string) => createFrame("publish", { content: { body: { case: "text", value: said } } }).body.value.content;

/** An entry that holds together; without a seq it was never sent. */
function entry(order: number, seq = 0, more: Partial<StoredEntry> = {}): StoredEntry {
  const state = seq === 0 ? "queued" : "sent";
  const epoch = seq === 0 ? 0 : 77;
  const rest = { kind: ChatKind.UNSPECIFIED, target: new Uint8Array(0), content: text(`${order}`), bytes: 80 };
  return { order, room: "lobby", id: id16(order), ...rest, seq, epoch, state, ...more };
}

const minted = id16(255);
const readAll = (entries: readonly unknown[], from: unknown) => readStoredState({ session: from, entries }, () => minted);
const read = (entries: readonly unknown[]) => readAll(entries, session);
const kept = (entries: readonly unknown[]) => read(entries).state.entries;

describe("a state that holds together", () => {
  it("is taken as it is, in order", () => {
    const entries = [
      entry(1, 4),
      entry(2, 5),
      entry(3),
      entry(4, 9, { room: "den" }),
      entry(5, 10, { room: "den", state: "voiding" }),
    ];
    const result = read([...entries].reverse());
    expect(result).toEqual({ state: { session, entries }, corrupt: [], lastOrder: 5, isSessionLost: false });
  });

  it("may be empty, and may have a session without entries", () => {
    expect(readAll([], undefined)).toMatchObject({ corrupt: [], isSessionLost: false, lastOrder: 0 });
    expect(readAll([], null)).toMatchObject({ corrupt: [], state: { session: undefined } });
    expect(read([])).toMatchObject({ corrupt: [], state: { session } });
  });

  it("may have a hole in its seqs: what was settled out of order", () => {
    expect(kept([entry(1, 4), entry(2, 6)])).toHaveLength(2);
  });
});

describe("no stored state at all", () => {
  it.each([[undefined], [null], [7], ["state"], [[]], [{}], [{ entries: "none" }], [{ entries: { length: 0 } }]])(
    "%j is OUTBOX_CORRUPT",
    (raw) => {
      expect(() => readStoredState(raw, () => minted)).toThrow(expect.objectContaining({ code: "OUTBOX_CORRUPT" }));
    },
  );
});

const wrong: Readonly<Record<keyof StoredEntry, readonly unknown[]>> = {
  order: [undefined, 0, -1, 1.5, "1", Number.NaN, 2 ** 53],
  room: [undefined, "", 7, "x".repeat(1000), "\ud800"],
  id: [undefined, "id", new Uint8Array(15), new Uint8Array(17), [1]],
  kind: [undefined, "text", 1.5, -1, ChatKind.TOMBSTONE],
  target: [undefined, "", new Uint8Array(3)],
  content: [null, 7, "text", {}, { body: { case: "text", value: 7 } }, { body: { case: "none", value: "" } }, undefined],
  bytes: [undefined, -1, 1.5, "80", 0, 10_000_000],
  seq: [undefined, -1, 1.5, "4", 0],
  epoch: [undefined, -1, 1.5, "77", 0],
  state: [undefined, "stored", 7, "queued"],
};

describe("a damaged entry", () => {
  it.each(Object.entries(wrong).flatMap(([name, values]) => values.map((value) => [name, value] as const)))(
    "whose %s is %j is set aside, and the others go on",
    (name, value) => {
      const damaged = { ...entry(2, 5), [name]: value };
      const result = read([entry(1, 4), damaged, entry(3)]);
      expect(result.corrupt).toEqual([{ kind: "entry", record: damaged, why: expect.any(String) }]);
      expect(result.state.entries).toEqual([entry(1, 4), entry(3)]);
    },
  );

  it("that is no object, or cannot be looked at, is set aside", () => {
    const trap = new Proxy(
      {},
      {
        get: () => {
          throw new Error("damaged");
        },
      },
    );
    for (const damaged of [undefined, null, 7, "entry", [], trap]) {
      expect(read([damaged, entry(1)])).toMatchObject({ corrupt: [{ kind: "entry" }], state: { entries: [entry(1)] } });
    }
  });

  it("in the midst of what was sent leaves a void in its place, with its id where that can be read", () => {
    const { state, corrupt } = read([entry(1, 4), entry(2, 5, { content: undefined }), entry(3, 6)]);
    expect(corrupt).toHaveLength(1);
    expect(state.entries.at(-1)).toMatchObject({
      order: 2,
      seq: 5,
      epoch: 77,
      state: "voiding",
      id: id16(2),
      kind: ChatKind.VOID,
    });
    const unreadable = read([entry(1, 4), undefined, entry(3, 6)]);
    expect(unreadable.state.entries.at(-1)).toMatchObject({ order: 2, seq: 5, state: "voiding", id: minted });
  });

  it("before all that was sent leaves one too, where it still tells its room and seq", () => {
    const damaged = entry(3, 5, { bytes: -1 });
    expect(read([damaged, entry(4, 6)]).state.entries.at(-1)).toMatchObject({ order: 1, seq: 5, state: "voiding", id: id16(3) });
    expect(kept([{ ...damaged, room: 7 }, entry(4, 6)])).toHaveLength(1);
  });

  it("does not have its order taken by a new entry", () => {
    expect(read([entry(1), { ...entry(40), id: 0 }]).lastOrder).toBe(40);
  });

  it("is one whose order or id is another's, or whose seq does not rise", () => {
    const [first, sameOrder, sameId] = [entry(1, 4), entry(1, 5, { id: id16(50) }), entry(2, 5, { id: id16(1) })];
    const falls = entry(3, 4, { id: id16(51) });
    const after = entry(5, 9);
    const { corrupt, state } = read([first, sameOrder, sameId, falls, entry(4), after]);
    expect(corrupt.map(({ record }) => record)).toEqual([sameOrder, sameId, falls, after]);
    expect(state.entries).toEqual([first, entry(4)]);
  });
});

describe("a damaged session", () => {
  it.each([
    7,
    "session",
    {},
    { session: id16(1) },
    { session: new Uint8Array(8), attempt: 1 },
    { session: id16(1), attempt: -1 },
  ])("%j is reported, and is none", (damaged) => {
    const { state, corrupt, isSessionLost } = readAll([entry(1, 4), entry(2)], damaged);
    expect(corrupt).toEqual([{ kind: "session", record: damaged, why: expect.any(String) }]);
    expect([state.session, state.entries.length, isSessionLost]).toEqual([undefined, 2, true]);
  });

  it("is missed where something was sent", () => {
    expect(readAll([entry(1, 4)], undefined)).toMatchObject({ isSessionLost: true, corrupt: [{ kind: "session" }] });
    expect(readAll([entry(1)], undefined)).toMatchObject({ isSessionLost: false, corrupt: [] });
  });
});

describe("whatever storage gives", () => {
  it("each record is kept or reported once, and what is kept holds together", () => {
    const fields = Object.keys(wrong) as (keyof StoredEntry)[];
    const anything = fc.oneof(fc.anything(), ...fields.map((name) => fc.constantFrom(...wrong[name])));
    const mutated = fc
      .tuple(fc.nat(6), fc.option(fc.tuple(fc.constantFrom(...fields), anything)))
      .map(([seq, change]) => [seq, change] as const);
    fc.assert(
      fc.property(fc.array(mutated, { maxLength: 12 }), fc.array(fc.anything(), { maxLength: 2 }), (given, noise) => {
        const records: unknown[] = given.map(([seq, change], i) => ({
          ...entry(i + 1, seq),
          ...(change && { [change[0]]: change[1] }),
        }));
        records.push(...noise);
        let ids = 100;
        const { state, corrupt } = readStoredState({ session, entries: records }, () => id16(ids++));
        const reported = corrupt.filter(({ kind }) => kind === "entry").map(({ record }) => record);
        const original = state.entries.filter((one) => records.includes(one));
        expect([...original, ...reported]).toHaveLength(records.length);
        expect(new Set([...original, ...reported]).size).toBe(new Set(records).size);
        expect(new Set(state.entries.map(({ order }) => order)).size).toBe(state.entries.length);
        // What is kept is not set aside when it is read the next time.
        expect(read(state.entries).corrupt).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
