/**
 * What the schema allows beyond its types (ENC-8): the `buf.validate` annotations, read from their generated tables,
 * and the rules between fields, which stand here. The first field that breaks one is named.
 */

import type { Message } from "@bufbuild/protobuf";
import { type Ack, type Chat, ChatKind, type Publish } from "../../gen/chappe/v1/chat_pb.ts";
import { type Bounds, constraints, type FieldRule, type OneofRule, type ValueRule } from "../../gen/chappe/v1/constraints.ts";
import type { Frame } from "../../gen/chappe/v1/frame_pb.ts";
import type { Gap } from "../../gen/chappe/v1/room_pb.ts";
import { maxSafeInteger } from "./limits.ts";
import { utf8Length } from "./utf8.ts";

/** A field that is not as the schema demands. */
export interface Violation {
  readonly code: "FIELD_INVALID" | "BATCH_NESTED";
  /**
   * Its path by names in the schema, as `page.entries[2].id`. Of a map the path names the map alone: a key is the peer's text, of any
   * length and content.
   */
  readonly field: string;
  /** The rule, for people. */
  readonly rule: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** The first violation in a frame, apart from the frames inside a batch (BAT-3). */
export function findViolation(frame: Frame): Violation | undefined {
  return inMessage(frame);
}

/** As {@link findViolation}, with the frames inside a batch; one that is a batch itself is a violation (BAT-2). */
export function findViolationWithin(frame: Frame): Violation | undefined {
  const violation = inMessage(frame);
  if (violation !== undefined || frame.body.case !== "batch") return violation;
  for (const [index, inner] of frame.body.value.frames.entries()) {
    const field = `batch.frames[${index}]`;
    if (inner.body.case === "batch") return { code: "BATCH_NESTED", field: `${field}.batch`, rule: "a batch holds no batch" };
    const within = inMessage(inner);
    if (within !== undefined) return below(field, within);
  }
  return undefined;
}

function inMessage(message: Message): Violation | undefined {
  const fields = message as unknown as Fields;
  for (const rule of constraints[message.$typeName] ?? []) {
    const violation = "oneof" in rule ? inOneof(rule, fields) : inField(rule, fields[rule.local]);
    if (violation !== undefined) return violation;
  }
  return betweenFields[message.$typeName]?.(message as never);
}

function inOneof(rule: OneofRule, fields: Fields): Violation | undefined {
  const oneof = fields[rule.oneof] as { case?: string; value?: unknown };
  const member = oneof.case === undefined ? undefined : rule.members[oneof.case];
  return member && inField(member, oneof.value);
}

function inField(rule: FieldRule, value: unknown): Violation | undefined {
  switch (rule.kind) {
    case "single": {
      if (rule.value === undefined) return undefined;
      if (value === undefined && rule.value.type === "message") return rule.required && broken(rule.name, "is required");
      if (rule.orZero && isZero(value)) return undefined;
      return inValue(rule.name, rule.value, value);
    }
    case "list": {
      const items = value as readonly unknown[];
      if (!within(items.length, rule.count)) return broken(rule.name, `${items.length} elements`);
      for (let i = 0; rule.value !== undefined && i < items.length; i++) {
        const violation = inValue(rule.name, rule.value, items[i], i);
        if (violation !== undefined) return violation;
      }
      return undefined;
    }
    case "map": {
      const entries = Object.entries(value as Fields);
      if (!within(entries.length, rule.count)) return broken(rule.name, `${entries.length} entries`);
      for (const [key, each] of entries) {
        const violation = (rule.key && inValue(rule.name, rule.key, key)) ?? (rule.value && inValue(rule.name, rule.value, each));
        if (violation !== undefined) return violation;
      }
      return undefined;
    }
  }
}

function inValue(name: string, rule: ValueRule, value: unknown, index?: number): Violation | undefined {
  let problem: string | undefined;
  switch (rule.type) {
    case "message": {
      const message = value as Message;
      // Each frame inside a batch is judged by itself (BAT-3).
      const violation = message.$typeName === "chappe.v1.Frame" ? undefined : inMessage(message);
      return violation && below(index === undefined ? name : `${name}[${index}]`, violation);
    }
    case "string": {
      const length = typeof value === "string" ? utf8Length(value) : -1;
      if (length < 0) problem = "is not well-formed text";
      else if (!within(length, rule)) problem = `${length} bytes`;
      break;
    }
    case "bytes":
      if (!(value instanceof Uint8Array)) problem = "is not a Uint8Array";
      else if (!within(value.length, rule)) problem = `${value.length} bytes`;
      break;
    case "integer":
      if (!within(value as number | bigint, rule)) problem = `is ${value}`;
      break;
  }
  return problem === undefined ? undefined : broken(index === undefined ? name : `${name}[${index}]`, problem);
}

function within(value: number | bigint, bounds: Bounds | undefined): boolean {
  // A comparison with undefined is false: no bound, no violation.
  return !(value < (bounds?.min as number)) && !(value > (bounds?.max as number));
}

function isZero(value: unknown): boolean {
  return value instanceof Uint8Array ? value.length === 0 : !value;
}

function broken(field: string, rule: string): Violation {
  return { code: "FIELD_INVALID", field, rule };
}

function below(name: string, violation: Violation): Violation {
  return { ...violation, field: `${name}.${violation.field}` };
}

/** The rules that no annotation expresses. */
const betweenFields: { readonly [typeName: string]: ((message: never) => Violation | undefined) | undefined } = {
  "chappe.v1.Ack": ({ offsetDeltas, timeDeltas }: Ack) => {
    if (offsetDeltas.length !== timeDeltas.length) return broken("time_deltas", "is not as long as offset_deltas");
    if (!isSafeSum(offsetDeltas)) return broken("offset_deltas", "sum above 2^53-1");
    if (!isSafeSum(timeDeltas)) return broken("time_deltas", "sum above 2^53-1");
    return undefined;
  },
  "chappe.v1.Gap": ({ first, last }: Gap) => (last < first ? broken("last", "is below first") : undefined),
  "chappe.v1.Publish": ({ kind, content, target }: Publish) => {
    if (kind === ChatKind.TOMBSTONE) return broken("kind", "TOMBSTONE is never published");
    if (content !== undefined && (kind === ChatKind.VOID || kind === ChatKind.REDACTION))
      return broken("content", "has no place in this kind");
    if (target.length > 0 && kind === ChatKind.VOID) return broken("target", "has no place in this kind");
    return aboutTarget(kind, target);
  },
  "chappe.v1.Chat": ({ kind, target }: Chat) => {
    if (kind === ChatKind.VOID) return broken("kind", "VOID is never an entry");
    return aboutTarget(kind, target);
  },
};

function aboutTarget(kind: ChatKind, target: Uint8Array): Violation | undefined {
  const needed = kind === ChatKind.REDACTION || kind === ChatKind.EDIT || kind === ChatKind.REACTION;
  return needed && target.length === 0 ? broken("target", "is required by this kind") : undefined;
}

/** Whether the sum, and so every sum on the way, stays a safe integer: each element is one, hence a sum of two is exact or above. */
function isSafeSum(deltas: readonly bigint[]): boolean {
  let sum = 0;
  for (const delta of deltas) {
    sum += Number(delta);
    if (sum > maxSafeInteger) return false;
  }
  return true;
}
