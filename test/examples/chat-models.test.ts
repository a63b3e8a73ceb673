/** What the chat page's models keep, and forget: a tab may be open for days. */

import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Announcements } from "../../examples/chat/src/announcements.ts";
import { beginningOf, startOf } from "../../examples/chat/src/format.ts";
import { FrameLog, maxFrames } from "../../examples/chat/src/frame-log.ts";
import { People } from "../../examples/chat/src/people.ts";
import { Timeline } from "../../examples/chat/src/timeline.ts";
import type { JoinedRoom, Message } from "../../src/client/index.ts";
import { FrameSchema } from "../../src/wire/codec.ts";

const joined = (room: string, users: readonly string[]): JoinedRoom => ({
  room,
  verdict: "fresh",
  epoch: 1,
  start: 1,
  head: 0,
  firstRetained: 1,
  missing: undefined,
  durability: "memory",
  rights: new Set(),
  receipts: "all",
  roster: "all",
  members: users.map((user) => ({ user, profile: undefined })),
  count: users.length,
  read: 0,
  marks: [],
});
const users = (room: string, count: number) => Array.from({ length: count }, (_, index) => `${room}-${index}`);
const entry = (offset: number, over: Partial<Message> = {}): Message => ({
  room: "lobby",
  epoch: 1,
  offset,
  sender: "ada",
  profile: undefined,
  timeMs: 0,
  id: `m${offset}`,
  kind: "content",
  content: { text: "x" },
  target: undefined,
  own: false,
  ...over,
});

describe("the people of a tab", () => {
  it("are watched while they are there, also after 200 others were", () => {
    const people = new People();
    people.joined(joined("large", users("large", 300)));
    const first = people.takeWatchChanges("me");
    expect([first.watch.length, first.unwatch]).toEqual([200, []]);
    people.left("large");
    people.joined(joined("small", ["me", "bob"]));
    const next = people.takeWatchChanges("me");
    expect(next.watch).toEqual(["bob"]);
    expect(next.unwatch).toEqual(first.watch);
    expect(people.takeWatchChanges("me")).toEqual({ watch: [], unwatch: [] });
  });

  it("are watched for their last-seen time after they have gone, unless others need the place", () => {
    const people = new People();
    people.joined(joined("lobby", users("old", 200)));
    people.takeWatchChanges("me");
    people.changed("lobby", 199, [], ["old-7"]);
    expect(people.takeWatchChanges("me")).toEqual({ watch: [], unwatch: [] });
    people.changed("lobby", 200, [{ user: "new", profile: undefined }], []);
    expect(people.takeWatchChanges("me")).toEqual({ watch: ["new"], unwatch: ["old-7"] });
    people.changed("lobby", 201, [{ user: "more", profile: undefined }], []);
    expect(people.takeWatchChanges("me")).toEqual({ watch: [], unwatch: [] });
  });
});

describe("a timeline", () => {
  it("keeps so many notices and changes of messages, and no more", () => {
    const timeline = new Timeline();
    timeline.joined(joined("lobby", []));
    timeline.apply(entry(1), false);
    for (let offset = 2; offset <= 5000; offset++) {
      timeline.notice(`resumed:${offset}`, "back", offset);
      const target = offset === 2 ? "m1" : `gone${offset}`;
      timeline.apply(entry(offset, { kind: "edit", target }), false);
      timeline.trim();
    }
    expect(timeline.rows.values.filter(({ type }) => type === "notice")).toHaveLength(100);
    const [shown] = timeline.rows.values.filter((row) => row.type === "message");
    expect(shown?.type === "message" && timeline.isEdited(shown)).toBe(true);
    // Those of messages that may be loaded yet are known, the oldest of them no more.
    for (const [target, isKnown] of [
      ["gone5000", true],
      ["gone3", false],
    ] as const) {
      timeline.apply(entry(1, { id: target }), false);
      const item = timeline.item(target);
      expect(item !== undefined && timeline.isEdited(item)).toBe(isKnown);
    }
  });

  it("shows a reaction that was taken back no more, however many redactions follow", () => {
    const timeline = new Timeline();
    timeline.joined(joined("lobby", []));
    timeline.apply(entry(1), false);
    timeline.apply(entry(2, { kind: "reaction", target: "m1" }), false);
    timeline.apply(entry(3, { kind: "redaction", target: "m2" }), false);
    for (let offset = 4; offset <= 3000; offset++) {
      timeline.apply(entry(offset, { kind: "redaction", target: `gone${offset}` }), false);
      timeline.trim();
    }
    const item = timeline.item("m1");
    expect(item !== undefined && timeline.reactions(item)).toEqual([]);
  });

  it("stands in the order of the log, whatever comes first; what is not in it yet stands last", () => {
    const timeline = new Timeline();
    timeline.joined(joined("lobby", []));
    timeline.add("own", "ada", "x", 0);
    for (const offset of [7, 3, 5, 4, 9]) timeline.apply(entry(offset), false);
    timeline.notice("gap", "missed", 3.5);
    const order = () => timeline.rows.values.map((row) => (row.type === "message" ? row.id : row.key));
    expect(order()).toEqual(["m3", "gap", "m4", "m5", "m7", "m9", "own"]);
    timeline.settle("own", "stored", { offset: 6 });
    expect(order()).toEqual(["m3", "gap", "m4", "m5", "own", "m7", "m9"]);
    timeline.notice("gap", "missed", 8.5);
    timeline.remove("m4");
    expect(order()).toEqual(["m3", "m5", "own", "m7", "gap", "m9"]);
    timeline.joined({ ...joined("lobby", []), epoch: 2 });
    timeline.apply(entry(1, { id: "new", epoch: 2 }), false);
    expect(order().at(-1)).toBe("new");
  });

  it("keeps 1,000 messages, more of them for who reads what is old, and offers what it has forgotten", () => {
    const timeline = new Timeline();
    timeline.joined(joined("lobby", []));
    const fill = (first: number, last: number, isHeld: boolean) => {
      for (let offset = first; offset <= last; offset++) {
        timeline.apply(entry(offset), false);
        timeline.trim(isHeld);
      }
    };
    fill(1, 3000, false);
    expect([timeline.rows.values.length, timeline.earlier]).toEqual([1000, 2001]);
    fill(3001, 9000, true);
    expect([timeline.rows.values.length, timeline.earlier]).toEqual([5000, 4001]);
    fill(9001, 9001, false);
    expect([timeline.rows.values.length, timeline.earlier]).toEqual([1000, 8002]);
  });
});

describe("what a screen reader is told", () => {
  it("is each of a few messages, and of many their number", () => {
    const announcements = new Announcements();
    for (const text of ["one", "two", "three"]) announcements.add("lobby", "Ada", text);
    expect(announcements.take("lobby")).toEqual(["Ada: one", "Ada: two", "Ada: three"]);
    for (let count = 1; count <= 1000; count++) announcements.add("lobby", "Ada", `text ${count}`);
    announcements.add("tower", "Bob", "here");
    expect(announcements.take("lobby")).toEqual(["1000 new messages", "1 new message in tower"]);
    expect(announcements.take("lobby")).toEqual([]);
    announcements.add("tower", "Bob", "x".repeat(65_536));
    expect(announcements.take("lobby")).toEqual([`Bob in tower: ${"x".repeat(200)}\u2026`]);
  });
});

describe("a long text", () => {
  it("is cut where it is many characters or many lines, and never within a character", () => {
    expect(beginningOf("x".repeat(1500))).toBe(undefined);
    expect(beginningOf("x".repeat(1501))).toBe(`${"x".repeat(600)}\u2026`);
    expect(beginningOf("x\n".repeat(23))).toBe(undefined);
    expect(beginningOf("x\n".repeat(24))).toBe(`${"x\n".repeat(9)}x\u2026`);
    expect(startOf("ab\u{1F602}c", 3)).toBe("ab\u2026");
    expect(startOf("ab\u{1F602}c", 4)).toBe("ab\u{1F602}\u2026");
  });
});

describe("the log of frames", () => {
  it("keeps the last frames, and counts all", () => {
    const log = new FrameLog();
    const frame = create(FrameSchema, { body: { case: "ping", value: { timeMs: 1n } } });
    for (let count = 1; count <= 1000; count++) log.add({ direction: "in", frame, bytes: 5, atMs: count });
    expect(log.frames.map(({ number }) => number)).toEqual(Array.from({ length: maxFrames }, (_, i) => 1001 - maxFrames + i));
    expect([log.count, log.totals.in, [...log.bodies]]).toEqual([1000, { frames: 1000, bytes: 5000 }, ["ping"]]);
  });
});
