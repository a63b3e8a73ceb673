/**
 * What a call throws, where it must throw a ProtocolError: tests assert its code, never its prose.
 */

import { type ErrorCodeName, ProtocolError, UsageError, type UsageErrorCode } from "../../src/errors.ts";

/** The ProtocolError that `call` throws; anything else is thrown on. */
export function errorOf(call: () => unknown): ProtocolError {
  try {
    call();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error("it threw nothing");
}

/** The code of {@link errorOf}. */
export function codeOf(call: () => unknown): ErrorCodeName {
  return errorOf(call).code;
}

/** The code of the UsageError that `call` throws; anything else is thrown on. */
export function usageCodeOf(call: () => unknown): UsageErrorCode {
  try {
    call();
  } catch (error) {
    if (error instanceof UsageError) return error.code;
    throw error;
  }
  throw new Error("it threw nothing");
}
