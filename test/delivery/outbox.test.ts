import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProducerWindow } from "../../src/delivery/dedup.ts";
import { nextEntryState } from "../../src/delivery/entry-states.ts";
import { type Draft, Outbox, type StoredEntry, type StoredState } from "../../src/delivery/outbox.ts";
import { usageCodeOf } from "../support/errors.ts";

const none = new Uint8Array(0);

function idOf(n: number): Uint8Array {
  const id = new Uint8Array(16);
  new DataView(id.buffer).setUint32(12, n);
  id[6] = 0x70;
  id[8] = 0x80;
  return id;
}

const draft = (room: string, n: number, bytes = 1): Draft => ({
  room,
  id: idOf(n),
  kind: 0,
  target: none,
  content: undefined,
  bytes,
});
const limits = { maxEntries: 1000, maxBytes: 1_000_000 };

/** A storage that holds what has been written, and nothing else. */
class Disk {
  readonly entries: Map<number, StoredEntry> = new Map();
  session: StoredState["session"];

  write(outbox: Outbox): void {
    for (let ops = outbox.pollStore(); ops !== undefined; ops = outbox.pollStore()) {
      for (const op of ops) {
        if (op.type === "put") this.entries.set(op.entry.order, structuredClone(op.entry));
        else if (op.type === "delete") this.entries.delete(op.order);
        else if (op.type === "session") this.session = { session: op.session, attempt: op.attempt };
      }
      outbox.handleStored();
    }
  }

  read(): Outbox {
    const outbox = new Outbox(limits);
    outbox.restore({ session: this.session, entries: [...this.entries.values()] });
    return outbox;
  }
}

describe("Outbox", () => {
  it("refuses when it is full, by count and by bytes, and drops nothing", () => {
    const byCount = new Outbox({ maxEntries: 2, maxBytes: 100 });
    byCount.add(draft("a", 1));
    byCount.add(draft("b", 2));
    expect(usageCodeOf(() => byCount.add(draft("a", 3)))).toBe("OUTBOX_FULL");
    expect(byCount.size).toBe(2);
    const byBytes = new Outbox({ maxEntries: 100, maxBytes: 10 });
    byBytes.add(draft("a", 1, 10));
    expect(usageCodeOf(() => byBytes.add(draft("a", 2)))).toBe("OUTBOX_FULL");
    expect(usageCodeOf(() => new Outbox({ maxEntries: 0, maxBytes: 1 }))).toBe("OPTION_INVALID");
  });

  it("gives a seq at the first transmission, and sends under it only when it is stored (PUB-5)", () => {
    const outbox = new Outbox(limits);
    const disk = new Disk();
    outbox.add(draft("a", 1));
    disk.write(outbox);
    expect([...disk.entries.values()].map(({ seq, state }) => [seq, state])).toEqual([[0, "queued"]]);
    const lane = outbox.lane("a");
    expect(lane.next()).toBeUndefined();
    lane.open({ epoch: 7, nextSeq: 4 });
    expect(lane.next()).toBeUndefined();
    disk.write(outbox);
    expect([...disk.entries.values()].map(({ seq, epoch, state }) => [seq, epoch, state])).toEqual([[4, 7, "sent"]]);
    expect(lane.next()?.seq).toBe(4);
  });

  it("stores what a repair has made, and has set aside what it could not use, in one write; also where that failed first", () => {
    const outbox = new Outbox(limits);
    const made: StoredEntry = { ...draft("a", 1), order: 1, seq: 3, epoch: 7, state: "voiding" };
    outbox.restore({ session: undefined, entries: [made] }, 2, { made: [made], aside: ["damaged"] });
    const write = [
      { type: "put", entry: made },
      { type: "setAside", record: "damaged" },
    ];
    expect(outbox.pollStore()).toEqual(write);
    outbox.handleStoreFailed();
    expect(outbox.pollStore()).toEqual(write);
    outbox.handleStored();
    expect([outbox.pollStore(), outbox.isStored]).toEqual([undefined, true]);
  });

  it("takes over what another has left, and keeps what was added since", () => {
    const outbox = new Outbox(limits);
    const disk = new Disk();
    outbox.add(draft("a", 1));
    outbox.add(draft("a", 2));
    disk.write(outbox);
    outbox.add(draft("a", 3));
    disk.entries.delete(1);
    outbox.restore({ session: undefined, entries: [...disk.entries.values()] });
    expect(outbox.lane("a").entries()).toMatchObject([{ idBytes: idOf(2) }, { idBytes: idOf(3), seq: 0 }]);
    disk.write(outbox);
    expect([...disk.entries.keys()]).toEqual([2, 3]);
  });

  it("asks for a failed write again, with what has changed since", () => {
    const outbox = new Outbox(limits);
    const first = outbox.add(draft("a", 1));
    outbox.setSession(idOf(9), 1);
    expect(outbox.pollStore()).toHaveLength(2);
    expect(outbox.pollStore()).toBeUndefined();
    expect(outbox.sessionStored).toBe(false);
    outbox.apply(first, "cancel");
    outbox.handleStoreFailed();
    expect(outbox.pollStore()?.map(({ type }) => type)).toEqual(["session", "delete"]);
    outbox.handleStored();
    expect(outbox.sessionStored).toBe(true);
    expect(outbox.size).toBe(0);
  });

  it("tells what is stored in the order of publishing, also after a write that failed", () => {
    const outbox = new Outbox(limits);
    const first = outbox.add(draft("a", 1));
    outbox.pollStore();
    const second = outbox.add(draft("a", 2));
    outbox.handleStoreFailed();
    outbox.pollStore();
    expect(outbox.handleStored().added).toEqual([first, second]);
  });

  it("puts what was added before the storage was read behind what it holds", () => {
    const disk = new Disk();
    const before = new Outbox(limits);
    for (const n of [1, 2]) before.add(draft("a", n));
    disk.write(before);
    const after = new Outbox(limits);
    after.add(draft("a", 3));
    after.restore({ session: undefined, entries: [...disk.entries.values()] });
    expect(
      after
        .lane("a")
        .entries()
        .map(({ order, idBytes }) => [order, idBytes[15]]),
    ).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    disk.write(after);
    expect(disk.entries.size).toBe(3);
  });

  it("refuses what the table does not allow (PUB-13)", () => {
    const outbox = new Outbox(limits);
    const entry = outbox.add(draft("a", 1));
    expect(usageCodeOf(() => outbox.apply(entry, "stored"))).toBe("STATE_INVALID");
    expect(nextEntryState("stored", "fail")).toBeUndefined();
  });

  it("hands over what was never sent when the session is lost (SES-7)", () => {
    const outbox = new Outbox(limits);
    const disk = new Disk();
    for (const n of [1, 2, 3]) outbox.add(draft("a", n));
    const lane = outbox.lane("a");
    lane.open({ epoch: 7, nextSeq: 1 });
    // The second gets a seq, and is never sent.
    lane.prepare(2);
    disk.write(outbox);
    const sent = lane.next();
    if (sent !== undefined) {
      outbox.apply(sent, "send");
      lane.sent(sent);
    }
    expect(outbox.leaveSession().map(({ state }) => state)).toEqual(["maybe"]);
    disk.write(outbox);
    expect([...disk.entries.values()].map(({ seq }) => seq)).toEqual([0, 0]);
  });

  it("keeps an end that it has decided itself until it is told, over a crash at any step (PUB-13)", () => {
    const before = new Outbox(limits);
    const disk = new Disk();
    const [cancelled] = [1, 2].map((n) => before.add(draft("a", n)));
    disk.write(before);
    if (cancelled === undefined) throw new Error("no entry");
    before.apply(cancelled, "cancel", "self");
    expect([before.size, before.get(cancelled.id)]).toEqual([1, undefined]);

    // The write is not done: the message is as it was.
    expect(before.pollStore()).toMatchObject([{ type: "put", entry: { order: 1, state: "cancelled" } }]);
    expect(disk.read().get(cancelled.id)?.state).toBe("queued");
    // A write that fails is done again.
    before.handleStoreFailed();
    const [put] = before.pollStore() ?? [];
    if (put?.type !== "put") throw new Error("no put");
    disk.entries.set(1, put.entry);

    // It is done, and not told: the next process tells it, and the message never comes back.
    const after = new Outbox(limits);
    const { left, ended } = after.restore({ session: undefined, entries: [...disk.entries.values()] });
    expect([left, ended.map(({ id, state }) => [id, state])]).toEqual([[], [[cancelled.id, "cancelled"]]]);
    expect([after.size, after.get(cancelled.id)]).toEqual([1, undefined]);

    // It is told: only then it goes.
    expect(before.handleStored()).toEqual({ added: [], ended: [cancelled] });
    expect(before.pollStore()).toEqual([{ type: "delete", order: 1 }]);
    expect(before.handleStored()).toEqual({ added: [], ended: [] });
    expect(before.isStored).toBe(true);
    expect(after.pollStore()).toEqual([{ type: "delete", order: 1 }]);
  });

  it("tells that an entry is stored whose end came during the write: a crash would bring it back (PUB-13)", () => {
    const outbox = new Outbox(limits);
    const entry = outbox.add(draft("a", 1));
    outbox.pollStore();
    outbox.apply(entry, "cancel", "self");
    expect(outbox.handleStored()).toEqual({ added: [entry], ended: [] });
    outbox.pollStore();
    expect(outbox.handleStored()).toEqual({ added: [], ended: [entry] });
    const unknown = outbox.add(draft("a", 2));
    outbox.apply(unknown, "cancel", "self");
    outbox.pollStore();
    expect(outbox.handleStored()).toEqual({ added: [], ended: [unknown] });
  });

  it("has nothing to tell of what the broker has ended during a write: that is told already", () => {
    const outbox = new Outbox(limits);
    const disk = new Disk();
    const entry = outbox.add(draft("a", 1));
    disk.write(outbox);
    const lane = outbox.lane("a");
    lane.open({ epoch: 7, nextSeq: 1 });
    lane.next();
    disk.write(outbox);
    outbox.apply(entry, "send");
    outbox.apply(entry, "cancel");
    expect(outbox.pollStore()).toMatchObject([{ type: "put", entry: { state: "voiding" } }]);
    outbox.apply(entry, "stored");
    expect(outbox.handleStored()).toEqual({ added: [], ended: [] });
    expect(outbox.pollStore()).toEqual([{ type: "delete", order: 1 }]);
  });

  it("tells an end that came before storage was read, and stores nothing of it", () => {
    const outbox = new Outbox(limits);
    const early = outbox.add(draft("a", 1));
    outbox.apply(early, "cancel", "self");
    expect(outbox.restore({ session: undefined, entries: [] })).toEqual({ left: [early], ended: [] });
    expect(outbox.pollStore()).toBeUndefined();
  });

  it("leaves no hole where an entry is cancelled that has a seq and was never sent (PUB-12)", () => {
    const outbox = new Outbox(limits);
    const disk = new Disk();
    const [, second] = [1, 2, 3].map((n) => outbox.add(draft("a", n)));
    const lane = outbox.lane("a");
    lane.open({ epoch: 7, nextSeq: 1 });
    lane.prepare(3);
    disk.write(outbox);
    if (second !== undefined) outbox.apply(second, "cancel");
    lane.prepare(3);
    disk.write(outbox);
    expect([...disk.entries.values()].map(({ seq }) => seq)).toEqual([1, 2]);
  });
});

/**
 * The whole way of entries under everything that can happen to them: crashes, cuts, lost answers, lost logs. The broker decides as
 * PUB-7 says, by the same module that the real one uses, which has a naive model of its own.
 */
describe("Outbox against a broker", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant("add" as const) },
    { weight: 6, arbitrary: fc.constant("send" as const) },
    { weight: 5, arbitrary: fc.constant("deliver" as const) },
    { weight: 5, arbitrary: fc.constant("answer" as const) },
    { weight: 2, arbitrary: fc.constant("cut" as const) },
    { weight: 1, arbitrary: fc.constant("crash" as const) },
    { weight: 1, arbitrary: fc.constant("unstored crash" as const) },
    { weight: 1, arbitrary: fc.constant("new epoch" as const) },
  );

  it("leaves no hole for a log that is another one (PUB-8, c)", () => {
    const outbox = new Outbox(limits);
    for (const n of [1, 2, 3]) outbox.add(draft("a", n));
    const lane = outbox.lane("a");
    lane.open({ epoch: 1, nextSeq: 1 });
    lane.prepare(3);
    new Disk().write(outbox);
    for (let entry = lane.next(); entry !== undefined; entry = lane.next()) {
      outbox.apply(entry, "send");
      lane.sent(entry);
    }
    const second = lane.settle(2);
    if (second !== undefined) outbox.apply(second, "stored");
    lane.close();
    expect(lane.open({ epoch: 2, nextSeq: 1 })).toEqual([]);
    expect(lane.entries().map(({ seq, epoch }) => [seq, epoch])).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });

  it("stores each message once, in order, within an epoch (PUB-7, PUB-8, PUB-16)", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), (steps) => {
        const disk = new Disk();
        let outbox = new Outbox(limits);
        let epoch = 1;
        let broker = new ProducerWindow<number>();
        let log: number[] = [];
        let added = 0;
        /** On the wire to the broker, and back: what a cut loses. */
        let out: { seq: number; n: number; order: number }[] = [];
        let back: { seq: number; outcome: "stored" | { next: number } }[] = [];
        const number = (id: Uint8Array) => new DataView(id.buffer).getUint32(12);
        const join = () => {
          const doubts = outbox.lane("a").open({ epoch, nextSeq: broker.nextSeq });
          expect(doubts).toEqual([]);
        };
        const restart = () => {
          outbox = disk.read();
          out = [];
          back = [];
          join();
        };
        const send = () => {
          const lane = outbox.lane("a");
          lane.prepare(10);
          disk.write(outbox);
          const entry = lane.next();
          if (entry === undefined || lane.inFlight >= 10) return;
          outbox.apply(entry, "send");
          lane.sent(entry);
          out.push({ seq: entry.seq, n: number(entry.idBytes), order: entry.order });
        };
        const deliver = () => {
          const frame = out.shift();
          if (frame === undefined) return;
          const decision = broker.decide(frame.seq, idOf(frame.n));
          if (decision.type === "append") {
            log.push(frame.n);
            broker.record(frame.seq, idOf(frame.n), log.length);
          }
          expect(decision.type).not.toBe("conflict");
          expect(decision.type).not.toBe("forgotten");
          back.push({ seq: frame.seq, outcome: decision.type === "out-of-order" ? { next: decision.next } : "stored" });
        };
        const answer = () => {
          const reply = back.shift();
          const lane = outbox.lane("a");
          if (reply === undefined || !lane.isInFlight(reply.seq)) return;
          if (reply.outcome !== "stored") {
            lane.expect(reply.outcome.next);
            return;
          }
          const entry = lane.settle(reply.seq);
          if (entry === undefined) return;
          outbox.apply(entry, "stored");
          expect(log).toContain(number(entry.idBytes));
        };
        const actions: Record<Extract<typeof step extends fc.Arbitrary<infer T> ? T : never, string>, () => void> = {
          add: () => {
            outbox.add(draft("a", ++added));
            disk.write(outbox);
          },
          send,
          deliver,
          answer,
          cut: () => {
            outbox.lane("a").close();
            // What is on its way may still arrive, after the new connection's first frames, or never.
            if (added % 2 === 0) out = [];
            back = [];
            join();
          },
          crash: () => {
            disk.write(outbox);
            restart();
          },
          "unstored crash": restart,
          "new epoch": () => {
            epoch++;
            broker = new ProducerWindow<number>();
            log = [];
            out = [];
            back = [];
            outbox.lane("a").close();
            join();
          },
        };
        join();
        for (const name of steps) {
          actions[name]();
          expect(log).toEqual([...new Set(log)].sort((a, b) => a - b));
        }
        // Once faults stop, everything is settled.
        for (let i = 0; i < 10 * added + 10 && outbox.size > 0; i++) for (const action of [send, deliver, answer]) action();
        expect(outbox.size).toBe(0);
        disk.write(outbox);
        expect(disk.entries.size).toBe(0);
        expect(log).toEqual([...new Set(log)].sort((a, b) => a - b));
      }),
      { numRuns: 300 },
    );
  });
});
