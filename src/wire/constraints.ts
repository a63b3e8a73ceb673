/**
 * What the schema allows beyond its types (ENC-8): the `buf.validate` annotations, as generated checks, and the rules between fields,
 * which stand here. The first field that breaks one is named.
 */

import { ChatKind } from "../../gen/chappe/v1/chat_pb.ts";
import { type Between, checkFrame as check } from "../../gen/chappe/v1/checks.ts";
import type { Frame } from "../../gen/chappe/v1/frame_pb.ts";
import { type Violation as Broken, below, broken } from "../codec/check.ts";
import { maxSafeInteger } from "./limits.ts";

/** A field that is not as the schema demands. */
export interface Violation extends Broken {
  readonly code: "FIELD_INVALID" | "BATCH_NESTED";
}

/** The first violation in a frame, apart from the frames inside a batch (BAT-3). */
export function findViolation(frame: Frame): Violation | undefined {
  return coded(check(frame, between));
}

/** As {@link findViolation}, with the frames inside a batch; one that is a batch itself is a violation (BAT-2). */
export function findViolationWithin(frame: Frame): Violation | undefined {
  const violation = findViolation(frame);
  if (violation !== undefined || frame.body.case !== "batch") return violation;
  for (const [index, inner] of frame.body.value.frames.entries()) {
    if (inner.body.case === "batch")
      return { code: "BATCH_NESTED", field: `batch.frames[${index}].batch`, rule: "a batch holds no batch" };
    const within = check(inner, between);
    if (within !== undefined) return coded(below(`batch.frames[${index}]`, within));
  }
  return undefined;
}

function coded(violation: Broken | undefined): Violation | undefined {
  return violation && { code: "FIELD_INVALID", ...violation };
}

/** The rules that no annotation expresses. */
export const between: Between = {
  Ack: ({ offsetDeltas, timeDeltas }) => {
    if (offsetDeltas.length !== timeDeltas.length) return broken("time_deltas", "is not as long as offset_deltas");
    if (!isSafeSum(offsetDeltas)) return broken("offset_deltas", "sum above 2^53-1");
    if (!isSafeSum(timeDeltas)) return broken("time_deltas", "sum above 2^53-1");
    return undefined;
  },
  Gap: ({ first, last }) => (last < first ? broken("last", "is below first") : undefined),
  Publish: ({ kind, content, target }) => {
    if (kind === ChatKind.TOMBSTONE) return broken("kind", "TOMBSTONE is never published");
    if (content !== undefined && (kind === ChatKind.VOID || kind === ChatKind.REDACTION))
      return broken("content", "has no place in this kind");
    if (target.length > 0 && kind === ChatKind.VOID) return broken("target", "has no place in this kind");
    return aboutTarget(kind, target);
  },
  Chat: ({ kind, target }) => {
    if (kind === ChatKind.VOID) return broken("kind", "VOID is never an entry");
    return aboutTarget(kind, target);
  },
};

function aboutTarget(kind: ChatKind, target: Uint8Array): Broken | undefined {
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
