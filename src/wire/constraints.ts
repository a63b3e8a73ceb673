/**
 * What the schema allows beyond its types (ENC-8): the `buf.validate` annotations, as generated checks, and the rules between fields,
 * which stand here. The first field that breaks one is named.
 */

import { type Ack, type Chat, ChatKind, type Publish } from "../../gen/chappe/v1/chat_pb.ts";
import { checkFrame as checkFields } from "../../gen/chappe/v1/frame_check.ts";
import type { Frame } from "../../gen/chappe/v1/frame_pb.ts";
import { type Violation as Broken, below, broken, listIn } from "../codec/check.ts";
import { maxSafeInteger } from "./limits.ts";

/** A field that is not as the schema demands. */
export interface Violation extends Broken {
  readonly code: "FIELD_INVALID" | "BATCH_NESTED";
}

/** The first violation in a frame, apart from the frames inside a batch (BAT-3). */
export function findViolation(frame: Frame): Violation | undefined {
  return coded(check(frame));
}

/** As {@link findViolation}, with the frames inside a batch; one that is a batch itself is a violation (BAT-2). */
export function findViolationWithin(frame: Frame): Violation | undefined {
  const violation = findViolation(frame);
  if (violation !== undefined || frame.body.case !== "batch") return violation;
  for (const [index, inner] of frame.body.value.frames.entries()) {
    if (inner.body.case === "batch")
      return { code: "BATCH_NESTED", field: `batch.frames[${index}].batch`, rule: "batch.nested", message: "holds a batch" };
    const within = check(inner);
    if (within !== undefined) return coded(below(`batch.frames[${index}]`, within));
  }
  return undefined;
}

function coded(violation: Broken | undefined): Violation | undefined {
  return violation && { code: "FIELD_INVALID", ...violation };
}

/** By the annotations first, then by the rules between fields; the frames in a batch are left aside by both. */
function check(frame: Frame): Broken | undefined {
  return checkFields(frame) ?? betweenFields(frame.body);
}

/** The rules that no annotation expresses, wherever the messages stand that they are about. */
function betweenFields(body: Frame["body"]): Broken | undefined {
  switch (body.case) {
    case "chat":
      return below("chat", betweenChat(body.value));
    case "publish":
      return below("publish", betweenPublish(body.value));
    case "ack":
      return below("ack", betweenAck(body.value));
    case "gap":
      return body.value.last < body.value.first ? broken("gap.last", "gap.order", "is below first") : undefined;
    case "page":
      return listIn("page.entries", body.value.entries, 0, Infinity, betweenChat);
    default:
      return undefined;
  }
}

function betweenAck({ offsetDeltas, timeDeltas }: Ack): Broken | undefined {
  if (offsetDeltas.length !== timeDeltas.length) return broken("time_deltas", "ack.deltas", "is not as long as offset_deltas");
  if (!isSafeSum(offsetDeltas)) return broken("offset_deltas", "ack.sum", "sum above 2^53-1");
  if (!isSafeSum(timeDeltas)) return broken("time_deltas", "ack.sum", "sum above 2^53-1");
  return undefined;
}

function betweenPublish({ kind, content, target }: Publish): Broken | undefined {
  if (kind === ChatKind.TOMBSTONE) return broken("kind", "chat.kind", "TOMBSTONE is never published");
  if (content !== undefined && (kind === ChatKind.VOID || kind === ChatKind.REDACTION))
    return broken("content", "chat.content", "has no place in this kind");
  if (target.length > 0 && kind === ChatKind.VOID) return broken("target", "chat.target", "has no place in this kind");
  return aboutTarget(kind, target);
}

function betweenChat({ kind, target }: Chat): Broken | undefined {
  if (kind === ChatKind.VOID) return broken("kind", "chat.kind", "VOID is never an entry");
  return aboutTarget(kind, target);
}

function aboutTarget(kind: ChatKind, target: Uint8Array): Broken | undefined {
  const needed = kind === ChatKind.REDACTION || kind === ChatKind.EDIT || kind === ChatKind.REACTION;
  return needed && target.length === 0 ? broken("target", "chat.target", "is required by this kind") : undefined;
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
