/** What the scripts of a room answer, in the broker's words. */

import type { ErrorCodeName } from "../../errors.ts";
import type { LogState, PublishOutcome, Watermarks } from "../../relay/broker.ts";
import { unavailable } from "./connection.ts";

export function stateOf([epoch, head, first]: readonly Buffer[]): LogState {
  return { epoch: Number(epoch), head: Number(head), firstRetained: Number(first) };
}

export function marksOf(text: string): Watermarks {
  const [delivered = 0, read = 0] = text.split(" ").map(Number);
  return { delivered, read };
}

export function retry(message: string): PublishOutcome {
  return { type: "retry", error: unavailable(message) };
}

/** Undefined: the log has another epoch. */
export function outcomeOf(what: string, value: Buffer): PublishOutcome | undefined {
  switch (what) {
    case "settled":
      return resultOf(value);
    case "conflict":
    case "outOfOrder":
      return { type: what, nextSeq: Number(value) };
    case "forgotten":
      return { type: "forgotten" };
    case "epoch":
      return undefined;
    case "behind":
      return retry("one before it was refused");
    default:
      return retry("the session has no seq left");
  }
}

/** `S` offset and time, `V`, `R` code and message. */
export function resultOf(bytes: Buffer): Extract<PublishOutcome, { type: "stored" | "voided" | "rejected" }> {
  const text = bytes.toString("utf8", 1);
  switch (String.fromCharCode(bytes[0] ?? 0)) {
    case "S": {
      const [offset = 0, timeMs = 0] = text.split(" ").map(Number);
      return { type: "stored", offset, timeMs };
    }
    case "V":
      return { type: "voided" };
    default: {
      const end = text.indexOf("\n");
      const [code, message] = end < 0 ? [text, "not with this target"] : [text.slice(0, end), text.slice(end + 1)];
      return { type: "rejected", code: code as ErrorCodeName, message };
    }
  }
}
