/** What the chat page's models keep, and forget: a tab may be open for days. */

import { describe, expect, it } from "vitest";
import { People } from "../../examples/chat/src/people.ts";
import { Timeline } from "../../examples/chat/src/timeline.ts";
import type { JoinedRoom, Message } from "../../src/client/index.ts";

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
    expect(timeline.rows().filter(({ type }) => type === "notice")).toHaveLength(100);
    const [shown] = timeline.rows().filter((row) => row.type === "message");
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
});
