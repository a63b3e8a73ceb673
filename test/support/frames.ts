/**
 * Arbitrary valid frames, made from the schema's descriptors and its tables of constraints: a new field is covered without a line here.
 */

import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import fc, { type Arbitrary } from "fast-check";
import { constraints, type FieldRule, type ValueRule } from "../../gen/chappe/v1/constraints.ts";
import { type BodyCase, type BodyValue, ChatKind, type Frame, type FrameOf, FrameSchema } from "../../src/wire/codec.ts";

/** Every body, in the order of the schema. */
export const bodyCases: readonly BodyCase[] = FrameSchema.oneofs[0]?.fields.map((field) => field.localName as BodyCase) ?? [];

/** A frame with any body (or, seldom, none); those inside a batch are no batches. */
export function arbitraryFrame(): Arbitrary<Frame> {
  return fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...bodyCases).chain((bodyCase): Arbitrary<Frame> => arbitraryFrameOf(bodyCase)) },
    { weight: 1, arbitrary: envelope(undefined, fc.constant(undefined)) },
  );
}

/** A frame with this body. */
export function arbitraryFrameOf<C extends BodyCase>(bodyCase: C): Arbitrary<FrameOf<C>> {
  return envelope(bodyCase, arbitraryBody(bodyCase)) as Arbitrary<FrameOf<C>>;
}

/** The message of a body, with any values that the schema allows. */
function arbitraryBody<C extends BodyCase>(bodyCase: C): Arbitrary<BodyValue<C>> {
  const desc = FrameSchema.field[bodyCase].message as DescMessage;
  return arbitraryMessage(desc) as Arbitrary<Message> as Arbitrary<BodyValue<C>>;
}

/** A message of any type of the schema but Frame, with any values that it allows. */
export function arbitraryMessage(desc: DescMessage): Arbitrary<Message> {
  let found = messages.get(desc);
  if (found === undefined) {
    found = desc.typeName === "chappe.v1.Batch" ? batch(desc) : messageOf(desc);
    messages.set(desc, found);
  }
  return found;
}

const messages = new Map<DescMessage, Arbitrary<Message>>();

function envelope(bodyCase: BodyCase | undefined, value: Arbitrary<unknown>): Arbitrary<Frame> {
  const ref = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff_ffff }));
  return fc
    .tuple(value, ref, fc.boolean())
    .map(([body, ref, mustUnderstand]) =>
      create(FrameSchema, { body: { case: bodyCase, value: body } as Frame["body"], ref, mustUnderstand }),
    );
}

function batch(desc: DescMessage): Arbitrary<Message> {
  const inner = fc
    .constantFrom(...bodyCases.filter((each) => each !== "batch"))
    .chain((bodyCase): Arbitrary<Frame> => arbitraryFrameOf(bodyCase));
  return fc.array(inner, { maxLength: 4 }).map((frames) => create(desc, { frames }));
}

function messageOf(desc: DescMessage): Arbitrary<Message> {
  const rules = new Map<string, FieldRule>();
  for (const rule of constraints[desc.typeName] ?? []) {
    for (const field of "oneof" in rule ? Object.values(rule.members) : [rule]) rules.set(field.name, field);
  }
  const members: Record<string, Arbitrary<unknown>> = {};
  for (const member of desc.members) {
    members[member.localName] =
      member.kind === "oneof"
        ? fc.oneof(
            fc.constant({ case: undefined }),
            ...member.fields.map((field) => {
              return scalarOf(field.scalar, field.message, rules.get(field.name)?.value).map((value) => ({
                case: field.localName,
                value,
              }));
            }),
          )
        : fieldOf(member, rules.get(member.name));
  }
  return fc.record(members).map((init) => create(desc, repaired(desc.typeName, init)));
}

function fieldOf(field: DescField, rule: FieldRule | undefined): Arbitrary<unknown> {
  const size = {
    minLength: rule?.count?.min ?? 0,
    maxLength: Math.min(rule?.count?.max ?? 3, Math.max(3, rule?.count?.min ?? 0)),
  };
  switch (field.fieldKind) {
    case "list":
      return fc.array(field.enum ? enumOf(field) : scalarOf(field.scalar, field.message, rule?.value), size);
    case "map": {
      const key = fc.oneof(
        { weight: 9, arbitrary: scalarOf(field.mapKey, undefined, rule?.key) },
        { weight: 1, arbitrary: fc.constant("__proto__") },
      );
      const entry = fc.tuple(key as Arbitrary<string>, scalarOf(field.scalar, field.message, rule?.value));
      // Object.fromEntries defines properties, hence takes "__proto__" for a key.
      return fc.uniqueArray(entry, { ...size, selector: ([name]) => name }).map((entries) => Object.fromEntries(entries));
    }
    case "message":
      return rule?.required ? arbitraryMessage(field.message) : fc.option(arbitraryMessage(field.message), { nil: undefined });
    case "enum":
      return enumOf(field);
    case "scalar": {
      const value = scalarOf(field.scalar, undefined, rule?.value);
      return rule?.orZero ? fc.oneof(fc.constant(new Uint8Array()), value) : value;
    }
  }
}

/** A value of an enum, or a number that has no name: all are open. */
function enumOf(field: DescField): Arbitrary<number> {
  const named = field.enum?.values.map((value) => value.number) ?? [];
  return fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...named) },
    { weight: 1, arbitrary: fc.constantFrom(-1, 99, 2 ** 31 - 1) },
  );
}

function scalarOf(
  scalar: ScalarType | undefined,
  message: DescMessage | undefined,
  rule: ValueRule | undefined,
): Arbitrary<unknown> {
  if (message !== undefined) return arbitraryMessage(message);
  const min = rule?.min ?? 0;
  switch (scalar) {
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.UINT32:
      return fc.oneof(fc.integer({ min, max: Math.min(rule?.max ?? 0xffff_ffff, 0xffff_ffff) }), fc.constant(min));
    case ScalarType.UINT64: {
      const max = BigInt(rule?.max ?? Number.MAX_SAFE_INTEGER);
      return fc.oneof(fc.bigInt({ min: BigInt(min), max }), fc.constantFrom(BigInt(min), max));
    }
    case ScalarType.BYTES:
      return fc.uint8Array({ minLength: min, maxLength: rule?.max ?? 200 });
    case ScalarType.STRING: {
      // A code point has at most 4 bytes.
      const any = fc.string({
        unit: "binary",
        minLength: min,
        maxLength: Math.max(min, Math.min(30, Math.floor((rule?.max ?? 800) / 4))),
      });
      const longest = fc.constant("é".repeat((rule?.max ?? 800) / 2).padEnd(1, "x"));
      return fc.oneof({ weight: 9, arbitrary: any }, { weight: 1, arbitrary: longest });
    }
    default:
      throw new Error(`no arbitrary for scalar type ${scalar}`);
  }
}

/** What the rules between fields demand. */
function repaired(typeName: string, init: Record<string, unknown>): Record<string, unknown> {
  switch (typeName) {
    case "chappe.v1.Ack": {
      const offsets = init["offsetDeltas"] as bigint[];
      const count = BigInt(offsets.length);
      const times = init["timeDeltas"] as bigint[];
      return {
        ...init,
        offsetDeltas: offsets.map((delta) => delta / count),
        timeDeltas: offsets.map((_, i) => (times[i] ?? 0n) / count),
      };
    }
    case "chappe.v1.Gap": {
      const [first, last] = [init["first"] as bigint, init["last"] as bigint];
      return first <= last ? init : { ...init, first: last, last: first };
    }
    case "chappe.v1.Publish":
    case "chappe.v1.Chat": {
      const published = typeName === "chappe.v1.Publish";
      const never = published ? ChatKind.TOMBSTONE : ChatKind.VOID;
      const kind = init["kind"] === never ? ChatKind.UNSPECIFIED : (init["kind"] as ChatKind);
      const about = kind === ChatKind.REDACTION || kind === ChatKind.EDIT || kind === ChatKind.REACTION;
      const mute = published && (kind === ChatKind.VOID || kind === ChatKind.REDACTION);
      const target = kind === ChatKind.VOID ? new Uint8Array() : (init["target"] as Uint8Array);
      return {
        ...init,
        kind,
        content: mute ? undefined : init["content"],
        target: about && target.length === 0 ? init["id"] : target,
      };
    }
    default:
      return init;
  }
}
