/** PUB-22: what storage gives is looked at before it is believed, and one damaged record costs that record alone. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoredEntry } from "../../src/delivery/outbox.ts";
import { type CorruptRecord, readStoredState } from "../../src/delivery/stored-state.ts";
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
    expect(result).toEqual({ state: { session, entries }, made: [], aside: [], corrupt: [], lastOrder: 5, isSessionLost: false });
  });

  it("may be empty, and may have a session without entries", () => {
    expect(readAll([], undefined)).toMatchObject({ corrupt: [], isSessionLost: false, lastOrder: 0 });
    expect(readAll([], null)).toMatchObject({ corrupt: [], state: { session: undefined } });
    expect(read([])).toMatchObject({ corrupt: [], state: { session } });
  });

  it("may hold ends that are to be told, sent before or not: they stand in nobody's way (PUB-13)", () => {
    const ended = [
      entry(2, 9, { state: "maybe" }),
      entry(3, 0, { state: "cancelled", content: undefined }),
      entry(4, 0, { state: "failed", id: id16(1) }),
    ];
    const result = read([entry(1, 4), entry(5, 5), ...ended]);
    expect(result).toMatchObject({ made: [], corrupt: [], lastOrder: 5, isSessionLost: false });
    expect(result.state.entries).toEqual([entry(1, 4), entry(5, 5), ...ended]);
    // What is stored in the log needs no end here: the relay says it again.
    expect(read([entry(1, 4, { state: "stored" as "sent" })]).corrupt).toHaveLength(1);
    // Without the session they are known all the same.
    expect(readAll(ended, "damaged")).toMatchObject({ isSessionLost: true, corrupt: [{ kind: "session" }] });
    expect(readAll(ended, undefined)).toMatchObject({ isSessionLost: false, corrupt: [] });
  });

  it("may have a hole in its seqs: what was settled out of order", () => {
    expect(kept([entry(1, 4), entry(2, 6)])).toHaveLength(2);
  });
});

/** What cannot be looked at. */
const trap = new Proxy(
  {},
  {
    get: () => {
      throw new Error("damaged");
    },
  },
);

describe("no stored state at all", () => {
  it.each([
    ["undefined", undefined],
    ["null", null],
    ["a number", 7],
    ["a text", "state"],
    ["a list", []],
    ["without entries", {}],
    ["entries that are no list", { entries: { length: 0 } }],
    ["what cannot be looked at", trap],
    ["entries that cannot be", { entries: new Proxy([], { get: () => trap.toString }) }],
  ])("%s: reported as a whole, and nothing of it is used", (_name, raw) => {
    const { corrupt, ...rest } = readStoredState(raw, () => minted);
    expect(corrupt).toHaveLength(1);
    expect(corrupt[0]).toSatisfy(({ kind, record }: CorruptRecord) => kind === "state" && record === raw);
    const state = { session: undefined, entries: [] };
    expect(rest).toEqual({ state, made: [], aside: [], lastOrder: 0, isSessionLost: true });
  });
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
      const room = name === "room" ? undefined : "lobby";
      expect(result.corrupt).toEqual([{ kind: "entry", record: damaged, room, why: expect.any(String) }]);
      expect(result.state.entries).toEqual([entry(1, 4), entry(3)]);
    },
  );

  it("that is no object, or cannot be looked at, is set aside", () => {
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

  it("before all that was sent leaves one too, as the rest would count as forgotten (PUB-8, e)", () => {
    const damaged = entry(3, 5, { bytes: -1 });
    expect(read([damaged, entry(4, 6)]).state.entries.at(-1)).toMatchObject({ order: 3, seq: 5, state: "voiding", id: id16(3) });
  });

  it("that tells nothing may have stood before all that was sent in any room", () => {
    const made = kept([undefined, entry(4, 6), entry(5, 3, { room: "den" })]).slice(2);
    expect(made).toMatchObject([
      { room: "lobby", seq: 5, order: 3, state: "voiding", id: minted },
      { room: "den", seq: 2, order: 2, state: "voiding" },
    ]);
  });

  it("leaves no void where it left no hole: behind all that was sent, in another room, or never sent", () => {
    const sent = [entry(4, 6), entry(5, 7)];
    for (const damaged of [entry(6, 8), entry(3, 5, { room: "den" }), entry(3)]) {
      expect(kept([...sent, { ...damaged, bytes: -1 }])).toEqual(sent);
    }
  });

  it("is not the reason of a hole that is larger than the damage", () => {
    expect(kept([entry(1, 4), { ...entry(2, 5), bytes: -1 }, entry(9, 8)])).toHaveLength(2);
  });

  it("never has its void take the order or the id of another entry, in whatever room", () => {
    const den = entry(3, 0, { room: "den" });
    const made = kept([entry(1, 4), entry(2, 5, { id: id16(3), bytes: -1 }), den, entry(4, 6)]).slice(3);
    expect(made).toMatchObject([{ order: 2, seq: 5, id: minted }]);
    // There is no order left between the two: the relay says what it lacks (PUB-16, 6).
    expect(kept([entry(1, 4), entry(1, 5), entry(2, 6)])).toHaveLength(2);
  });

  it("does not have its order taken by a new entry", () => {
    expect(read([entry(1), { ...entry(40), id: 0 }]).lastOrder).toBe(40);
  });

  it("whose order is beyond counting does not keep new entries from having orders of their own", () => {
    for (const order of [2 ** 53 - 1, 2 ** 53, Number.POSITIVE_INFINITY]) {
      expect(read([entry(1), entry(2, 0, { order })])).toMatchObject({ lastOrder: 1, corrupt: [{ record: { order } }] });
    }
  });

  it("is one whose order or id is another's, or whose seq does not rise", () => {
    const [first, sameOrder, sameId] = [entry(1, 4), entry(1, 5, { id: id16(50) }), entry(2, 5, { id: id16(1) })];
    const [falls, after] = [entry(3, 4, { id: id16(51) }), entry(5, 9)];
    const { corrupt, state } = read([first, sameOrder, sameId, falls, entry(4), after, entry(6)]);
    expect(corrupt.map(({ record }) => record)).toEqual([sameOrder, sameId, falls, entry(4)]);
    expect(state.entries).toEqual([first, after, entry(6)]);
  });

  it.each([
    ["seq is far too high", [entry(1, 900), entry(2, 5), entry(3, 6), entry(4)], entry(1, 900)],
    ["seq is that of an earlier one", [entry(1, 5), entry(2, 6), entry(3, 1), entry(4, 8)], entry(3, 1)],
    ["seq is lost", [entry(1), entry(2, 5), entry(3, 6), entry(4)], entry(1)],
  ])("is set aside, and not those that it contradicts: its %s", (_name, entries, damaged) => {
    expect(read(entries).corrupt.map(({ record }) => record)).toEqual([damaged]);
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
    { session: id16(1), attempt: 2 ** 53 - 1 },
  ])("%j is reported, and is none", (damaged) => {
    const { state, corrupt, isSessionLost } = readAll([entry(1, 4), entry(2)], damaged);
    expect(corrupt).toEqual([{ kind: "session", record: damaged, room: undefined, why: expect.any(String) }]);
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
        expect(corrupt.every(({ kind, record }) => kind === "entry" && records.includes(record))).toBe(true);
        const made = state.entries.filter(({ kind }) => kind === ChatKind.VOID);
        expect(corrupt.length + state.entries.length - made.length).toBe(records.length);
        const rooms = new Set(state.entries.map(({ room }) => room));
        expect(made.length).toBeLessThanOrEqual(corrupt.length * rooms.size);
        expect(new Set(state.entries.map(({ order }) => order)).size).toBe(state.entries.length);
        // What is kept is not set aside when it is read the next time.
        expect(read(state.entries).corrupt).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
