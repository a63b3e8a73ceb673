/** Every public method of a client and of a room: what it does with wrong arguments, and when the client is closed. */

import { describe, expect, it } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { ObservedFrame } from "../../src/client/options.ts";
import { Room } from "../../src/client/room.ts";
import { started, World } from "../support/world.ts";

const id = "01977421-0000-7000-8000-000000000000";
const long = "x".repeat(10_000);
const lone = "\ud800";

/** Calls that are refused, with the code; what a client answers after its close: a code, or a value. */
interface Row {
  readonly wrong: readonly [args: readonly unknown[], code: string][];
  readonly right: readonly unknown[];
  readonly closed: string | { readonly value: unknown };
}

const nothing = { value: undefined };
const notContents = [
  ...[null, 5, {}, { text: 5 }, { text: null }, { data: "abc" }, { text: "a", data: new Uint8Array(1) }, { text: lone }],
  ...[null, 5, "abc", { a: 1 }, { a: lone }].map((headers) => ({ text: "a", headers })),
  ...[5, lone].map((contentType) => ({ text: "a", contentType })),
];
const contents: Row["wrong"] = [undefined, ...notContents].map((content) => [[content], "FIELD_INVALID"]);
const unknownName: Row["wrong"] = [[[{ text: "a", txet: "b" }], "OPTION_INVALID"]];
const ids: Row["wrong"] = [undefined, null, 5, "", "text", `${id}0`, {}, Symbol("id")].map((wrong) => [
  [wrong, "text"],
  "FIELD_INVALID",
]);
const events: Row["wrong"] = [
  ...[undefined, null, 5, "", long, lone].map((event): Row["wrong"][number] => [[event, "text"], "FIELD_INVALID"]),
  ...notContents.map((content): Row["wrong"][number] => [["wave", content], "FIELD_INVALID"]),
];
const users: Row["wrong"] = ["ada", undefined, null, 5, [5], [""], [long]].map((wrong) => [[wrong], "FIELD_INVALID"]);

const reasons: Row["wrong"] = [undefined, null, 5, "hidden"].map((why) => [[why], "OPTION_INVALID"]);

const capacities = [{ capacity: 0 }, { capacity: 1.5 }, { capacity: "5" }];
/** What is no signal, and one that was aborted, behind these arguments. */
const waits = (args: readonly unknown[]): Row["wrong"] => [
  ...[null, 5, { signal: 5 }, { signal: {} }, { singal: new AbortController().signal }].map((options): Row["wrong"][number] => [
    [...args, options],
    "OPTION_INVALID",
  ]),
  [[...args, { signal: AbortSignal.abort({ code: "GIVEN_UP" }) }], "GIVEN_UP"],
];

const client: Readonly<Record<string, Row>> = {
  on: {
    wrong: [
      [["nope", () => undefined], "OPTION_INVALID"],
      [["message", 5], "OPTION_INVALID"],
      [[], "OPTION_INVALID"],
    ],
    right: ["message", () => undefined],
    closed: { value: expect.any(Function) },
  },
  events: {
    wrong: [
      [["nope"], "OPTION_INVALID"],
      [[], "OPTION_INVALID"],
      ...capacities.map((options): Row["wrong"][number] => [["state", options], "OPTION_INVALID"]),
      ...waits(["state"]),
    ],
    right: ["state"],
    closed: "CLOSED",
  },
  statistics: { wrong: [], right: [], closed: { value: expect.objectContaining({ state: "closed" }) } },
  report: { wrong: [], right: [], closed: { value: [] } },
  start: { wrong: [], right: [], closed: nothing },
  close: { wrong: [], right: [], closed: nothing },
  flush: { wrong: waits([]), right: [], closed: nothing },
  pause: { wrong: reasons, right: ["offline"], closed: nothing },
  resume: { wrong: reasons, right: ["offline"], closed: nothing },
  setToken: {
    wrong: [undefined, null, 5, {}, "", long, lone].map((token) => [[token], "FIELD_INVALID"]),
    right: ["t"],
    closed: nothing,
  },
  room: {
    wrong: [undefined, null, 5, {}, "", long, lone].map((name) => [[name], "FIELD_INVALID"]),
    right: ["den"],
    closed: { value: expect.any(Room) },
  },
  publish: {
    wrong: [
      ...[undefined, null, 5, {}, "", long, lone].map((name): Row["wrong"][number] => [[name, "text"], "FIELD_INVALID"]),
      [["lobby", undefined], "FIELD_INVALID"],
      ...waits(["lobby", "text"]),
    ],
    right: ["lobby", "text"],
    closed: "CLOSED",
  },
  signal: { wrong: events, right: ["wave", "text"], closed: "CLOSED" },
  setPresence: {
    wrong: [
      ...[undefined, null, 5, "online"].map((presence): Row["wrong"][number] => [[presence], "OPTION_INVALID"]),
      ...[
        {},
        { state: "here" },
        { state: Symbol("here") },
        { state: "online", activity: 5 },
        { state: "online", statusText: long },
      ].map((presence): Row["wrong"][number] => [[presence], "FIELD_INVALID"]),
    ],
    right: [{ state: "away" }],
    closed: nothing,
  },
  watch: { wrong: [...users, ...waits([["bob"]])], right: [["bob"]], closed: "CLOSED" },
  unwatch: { wrong: users, right: [["bob"]], closed: nothing },
};

const room: Readonly<Record<string, Row>> = {
  join: {
    wrong: [
      ...[null, 5, "lobby", { tial: 5 }].map((options): Row["wrong"][number] => [[options], "OPTION_INVALID"]),
      ...[{ tail: -1 }, { tail: 1.5 }, { maxCatchup: "5" }, { publishOnly: "yes" }, { position: { epoch: 0, offset: -1 } }].map(
        (options): Row["wrong"][number] => [[options], "FIELD_INVALID"],
      ),
      ...waits([]),
    ],
    right: [{ tail: 5 }],
    closed: "CLOSED",
  },
  leave: { wrong: waits([]), right: [], closed: nothing },
  messages: {
    wrong: [...capacities.map((options): Row["wrong"][number] => [[options], "OPTION_INVALID"]), ...waits([])],
    right: [],
    closed: "CLOSED",
  },
  publish: { wrong: [...contents, ...unknownName, ...waits(["text"])], right: ["text"], closed: "CLOSED" },
  edit: { wrong: [...ids, [[id, undefined], "FIELD_INVALID"], ...waits([id, "text"])], right: [id, "text"], closed: "CLOSED" },
  react: { wrong: [...ids, [[id, undefined], "FIELD_INVALID"], ...waits([id, "text"])], right: [id, "text"], closed: "CLOSED" },
  redact: {
    wrong: [...ids.map(([[wrong], code]): Row["wrong"][number] => [[wrong], code]), ...waits([id])],
    right: [id],
    closed: "CLOSED",
  },
  resend: {
    wrong: [
      [[{}], "OPTION_INVALID"],
      [[{ unpublished: { kind: "tombstone" } }], "OPTION_INVALID"],
      [[{ unpublished: { kind: "content" } }], "FIELD_INVALID"],
      ...waits([{ unpublished: { kind: "content", content: { text: "a" } } }]),
    ],
    right: [{ unpublished: { kind: "content", content: { text: "a" } } }],
    closed: "CLOSED",
  },
  cancel: { wrong: [], right: [id], closed: { value: false } },
  typing: { wrong: [], right: [], closed: nothing },
  stopTyping: { wrong: [], right: [], closed: nothing },
  markRead: {
    wrong: [undefined, null, -1, 1.5, "5", Number.NaN].map((offset) => [[offset], "FIELD_INVALID"]),
    right: [0],
    closed: nothing,
  },
  history: {
    wrong: [
      ...[null, 5, { befor: 5 }, { before: 1, after: 1 }].map((options): Row["wrong"][number] => [[options], "OPTION_INVALID"]),
      ...[{ before: -1 }, { after: 1.5 }, { limit: "5" }].map((options): Row["wrong"][number] => [[options], "FIELD_INVALID"]),
      ...waits([]),
    ],
    right: [{ limit: 5 }],
    closed: "CLOSED",
  },
  signal: { wrong: events, right: ["wave", "text"], closed: "CLOSED" },
};

/** What a call comes to: the code of the error that it threw, or rejected with; else its value. */
async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return { value: await call() };
  } catch (error) {
    return (error as { code?: string }).code ?? error;
  }
}

const methods = (of: { prototype: object }) =>
  Object.entries(Object.getOwnPropertyDescriptors(of.prototype))
    .filter(([name, { value }]) => typeof value === "function" && name !== "constructor")
    .map(([name]) => name);

/** @param sent - the names of the frames that leave. */
async function joined(sent: string[] = []): Promise<{ world: World; ada: Client }> {
  const world = new World();
  const onFrame = ({ direction, frame }: ObservedFrame) => {
    if (direction === "out") sent.push(frame.body.case ?? "");
  };
  const ada = started(world.client("ada", { onFrame }));
  void ada.room("lobby").join();
  await world.pass(50);
  return { world, ada };
}

describe.each([
  ["a client", Client, client, (ada: Client): object => ada],
  ["a room", Room, room, (ada: Client): object => ada.room("lobby")],
] as const)("%s", (_name, type, rows, of) => {
  it("has a row for each of its methods", () => {
    expect(methods(type).sort()).toEqual(Object.keys(rows).sort());
  });

  const call = (ada: Client, name: string, args: readonly unknown[]) => {
    const it = of(ada) as Record<string, (...args: readonly unknown[]) => unknown>;
    return outcome(() => it[name]?.(...args));
  };

  it.each(Object.entries(rows))("%s refuses what is wrong at once, and nothing has happened", async (name, { wrong }) => {
    const sent: string[] = [];
    const { world, ada } = await joined(sent);
    expect(sent).not.toEqual([]);
    sent.length = 0;
    const [before, stats] = [ada.outboxSize, world.relay.stats()];
    for (const [args, code] of wrong) expect([args, await call(ada, name, args)]).toEqual([args, code]);
    await world.pass(50);
    expect([ada.outboxSize, ada.state, world.relay.stats(), sent]).toEqual([before, "ready", stats, []]);
  });

  it.each(Object.entries(rows))("%s refuses it before the start too", async (name, { wrong }) => {
    for (const [args, code] of wrong) expect([args, await call(new World().client("ada"), name, args)]).toEqual([args, code]);
  });

  it.each(Object.entries(rows))("%s after the close", async (name, { right, closed }) => {
    const { ada, world } = await joined();
    await ada.close();
    expect(await Promise.race([call(ada, name, right), world.pass(100).then(() => "waits")])).toEqual(closed);
  });
});
