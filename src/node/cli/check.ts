/** `chappe check`: what clients wrote of themselves, against the promises of the protocol. */

import { LogChecker } from "../../conformance/log-checker.ts";
import { type LogRecord, parseLogRecord } from "../../conformance/log-record.ts";
import type { LogViolation } from "../../conformance/violation.ts";
import { UsageError } from "../../errors.ts";
import { type Command, wholeFrom } from "./command.ts";
import { CliError, type Io, printable, writeTo } from "./io.ts";
import { chunksOf, linesOf, type Source, sourceAt } from "./source.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

export const check: Command = {
  name: "check",
  summary: "checks what clients were told, from their logs",
  args: "LOG...",
  count: [1, Number.POSITIVE_INFINITY],
  about: [
    "Reads logs of clients, of any implementation: lines of JSON, as docs/client-log.md describes them; - is standard input. Says for each " +
      "promise of the protocol that is broken which it is and where: no-loss, no-duplicate, no-invention, order, ack, authority.",
    "Give the logs of all clients together: what one of them was told is held against what the others were. A client's log may be in " +
      "several files, given in the order of writing. The exit code is 1 where something is wrong, 2 where a log cannot be read.",
  ],
  options: {
    most: { value: "COUNT", default: "20", rule: wholeFrom(1, 1_000_000), help: "How many are shown at most." },
    json: { help: "Print lines of JSON instead: one for each, and one with the totals." },
  },
  examples: ["chappe check ada.jsonl grace.jsonl", "chappe check --json *.jsonl"],
  run: async (given, io) => {
    const checker = new LogChecker();
    for (const path of given.positionals) await addLog(checker, sourceAt(path, io.stdin));
    const violations = checker.finish();
    const { totals } = checker;
    if (totals.records === 0) throw new CliError("there is no record in it");
    const shown = violations.slice(0, given.number("most"));
    if (given.has("json")) {
      for (const violation of shown) await writeTo(io.stdout, `${JSON.stringify(violation)}\n`);
      await writeTo(io.stdout, `${JSON.stringify({ ...totals, violations: violations.length })}\n`);
    } else {
      for (const violation of shown) await show(violation, io);
      if (shown.length < violations.length) await writeTo(io.stdout, `and ${violations.length - shown.length} more\n`);
      const { clients, records, publishes, open, messages } = totals;
      const counts = `clients ${clients}, records ${records}, publishes ${publishes}, open ${open}, messages ${messages}`;
      await writeTo(io.stdout, `${counts}; violations ${violations.length}\n`);
    }
    return violations.length === 0 ? 0 : 1;
  },
};

async function show({ invariant, message, place }: LogViolation, io: Io): Promise<void> {
  await writeTo(io.stdout, `${printable(`${place}: ${invariant}: ${message}`)}\n`);
}

/** @throws CliError that names the line. */
async function addLog(checker: LogChecker, source: Source): Promise<void> {
  /** Why a line is none. The end of a process may have cut it off: its client begins anew behind it, or nothing is behind it. */
  let cut: CliError | undefined;
  for await (const { number, line } of linesOf(chunksOf(source))) {
    if (line.length === 0) continue;
    const place = `${source.name}:${number}`;
    let record: LogRecord | undefined;
    try {
      record = parseLogRecord(utf8.decode(line));
    } catch (error) {
      if (!(error instanceof UsageError || error instanceof TypeError)) throw error;
      const wrong = new CliError(`${place}: ${error instanceof UsageError ? error.message : "it is not UTF-8"}`);
      if (cut !== undefined || error.cause === undefined) throw cut ?? wrong;
      cut = wrong;
      continue;
    }
    if (cut !== undefined && record?.event !== "start") throw cut;
    cut = undefined;
    checker.add(record, place);
  }
}
