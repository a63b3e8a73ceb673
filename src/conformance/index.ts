/**
 * `chappe/conformance`: what shows that an implementation keeps the promises of the protocol.
 *
 * @packageDocumentation
 */

export { LogChecker, type LogTotals } from "./log-checker.ts";
export {
  type EndRecord,
  type EntryRecord,
  type GapRecord,
  type JoinedRecord,
  type LeftRecord,
  type LogRecord,
  type MessageRecord,
  parseLogRecord,
  type StartRecord,
} from "./log-record.ts";
export type { LogInvariant, LogViolation } from "./violation.ts";
