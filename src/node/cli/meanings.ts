/** What the schema's comments say of fields, values and error codes. The one place that knows where they stand. */

import { meanings } from "../../../gen/chappe/v1/meanings.ts";
import type { ErrorCodeName } from "../../errors.ts";

/** Of the field `chappe.v1.Message.field`, or the value `chappe.v1.Enum.VALUE`; empty where there is none of that name. */
export function meaningOf(name: string): string {
  return meanings[name] ?? "";
}

/** The clause that what has this code breaks, as `ENC-6`; empty where there is none of its own. */
export function clauseOf(code: ErrorCodeName): string {
  return /\(([A-Z]{3}-\d+)/.exec(ruleOf(code))?.[1] ?? "";
}

/** What went wrong with this code, and the clause it breaks, as `A string field is not UTF-8 (ENC-6).` */
export function ruleOf(code: ErrorCodeName): string {
  return meaningOf(`chappe.v1.ErrorCode.ERROR_CODE_${code}`);
}
