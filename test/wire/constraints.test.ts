import { create, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as chatChecks from "../../gen/chappe/v1/chat_check.ts";
import { constraints, type FieldRule } from "../../gen/chappe/v1/constraints.ts";
import * as errorChecks from "../../gen/chappe/v1/error_check.ts";
import * as frameChecks from "../../gen/chappe/v1/frame_check.ts";
import * as livenessChecks from "../../gen/chappe/v1/liveness_check.ts";
import * as presenceChecks from "../../gen/chappe/v1/presence_check.ts";
import * as roomChecks from "../../gen/chappe/v1/room_check.ts";
import * as sessionChecks from "../../gen/chappe/v1/session_check.ts";
import * as signalChecks from "../../gen/chappe/v1/signal_check.ts";
import * as typingChecks from "../../gen/chappe/v1/typing_check.ts";
import type { Violation } from "../../src/codec/check.ts";
import { ChatKind, checkFrame, createFrame, FrameSchema } from "../../src/wire/codec.ts";
import { arbitraryMessage } from "../support/frames.ts";
import { annotated, type Broken } from "../support/protovalidate.ts";

const { registry, violations } = annotated();

const id = new Uint8Array(16).fill(7);

/** Every message of the schema but Frame. */
const descs = [...new Set(FrameSchema.fields.flatMap((field) => (field.message ? reachable(field.message) : [])))];

function reachable(desc: DescMessage): DescMessage[] {
  const inner = desc.fields.flatMap((field) => (field.message && field.message !== FrameSchema ? reachable(field.message) : []));
  return [desc, ...inner];
}

/** What protovalidate finds wrong first. */
function theirs(desc: DescMessage, message: Message): Broken | undefined {
  const withOptions = registry.getMessage(desc.typeName) as DescMessage;
  return violations(fromBinary(withOptions, toBinary(desc, message)))[0];
}

const checks: ReadonlyMap<string, (message: never) => Violation | undefined> = new Map(
  [
    chatChecks,
    errorChecks,
    frameChecks,
    livenessChecks,
    presenceChecks,
    roomChecks,
    sessionChecks,
    signalChecks,
    typingChecks,
  ].flatMap((each) => Object.entries(each)),
);

/** What we find wrong, by the rules that stand in annotations. */
function ours(message: Message): Broken | undefined {
  const check = checks.get(`check${message.$typeName.slice("chappe.v1.".length)}`);
  if (check === undefined) throw new Error(`no check for ${message.$typeName}`);
  const found = check(message as never);
  return found && { field: found.field, rule: found.rule };
}

/** The message with one field, somewhere in it, at or just beyond a bound. */
function atBounds(desc: DescMessage, message: Message): fc.Arbitrary<Message> {
  const rules = (constraints[desc.typeName] ?? []).flatMap((rule) => ("oneof" in rule ? Object.values(rule.members) : [rule]));
  if (rules.length === 0) return fc.constant(message);
  return fc.constantFrom(...rules).chain((rule): fc.Arbitrary<Message> => {
    const field = desc.fields.find((each) => each.name === rule.name);
    if (field === undefined) throw new Error(`${desc.typeName} has no field ${rule.name}`);
    const value = field.oneof ? undefined : (message as unknown as Record<string, unknown>)[rule.local];
    const inner = rule.value?.type === "message" && rule.kind === "single" && value !== undefined;
    const broken: fc.Arbitrary<unknown> = inner
      ? atBounds(field.message as DescMessage, value as Message)
      : fc.constantFrom(...boundary(rule, field.message));
    return broken.map((changed) => {
      const set = field.oneof ? { [field.oneof.localName]: { case: rule.local, value: changed } } : { [rule.local]: changed };
      return create(desc, { ...message, ...set } as never);
    });
  });
}

/** Values of a field on both sides of each of its bounds. */
function boundary(rule: FieldRule, message: DescMessage | undefined): unknown[] {
  const is64 = rule.value?.max === Number.MAX_SAFE_INTEGER;
  const sized = (size: number): unknown => {
    switch (rule.value?.type) {
      case "integer":
        return is64 ? BigInt(size) : size;
      case "string":
        return "é".repeat(Math.floor(size / 2)) + "x".repeat(size % 2);
      case "bytes":
        return new Uint8Array(size).fill(1);
      default:
        return rule.value === undefined ? 1 : create(message as DescMessage);
    }
  };
  const around = (bounds: { min?: number; max?: number } | undefined): number[] =>
    [0, 1, bounds?.min, bounds?.max]
      .flatMap((bound) => (bound === undefined ? [] : [bound - 1, bound, bound + 1]))
      .filter((size) => size >= 0);
  const values = around(rule.value).map(sized);
  if (rule.kind === "single") return rule.value?.type === "message" ? [undefined, sized(0)] : values;
  const some = sized(rule.value?.min ?? 0);
  const counts = around(rule.count);
  if (rule.kind === "list")
    return [...counts.map((count) => new Array(count).fill(some)), ...values.map((value) => [some, value])];
  const keys = around(rule.key).map((size) => "k".repeat(size));
  return [
    ...counts.map((count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, some]))),
    ...keys.map((key) => ({ [key]: some })),
    ...values.map((value) => ({ a: some, b: value })),
  ];
}

describe("constraints", () => {
  it("has a table for every message of the schema", () => {
    expect(Object.keys(constraints).sort()).toEqual([FrameSchema, ...descs].map((desc) => desc.typeName).sort());
  });

  it.each(descs.map((desc) => [desc.name, desc] as const))(
    "judges %s as protovalidate does, and names the same field and rule",
    (_, desc) => {
      const valid = arbitraryMessage(desc);
      fc.assert(
        fc.property(valid, (message) => {
          expect(ours(message)).toBe(undefined);
          expect(theirs(desc, message)).toBe(undefined);
        }),
        { numRuns: 20 },
      );
      fc.assert(
        fc.property(
          valid.chain((message) => atBounds(desc, message)),
          (message) => {
            expect(ours(message)).toEqual(theirs(desc, message));
          },
        ),
        { numRuns: 80 },
      );
    },
  );

  it.each<[comment: string, frame: ReturnType<typeof createFrame>, field: string | undefined]>([
    ["deltas of unlike length", ack([1n, 1n], [1n]), "ack.time_deltas"],
    ["a sum of offsets of 2^53-1", ack([2n ** 53n - 2n, 1n], [0n, 0n]), undefined],
    ["a sum of offsets above 2^53-1", ack([2n ** 53n - 2n, 2n], [0n, 0n]), "ack.offset_deltas"],
    ["a sum of times above 2^53-1", ack([1n, 1n], [2n ** 53n - 1n, 2n ** 53n - 1n]), "ack.time_deltas"],
    ["a gap of one", createFrame("gap", { room: 1, first: 2n, last: 2n }), undefined],
    ["a gap of less", createFrame("gap", { room: 1, first: 2n, last: 1n }), "gap.last"],
    ["a published void", publish({ kind: ChatKind.VOID }), undefined],
    ["a published tombstone", publish({ kind: ChatKind.TOMBSTONE }), "publish.kind"],
    ["a published void with content", publish({ kind: ChatKind.VOID, content: {} }), "publish.content"],
    ["a published void with a target", publish({ kind: ChatKind.VOID, target: id }), "publish.target"],
    ["a published redaction with content", publish({ kind: ChatKind.REDACTION, target: id, content: {} }), "publish.content"],
    ["a published redaction", publish({ kind: ChatKind.REDACTION, target: id }), undefined],
    ["a stored void", chat({ kind: ChatKind.VOID }), "chat.kind"],
    ["a stored tombstone", chat({ kind: ChatKind.TOMBSTONE }), undefined],
    ["a kind that is not known", chat({ kind: 99 as ChatKind }), undefined],
    ["an edit of nothing", publish({ kind: ChatKind.EDIT }), "publish.target"],
    ["an edit", publish({ kind: ChatKind.EDIT, target: id }), undefined],
    ["a reaction to nothing", chat({ kind: ChatKind.REACTION }), "chat.target"],
    ["a redaction of nothing", chat({ kind: ChatKind.REDACTION }), "chat.target"],
    ["a void in a page", page([chat({}), chat({ kind: ChatKind.VOID })]), "page.entries[1].kind"],
    [
      "a header whose key is long",
      createFrame("signal", { name: "a", content: { headers: { ["k".repeat(65)]: "" } } }),
      "signal.content.headers",
    ],
    ["no limits", createFrame("welcome", { user: "u", pingMs: 1, deadMs: 1 }), "welcome.limits"],
    ["1,024 frames in a batch", createFrame("batch", { frames: new Array(1024).fill({}) }), undefined],
    ["1,025 frames in a batch", createFrame("batch", { frames: new Array(1025).fill({}) }), "batch.frames"],
  ])("judges %s", (_, frame, field) => {
    const error = checkFrame(frame);
    expect(error?.field).toBe(field);
    if (error !== undefined)
      expect(error).toMatchObject({ code: "FIELD_INVALID", origin: "remote", scope: "frame", processed: "no" });
  });
});

function ack(offsetDeltas: bigint[], timeDeltas: bigint[]): ReturnType<typeof createFrame<"ack">> {
  return createFrame("ack", { room: 1, firstSeq: 1n, offsetDeltas, timeDeltas });
}

function publish(init: object): ReturnType<typeof createFrame<"publish">> {
  return createFrame("publish", { room: 1, seq: 1n, id, ...init });
}

function chat(init: object): ReturnType<typeof createFrame<"chat">> {
  return createFrame("chat", { room: 1, offset: 1n, id, ...init });
}

function page(entries: ReturnType<typeof createFrame<"chat">>[]): ReturnType<typeof createFrame<"page">> {
  return createFrame("page", { room: 1, epoch: 1n, firstRetained: 1n, entries: entries.map((entry) => entry.body.value) });
}
