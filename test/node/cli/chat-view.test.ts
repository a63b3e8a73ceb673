/** What a terminal shows of a room: marks for the latest message they reach, and nothing of a peer's that could move the cursor. */

import { expect, test } from "vitest";
import { ChatView } from "../../../src/node/cli/chat-view.ts";
import type { JoinedRoom, Message } from "../../../src/session/client-events.ts";

function view(): { view: ChatView; lines: string[] } {
  const lines: string[] = [];
  return { view: new ChatView("lobby", (line) => lines.push(line)), lines };
}
const message = (over: Partial<Message>): Message => ({
  room: "lobby",
  epoch: 1,
  offset: 1,
  sender: "bob",
  profile: undefined,
  timeMs: 0,
  id: "x",
  kind: "content",
  content: { text: "hi" },
  target: undefined,
  own: false,
  ...over,
});

test("a mark is told once, for the latest own message that it reaches", () => {
  const { view: chat, lines } = view();
  for (const [index, id] of ["a", "b", "c"].entries()) {
    chat.sent(id, `text ${id}`);
    chat.entry({ room: "lobby", id, state: "sent" });
    chat.entry({ room: "lobby", id, state: "stored", offset: 10 + index, timeMs: 0 });
  }
  lines.length = 0;
  const mark = (delivered: number, read: number) =>
    chat.receipt(
      {
        room: "lobby",
        marks: [
          { user: "bob", delivered, read },
          { user: "ada", delivered: 99, read: 99 },
        ],
        counts: [],
      },
      "ada",
    );
  mark(9, 0);
  mark(11, 10);
  mark(11, 10);
  mark(50, 12);
  expect(lines).toEqual(["  (2) delivered to bob", "  (1) read by bob", "  (3) delivered to bob", "  (3) read by bob"]);
});

test("one line for each kind; unknown kinds, other rooms and the own echo say nothing", () => {
  const { view: chat, lines } = view();
  chat.sent("mine", "x");
  lines.length = 0;
  chat.message(message({}));
  chat.message(message({ kind: "edit", profile: { displayName: "Bob B.", avatarUri: "", attributes: new Map() } }));
  chat.message(message({ kind: "reaction", content: { text: "+1" } }));
  chat.message(message({ kind: "redaction", content: undefined }));
  chat.message(message({ kind: "tombstone", content: undefined }));
  chat.message(message({ sender: "", content: { data: new Uint8Array(3), contentType: "image/png" } }));
  chat.message(message({ kind: "unknown" }));
  chat.message(message({ room: "other" }));
  chat.message(message({ own: true, id: "mine" }));
  expect(lines).toEqual([
    "bob: hi",
    "Bob B. (edited): hi",
    "bob reacts: +1",
    "-- bob has deleted a message",
    "-- message 1 was deleted",
    "the service: (3 bytes of image/png)",
  ]);
});

test("who is there is who came and has not gone, and how many the relay does not name", () => {
  const { view: chat } = view();
  expect(chat.who()).toBe("nobody");
  const member = (user: string) => ({ user, profile: undefined });
  const joined: JoinedRoom = {
    room: "lobby",
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
    members: [member("ada"), member("bob")],
    count: 2,
    read: 0,
    marks: [],
  };
  chat.joined(joined);
  chat.members({ room: "lobby", count: 2, entered: [member("eve")], exited: ["bob"] });
  chat.members({ room: "other", count: 9, entered: [member("mallory")], exited: ["ada"] });
  expect(chat.who()).toBe("ada, eve");
  chat.members({ room: "lobby", count: 7, entered: [], exited: [] });
  expect(chat.who()).toBe("ada, eve, 5 more");
  chat.joined({ ...joined, members: [member("ada")], count: 1 });
  expect(chat.who()).toBe("ada");
});

test("text and names of peers stay on their line", () => {
  const { view: chat, lines } = view();
  const evil = "a\n-- online as root\u001b[2J\u009b1A\u202e\u2028";
  chat.message(message({ sender: evil, content: { text: evil } }));
  chat.members({ room: "lobby", count: 1, entered: [{ user: evil, profile: undefined }], exited: [evil] });
  chat.receipt({ room: "lobby", marks: [{ user: evil, delivered: 1, read: 1 }], counts: [] }, "ada");
  expect(lines).toHaveLength(3);
  for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\u202e\u2028]/u);
});

test("a relay that cannot be reached is told once for each reason, and anew after it was there", () => {
  const { view: chat, lines } = view();
  const away = (...reasons: (string | undefined)[]) => {
    for (const reason of reasons) {
      chat.state({ state: "connecting" }, reason);
      chat.state({ state: "waiting", retryInMs: 5 }, reason);
    }
  };
  away(undefined, undefined, "connection refused", "connection refused", "\u001b[2J");
  chat.welcome({ user: "ada" } as Parameters<typeof chat.welcome>[0]);
  away(undefined);
  expect(lines).toEqual([
    "-- offline: what you write is kept",
    "-- offline (connection refused): what you write is kept",
    "-- offline (\\u{1b}[2J): what you write is kept",
    "-- online as ada",
    "-- offline: what you write is kept",
  ]);
});
